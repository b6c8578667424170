/*
 * limits.c - limits of the system as they really are: a full file system, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_AS, and mapped files that an
 * outsider cuts or removes. The caller is told, nothing that was answered is lost, no signal comes that the store could have avoided, and
 * all works again when there is room.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/store/folder.h"
#include "tests/tap.h"

#define KEYS 20000u
#define JOURNAL (64u << 10)
#define PATIENCE 60 /* seconds, on a busy machine */

/* What the one at work was answered, for the one who looks afterwards. */
struct book {
	int32_t answered[KEYS];  /* what stands there for certain */
	uint8_t uncertain[KEYS]; /* so many more were refused */
	int64_t now;
};

static struct book *book;
static char top[64], folder[96], why[256];

static struct store_key key_of(uint32_t n)
{
	struct store_key key;

	for (uint64_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
		uint64_t sum = record_sum(&n, sizeof(n), i + 1);

		memcpy(key.octets + 8 * i, &sum, 8);
	}
	return key;
}

static struct store *open_store(bool brief)
{
	char location[128];
	struct store_options options = { .location = location,
		                         .wait_ms = 300,
		                         .sync = STORE_SYNC_ALWAYS,
		                         .brief = brief,
		                         .journal_size = JOURNAL,
		                         .why = why,
		                         .why_size = sizeof(why) };
	struct store *store;

	snprintf(location, sizeof(location), "gdbm:%s", folder);
	return store_open(&store, &options) == STORE_OK ? store : NULL;
}

static int add(struct store *store, uint32_t n)
{
	struct store_change one = { .what = STORE_ADD, .name = "n", .name_size = 1, .number = 1, .until = RECORD_NEVER };
	struct store_update update = { .condition = book->answered[n] ? STORE_IF_PRESENT : STORE_IF_ABSENT,
		                       .now = book->now,
		                       .idle_deadline = book->now + 86400,
		                       .final_deadline = book->now + 864000,
		                       .extend_before = INT64_MIN,
		                       .changes = &one,
		                       .count = 1 };
	struct store_key key = key_of(n);
	struct record record;
	int status;

	record_init(&record);
	status = store_apply(store, &key, &update, &record);
	record_free(&record);
	if (status == STORE_OK)
		book->answered[n]++;
	else
		book->uncertain[n]++;
	return status;
}

/* The first key that was refused, or to when none was. */
static uint32_t add_many(struct store *store, uint32_t from, uint32_t to)
{
	while (from < to && add(store, from) == STORE_OK)
		from++;
	return from;
}

/* With room again all works, though at first it may take a while: merges that could not be done are. */
static bool all_works(struct store *store, uint32_t from, uint32_t to)
{
	time_t until = time(NULL) + PATIENCE;

	while (from < to && time(NULL) < until) {
		int status = add(store, from);

		if (status != STORE_OK && status != STORE_BUSY)
			return false;
		from += status == STORE_OK;
	}
	return from == to;
}

static const char *compare(struct store *store)
{
	static char verdict[128];

	if (!store)
		return why;
	for (uint32_t n = 0; n < KEYS; n++) {
		struct store_key key = key_of(n);
		struct record_field field;
		struct record record;
		int64_t is = 0;
		int status;

		record_init(&record);
		status = store_load(store, &key, book->now, &record);
		if (status == STORE_OK && record_find(record.octets, "n", 1, book->now, &field))
			is = field.number;
		record_free(&record);
		if ((status == STORE_OK || status == STORE_ABSENT) && is >= book->answered[n] &&
		    is <= book->answered[n] + book->uncertain[n])
			continue;
		snprintf(verdict, sizeof(verdict), "key %u has %d (%s), should have %d", n, (int)is, store_status_name(status),
		         book->answered[n]);
		return verdict;
	}
	return NULL;
}

static bool all_is_there(struct store *store)
{
	const char *wrong = compare(store);

	if (wrong)
		printf("# %s\n", wrong);
	return !wrong;
}

static void begin(const char *name)
{
	memset(book->answered, 0, sizeof(book->answered));
	memset(book->uncertain, 0, sizeof(book->uncertain));
	snprintf(folder, sizeof(folder), "%s/%s", top, name);
}

static unsigned descriptors(void)
{
	DIR *entries = opendir("/proc/self/fd");
	unsigned count = 0;

	while (entries && readdir(entries))
		count++;
	if (entries)
		closedir(entries);
	return count;
}

/* What a process says at its end. */
enum { WELL, NOT_TOLD, NOT_AGAIN, SIGNAL_LEFT, LEAK, NO_STORE, CANNOT };

static int run(int (*act)(void))
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (child == 0)
		exit(act());
	waitpid(child, &status, 0);
	if (status != 0)
		printf("# ended with %s %d\n", WIFEXITED(status) ? "status" : "signal",
		       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return status;
}

static void limit(int what, rlim_t soft)
{
	struct rlimit limits;

	if (getrlimit((__rlimit_resource_t)what, &limits) != 0)
		abort();
	limits.rlim_cur = soft < limits.rlim_max ? soft : limits.rlim_max;
	if (setrlimit((__rlimit_resource_t)what, &limits) != 0)
		abort();
}

/* ---- RLIMIT_FSIZE ---------------------------------------------------------------------------------------------------- */

static bool signal_is_left(void)
{
	sigset_t pending, mask;

	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	return sigismember(&pending, SIGXFSZ) || sigismember(&mask, SIGXFSZ);
}

static int meet_size_limit(void)
{
	struct store *store;
	uint32_t n;

	limit(RLIMIT_FSIZE, 8192);
	store = open_store(true);
	if (store || !strstr(why, strerror(EFBIG)))
		return NOT_TOLD;
	limit(RLIMIT_FSIZE, RLIM_INFINITY);
	store = open_store(true);
	if (!store)
		return NOT_AGAIN;
	limit(RLIMIT_FSIZE, 100000);
	n = add_many(store, 0, KEYS);
	if (n == KEYS)
		return NOT_TOLD;
	if (signal_is_left())
		return SIGNAL_LEFT;
	limit(RLIMIT_FSIZE, RLIM_INFINITY);
	if (!all_works(store, n + 1, n + 200))
		return NOT_AGAIN;
	store_close(store);
	return WELL;
}

static void size_limit(void)
{
	struct store *store;

	begin("fsize");
	tap_ok(run(meet_size_limit) == 0,
	       "beyond RLIMIT_FSIZE a caller is told; no SIGXFSZ comes, nor stays; and when it is raised, all works");
	store = open_store(false);
	tap_ok(all_is_there(store), "and nothing that was answered is lost");
	store_close(store);
}

/* ---- RLIMIT_NOFILE, RLIMIT_AS ------------------------------------------------------------------------------------------ */

/* Opens with so many descriptors, or so much memory, more than there are now; then with all. */
static int meet_limit(int what, rlim_t few, rlim_t least, rlim_t most, rlim_t step)
{
	unsigned before = descriptors(), told = 0;
	uint32_t n = 0;

	for (rlim_t more = least; more <= most; more += step) {
		struct store *store;

		limit(what, few + more);
		store = open_store(true);
		if (store) {
			uint32_t end = add_many(store, n, n + 60);

			told += end < n + 60;
			n = end < n + 60 ? end + 1 : end;
			limit(what, RLIM_INFINITY);
			if (!all_works(store, n, n + 10))
				return NOT_AGAIN;
			n += 10;
		}
		told += !store;
		limit(what, RLIM_INFINITY);
		store_close(store);
		if (descriptors() != before)
			return LEAK;
	}
	return told ? WELL : NOT_TOLD;
}

static int meet_descriptor_limit(void)
{
	int next = dup(0);

	close(next);
	return meet_limit(RLIMIT_NOFILE, (rlim_t)next, 0, 24, 1);
}

static rlim_t memory_used(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (!file || fscanf(file, "%lu", &pages) != 1)
		abort();
	fclose(file);
	return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static int meet_memory_limit(void)
{
	return meet_limit(RLIMIT_AS, memory_used(), 0, 4 << 20, 128 << 10);
}

static void process_limits(void)
{
	struct store *store;

	begin("nofile");
	tap_ok(run(meet_descriptor_limit) == 0, "without descriptors a caller is told; none leaks; and with them, all works");
	store = open_store(false);
	tap_ok(all_is_there(store), "and nothing that was answered is lost");
	store_close(store);
#ifdef __SANITIZE_ADDRESS__
	tap_skip("without memory a caller is told", "a build without the address sanitizer, which needs all address space");
#else
	begin("as");
	tap_ok(run(meet_memory_limit) == 0, "without memory a caller is told; and with it, all works");
	store = open_store(false);
	tap_ok(all_is_there(store), "and nothing that was answered is lost");
	store_close(store);
#endif
}

/* A child whose joining fails half way has let go of what it opened, once. */
static int join_in_vain(void)
{
	struct store *store = open_store(true);
	int next, other;
	pid_t child;
	int status;

	if (!store || add(store, 0) != STORE_OK)
		return NO_STORE;
	child = fork();
	if (child == 0) {
		for (next = 3; fcntl(next, F_GETFD) < 0; next++)
			;
		limit(RLIMIT_NOFILE, (rlim_t)next + 1); /* the folder itself, and no more */
		if (add(store, 1) == STORE_OK)
			_exit(NOT_TOLD);
		limit(RLIMIT_NOFILE, RLIM_INFINITY);
		other = open("/dev/null", O_RDONLY | O_CLOEXEC);
		store_close(store);
		_exit(fcntl(other, F_GETFD) >= 0 ? WELL : LEAK);
	}
	waitpid(child, &status, 0);
	store_close(store);
	return WEXITSTATUS(status);
}

/* ---- a full file system ----------------------------------------------------------------------------------------------- */

static bool mount_small(const char *size)
{
	char options[64];

	snprintf(options, sizeof(options), "size=%s,mode=0700", size);
	return mount("tmpfs", folder, "tmpfs", 0, options) == 0;
}

static bool make_room(void)
{
	return mount("tmpfs", folder, "tmpfs", MS_REMOUNT, "size=64m") == 0;
}

static bool fill_up(const char *path)
{
	static char octets[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	while (fd >= 0 && write(fd, octets, sizeof(octets)) > 0)
		;
	close(fd);
	return errno == ENOSPC;
}

static void remove_mapped(const char *path)
{
	DIR *entries = opendir(path);
	struct dirent *entry;

	while (entries && (entry = readdir(entries)))
		if (strncmp(entry->d_name, "hot.", 4) == 0 || strcmp(entry->d_name, "control") == 0)
			(void)unlinkat(dirfd(entries), entry->d_name, 0);
	if (entries)
		closedir(entries);
}

/* In a mount namespace of its own, so that nothing of it stays. */
static int fill_disk(void)
{
	struct store *store;
	char ballast[128];
	uint32_t n, again;

	if (mkdir(folder, 0700) != 0 || unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    !mount_small("1500k"))
		return CANNOT;
	store = open_store(false);
	if (!store)
		return NO_STORE;
	n = add_many(store, 0, KEYS);
	if (n == KEYS)
		return NOT_TOLD;
	if (!all_is_there(store))
		return NOT_AGAIN;
	again = n + 2000;
	if (!make_room() || !all_works(store, n + 1, again))
		return NOT_AGAIN;
	store_close(store);
	snprintf(ballast, sizeof(ballast), "%s/ballast", folder);
	store = open_store(true);
	if (!store || !all_works(store, again, again + 100))
		return NO_STORE;
	store_close(store);
	remove_mapped(folder); /* as a power cut does */
	if (!fill_up(ballast))
		return CANNOT;
	store = open_store(false);
	if (store || !strstr(why, strerror(ENOSPC)))
		return NOT_TOLD;
	(void)unlink(ballast);
	store = open_store(false);
	if (!all_is_there(store))
		return NOT_AGAIN;
	store_close(store);
	return WELL;
}

static void full_disk(void)
{
	static const char *const claim = "on a full file system a caller is told, and what was answered is there; also where it is full at "
	                                 "the start; with room, all works";
	int status;

	begin("full");
	status = run(fill_disk);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT)
		tap_skip(claim, "the right to mount a tmpfs");
	else
		tap_ok(status == 0, "%s", claim);
}

/* ---- mapped files that somebody cuts ----------------------------------------------------------------------------------- */

static void cut_files(const char *prefix, off_t size)
{
	DIR *entries = opendir(folder);
	struct dirent *entry;

	while (entries && (entry = readdir(entries)))
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
			int fd = openat(dirfd(entries), entry->d_name, O_WRONLY);

			if (size < 0)
				(void)unlinkat(dirfd(entries), entry->d_name, 0);
			else if (fd < 0 || ftruncate(fd, size) != 0)
				abort();
			close(fd);
		}
	if (entries)
		closedir(entries);
}

/* A process is at work; its files are cut; it goes on until it cannot. How it ended. */
static int cut_under(const char *prefix, off_t size)
{
	int ready[2], go[2], status;
	char c = 0;
	pid_t child;

	if (pipe(ready) != 0 || pipe(go) != 0)
		abort();
	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct store *store = open_store(true);

		signal(SIGBUS, SIG_DFL); /* a sanitizer's handler would take long over it */
		if (!store || add_many(store, 0, 3000) != 3000 || write(ready[1], &c, 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(NO_STORE);
		_exit(add_many(store, 3000, 4000) == 4000 ? WELL : NOT_AGAIN);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		abort();
	cut_files(prefix, size);
	if (write(go[1], &c, 1) != 1)
		abort();
	waitpid(child, &status, 0);
	close(ready[0]);
	close(go[0]);
	close(go[1]);
	return status;
}

static void cut_and_go_on(const char *name, const char *prefix, off_t size)
{
	struct store *store;
	int status;

	begin(name);
	status = cut_under(prefix, size);
	printf("# %s: who worked on it ended with %s %d\n", name, WIFSIGNALED(status) ? "signal" : "status",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	store = open_store(false);
	tap_ok(store && all_is_there(store) && add(store, 5000) == STORE_OK, "%s: it is noticed, and all that was answered is there", name);
	store_close(store);
}

static void cut_files_under_all(void)
{
	cut_and_go_on("hot files are cut to nothing", "hot.", 0);
	cut_and_go_on("hot files are cut to a page", "hot.", 4096);
	cut_and_go_on("hot files are cut in the middle", "hot.", 40960);
	cut_and_go_on("hot files are removed", "hot.", -1);
	cut_and_go_on("control is cut", "control", 0);
	cut_and_go_on("control is removed", "control", -1);
}

int main(void)
{
	book = mmap(NULL, sizeof(*book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (book == MAP_FAILED || !test_folder_make(top))
		return 99;
	book->now = time(NULL);
	size_limit();
	process_limits();
	begin("fork");
	tap_ok(run(join_in_vain) == 0, "a forked child that cannot join the store closes nobody else's descriptor");
	full_disk();
	cut_files_under_all();
	test_folder_remove(top);
	return tap_done();
}

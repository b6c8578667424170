/*
 * failures.c - each call into the system and each allocation of a run fails in turn, GDBM's own among them: the caller gets an error,
 * nothing that was answered is lost, nothing leaks, and all works again when the cause is gone.
 *
 * The run opens a store that a power cut left (so that it is put in order), does all that a store can through several segments and merges,
 * and closes it, as a plain CGI program and as a long-running one.
 *
 *     failures [FIRST [LAST]]      fails these calls alone, with every error
 *
 * SESAME_LONG: every call, with one of the errors; otherwise some of them.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/store/folder.h"
#include "tests/store/shim_calls.h"
#include "tests/tap.h"

#define SHORT_TRIES 220u
#define WORKERS 2u
#define KEYS 220u
#define OLD 60u /* keys that were there before */
#define NOTHING 0
#define GONE (-1)

/* What is under each key: certain, or one of two things where a change was refused. */
struct book {
	int32_t is[KEYS], or_is[KEYS];
	uint32_t refused, shown_wrong;
	unsigned long calls;
	char last[64];
	int64_t now;
};

static const int errors[] = { ENOSPC, EIO, ENOMEM, EMFILE, EROFS, EDQUOT, EINTR };
#define ERRORS (sizeof(errors) / sizeof(errors[0]))

enum how { ONCE, FROM_THERE_ON, CUT_SHORT, HOWS };
static const char *const how_names[] = { "alone", "and all after it", "after a part, and all after it" };

static struct book *book;
static char top[64], template[96], folder[128];

static struct store_key key_of(uint32_t n)
{
	struct store_key key;

	for (uint64_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
		uint64_t sum = record_sum(&n, sizeof(n), i + 1);

		memcpy(key.octets + 8 * i, &sum, 8);
	}
	key.octets[0] &= 1; /* so that a merge has few files to write */
	return key;
}

static struct store *open_store(bool brief)
{
	char location[160], why[256];
	struct store_options options = { .location = location,
		                         .wait_ms = 100,
		                         .sync = STORE_SYNC_ALWAYS,
		                         .brief = brief,
		                         .journal_size = 16 << 10,
		                         .why = why,
		                         .why_size = sizeof(why) };
	struct store *store;

	snprintf(location, sizeof(location), "gdbm:%s", folder);
	return store_open(&store, &options) == STORE_OK ? store : NULL;
}

/* ---- the run ------------------------------------------------------------------------------------------------------- */

static bool is_certain(uint32_t n)
{
	return book->is[n] == book->or_is[n];
}

/* Where all calls fail, a few refusals tell all. */
static bool is_enough(void)
{
	return shim.fail_at > 0 && shim.failures > 1 && book->refused > 3;
}

/* Notes before what may be, and after what is. */
static void begin(uint32_t n, int32_t next)
{
	book->or_is[n] = next;
}

static bool end(uint32_t n, int status)
{
	if (status == STORE_OK)
		book->is[n] = book->or_is[n];
	else
		book->refused++;
	return status == STORE_OK;
}

static int apply(struct store *store, uint32_t n, enum store_condition condition)
{
	struct store_change one = { .what = STORE_ADD, .name = "n", .name_size = 1, .number = 1, .until = RECORD_NEVER };
	struct store_update update = { .condition = condition,
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
	return status;
}

static bool do_add(struct store *store, uint32_t n)
{
	enum store_condition condition = book->is[n] == NOTHING ? STORE_IF_ABSENT : STORE_IF_PRESENT;

	if (!is_certain(n) || book->is[n] == GONE || is_enough())
		return true;
	begin(n, book->is[n] + 1);
	return end(n, apply(store, n, condition));
}

static bool do_remove(struct store *store, uint32_t n)
{
	struct store_tombstone grave = { .grace = book->now + 600, .final_deadline = book->now + 864000 };
	struct store_key key = key_of(n);

	if (!is_certain(n) || is_enough())
		return true;
	begin(n, GONE);
	return end(n, store_remove(store, &key, book->now, &grave));
}

static bool do_rename(struct store *store, uint32_t from, uint32_t to)
{
	struct store_tombstone grave = { .grace = book->now + 600, .final_deadline = book->now + 864000 };
	struct store_update update = { .condition = STORE_IF_PRESENT, .now = book->now, .extend_before = INT64_MIN };
	struct store_key a = key_of(from), b = key_of(to);
	struct record record;
	int status;

	if (!is_certain(from) || !is_certain(to) || is_enough())
		return true;
	begin(to, book->is[from]);
	begin(from, GONE);
	record_init(&record);
	status = store_rename(store, &a, &b, &update, &grave, &record);
	record_free(&record);
	return end(from, status) & end(to, status);
}

/* *ret as in the book; -2 where it cannot be so. */
static int look(struct store *store, uint32_t n, int32_t *ret)
{
	struct store_key key = key_of(n);
	struct record_field field;
	struct record record;
	int status;

	record_init(&record);
	status = store_load(store, &key, book->now, &record);
	*ret = status == STORE_GONE ? GONE : NOTHING;
	if (status == STORE_OK)
		*ret = record_find(record.octets, "n", 1, book->now, &field) ? (int32_t)field.number : -2;
	record_free(&record);
	return status == STORE_GONE || status == STORE_ABSENT ? STORE_OK : status;
}

static bool do_load(struct store *store, uint32_t n)
{
	int32_t is;
	int status;

	if (is_enough())
		return true;
	status = look(store, n, &is);
	if (status != STORE_OK) {
		book->refused++;
		return false;
	}
	book->shown_wrong += is != book->is[n] && is != book->or_is[n];
	return true;
}

static bool count_one(void *context, const struct store_key *key, const uint8_t *record)
{
	(void)key;
	(void)record;
	++*(uint32_t *)context;
	return true;
}

static int walk_all(struct store *store, uint32_t *ret)
{
	struct store_walk walk = { .each = count_one, .context = ret, .now = book->now };
	uint64_t cursor = 0;
	int status;

	*ret = 0;
	do
		status = store_walk(store, &cursor, &walk);
	while (status == STORE_OK && cursor != 0);
	return status;
}

static bool counts_right(uint32_t walked)
{
	uint32_t least = 0, most = 0;

	for (uint32_t n = 0; n < KEYS; n++) {
		least += book->is[n] > 0 && book->or_is[n] > 0;
		most += book->is[n] > 0 || book->or_is[n] > 0;
	}
	return walked >= least && walked <= most;
}

static bool do_walk(struct store *store)
{
	uint32_t walked;

	if (is_enough())
		return true;
	if (walk_all(store, &walked) != STORE_OK) {
		book->refused++;
		return false;
	}
	book->shown_wrong += !counts_right(walked);
	return true;
}

static bool do_sweep(struct store *store)
{
	struct store_swept swept;
	int status;

	if (is_enough())
		return true;
	do
		status = store_sweep(store, book->now, &swept);
	while (status == STORE_OK && swept.more);
	book->refused += status != STORE_OK;
	return status == STORE_OK;
}

/* Once the call has failed, and nothing has since: all works. */
static bool works(struct store *store)
{
	int32_t is;

	return do_add(store, KEYS - 1) && do_add(store, KEYS - 1) && look(store, KEYS - 1, &is) == STORE_OK && do_sweep(store) &&
	       do_walk(store);
}

/* False if something was answered by an error although nothing failed any more. */
static bool use(struct store *store)
{
	bool failed_before = shim.failures > 0, well;

	do_load(store, 0);
	do_load(store, OLD - 1);
	for (uint32_t n = 0; n < 4; n++)
		do_add(store, n);
	for (uint32_t n = OLD; n < OLD + 40; n++)
		do_add(store, n);
	do_remove(store, 5);
	do_remove(store, OLD);
	do_rename(store, 6, 150);
	do_rename(store, OLD + 1, 151);
	do_walk(store);
	for (uint32_t n = 100; n < 140; n++)
		do_add(store, n);
	do_sweep(store);
	for (uint32_t turn = 0; turn < 4; turn++)
		for (uint32_t n = 0; n < 60; n++)
			do_add(store, n);
	do_load(store, 150);
	if (failed_before || shim.failures == 0)
		return true;
	shim.fail_at = 0;
	well = works(store);
	if (!well)
		snprintf(book->last, sizeof(book->last), "the same process");
	return well;
}

/* False if it does not work again. */
static bool run(void)
{
	struct store *store = open_store(true);
	bool well = true;

	book->refused += !store;
	if (store)
		well = use(store);
	store_close(store);
	store = open_store(false);
	book->refused += !store;
	if (store)
		do_load(store, 1);
	store_close(store);
	store = open_store(true);
	book->refused += !store;
	if (store) {
		do_add(store, 7);
		do_remove(store, 8);
		do_load(store, 7);
	}
	store_close(store);
	return well;
}

/* ---- one failure --------------------------------------------------------------------------------------------------- */

static unsigned open_descriptors(void)
{
	DIR *entries = opendir("/proc/self/fd");
	unsigned count = 0;

	while (entries && readdir(entries))
		count++;
	if (entries)
		closedir(entries);
	return count;
}

/* What the child says by its exit status; beyond these, a sanitizer's. */
enum { WELL = 0, NOT_AGAIN = 2, LEAKS = 3 };

static void run_failing(unsigned long n, enum how how, int error)
{
	unsigned before = open_descriptors();
	bool well;

	memset(&shim, 0, sizeof(shim));
	shim.error = error;
	shim.fail_on = how != ONCE && error != EINTR; /* a call that is always interrupted is one that waits */
	shim.fail_short = how == CUT_SHORT;
	shim.fail_at = n;
	well = run();
	book->calls = shim.calls;
	snprintf(book->last, sizeof(book->last), "%s", shim.failed ? shim.failed : "none");
	memset(&shim, 0, sizeof(shim));
	if (well) {
		struct store *store = open_store(true);

		well = store && works(store);
		store_close(store);
	}
	exit(!well ? NOT_AGAIN : open_descriptors() != before ? LEAKS : WELL);
}

/* NULL if every key has what was answered. */
static const char *compare(void)
{
	static char verdict[128];
	struct store *store = open_store(false);
	const char *wrong = NULL;
	uint32_t walked;
	int32_t is;

	if (!store)
		return "it does not open";
	for (uint32_t n = 0; n < KEYS && !wrong; n++) {
		int status = look(store, n, &is);

		if (status == STORE_OK && (is == book->is[n] || is == book->or_is[n]))
			continue;
		snprintf(verdict, sizeof(verdict), "key %u has %d (%s), should have %d or %d", n, is, store_status_name(status),
		         book->is[n], book->or_is[n]);
		wrong = verdict;
	}
	if (!wrong && (walk_all(store, &walked) != STORE_OK || !counts_right(walked)))
		wrong = "a walk does not meet each once";
	store_close(store);
	return wrong ? wrong : book->shown_wrong ? "something wrong was shown" : NULL;
}

static void copy_template(void)
{
	char command[400];

	snprintf(command, sizeof(command), "cp -p '%s'/* '%s'/", template, folder);
	test_folder_remove(folder);
	if (mkdir(folder, 0700) != 0 || system(command) != 0)
		abort();
}

static void begin_book(void)
{
	book->refused = book->shown_wrong = 0;
	for (uint32_t n = 0; n < KEYS; n++)
		book->is[n] = book->or_is[n] = n < OLD ? 1 : NOTHING;
}

struct figures {
	unsigned long tried, told, wrong, calls;
};

static void try_one(struct figures *figures, unsigned long n, enum how how, int error)
{
	const char *wrong;
	int status;
	pid_t child;

	copy_template();
	begin_book();
	fflush(stdout);
	child = fork();
	if (child == 0)
		run_failing(n, how, error);
	waitpid(child, &status, 0);
	wrong = compare();
	figures->tried++;
	figures->told += book->refused > 0;
	figures->calls = book->calls;
	if (!wrong && status == 0)
		return;
	figures->wrong++;
	printf("# call %lu (%s) failed %s with %s: %s, %s %d\n", n, book->last, how_names[how], strerror(error), wrong ? wrong : "-",
	       WIFEXITED(status) ? "status" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* A store as a power cut leaves it: some sessions in the GDBM files, some in the journal, nothing of the boot. */
static bool make_template(void)
{
	struct store *store;
	bool made = true;
	char command[200];

	snprintf(folder, sizeof(folder), "%s", template);
	begin_book();
	memset(book->is, 0, sizeof(book->is));
	memset(book->or_is, 0, sizeof(book->or_is));
	for (unsigned half = 0; half < 2; half++) {
		store = open_store(half == 1);
		for (uint32_t n = half * OLD / 2; store && n < (half + 1) * OLD / 2; n++)
			made = made && do_add(store, n);
		made = made && store;
		store_close(store);
	}
	snprintf(command, sizeof(command), "cd '%s' && rm -f control hot.*", template);
	return system(command) == 0 && made;
}

static unsigned long parse(int argc, char **argv, int at, unsigned long otherwise)
{
	return argc > at ? strtoul(argv[at], NULL, 10) : otherwise;
}

/* Every step-th from first on. */
static void try_range(struct figures *figures, unsigned long first, unsigned long last, unsigned long step, bool all_errors)
{
	for (unsigned long n = first; n <= last && figures->wrong < 10; n += step)
		for (size_t e = 0; e < (all_errors ? ERRORS : 1) && figures->wrong < 10; e++)
			try_one(figures, n, (enum how)((n / step + e) % HOWS),
			        errors[all_errors ? e : (n / step / HOWS + (size_t)(book->now / 86400)) % ERRORS]);
}

/* Split between processes. */
static struct figures try_all(unsigned long first, unsigned long last, unsigned long step, bool all_errors)
{
	struct figures *parts = mmap(NULL, WORKERS * sizeof(*parts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
	               sum = { 0 };
	pid_t workers[WORKERS];

	if (parts == MAP_FAILED)
		abort();
	fflush(stdout);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = fork();
		if (workers[i] != 0)
			continue;
		book = mmap(NULL, sizeof(*book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		book->now = time(NULL);
		snprintf(folder, sizeof(folder), "%s/store-%u", top, i);
		try_range(&parts[i], first + i * step, last, WORKERS * step, all_errors);
		fflush(stdout);
		_exit(0);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		int status;

		waitpid(workers[i], &status, 0);
		sum.tried += parts[i].tried;
		sum.told += parts[i].told;
		sum.wrong += parts[i].wrong + (status != 0);
	}
	munmap(parts, WORKERS * sizeof(*parts));
	return sum;
}

/* Writes that do a part only are no errors at all. */
static void short_writes(void)
{
	const char *wrong;

	copy_template();
	begin_book();
	memset(&shim, 0, sizeof(shim));
	shim.short_writes = true;
	tap_ok(run() && book->refused == 0, "where each write writes only a part, all goes well");
	shim.short_writes = false;
	wrong = compare();
	tap_ok(!wrong, "and all of it is there");
	if (wrong)
		printf("# %s\n", wrong);
}

int main(int argc, char **argv)
{
	bool all_errors = argc > 1, all = all_errors || getenv("SESAME_LONG");
	unsigned long first, last, step;
	struct figures whole = { 0 }, figures;

	book = mmap(NULL, sizeof(*book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (book == MAP_FAILED || !test_folder_make(top))
		return 99;
	book->now = time(NULL);
	snprintf(template, sizeof(template), "%s/template", top);
	tap_ok(make_template(), "a store is made");
	snprintf(folder, sizeof(folder), "%s/store", top);
	try_one(&whole, 0, ONCE, EIO);
	tap_ok(whole.wrong == 0 && whole.told == 0 && whole.calls > 1000, "a run in which nothing fails makes %lu calls", whole.calls);
	short_writes();
	step = all ? 1 : whole.calls / SHORT_TRIES + 1;
	first = parse(argc, argv, 1, 1 + (unsigned long)(book->now / 86400) % step);
	last = parse(argc, argv, 2, argc > 1 ? first : whole.calls);
	figures = try_all(first, last, step, all_errors);
	printf("# %lu failures, calls %lu to %lu by %lu; %lu times a caller was told\n", figures.tried, first, last, step, figures.told);
	tap_ok(figures.wrong == 0, "whichever call fails, nothing answered is lost, nothing leaks, and all works again");
	tap_ok(figures.told > 0 || argc > 1, "and callers are told");
	test_folder_remove(top);
	return tap_done();
}

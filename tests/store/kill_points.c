/*
 * kill_points.c - each operation of the store, with the process that does it killed after each of its steps: every store into mapped memory
 * that others see (store/gdbm/hook.h), and every system call that changes something. After each kill
 *
 *   - another process finds what was answered, and what was not answered either done or not, and no rename half done;
 *   - it changes the same sessions at once, or only reads them;
 *   - after a reboot everything that was answered before and after the kill is there, and what was read is still so (SESSION_SYNC=always);
 *   - a walk meets each session once, and an orderly stop leaves GDBM files and nothing else.
 *
 * That other process was in the store all the time, or comes anew. And the first to come after the kill is itself killed after each of its
 * first steps, before others come. SESAME_LONG: every step; otherwise every STRIDEth of the long operations, from one on that changes from
 * day to day.
 *
 *     kill_points [OPERATION]    only one of them, every step; with KILL_POINT=N that step alone
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/gdbm/control.h"
#include "store/store.h"
#include "tests/store/folder.h"
#include "tests/store/kill_ledger.h"
#include "tests/store/steps.h"
#include "tests/tap.h"

#define STRIDE 97
#define STEPS_SHORT 80 /* an operation of fewer steps is always swept whole */
#define WATCHED 880u   /* where those who come after a kill make new sessions */
#define LIMIT 30       /* seconds that one process may take */
#define HEIRS 24       /* steps of the first one after a kill, more than it takes to put things in order */

static char top[64], folder[96];

struct scenario {
	const char *name;
	void (*setup)(struct store *store); /* before the one that is killed comes */
	void (*act)(struct store *store);
	size_t journal_size;
	enum store_sync sync;
	bool opening, closing; /* belong to it */
	bool long_running;     /* the killed one is no plain CGI program */
	bool orderly;          /* the setup ends in order, so that all is in GDBM files */
	bool reboot;           /* between setup and kill */
	bool goes_on;          /* many segments are filled after the kill */
	bool grows;            /* the crowded GDBM file does */
};

static struct store *open_store(const struct scenario *scenario, bool brief)
{
	char location[128], why[256] = "";
	struct store_options options = { .location = location,
		                         .wait_ms = 900,
		                         .sync = scenario->sync,
		                         .brief = brief,
		                         .journal_size = scenario->journal_size,
		                         .why = why,
		                         .why_size = sizeof(why) };
	struct store *store = NULL;
	uint64_t begun = microseconds();

	snprintf(location, sizeof(location), "gdbm:%s", folder);
	if (store_open(&store, &options) != STORE_OK)
		complain("it does not open: %s", why);
	took(begun);
	return store;
}

/* ---- the operations that are killed ----------------------------------------------------------------------------------- */

static void create_some(struct store *store)
{
	for (unsigned n = 0; n < 20; n++)
		create(store, n);
}

static void create_one(struct store *store)
{
	create(store, 30);
}

static void add_one(struct store *store)
{
	add(store, 3);
}

static void set_one(struct store *store)
{
	set(store, 3);
}

static void remove_one(struct store *store)
{
	take_away(store, 3);
}

static void rename_one(struct store *store)
{
	move(store, 3, 31);
}

static void nothing(struct store *store)
{
	(void)store;
}

/* Enough for several segments, and for writers to have to help with the merging. */
static void set_many(struct store *store)
{
	for (unsigned n = 0; n < 300; n++) {
		set(store, n % 20);
		if (n % 50 == 49)
			create(store, 40 + n / 50);
	}
	move(store, 4, 50);
	take_away(store, 5);
}

/* A bucket of GDBM's holds some 160. */
static void create_many(struct store *store)
{
	for (unsigned n = 0; n < 600; n++)
		create(store, n);
}

/* Into the file that create_many has filled. */
static void change_many(struct store *store)
{
	for (unsigned n = 0; n < 600; n += 7)
		set(store, n);
	for (unsigned n = 600; n < 870; n++)
		create(store, n);
	take_away(store, 7);
	move(store, 8, 870);
}

/* Half of them are past their deadlines when the sweep comes. */
static void create_for_sweep(struct store *store)
{
	for (unsigned n = 0; n < 60; n++) {
		ledger->entries[n].is = n % 2 == 0 ? ledger->next++ : NONE;
		if (write_value(store, n, STORE_IF_ABSENT, n % 2 == 0 ? ledger->entries[n].is : 1, n % 2 == 0 ? 86400 : 10) != STORE_OK)
			complain("session %u is not made", n);
	}
	ledger->now += 100;
}

static void sweep_all(struct store *store)
{
	struct store_swept swept;
	int status;

	do
		status = store_sweep(store, ledger->now, &swept);
	while (status == STORE_OK && swept.more);
	if (status != STORE_OK)
		complain("sweep: %s", store_status_name(status));
}

#define ALWAYS STORE_SYNC_ALWAYS
#define SMALL (8u << 10)
#define LARGE (1u << 20)

static const struct scenario scenarios[] = {
	{ .name = "making the store", .setup = NULL, .act = nothing, .journal_size = LARGE, .sync = ALWAYS, .opening = true },
	{ .name = "create", .setup = create_some, .act = create_one, .journal_size = LARGE, .sync = ALWAYS },
	{ .name = "add", .setup = create_some, .act = add_one, .journal_size = LARGE, .sync = ALWAYS },
	{ .name = "set", .setup = create_some, .act = set_one, .journal_size = LARGE, .sync = ALWAYS },
	{ .name = "remove", .setup = create_some, .act = remove_one, .journal_size = LARGE, .sync = ALWAYS },
	{ .name = "rename", .setup = create_some, .act = rename_one, .journal_size = LARGE, .sync = ALWAYS },
	{ .name = "rename of a stored one",
	  .setup = create_some,
	  .act = rename_one,
	  .journal_size = LARGE,
	  .sync = ALWAYS,
	  .orderly = true },
	{ .name = "segments",
	  .setup = create_some,
	  .act = set_many,
	  .journal_size = SMALL,
	  .sync = ALWAYS,
	  .closing = true,
	  .goes_on = true },
	{ .name = "segments, not synced",
	  .setup = create_some,
	  .act = set_many,
	  .journal_size = SMALL,
	  .sync = STORE_SYNC_NO,
	  .closing = true },
	{ .name = "merge",
	  .setup = create_many,
	  .act = change_many,
	  .journal_size = LARGE / 16,
	  .sync = ALWAYS,
	  .closing = true,
	  .orderly = true,
	  .grows = true },
	{ .name = "sweep", .setup = create_for_sweep, .act = sweep_all, .journal_size = LARGE, .sync = ALWAYS },
	{ .name = "the last one's closing",
	  .setup = create_some,
	  .act = nothing,
	  .journal_size = SMALL,
	  .sync = ALWAYS,
	  .closing = true,
	  .long_running = true },
	{ .name = "opening after a reboot, and merging",
	  .setup = create_many,
	  .act = set_one,
	  .journal_size = LARGE / 16,
	  .sync = ALWAYS,
	  .opening = true,
	  .closing = true,
	  .reboot = true },
};

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

/* ---- the folder ------------------------------------------------------------------------------------------------------ */

/* The exponent in the size of the crowded GDBM file's directory. */
static int directory_bits(void)
{
	int32_t head[6] = { 0 };
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%02u.gdbm", folder, CROWDED);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
		head[5] = 0;
	close(fd);
	return head[5];
}

static uint64_t damaged_in(void)
{
	struct control *control = NULL;
	uint64_t damaged = 0;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/control", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	control = mmap(NULL, sizeof(*control), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (control != MAP_FAILED) {
		damaged = atomic_load(&control->damaged);
		munmap(control, sizeof(*control));
	}
	return damaged;
}

/* The names in the folder that chosen is true for: their number, the last of them, and they are gone if that is wanted. */
static unsigned files(bool (*chosen)(const char *name), bool away, char last[64])
{
	DIR *entries = opendir(folder);
	struct dirent *entry;
	unsigned count = 0;

	while (entries && (entry = readdir(entries))) {
		if (entry->d_name[0] == '.' || !chosen(entry->d_name))
			continue;
		count++;
		snprintf(last, 64, "%.63s", entry->d_name);
		if (away)
			(void)unlinkat(dirfd(entries), entry->d_name, 0);
	}
	if (entries)
		closedir(entries);
	return count;
}

static bool of_this_boot(const char *name)
{
	return strcmp(name, "control") == 0 || strncmp(name, "hot.", 4) == 0;
}

static bool of_no_stopped_store(const char *name)
{
	return strcmp(name, "store") != 0 && strcmp(name, "store.copy") != 0 && !(strlen(name) == 7 && strcmp(name + 2, ".gdbm") == 0);
}

/* What lives for one boot only is gone. */
static void reboot(void)
{
	char last[64] = "";

	(void)files(of_this_boot, true, last);
}

/* ---- the processes --------------------------------------------------------------------------------------------------- */

/* Runs in a process of its own; the status as waitpid gives it. */
static int run(const struct scenario *scenario, void (*work)(const struct scenario *scenario))
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		alarm(LIMIT);
		work(scenario);
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child || (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) ||
	    (WIFEXITED(status) && WEXITSTATUS(status) != 0))
		complain("a process ended with status %#x", (unsigned)status);
	return status;
}

static void prepare(const struct scenario *scenario)
{
	struct store *store = open_store(scenario, !scenario->orderly);

	if (!store)
		return;
	scenario->setup(store);
	if (scenario->orderly)
		store_close(store);
}

/* The one who is killed; steps.kill_at is set. */
static void doomed(const struct scenario *scenario)
{
	unsigned long kill_at = steps.kill_at;
	struct store *store;

	steps_reset();
	steps.last = ledger->last;
	steps.kill_at = scenario->opening ? kill_at : 0;
	store = open_store(scenario, !scenario->long_running);
	if (!store)
		_exit(1);
	if (!scenario->opening)
		steps.count = 0;
	steps.kill_at = kill_at;
	scenario->act(store);
	if (scenario->closing)
		store_close(store);
	ledger->steps = steps.count;
	steps.kill_at = 0;
}

/* The first to come after the kill, who meets what was being changed, and is killed too; steps.kill_at is set. */
static void heir(const struct scenario *scenario)
{
	unsigned long kill_at = steps.kill_at;
	struct store *store;

	steps_reset();
	steps.kill_at = kill_at;
	store = open_store(scenario, true);
	if (!store)
		_exit(1);
	for (unsigned n = 0; n < KEYS; n++)
		if (ledger->entries[n].touched)
			(void)value_in(store, n);
	for (unsigned n = 0; n < KEYS; n++)
		if (ledger->entries[n].touched && ledger->entries[n].is >= 0)
			(void)write_value(store, n, STORE_IF_PRESENT, ledger->entries[n].is, 86400);
	steps.kill_at = 0;
}

/* Every session that was being changed is changed again, another way; and others. */
static void change_again(struct store *store)
{
	for (unsigned n = 0; n < KEYS; n++) {
		struct entry *entry = &ledger->entries[n];
		uint64_t begun = microseconds();

		if (!entry->touched || entry->is == GONE)
			continue;
		if (entry->is == NONE)
			create(store, n);
		else
			set(store, n);
		took(begun);
	}
	for (unsigned n = WATCHED; n < WATCHED + 4; n++)
		create(store, n);
	move(store, WATCHED, WATCHED + 5);
	take_away(store, WATCHED + 1);
}

/* Long enough for what the dead one left behind to be in the way, if it ever is. */
static void go_on(struct store *store)
{
	for (unsigned n = 0; n < 500; n++)
		set(store, WATCHED + 2);
}

static void work_on(const struct scenario *scenario, struct store *store)
{
	look(store, "after the kill");
	if (ledger->changes) {
		change_again(store);
		if (scenario->goes_on)
			go_on(store);
		look(store, "after more changes");
	}
	if (damaged_in() > 0)
		complain("%" PRIu64 " damaged records were met", damaged_in());
}

static void newcomer(const struct scenario *scenario)
{
	struct store *store = open_store(scenario, true);

	if (store)
		work_on(scenario, store);
}

static void at_last(const struct scenario *scenario)
{
	struct store *store = open_store(scenario, false);
	unsigned expected = 0, walked;
	char last[64] = "";

	if (!store)
		return;
	look(store, scenario->sync == ALWAYS ? "after the reboot" : "opened again");
	walked = walk_all(store);
	for (unsigned n = 0; n < KEYS; n++)
		expected += ledger->entries[n].is >= 0;
	if (walked != expected)
		complain("a walk meets %u sessions instead of %u", walked, expected);
	store_close(store);
	ledger->bits[1] = directory_bits();
	if (files(of_no_stopped_store, false, last) > 0)
		complain("after an orderly stop there is %s", last);
	store = open_store(scenario, true);
	if (store)
		look(store, "from the GDBM files");
}

/* One who is in the store when the other is killed, and goes on when it is told to: then a pipe has its end. */
static pid_t start_witness(const struct scenario *scenario, int *tell)
{
	int ends[2];
	pid_t child;
	char c;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	ledger->opened = 0;
	child = fork();
	if (child == 0) {
		struct store *store;

		close(ends[1]);
		alarm(LIMIT);
		store = open_store(scenario, true);
		__atomic_store_n(&ledger->opened, 1, __ATOMIC_RELEASE);
		if (read(ends[0], &c, 1) == 0 && store)
			work_on(scenario, store);
		_exit(0);
	}
	close(ends[0]);
	*tell = ends[1];
	while (!__atomic_load_n(&ledger->opened, __ATOMIC_ACQUIRE) && waitpid(child, NULL, WNOHANG) == 0)
		usleep(50);
	return child;
}

static void end_witness(pid_t child, int tell)
{
	int status = -1;

	close(tell);
	if (waitpid(child, &status, 0) != child || status != 0)
		complain("the witness ended with status %#x", (unsigned)status);
}

/* ---- one kill -------------------------------------------------------------------------------------------------------- */

static void begin(const struct scenario *scenario)
{
	test_folder_remove(folder);
	memset(ledger, 0, sizeof(*ledger));
	ledger->now = time(NULL);
	ledger->next = 10;
	ledger->renamed_from = ledger->renamed_to = -1;
	for (unsigned n = 0; n < KEYS; n++)
		ledger->entries[n].is = NONE;
	if (scenario->setup)
		(void)run(scenario, prepare);
	ledger->bits[0] = directory_bits();
	if (scenario->reboot)
		reboot();
}

/* What comes after a kill. */
struct aftermath {
	bool witness;       /* another one was in the store */
	bool changes;       /* and others make changes, or only read */
	unsigned long heir; /* the first who comes is killed after this step; 0: is not */
};

/* True if the process was killed, false if it came to its end before. */
static bool killed_at(unsigned long step, const struct scenario *scenario, void (*work)(const struct scenario *scenario))
{
	int status;

	steps.kill_at = step;
	status = run(scenario, work);
	steps.kill_at = 0;
	return WIFSIGNALED(status);
}

/* True if the process was killed at its nth step; and the heir at its own. */
static bool kill_at(const struct scenario *scenario, unsigned long n, const struct aftermath *after)
{
	bool witnessed = after->witness && scenario->setup && !scenario->long_running && !scenario->opening, killed, heir_killed = true;
	pid_t witness = -1;
	int tell = -1;

	begin(scenario);
	ledger->changes = after->changes;
	if (witnessed)
		witness = start_witness(scenario, &tell);
	killed = killed_at(n, scenario, doomed);
	for (unsigned i = 0; i < KEYS; i++)
		ledger->entries[i].touched = ledger->entries[i].flying;
	if (after->heir)
		heir_killed = killed_at(after->heir, scenario, heir);
	if (witnessed)
		end_witness(witness, tell);
	else
		(void)run(scenario, newcomer);
	if (scenario->sync == ALWAYS)
		reboot();
	(void)run(scenario, at_last);
	return killed && heir_killed;
}

/* ---- all of them ----------------------------------------------------------------------------------------------------- */

static struct tally {
	uint64_t longest_us;
	unsigned long points, steps, wrong;
} all;

/* True if it was killed. */
static bool try_point(const struct scenario *scenario, unsigned long n, const struct aftermath *after, struct tally *tally)
{
	bool killed = kill_at(scenario, n, after);

	tally->points += killed;
	tally->wrong += ledger->wrong[0] != '\0';
	if (ledger->wrong[0])
		printf("# killed after step %lu (%s), %s, %s, heir %lu: %s\n", n, ledger->last, after->witness ? "with a witness" : "alone",
		       after->changes ? "then changes" : "then only reading", after->heir, ledger->wrong);
	tally->longest_us = ledger->longest_us > tally->longest_us ? ledger->longest_us : tally->longest_us;
	return killed;
}

/* After a step of a short operation everything may come; after one of a long one something else each time. */
static bool sweep_point(const struct scenario *scenario, unsigned long n, bool thorough, struct tally *tally)
{
	bool killed = true;

	for (unsigned i = 0; i < 4; i++) {
		struct aftermath after = { .witness = i & 1, .changes = i & 2 };

		if (thorough || n % 4 == i)
			killed = try_point(scenario, n, &after, tally) && killed;
	}
	for (unsigned long heir = 1; killed && heir <= HEIRS; heir++) {
		struct aftermath after = { .witness = (n + heir) & 1, .changes = (n + heir) & 2, .heir = heir };

		if ((thorough || n * 7 % HEIRS + 1 == heir) && !try_point(scenario, n, &after, tally))
			break;
	}
	return killed;
}

static void sweep(const struct scenario *scenario, unsigned long stride)
{
	const struct aftermath quiet = { .changes = true };
	unsigned long first = 1, count = 0;
	struct tally tally = { 0 };
	bool whole;

	(void)kill_at(scenario, ULONG_MAX, &quiet);
	tally.steps = ledger->steps;
	if (scenario->grows)
		tap_ok(ledger->bits[0] > 9 && ledger->bits[1] > ledger->bits[0],
		       "%s: buckets split, and the directory doubles (2^%d to 2^%d)", scenario->name, ledger->bits[0], ledger->bits[1]);
	whole = stride == 1 || tally.steps <= STEPS_SHORT;
	if (!whole)
		first = 1 + (unsigned long)(time(NULL) / 86400) % stride;
	for (unsigned long n = first; n <= tally.steps; n += whole ? 1 : stride)
		count += sweep_point(scenario, n, stride == 1 && tally.steps <= STEPS_SHORT, &tally);
	tap_ok(tally.wrong == 0 && count > 0 && (!whole || count == tally.steps),
	       "%s: recovered after %lu of %lu kills, at %lu of %lu steps", scenario->name, tally.points - tally.wrong, tally.points, count,
	       tally.steps);
	all.points += tally.points;
	all.steps += tally.steps;
	all.longest_us = tally.longest_us > all.longest_us ? tally.longest_us : all.longest_us;
}

/* ---- killed again and again ------------------------------------------------------------------------------------------ */

/* Whoever comes after a reboot is killed at the same step each time, until at last one is not. */
static void restart_often(unsigned long step)
{
	static const struct scenario scenario = { .name = "restarts",
		                                  .setup = create_some,
		                                  .act = set_one,
		                                  .journal_size = SMALL,
		                                  .sync = ALWAYS,
		                                  .opening = true,
		                                  .reboot = true };

	begin(&scenario);
	for (unsigned i = 0; i < 24; i++) {
		(void)killed_at(step, &scenario, doomed);
		reboot();
	}
	(void)run(&scenario, at_last);
}

static void restarts(unsigned long stride)
{
	unsigned wrong = 0, count = 0;

	for (unsigned long step = 1; step <= 40; step += stride, count++) {
		restart_often(step);
		if (!ledger->wrong[0])
			continue;
		wrong++;
		printf("# at step %lu: %s\n", step, ledger->wrong);
	}
	tap_ok(wrong == 0, "24 restarts that are each killed at the same step, at %u of %u steps, cost nothing", count - wrong, count);
}

int main(int argc, char **argv)
{
	unsigned long stride = getenv("SESAME_LONG") || argc > 1 ? 1 : STRIDE;
	const struct aftermath quiet = { .changes = true };
	const char *point = getenv("KILL_POINT");

	/* No disk is waited for: a reboot is here that what lives for one boot is gone. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ledger == MAP_FAILED || !test_folder_make(top))
		return 99;
	snprintf(folder, sizeof(folder), "%s/store", top);
	choose_keys();
	for (size_t i = 0; i < SCENARIOS; i++) {
		if (argc > 1 && strcmp(argv[1], scenarios[i].name) != 0)
			continue;
		if (point) {
			(void)kill_at(&scenarios[i], strtoul(point, NULL, 10), &quiet);
			tap_ok(!ledger->wrong[0], "%s, killed at step %s: %s", scenarios[i].name, point, ledger->wrong);
		} else {
			sweep(&scenarios[i], stride);
		}
	}
	if (argc == 1)
		restarts(stride > 1 ? 5 : 1);
	printf("# %lu kills, %lu steps, longest operation %.1f ms\n", all.points, all.steps, (double)all.longest_us / 1e3);
	tap_ok(all.longest_us < 1000000, "no operation takes a second");
	test_folder_remove(top);
	return tap_done();
}

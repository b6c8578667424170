/*
 * lock_holders.c - a process that holds one of the store's locks is killed, or stopped: a stripe, growth, merging, syncing, and the
 * folder's own. Killed, it is in nobody's way. Stopped, others get an answer in time, STORE_BUSY where they need that lock; and when it
 * goes on, so does everything. No counter loses or gains by it.
 *
 * Who is to hold a lock looks at each of its steps (steps.h) whether it does; a lock is held at many steps, of which some are tried, the
 * first among them, with SESAME_LONG more.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/gdbm/control.h"
#include "store/store.h"
#include "tests/store/folder.h"
#include "tests/store/steps.h"
#include "tests/tap.h"

#define SESSIONS 60u
#define JOURNAL (8u << 10)
#define CHANGES 400u   /* of the one who holds the lock; and of another one, some of which need it */
#define WAIT_MS 1000u  /* the deadline of who comes while the holder is stopped */
#define SYNC_MS 5000u  /* a sync may take so much longer (journal.c) */
#define OPEN_MS 10000u /* and an opening so long (membership.c) */
#define SLACK_MS 900u  /* on a busy machine */
#define BUSY_ENOUGH 1u /* answers */
#define LIMIT 120

enum lock { STRIPE, GROWTH, MERGING, SYNCING, FOLDER, LOCKS };

static const char *const names[LOCKS] = { "a stripe", "growth", "merging", "syncing", "the folder" };

/* In memory that outlives everyone. */
struct board {
	struct {
		_Atomic uint64_t begun, answered;
	} counters[SESSIONS];
	_Atomic unsigned long held; /* steps at which the lock was */
	_Atomic bool over;          /* the lock's holder has done all it wants */
	unsigned ok, busy, other;   /* answers */
	uint64_t longest_ms;
	char why[256];
};

static struct board *board;
static char top[64], folder[96];

static struct store_key key_of(uint64_t n)
{
	struct store_key key;

	for (uint64_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
		uint64_t sum = record_sum(&n, sizeof(n), i + 1);

		memcpy(key.octets + 8 * i, &sum, 8);
	}
	return key;
}

static uint64_t milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int open_store(struct store **ret, enum store_sync sync, bool brief, unsigned wait_ms)
{
	char location[128];
	struct store_options options = { .location = location,
		                         .wait_ms = wait_ms,
		                         .sync = sync,
		                         .brief = brief,
		                         .journal_size = JOURNAL,
		                         .why = board->why,
		                         .why_size = sizeof(board->why) };

	snprintf(location, sizeof(location), "gdbm:%s", folder);
	return store_open(ret, &options);
}

static int change(struct store *store, unsigned n, enum store_condition condition)
{
	struct store_change one = { .what = STORE_ADD, .name = "n", .name_size = 1, .number = 1, .until = RECORD_NEVER };
	int64_t now = time(NULL);
	struct store_update update = { .condition = condition,
		                       .now = now,
		                       .idle_deadline = now + 86400,
		                       .final_deadline = now + 864000,
		                       .extend_before = INT64_MIN,
		                       .changes = &one,
		                       .count = 1 };
	struct store_key key = key_of(n);
	struct record record;
	uint64_t begin = milliseconds();
	int status;

	board->counters[n].begun++;
	record_init(&record);
	status = store_apply(store, &key, &update, &record);
	record_free(&record);
	board->counters[n].answered += status == STORE_OK;
	begin = milliseconds() - begin;
	board->longest_ms = begin > board->longest_ms ? begin : board->longest_ms;
	board->ok += status == STORE_OK;
	board->busy += status == STORE_BUSY;
	board->other += status != STORE_OK && status != STORE_BUSY;
	return status;
}

/* ---- the one who holds the lock -------------------------------------------------------------------------------------- */

static enum lock wanted;
static unsigned long act_at; /* the step, of those with the lock held */
static int act_by;           /* the signal; 0: only counts */

static bool mutex_held(pthread_mutex_t *mutex)
{
	if (pthread_mutex_trylock(mutex) != 0)
		return true;
	pthread_mutex_unlock(mutex);
	return false;
}

static struct control *control_of(void)
{
	static struct control *control;
	char path[128];
	int fd;

	if (control)
		return control;
	snprintf(path, sizeof(path), "%s/control", folder);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (control == MAP_FAILED)
		control = NULL;
	return control;
}

static bool stripe_held(struct control *control)
{
	for (unsigned i = 0; i < CONTROL_STRIPES; i++)
		if (mutex_held(&control->stripes[i].lock))
			return true;
	return false;
}

/* Exclusively: another description of the folder cannot have it. */
static bool folder_held(void)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;

	if (fd >= 0)
		close(fd);
	return held;
}

/* By this process: no other one works meanwhile. */
static bool held(void)
{
	struct control *control = wanted == FOLDER ? NULL : control_of();

	if (wanted == FOLDER)
		return folder_held();
	if (!control)
		return false;
	return wanted == STRIPE    ? stripe_held(control)
	       : wanted == GROWTH  ? mutex_held(&control->growth)
	       : wanted == MERGING ? mutex_held(&control->merging)
	                           : mutex_held(&control->syncing);
}

static void look(void)
{
	static bool looking;

	if (looking || board->over)
		return;
	looking = true;
	if (held() && ++board->held == act_at && act_by)
		kill(getpid(), act_by);
	looking = false;
}

/* Everything that takes a lock; alone in the folder at the beginning and at the end, where it closes as the last one. */
static void hold(void)
{
	struct store *store;

	steps_reset();
	steps.each = look;
	if (open_store(&store, STORE_SYNC_ALWAYS, wanted != FOLDER, 5000) != STORE_OK)
		_exit(1);
	for (unsigned n = 0; n < SESSIONS; n++)
		if (change(store, n, STORE_IF_ABSENT) != STORE_OK && change(store, n, STORE_IF_PRESENT) != STORE_OK)
			_exit(2);
	for (unsigned i = 0; wanted != FOLDER && i < CHANGES; i++)
		if (change(store, i % SESSIONS, STORE_IF_PRESENT) != STORE_OK)
			_exit(3);
	store_close(store);
	board->over = true;
	_exit(0);
}

/* ---- others ---------------------------------------------------------------------------------------------------------- */

static pid_t start(void (*work)(void))
{
	pid_t child = fork();

	if (child == 0) {
		alarm(LIMIT);
		work();
		_exit(0);
	}
	return child;
}

static int finish(pid_t child)
{
	int status = -1;

	waitpid(child, &status, 0);
	return status;
}

static bool count_one(void *context, const struct store_key *key, const uint8_t *record)
{
	(void)key;
	(void)record;
	++*(unsigned *)context;
	return true;
}

/* After a kill: all works, at once. Some sessions may never have been made. */
static void go_on(void)
{
	unsigned walked = 0;
	struct store_walk walk = { .each = count_one, .context = &walked, .now = time(NULL) };
	struct store_swept swept;
	struct store *store;
	uint64_t cursor = 0;

	if (open_store(&store, STORE_SYNC_ALWAYS, false, 5000) != STORE_OK)
		_exit(1);
	for (unsigned i = 0; i < CHANGES; i++)
		if (change(store, i % SESSIONS, STORE_IF_PRESENT) != STORE_OK && change(store, i % SESSIONS, STORE_IF_ABSENT) != STORE_OK)
			_exit(2);
	do
		if (store_walk(store, &cursor, &walk) != STORE_OK)
			_exit(3);
	while (cursor != 0);
	do
		if (store_sweep(store, time(NULL), &swept) != STORE_OK)
			_exit(4);
	while (swept.more);
	store_close(store);
	_exit(walked == SESSIONS ? 0 : 5);
}

/* While it is stopped: until some answers were STORE_BUSY. */
static void go_on_beside(void)
{
	enum store_sync sync = wanted == SYNCING ? STORE_SYNC_ALWAYS : STORE_SYNC_NO;
	struct store *store;

	board->ok = board->busy = board->other = 0;
	board->longest_ms = 0;
	if (wanted == FOLDER) {
		board->longest_ms = milliseconds();
		board->busy = open_store(&store, sync, true, WAIT_MS) == STORE_BUSY;
		board->longest_ms = milliseconds() - board->longest_ms;
		_exit(0);
	}
	if (open_store(&store, sync, true, WAIT_MS) != STORE_OK)
		_exit(1);
	for (unsigned i = 0; i < 10 * CHANGES && board->busy < BUSY_ENOUGH; i++)
		(void)change(store, i % SESSIONS, STORE_IF_PRESENT);
	_exit(0);
}

static unsigned wrong_counters(void)
{
	struct record_field field;
	struct record record;
	struct store *store;
	unsigned wrong = 0;

	if (open_store(&store, STORE_SYNC_NO, false, 5000) != STORE_OK)
		return SESSIONS;
	record_init(&record);
	for (unsigned n = 0; n < SESSIONS; n++) {
		struct store_key key = key_of(n);
		uint64_t answered = board->counters[n].answered, begun = board->counters[n].begun, is = 0;

		if (store_load(store, &key, time(NULL), &record) == STORE_OK && record_find(record.octets, "n", 1, 0, &field))
			is = (uint64_t)field.number;
		wrong += is < answered || is > begun;
	}
	record_free(&record);
	store_close(store);
	return wrong;
}

/* ---- the claims ------------------------------------------------------------------------------------------------------ */

static void begin(enum lock lock, int by, unsigned long at)
{
	test_folder_remove(folder);
	memset(board, 0, sizeof(*board));
	wanted = lock;
	act_by = by;
	act_at = at;
}

static unsigned long count_steps(enum lock lock)
{
	begin(lock, 0, 0);
	if (finish(start(hold)) != 0)
		return 0;
	return board->held;
}

static void kill_holders(enum lock lock, unsigned long steps_held, unsigned long tries)
{
	unsigned long stride = steps_held > tries ? steps_held / tries : 1, count = 0, killed = 0, wrong = 0;
	uint64_t longest = 0;

	for (unsigned long at = 1; at <= steps_held; at += stride, count++) {
		int status, then;
		bool fewer; /* steps than the one that was counted: its keeper had made the next segment already, or not */

		begin(lock, SIGKILL, at);
		status = finish(start(hold));
		fewer = status == 0 && board->held < at;
		killed += !fewer;
		board->longest_ms = 0;
		then = finish(start(go_on));
		longest = board->longest_ms > longest ? board->longest_ms : longest;
		if ((fewer || WIFSIGNALED(status)) && then == 0 && wrong_counters() == 0)
			continue;
		wrong++;
		printf("# at step %lu with it: ended with %#x, the next one with %#x; %u counters wrong\n", at, (unsigned)status,
		       (unsigned)then, wrong_counters());
	}
	tap_ok(wrong == 0 && killed > count / 2, "killed while it holds %s, a process is in nobody's way", names[lock]);
	printf("# %lu killed at %lu of %lu steps; the longest operation after it took %llu ms\n", killed, count, steps_held,
	       (unsigned long long)longest);
}

static uint64_t bound_of(enum lock lock)
{
	return (lock == FOLDER ? OPEN_MS : lock == SYNCING ? WAIT_MS + SYNC_MS : WAIT_MS) + SLACK_MS;
}

static void stop_holder(enum lock lock, unsigned long at)
{
	int status = 0, beside;
	pid_t child;

	begin(lock, SIGSTOP, at);
	child = start(hold);
	waitpid(child, &status, WUNTRACED);
	if (!tap_ok(WIFSTOPPED(status), "a process is stopped while it holds %s", names[lock]))
		return;
	beside = finish(start(go_on_beside));
	tap_ok(beside == 0 && board->busy > 0 && board->other == 0 && board->longest_ms < bound_of(lock),
	       "others who need it are told that the store is busy, and within their deadline");
	printf("# %u answered, %u busy, %u other; the longest took %llu ms%s%s\n", board->ok, board->busy, board->other,
	       (unsigned long long)board->longest_ms, lock == FOLDER ? ": " : "", lock == FOLDER ? board->why : "");
	kill(child, SIGCONT);
	tap_ok(finish(child) == 0, "when it goes on it comes to its end");
	tap_ok(finish(start(go_on)) == 0 && wrong_counters() == 0, "and so does all else, and nothing is lost");
}

int main(void)
{
	unsigned long tries = getenv("SESAME_LONG") ? 200 : 8;

	/* No disk is waited for. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED || !test_folder_make(top))
		return 99;
	snprintf(folder, sizeof(folder), "%s/store", top);
	for (enum lock lock = 0; lock < LOCKS; lock++) {
		unsigned long steps_held = count_steps(lock);

		if (!tap_ok(steps_held > 0, "%s is held at some steps", names[lock]))
			continue;
		kill_holders(lock, steps_held, tries);
		stop_holder(lock, 1 + steps_held / 2);
	}
	test_folder_remove(top);
	return tap_done();
}

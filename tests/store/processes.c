/*
 * processes.c - everyone at once on one store: threads of one process, workers that it has forked, plain CGI programs that come for one
 * change, one that walks, and one that sweeps what expires meanwhile. All counters are exact, a walk meets each session that stays once,
 * nobody is refused, and nobody waits long; the longest wait for each lock is printed.
 *
 * Some seconds, or three minutes with SESAME_LONG.
 */

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/gdbm/control.h"
#include "store/store.h"
#include "tests/store/folder.h"
#include "tests/tap.h"

#define THREADS 4u
#define WORKERS 3u
#define COUNTERS 400u
#define HOT 8u /* of them, which every second change goes to */
#define WAIT_MS 10000u
#define JOURNAL (256u << 10)

enum lock { STRIPE, GROWTH, MERGING, SYNCING, LOCKS };

static const char *const names[LOCKS] = { "a stripe", "growth", "merging", "syncing" };

/* In memory that outlives everyone. */
struct board {
	_Atomic uint64_t added[COUNTERS]; /* answered */
	_Atomic uint64_t wait_us[LOCKS], longest_us, changes, brief, refused;
	_Atomic uint64_t walks, badly_walked, sweeps, swept, fleeting;
	_Atomic bool stop;
};

static struct board *board;
static struct control *joined; /* this process's mapping of the control file, for the figures */
static char folder[64], location[128];

static struct store_key key_of(uint64_t n)
{
	struct store_key key;

	for (uint64_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
		uint64_t sum = record_sum(&n, sizeof(n), i + 1);

		memcpy(key.octets + 8 * i, &sum, 8);
	}
	return key;
}

static uint64_t chance(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t microseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void note(_Atomic uint64_t *word, uint64_t value)
{
	uint64_t longest = atomic_load(word);

	while (value > longest && !atomic_compare_exchange_weak(word, &longest, value))
		;
}

/* ---- waits ----------------------------------------------------------------------------------------------------------- */

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	void *map = __real_mmap(address, size, protection, flags, fd, offset);

	if (size == sizeof(struct control) && map != MAP_FAILED)
		joined = map;
	return map;
}

static enum lock lock_of(const pthread_mutex_t *mutex)
{
	return mutex == &joined->growth ? GROWTH : mutex == &joined->merging ? MERGING : mutex == &joined->syncing ? SYNCING : STRIPE;
}

int __real_pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *deadline);
int __wrap_pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *deadline);
int __wrap_pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *deadline)
{
	uint64_t begin = microseconds();
	int error = __real_pthread_mutex_clocklock(mutex, clock, deadline);

	note(&board->wait_us[lock_of(mutex)], microseconds() - begin);
	return error;
}

/* ---- what they do ---------------------------------------------------------------------------------------------------- */

static struct store *open_store(bool brief)
{
	char why[256];
	struct store_options options = { .location = location,
		                         .wait_ms = WAIT_MS,
		                         .sync = STORE_SYNC_EVERY_SECOND,
		                         .brief = brief,
		                         .journal_size = JOURNAL,
		                         .why = why,
		                         .why_size = sizeof(why) };
	struct store *store;

	if (store_open(&store, &options) == STORE_OK)
		return store;
	printf("# %s\n", why);
	return NULL;
}

static int add(struct store *store, uint64_t n, enum store_condition condition, int64_t lives, struct record *record)
{
	struct store_change one = { .what = STORE_ADD, .name = "n", .name_size = 1, .number = 1, .until = RECORD_NEVER };
	int64_t now = time(NULL);
	struct store_update update = { .condition = condition,
		                       .now = now,
		                       .idle_deadline = now + lives,
		                       .final_deadline = now + 864000,
		                       .extend_before = INT64_MIN,
		                       .changes = &one,
		                       .count = 1 };
	struct store_key key = key_of(n);
	uint64_t begin = microseconds();
	int status = store_apply(store, &key, &update, record);

	note(&board->longest_us, microseconds() - begin);
	return status;
}

static void change_one(struct store *store, uint64_t *state, struct record *record)
{
	uint64_t n = chance(state) % (chance(state) % 2 ? HOT : COUNTERS);
	int status = add(store, n, STORE_IF_PRESENT, 0, record);

	if (status == STORE_OK)
		atomic_fetch_add(&board->added[n], 1);
	else
		atomic_fetch_add(&board->refused, 1);
	atomic_fetch_add(&board->changes, 1);
}

/* With now and then a session that expires at once. */
static void change_on(struct store *store, uint64_t seed)
{
	uint64_t state = seed * 2654435761u + 88172645463325252u;
	struct record record;

	record_init(&record);
	while (!atomic_load(&board->stop)) {
		change_one(store, &state, &record);
		if (chance(&state) % 16 == 0 && add(store, chance(&state) | 1ULL << 63, STORE_IF_ABSENT, 1, &record) == STORE_OK)
			atomic_fetch_add(&board->fleeting, 1);
	}
	record_free(&record);
}

static bool count_steady(void *context, const struct store_key *key, const uint8_t *record)
{
	struct record_field field;

	(void)key;
	if (record_find(record, "steady", 6, 0, &field))
		++*(unsigned *)context;
	return true;
}

static bool walk_once(struct store *store)
{
	unsigned met = 0;
	uint64_t cursor = 0;
	struct store_walk walk = { .each = count_steady, .context = &met, .now = time(NULL) };

	do
		if (store_walk(store, &cursor, &walk) != STORE_OK)
			return false;
	while (cursor != 0);
	return met == COUNTERS;
}

struct task {
	struct store *store;
	uint64_t seed;
};

static void *change_in_thread(void *context)
{
	struct task *task = context;

	change_on(task->store, task->seed);
	return NULL;
}

/* A process of several threads, with the store that its parent had opened or one of its own. */
static void run_threads(struct store *store, uint64_t seed, unsigned count)
{
	pthread_t threads[THREADS];
	struct task tasks[THREADS];

	for (unsigned i = 0; i < count; i++) {
		tasks[i] = (struct task){ .store = store, .seed = seed + i };
		if (pthread_create(&threads[i], NULL, change_in_thread, &tasks[i]) != 0)
			exit(9);
	}
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

static int threaded(void)
{
	struct store *store = open_store(false);

	if (!store)
		return 1;
	run_threads(store, 100, THREADS);
	store_close(store);
	return 0;
}

/*
 * The first change gives the store's process its own threads. The thread sanitizer cannot follow a fork then, and the address sanitizer's
 * allocator may be locked by one of them, for ever in the child.
 */
static void use(struct store *store)
{
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
	(void)walk_once(store);
#else
	uint64_t state = 77;
	struct record record;

	record_init(&record);
	change_one(store, &state, &record);
	record_free(&record);
#endif
}

/* Opens the store, uses it, and forks workers, which go on with it. */
static int prefork(void)
{
	struct store *store = open_store(false);
	int failed = 0, status;

	if (!store)
		return 1;
	use(store);
	for (unsigned i = 0; i < WORKERS; i++)
		if (fork() == 0) {
			run_threads(store, 200 + 10 * i, 2);
			store_close(store);
			_exit(0);
		}
	while (wait(&status) > 0) {
		failed += status != 0;
		if (status != 0)
			fprintf(stderr, "# a worker ended with %#x\n", (unsigned)status);
	}
	store_close(store);
	return failed;
}

/* A new process for each change. */
static int plain_cgi(void)
{
	uint64_t state = 424242;
	int failed = 0, status;

	while (!atomic_load(&board->stop)) {
		pid_t child;

		(void)chance(&state);
		child = fork();
		if (child == 0) {
			struct store *store = open_store(true);
			struct record record;

			if (!store)
				_exit(1);
			record_init(&record);
			change_one(store, &state, &record);
			record_free(&record);
			store_close(store);
			_exit(0);
		}
		waitpid(child, &status, 0);
		failed += status != 0;
		atomic_fetch_add(&board->brief, 1);
	}
	return failed;
}

static int walker(void)
{
	struct store *store = open_store(false);

	if (!store)
		return 1;
	while (!atomic_load(&board->stop)) {
		if (!walk_once(store))
			atomic_fetch_add(&board->badly_walked, 1);
		atomic_fetch_add(&board->walks, 1);
	}
	store_close(store);
	return 0;
}

static int sweeper(void)
{
	struct store *store = open_store(false);
	struct store_swept swept;

	if (!store)
		return 1;
	while (!atomic_load(&board->stop)) {
		if (store_sweep(store, time(NULL), &swept) != STORE_OK)
			atomic_fetch_add(&board->refused, 1);
		else
			atomic_fetch_add(&board->swept, swept.removed);
		atomic_fetch_add(&board->sweeps, 1);
	}
	store_close(store);
	return 0;
}

static int (*const roles[])(void) = { threaded, prefork, plain_cgi, walker, sweeper };

#define ROLES (sizeof(roles) / sizeof(roles[0]))

/* ---- the claims ------------------------------------------------------------------------------------------------------ */

/* The counters, with a field that tells them from others. */
static bool begin(void)
{
	struct store_change mark = { .what = STORE_ADD, .name = "steady", .name_size = 6, .number = 1, .until = RECORD_NEVER };
	int64_t now = time(NULL);
	struct store_update update = { .condition = STORE_IF_ABSENT,
		                       .now = now,
		                       .idle_deadline = now + 86400,
		                       .final_deadline = now + 864000,
		                       .extend_before = INT64_MIN,
		                       .changes = &mark,
		                       .count = 1 };
	struct store *store = open_store(true);
	struct record record;
	bool made = store != NULL;

	record_init(&record);
	for (uint64_t n = 0; n < COUNTERS && made; n++) {
		struct store_key key = key_of(n);

		made = store_apply(store, &key, &update, &record) == STORE_OK;
	}
	record_free(&record);
	store_close(store);
	return made;
}

static unsigned wrong_counters(void)
{
	struct store *store = open_store(false);
	unsigned wrong = store ? 0 : COUNTERS;
	struct record record;

	record_init(&record);
	for (uint64_t n = 0; store && n < COUNTERS; n++) {
		struct store_key key = key_of(n);
		struct record_field field;
		uint64_t is = 0;

		if (store_load(store, &key, time(NULL), &record) == STORE_OK && record_find(record.octets, "n", 1, 0, &field))
			is = (uint64_t)field.number;
		wrong += is != board->added[n];
		if (is != board->added[n])
			printf("# counter %" PRIu64 " is %" PRIu64 " instead of %" PRIu64 "\n", n, is, board->added[n]);
	}
	record_free(&record);
	store_close(store);
	return wrong;
}

static unsigned run_all(unsigned seconds)
{
	unsigned failed = 0;
	int status;

	for (size_t i = 0; i < ROLES; i++)
		if (fork() == 0)
			_exit(roles[i]());
	sleep(seconds);
	atomic_store(&board->stop, true);
	for (size_t i = 0; i < ROLES; i++) {
		pid_t child = wait(&status);

		failed += child < 0 || status != 0;
		if (status != 0)
			printf("# process %d ended with %#x\n", (int)child, (unsigned)status);
	}
	return failed;
}

static void figures(void)
{
	printf("# %" PRIu64 " changes, %" PRIu64 " of them by processes of their own; %" PRIu64 " walks, %" PRIu64 " sweep steps, %" PRIu64
	       " of %" PRIu64 " expired sessions swept\n",
	       board->changes, board->brief, board->walks, board->sweeps, board->swept, board->fleeting);
	printf("# longest operation %.1f ms; longest wait for", (double)board->longest_us / 1e3);
	for (unsigned i = 0; i < LOCKS; i++)
		printf("%s %s %.1f ms", i ? "," : "", names[i], (double)board->wait_us[i] / 1e3);
	putchar('\n');
}

int main(void)
{
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED || !test_folder_make(folder))
		return 99;
	snprintf(location, sizeof(location), "gdbm:%s/store", folder);
	if (tap_ok(begin(), "a store is made")) {
		tap_ok(run_all(getenv("SESAME_LONG") ? 180 : 4) == 0,
		       "threads, forked workers, plain CGI programs, a walker and a sweeper come to their end");
		tap_ok(board->refused == 0, "none of their operations was refused");
		tap_ok(board->brief > 0 && board->walks > 0 && board->sweeps > 0 && board->fleeting > 0, "each has done something");
		tap_ok(board->badly_walked == 0, "each walk met every session that stays, once");
		tap_ok(board->longest_us < WAIT_MS * 1000, "nobody starved");
		tap_ok(wrong_counters() == 0, "every counter is exact");
		tap_ok(wrong_counters() == 0, "and still so when the store was closed and opened");
		figures();
	}
	test_folder_remove(folder);
	return tap_done();
}

/*
 * crash_random.c - several processes with several threads each change one store; again and again one of them is killed, at any instant, and
 * replaced. At the end every counter is what was answered, or one more for each change that was under way at a kill. Segments are small, so
 * that filling, merging and dropping them goes on all the time, by the processes that are killed.
 *
 * 500 kills, or 10,000 with SESAME_LONG.
 */

#include <errno.h>
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

#include "store/store.h"
#include "tests/store/folder.h"
#include "tests/tap.h"

#define PROCESSES 3
#define THREADS 2
#define KEYS 3000u

/* One line for each counter, in memory that outlives everyone. */
struct counter {
	_Atomic uint64_t begun, answered;
};

struct board {
	_Atomic uint64_t longest_us, refused, changes, created;
	_Atomic bool stop;
	struct counter counters[KEYS];
};

static struct board *board;
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

static struct store *open_store(void)
{
	char why[256];
	struct store_options options = {
		.location = location, .wait_ms = 5000, .sync = STORE_SYNC_NO, .journal_size = 512 << 10, .why = why, .why_size = sizeof(why)
	};
	struct store *store;

	if (store_open(&store, &options) == STORE_OK)
		return store;
	fprintf(stderr, "# %s\n", why);
	return NULL;
}

static int add(struct store *store, uint64_t n, enum store_condition condition, struct record *record)
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

	return store_apply(store, &key, &update, record);
}

/* ---- those who are killed ------------------------------------------------------------------------------------------ */

struct writer {
	struct store *store;
	uint64_t seed;
};

static void note_time(uint64_t took)
{
	uint64_t longest = atomic_load(&board->longest_us);

	while (took > longest && !atomic_compare_exchange_weak(&board->longest_us, &longest, took))
		;
}

/* Now and then a session that nobody comes back to, so that the files grow and split. */
static void *write_on(void *context)
{
	struct writer *writer = context;
	uint64_t state = writer->seed * 2654435761u + 88172645463325252u;
	struct record record;

	record_init(&record);
	while (!atomic_load(&board->stop)) {
		uint64_t n = chance(&state) % KEYS, begin = microseconds();
		int status;

		atomic_fetch_add(&board->counters[n].begun, 1);
		status = add(writer->store, n, STORE_IF_PRESENT, &record);
		if (status == STORE_OK)
			atomic_fetch_add(&board->counters[n].answered, 1);
		else
			atomic_fetch_add(&board->refused, 1);
		note_time(microseconds() - begin);
		atomic_fetch_add(&board->changes, 1);
		if (n % 8 == 0 && add(writer->store, chance(&state), STORE_IF_ABSENT, &record) == STORE_OK)
			atomic_fetch_add(&board->created, 1);
	}
	record_free(&record);
	return NULL;
}

static pid_t start_one(uint64_t seed)
{
	struct writer writers[THREADS];
	pthread_t threads[THREADS];
	struct store *store;
	pid_t child = fork();

	if (child != 0)
		return child;
	store = open_store();
	if (!store)
		_exit(1);
	for (unsigned i = 0; i < THREADS; i++) {
		writers[i] = (struct writer){ .store = store, .seed = seed * THREADS + i + 1 };
		pthread_create(&threads[i], NULL, write_on, &writers[i]);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	store_close(store);
	_exit(0);
}

/* ---- and the one who kills ----------------------------------------------------------------------------------------- */

static unsigned kill_many(unsigned kills)
{
	pid_t writers[PROCESSES];
	uint64_t state = (uint64_t)time(NULL) | 1, next = 1;
	unsigned broken = 0;
	int status;

	printf("# seed %" PRIu64 "\n", state);
	for (unsigned i = 0; i < PROCESSES; i++)
		writers[i] = start_one(next++);
	for (unsigned i = 0; i < kills; i++) {
		unsigned chosen = (unsigned)(chance(&state) % PROCESSES);
		struct timespec pause = { .tv_nsec = (long)(chance(&state) % 3000000) };

		nanosleep(&pause, NULL);
		kill(writers[chosen], SIGKILL);
		waitpid(writers[chosen], &status, 0);
		broken += !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL;
		writers[chosen] = start_one(next++);
	}
	atomic_store(&board->stop, true);
	for (unsigned i = 0; i < PROCESSES; i++) {
		waitpid(writers[i], &status, 0);
		broken += status != 0;
	}
	return broken;
}

struct sums {
	uint64_t lost, doubled, damaged, answered;
};

static struct sums judge(struct store *store)
{
	struct sums sums = { 0 };
	struct record record;

	record_init(&record);
	for (uint64_t n = 0; n < KEYS; n++) {
		struct store_key key = key_of(n);
		struct record_field field;
		uint64_t answered = board->counters[n].answered, begun = board->counters[n].begun, count = 0;

		sums.answered += answered;
		if (store_load(store, &key, time(NULL), &record) != STORE_OK || !record_find(record.octets, "n", 1, 0, &field)) {
			sums.damaged++;
			continue;
		}
		count = (uint64_t)field.number - 1; /* that it was made with */
		sums.lost += count < answered ? answered - count : 0;
		sums.doubled += count > begun ? count - begun : 0;
	}
	record_free(&record);
	return sums;
}

static bool count_one(void *context, const struct store_key *key, const uint8_t *record)
{
	(void)key;
	(void)record;
	++*(uint64_t *)context;
	return true;
}

static uint64_t walk_all(struct store *store)
{
	uint64_t count = 0, cursor = 0;
	struct store_walk walk = { .each = count_one, .context = &count, .now = time(NULL) };

	do
		if (store_walk(store, &cursor, &walk) != STORE_OK)
			return 0;
	while (cursor != 0);
	return count;
}

static bool begin(void)
{
	struct store *store = open_store();
	struct record record;
	bool made = store != NULL;

	record_init(&record);
	for (uint64_t n = 0; n < KEYS && made; n++)
		made = add(store, n, STORE_IF_ABSENT, &record) == STORE_OK;
	record_free(&record);
	store_close(store);
	return made;
}

static void claims(const char *when)
{
	struct store *store = open_store();
	struct sums sums;
	uint64_t walked;

	if (!tap_ok(store != NULL, "the store opens %s", when))
		return;
	sums = judge(store);
	tap_ok(sums.lost == 0, "%s, no answered change is lost", when);
	tap_ok(sums.doubled == 0, "%s, none is doubled", when);
	tap_ok(sums.damaged == 0, "%s, no record is damaged", when);
	walked = walk_all(store);
	tap_ok(walked >= KEYS + board->created, "%s, a walk meets every session", when);
	printf("# lost %" PRIu64 ", doubled %" PRIu64 ", damaged %" PRIu64 " of %" PRIu64 " answered changes; %" PRIu64 " sessions\n",
	       sums.lost, sums.doubled, sums.damaged, sums.answered, walked);
	store_close(store);
}

int main(void)
{
	unsigned kills = getenv("SESAME_LONG") ? 10000 : 500, broken;

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED || !test_folder_make(folder))
		return 99;
	snprintf(location, sizeof(location), "gdbm:%s/store", folder);
	if (!tap_ok(begin(), "a store is made"))
		return tap_done();
	broken = kill_many(kills);
	tap_ok(broken == 0, "no process ended but by the kills, %u of them, or in order", kills);
	printf("# %" PRIu64 " changes, %" PRIu64 " refused, longest %.1f ms\n", board->changes, board->refused,
	       (double)board->longest_us / 1e3);
	tap_ok(board->refused == 0, "every change was answered");
	tap_ok(board->longest_us < 1000000, "none took a second");
	claims("afterwards");
	claims("opened again");
	test_folder_remove(folder);
	return tap_done();
}

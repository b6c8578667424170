/*
 * crash_random.c - several processes work on one store; again and again one of them is killed, at any instant, less than a millisecond
 * after the one before, and replaced. Two change sessions and make new ones with two threads each, one does so and syncs each change, one
 * merges, sweeps and walks. At the end every counter is what was answered, or one more for each change that was under way at a kill; after
 * a reboot so is what was synced.
 *
 * Segments are small, so that filling, merging and dropping them goes on all the time, by the processes that are killed; new sessions make
 * the GDBM files split their buckets. 500 kills, or 10,000 with SESAME_LONG, which then does it once more on a disk, with 16,000 sessions
 * in each shard and the store's own size of segments.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

#define THREADS 2
#define KEYS_MAX (CONTROL_SHARDS * 16000u)
#define SAFE 500u       /* sessions that only the one who syncs changes */
#define BUCKET 170u     /* a bucket of GDBM's holds no more sessions */
#define DROPPED 20u     /* segments that are merged under the kills at least */
#define EXTRA 20u       /* times as many kills are done, until that is so */
#define PAUSE_NS 900000 /* between two kills, at most */

/* One line for each counter, in memory that outlives everyone. */
struct counter {
	_Atomic uint32_t begun, answered;
};

struct verdict {
	uint64_t lost, doubled, damaged, answered;
	uint64_t sessions, least; /* all, and in the shard with the fewest */
	bool opened, walked;
};

struct board {
	_Atomic uint64_t longest_us[2]; /* changes; those that wait for the disk */
	_Atomic uint64_t longest_open_us, refused, changes, created, merges;
	_Atomic bool stop;
	uint32_t keys; /* the counters in use, the SAFE last among them */
	size_t journal_size;
	struct verdict verdict;
	struct counter counters[KEYS_MAX];
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

static void note_time(_Atomic uint64_t *word, uint64_t took)
{
	uint64_t longest = atomic_load(word);

	while (took > longest && !atomic_compare_exchange_weak(word, &longest, took))
		;
}

static struct store *open_store(enum store_sync sync, bool brief)
{
	char why[256];
	struct store_options options = { .location = location,
		                         .wait_ms = 5000,
		                         .sync = sync,
		                         .brief = brief,
		                         .journal_size = board->journal_size,
		                         .why = why,
		                         .why_size = sizeof(why) };
	uint64_t begin = microseconds();
	struct store *store;

	if (store_open(&store, &options) != STORE_OK) {
		fprintf(stderr, "# %s\n", why);
		return NULL;
	}
	note_time(&board->longest_open_us, microseconds() - begin);
	return store;
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

enum role { WRITER, SYNCER, MERGER };

struct worker {
	struct store *store;
	uint64_t seed;
	enum role role;
};

/* Now and then a session that nobody comes back to, so that the files grow and split. */
static void *write_on(void *context)
{
	struct worker *worker = context;
	uint64_t state = worker->seed * 2654435761u + 88172645463325252u;
	uint32_t from = worker->role == SYNCER ? board->keys - SAFE : 0, count = worker->role == SYNCER ? SAFE : board->keys - SAFE;
	struct record record;

	record_init(&record);
	while (!atomic_load(&board->stop)) {
		uint64_t n = from + chance(&state) % count, begin = microseconds();
		int status;

		atomic_fetch_add(&board->counters[n].begun, 1);
		status = add(worker->store, n, STORE_IF_PRESENT, &record);
		if (status == STORE_OK)
			atomic_fetch_add(&board->counters[n].answered, 1);
		else
			atomic_fetch_add(&board->refused, 1);
		note_time(&board->longest_us[worker->role == SYNCER], microseconds() - begin);
		atomic_fetch_add(&board->changes, 1);
		if (n % 2 == 0 && add(worker->store, chance(&state) | 1ULL << 63, STORE_IF_ABSENT, &record) == STORE_OK)
			atomic_fetch_add(&board->created, 1);
	}
	record_free(&record);
	return NULL;
}

static bool count_one(void *context, const struct store_key *key, const uint8_t *record)
{
	(void)record;
	((uint64_t *)context)[control_shard_of(key)]++;
	return true;
}

static bool walk_all(struct store *store, uint64_t counts[CONTROL_SHARDS])
{
	uint64_t cursor = 0;
	struct store_walk walk = { .each = count_one, .context = counts, .now = time(NULL) };

	do
		if (store_walk(store, &cursor, &walk) != STORE_OK)
			return false;
	while (cursor != 0);
	return true;
}

/* The first step of a sweep merges. */
static void merge_on(struct worker *worker)
{
	uint64_t counts[CONTROL_SHARDS];
	struct store_swept swept;

	while (!atomic_load(&board->stop)) {
		do {
			if (store_sweep(worker->store, time(NULL), &swept) != STORE_OK)
				atomic_fetch_add(&board->refused, 1);
		} while (swept.more && !atomic_load(&board->stop));
		atomic_fetch_add(&board->merges, 1);
		(void)walk_all(worker->store, counts);
	}
}

static pid_t start_one(enum role role, uint64_t seed)
{
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	struct store *store;
	pid_t child = fork();

	if (child != 0)
		return child;
	store = open_store(role == SYNCER ? STORE_SYNC_ALWAYS : STORE_SYNC_NO, false);
	if (!store)
		_exit(1);
	for (unsigned i = 0; i < THREADS; i++)
		workers[i] = (struct worker){ .store = store, .seed = seed * THREADS + i + 1, .role = role };
	if (role == MERGER) {
		merge_on(&workers[0]);
	} else {
		for (unsigned i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, write_on, &workers[i]);
		for (unsigned i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
	}
	store_close(store);
	_exit(0);
}

/* ---- and the one who kills ----------------------------------------------------------------------------------------- */

#define PROCESSES 4

static const struct {
	enum role role;
	unsigned share; /* of a hundred kills: who merges must come to something */
} players[PROCESSES] = { { WRITER, 45 }, { WRITER, 40 }, { SYNCER, 12 }, { MERGER, 3 } };

static unsigned choose(uint64_t *state)
{
	unsigned at = (unsigned)(chance(state) % 100), i = 0;

	while (i < PROCESSES - 1 && at >= players[i].share)
		at -= players[i++].share;
	return i;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* True if a process ended by SIGKILL. */
static bool ended(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* How many segments were begun, merged and dropped since the store was made. */
static uint32_t segments_dropped(void)
{
	struct control *control = MAP_FAILED;
	uint32_t first = 1;
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/store/control", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		control = mmap(NULL, sizeof(*control), PROT_READ, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (control != MAP_FAILED) {
		first = control_first(atomic_load(&control->segments));
		munmap(control, sizeof(*control));
	}
	return first - 1;
}

/* What is to go on under the kills has gone on. */
static bool enough(void)
{
	return board->created > CONTROL_SHARDS * 3 * BUCKET && (board->journal_size == 0 || segments_dropped() >= DROPPED);
}

/* At least so many; the store is left as the last kills left it. */
static unsigned kill_many(unsigned kills, uint32_t *spacing, unsigned *broken)
{
	uint64_t state = (uint64_t)time(NULL) | 1, next = 1, last = microseconds();
	pid_t children[PROCESSES], killed;
	unsigned done = 0;

	printf("# seed %" PRIu64 "\n", state);
	for (unsigned i = 0; i < PROCESSES; i++)
		children[i] = start_one(players[i].role, next++);
	for (; done < kills || (done < kills * EXTRA && !enough()); done++) {
		struct timespec pause = { .tv_nsec = (long)(chance(&state) % PAUSE_NS) };
		unsigned chosen = choose(&state);
		uint64_t now;

		nanosleep(&pause, NULL);
		now = microseconds();
		spacing[done] = (uint32_t)(now - last);
		last = now;
		killed = children[chosen];
		kill(killed, SIGKILL);
		children[chosen] = start_one(players[chosen].role, next++);
		*broken += !ended(killed);
	}
	for (unsigned i = 0; i < PROCESSES; i++) {
		kill(children[i], SIGKILL);
		*broken += !ended(children[i]);
	}
	qsort(spacing, done, sizeof(spacing[0]), by_size);
	return done;
}

/* ---- the judge ----------------------------------------------------------------------------------------------------- */

static void judge(struct store *store, uint32_t from, struct verdict *verdict)
{
	struct record record;

	record_init(&record);
	for (uint32_t n = from; n < board->keys; n++) {
		struct store_key key = key_of(n);
		struct record_field field;
		uint64_t answered = board->counters[n].answered, begun = board->counters[n].begun, count = 0;

		verdict->answered += answered;
		if (store_load(store, &key, time(NULL), &record) != STORE_OK || !record_find(record.octets, "n", 1, 0, &field)) {
			verdict->damaged++;
			continue;
		}
		count = (uint64_t)field.number - 1; /* that it was made with */
		verdict->lost += count < answered ? answered - count : 0;
		verdict->doubled += count > begun ? count - begun : 0;
	}
	record_free(&record);
}

static void judge_shards(struct store *store, struct verdict *verdict)
{
	uint64_t counts[CONTROL_SHARDS] = { 0 };

	verdict->walked = walk_all(store, counts);
	verdict->least = UINT64_MAX;
	for (unsigned i = 0; i < CONTROL_SHARDS; i++) {
		verdict->sessions += counts[i];
		verdict->least = counts[i] < verdict->least ? counts[i] : verdict->least;
	}
}

/* In a process of its own; one that is to leave the store as it finds it ends without closing it. */
static struct verdict verdict_of(uint32_t from, bool leaves)
{
	pid_t child = fork();

	if (child == 0) {
		struct store *store;

		board->verdict = (struct verdict){ 0 };
		atomic_store(&board->longest_open_us, 0);
		store = open_store(STORE_SYNC_NO, leaves);
		if (!store)
			_exit(1);
		judge(store, from, &board->verdict);
		judge_shards(store, &board->verdict);
		if (!leaves)
			store_close(store);
		board->verdict.opened = true;
		_exit(0);
	}
	waitpid(child, NULL, 0);
	return board->verdict;
}

static struct verdict claims(const char *when, uint32_t from, bool leaves)
{
	struct verdict verdict = verdict_of(from, leaves);

	tap_ok(verdict.opened, "%s, the store opens", when);
	tap_ok(verdict.lost == 0, "%s, no answered change is lost", when);
	tap_ok(verdict.doubled == 0, "%s, none is doubled", when);
	tap_ok(verdict.damaged == 0, "%s, no record is damaged", when);
	tap_ok(verdict.walked, "%s, a walk comes to its end", when);
	printf("# lost %" PRIu64 ", doubled %" PRIu64 ", damaged %" PRIu64 " of %" PRIu64 " answered changes; opened in %.1f ms\n",
	       verdict.lost, verdict.doubled, verdict.damaged, verdict.answered, (double)board->longest_open_us / 1e3);
	return verdict;
}

/* What lives for one boot only is gone. */
static void reboot(void)
{
	char path[96];
	DIR *entries;
	struct dirent *entry;

	snprintf(path, sizeof(path), "%s/store", folder);
	entries = opendir(path);
	while (entries && (entry = readdir(entries)))
		if (strcmp(entry->d_name, "control") == 0 || strncmp(entry->d_name, "hot.", 4) == 0)
			(void)unlinkat(dirfd(entries), entry->d_name, 0);
	if (entries)
		closedir(entries);
}

static void claims_after_the_kills(void)
{
	struct verdict verdict = claims("afterwards", 0, true);

	tap_ok(verdict.sessions >= board->keys + board->created, "afterwards, the walk meets every session");
	tap_ok(verdict.least > 2 * BUCKET, "each shard has split its buckets");
	printf("# %" PRIu64 " sessions, at least %" PRIu64 " in each shard\n", verdict.sessions, verdict.least);
	reboot();
	(void)claims("after a reboot", board->keys - SAFE, false);
	(void)claims("opened again", board->keys - SAFE, false);
}

/* ---- a round ------------------------------------------------------------------------------------------------------- */

static bool begin(void)
{
	struct store *store = open_store(STORE_SYNC_NO, false);
	struct record record;
	bool made = store != NULL;

	record_init(&record);
	for (uint32_t n = 0; n < board->keys && made; n++)
		made = add(store, n, STORE_IF_ABSENT, &record) == STORE_OK;
	record_free(&record);
	store_close(store);
	return made;
}

static void play(uint32_t keys, unsigned kills, size_t journal_size)
{
	uint32_t *spacing = calloc(EXTRA * kills, sizeof(*spacing));
	unsigned broken = 0;

	memset(board, 0, sizeof(*board));
	board->keys = keys;
	board->journal_size = journal_size;
	if (!spacing || !test_folder_make(folder))
		exit(99);
	snprintf(location, sizeof(location), "gdbm:%s/store", folder);
	if (tap_ok(begin(), "a store of %u sessions is made", keys)) {
		atomic_store(&board->longest_open_us, 0);
		kills = kill_many(kills, spacing, &broken);
		tap_ok(broken == 0, "no process ended but by the kills, %u of them", kills);
		printf("# one every %.2f ms (median), %" PRIu64 " changes, %" PRIu64 " refused, %u segments merged, %" PRIu64
		       " sweeps done, longest change %.1f ms (%.1f ms with a sync), longest opening %.1f ms\n",
		       spacing[kills / 2] / 1e3, board->changes, board->refused, segments_dropped(), board->merges,
		       (double)board->longest_us[0] / 1e3, (double)board->longest_us[1] / 1e3, (double)board->longest_open_us / 1e3);
		if (journal_size > 0)
			tap_ok(segments_dropped() >= DROPPED, "meanwhile segments were filled and merged");
		tap_ok(board->refused == 0, "every change was answered");
		tap_ok(board->longest_us[0] < 1000000, "none took a second, but those that wait for the disk");
		claims_after_the_kills();
	}
	test_folder_remove(folder);
	free(spacing);
}

int main(void)
{
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		return 99;
	if (getenv("SESAME_LONG")) {
		play(KEYS_MAX, 2000, 0);
		printf("# the same with small segments\n");
	}
	/* A kill is no power cut, so no disk is waited for. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	play(3000, getenv("SESAME_LONG") ? 10000 : 500, 512 << 10);
	return tap_done();
}

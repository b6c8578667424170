/*
 * store.c - the figures of the GDBM store, each against bare GDBM in the same run (doc/store.md shows the results).
 *
 *     bench/store [FIGURE]... [--sessions N] [--seconds S] [--folder DIR] [--rounds N]
 *
 * FIGURE is one of those in the table at the end; without one, all that need at most 1,000,000 sessions. Every run works in a folder of its
 * own below --folder (default: TMPDIR or /var/tmp, which should be on a disk) and removes it.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <gdbm.h>

#include "store/store.h"
#include "tests/store/folder.h"

static uint64_t sessions_large = 1000000;
static double seconds = 3;
static int rounds = 5;
static const char *parent = "/var/tmp";

/* ---- clocks and chance --------------------------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static uint64_t chance(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static struct store_key key_of(uint64_t n)
{
	struct store_key key;

	for (uint64_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
		uint64_t sum = record_sum(&n, sizeof(n), i + 1);

		memcpy(key.octets + 8 * i, &sum, 8);
	}
	return key;
}

static void fail(const char *what)
{
	fprintf(stderr, "bench/store: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int by_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), by_double);
	return values[count / 2];
}

/* ---- folders ------------------------------------------------------------------------------------------------------- */

static char folder[128];

static void folder_make(void)
{
	snprintf(folder, sizeof(folder), "%s/sesame-bench-XXXXXX", parent);
	if (!mkdtemp(folder))
		fail(folder);
}

static uint64_t folder_octets;

static int add_octets(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)path;
	(void)kind;
	(void)at;
	folder_octets += (uint64_t)st->st_blocks * 512;
	return 0;
}

static uint64_t disk_used(void)
{
	folder_octets = 0;
	nftw(folder, add_octets, 16, FTW_PHYS);
	return folder_octets;
}

/* ---- ours ---------------------------------------------------------------------------------------------------------- */

static struct store *open_ours(enum store_sync sync, bool brief)
{
	char location[192], why[512];
	struct store_options options = { .location = location, .wait_ms = 2000, .sync = sync, .brief = brief, .why = why, .why_size = 512 };
	struct store *store;

	snprintf(location, sizeof(location), "gdbm:%s/ours", folder);
	if (store_open(&store, &options) != STORE_OK) {
		fprintf(stderr, "bench/store: %s\n", why);
		exit(1);
	}
	return store;
}

static const struct store_change two_counters[] = {
	{ .what = STORE_ADD, .name = "visits", .name_size = 6, .number = 1, .until = RECORD_NEVER },
	{ .what = STORE_ADD, .name = "events", .name_size = 6, .number = 1, .until = RECORD_NEVER },
};

static struct store_update update_of(enum store_condition condition, int64_t now)
{
	return (struct store_update){ .condition = condition,
		                      .now = now,
		                      .idle_deadline = now + 604800,
		                      .final_deadline = now + 2592000,
		                      .extend_before = INT64_MIN,
		                      .changes = two_counters,
		                      .count = condition == STORE_IF_PRESENT ? 1 : 2 };
}

static void change(struct store *store, uint64_t n, enum store_condition condition, struct record *record)
{
	struct store_update update = update_of(condition, time(NULL));
	struct store_key key = key_of(n);
	int status = store_apply(store, &key, &update, record);

	if (status != STORE_OK) {
		fprintf(stderr, "bench/store: session %" PRIu64 ": %s\n", n, store_status_name(status));
		exit(1);
	}
}

/* Creates sessions from .. to - 1; seconds that it took. */
static double create(struct store *store, uint64_t from, uint64_t to)
{
	struct record record;
	int64_t begin = now_ns();

	record_init(&record);
	for (uint64_t n = from; n < to; n++)
		change(store, n, STORE_IF_ABSENT, &record);
	record_free(&record);
	return (double)(now_ns() - begin) / 1e9;
}

/* Changes random ones of the first `of` sessions until the time is up; operations a second. */
static double work(struct store *store, uint64_t of, double duration, uint64_t seed, double *waits, size_t waits_max, size_t *waited)
{
	int64_t begin = now_ns(), end = begin + (int64_t)(duration * 1e9), at = begin;
	uint64_t done = 0, state = seed * 2654435761u + 88172645463325252u;
	struct record record;

	record_init(&record);
	while (at < end) {
		int64_t before = at;

		for (int i = 0; i < (waits ? 1 : 16); i++, done++)
			change(store, chance(&state) % of, STORE_IF_PRESENT, &record);
		at = now_ns();
		if (waits && *waited < waits_max)
			waits[(*waited)++] = (double)(at - before) / 1e6;
	}
	record_free(&record);
	return (double)done / ((double)(now_ns() - begin) / 1e9);
}

struct shared {
	_Atomic int ready, go;
	double rates[64];
};

/* The sum of what several processes do at once. */
static double work_processes(int processes, uint64_t of, double duration, enum store_sync sync)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double sum = 0;

	for (int p = 0; p < processes; p++)
		if (fork() == 0) {
			struct store *store = open_ours(sync, false);

			atomic_fetch_add(&shared->ready, 1);
			while (!atomic_load(&shared->go))
				usleep(100);
			shared->rates[p] = work(store, of, duration, (uint64_t)p + 1, NULL, 0, NULL);
			store_close(store);
			_exit(0);
		}
	while (atomic_load(&shared->ready) < processes)
		usleep(1000);
	atomic_store(&shared->go, 1);
	for (int p = 0; p < processes; p++)
		wait(NULL);
	for (int p = 0; p < processes; p++)
		sum += shared->rates[p];
	munmap(shared, sizeof(*shared));
	return sum;
}

/* ---- bare GDBM ----------------------------------------------------------------------------------------------------- */

static GDBM_FILE open_bare(uint64_t sessions)
{
	char path[192], value[128];
	GDBM_FILE bare;

	snprintf(path, sizeof(path), "%s/bare.gdbm", folder);
	bare = gdbm_open(path, 4096, GDBM_NEWDB | GDBM_NOLOCK, 0600, NULL);
	if (!bare)
		fail("gdbm_open");
	memset(value, 'v', sizeof(value));
	for (uint64_t n = 0; n < sessions; n++) {
		struct store_key key = key_of(n);

		if (gdbm_store(bare, (datum){ (char *)key.octets, STORE_KEY_SIZE }, (datum){ value, 102 }, GDBM_REPLACE) != 0)
			fail("gdbm_store");
	}
	return bare;
}

static double work_bare(GDBM_FILE bare, uint64_t of, double duration)
{
	int64_t begin = now_ns(), end = begin + (int64_t)(duration * 1e9);
	uint64_t done = 0, state = 88172645463325252u;

	while (now_ns() < end)
		for (int i = 0; i < 16; i++, done++) {
			struct store_key key = key_of(chance(&state) % of);
			datum name = { (char *)key.octets, STORE_KEY_SIZE }, value = gdbm_fetch(bare, name);

			if (!value.dptr)
				fail("gdbm_fetch");
			value.dptr[done % (unsigned)value.dsize]++;
			if (gdbm_store(bare, name, value, GDBM_REPLACE) != 0)
				fail("gdbm_store");
			free(value.dptr);
		}
	return (double)done / ((double)(now_ns() - begin) / 1e9);
}

/* ---- figures ------------------------------------------------------------------------------------------------------- */

static void row(const char *name, const char *unit, double ours, double theirs, double ratio, const char *floor)
{
	printf("| %s | %.4g %s | %.4g %s | %.3g | %s |\n", name, ours, unit, theirs, unit, ratio, floor);
	fflush(stdout);
}

static void figure_small(void)
{
	double ours[16], bare[16], four[16], ratio_one[16], ratio_four[16];
	GDBM_FILE handle;
	struct store *store;

	folder_make();
	handle = open_bare(10000);
	store = open_ours(STORE_SYNC_EVERY_SECOND, false);
	create(store, 0, 10000);
	work(store, 10000, 0.3, 1, NULL, 0, NULL);
	work_bare(handle, 10000, 0.3);
	for (int i = 0; i < rounds; i++) {
		bare[i] = work_bare(handle, 10000, seconds / 3);
		ours[i] = work(store, 10000, seconds / 3, 7, NULL, 0, NULL);
		four[i] = work_processes(4, 10000, seconds / 3, STORE_SYNC_EVERY_SECOND);
		ratio_one[i] = ours[i] / bare[i];
		ratio_four[i] = four[i] / ours[i];
	}
	gdbm_close(handle);
	row("1 process, 10,000 sessions, against bare GDBM", "op/s", median(ours, rounds), median(bare, rounds), median(ratio_one, rounds),
	    ">= 0.6, aim 1.2");
	row("4 processes on the same, against 1", "op/s", median(four, rounds), median(ours, rounds), median(ratio_four, rounds),
	    ">= 0.75, aim 1.2");
	store_close(store);
	test_folder_remove(folder);
}

static void figure_random(void)
{
	GDBM_FILE handle;
	struct store *store;
	double bare, ours;

	folder_make();
	handle = open_bare(sessions_large);
	store = open_ours(STORE_SYNC_EVERY_SECOND, false);
	create(store, 0, sessions_large);
	bare = work_bare(handle, sessions_large, seconds);
	ours = work_processes(4, sessions_large, 5 * seconds, STORE_SYNC_EVERY_SECOND);
	row("4 processes, random ones of many sessions, merges included, against bare GDBM in 1", "op/s", ours, bare, ours / bare,
	    ">= 0.25, aim 0.5");
	gdbm_close(handle);
	store_close(store);
	test_folder_remove(folder);
}

static void figure_latency(void)
{
	static double waits[8000000];
	size_t waited = 0;
	struct store *store;

	folder_make();
	store = open_ours(STORE_SYNC_EVERY_SECOND, false);
	create(store, 0, sessions_large);
	work(store, sessions_large, 5 * seconds, 3, waits, sizeof(waits) / sizeof(waits[0]), &waited);
	qsort(waits, waited, sizeof(waits[0]), by_double);
	row("99.99th percentile of an operation, random sessions, while merging; beside it the median", "ms",
	    waits[waited - waited / 10000 - 1], waits[waited / 2], waits[waited - 1], "<= 20 ms (the ratio column is the longest)");
	store_close(store);
	test_folder_remove(folder);
}

static double open_brief_us(void)
{
	struct record record;
	struct store *store;
	int64_t begin = now_ns();
	double took;

	record_init(&record);
	store = open_ours(STORE_SYNC_EVERY_SECOND, true);
	change(store, (uint64_t)begin % sessions_large, STORE_IF_PRESENT, &record);
	took = (double)(now_ns() - begin) / 1e3;
	store_close(store);
	record_free(&record);
	return took;
}

static void figure_brief(void)
{
	double took[101];
	struct store *store;

	folder_make();
	store = open_ours(STORE_SYNC_EVERY_SECOND, false);
	create(store, 0, sessions_large);
	store_close(store);
	row("disk after an orderly stop", "octets a session", (double)disk_used() / (double)sessions_large, 0, 0, "<= 400");
	for (int i = 0; i < 101; i++)
		took[i] = open_brief_us();
	row("opening in a plain CGI process, first operation included; beside it the longest of 101", "us", median(took, 101), took[100],
	    took[0], "<= 1000 us");
	store = open_ours(STORE_SYNC_EVERY_SECOND, false);
	work(store, sessions_large, seconds, 3, NULL, 0, NULL);
	row("disk while random sessions change", "octets a session", (double)disk_used() / (double)sessions_large, 0, 0, "<= 400");
	store_close(store);
	test_folder_remove(folder);
}

static void figure_create(void)
{
	uint64_t small = 100000;
	struct store *store;
	double first, last;

	folder_make();
	store = open_ours(STORE_SYNC_EVERY_SECOND, false);
	create(store, 0, small / 10);
	first = create(store, small / 10, small + 900000) / (double)(small - small / 10 + 900000);
	if (sessions_large > 2000000)
		create(store, 1000000, sessions_large - 1000000);
	last = create(store, sessions_large > 2000000 ? sessions_large - 1000000 : 1000000,
	              sessions_large > 2000000 ? sessions_large : 2000000) /
	       1e6;
	row("creating one of the last million sessions, against one of the first", "us", last * 1e6, first * 1e6, last / first, "<= 2");
	store_close(store);
	test_folder_remove(folder);
}

static uint64_t rss_anon(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	uint64_t kib = 0;

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "RssAnon: %" SCNu64, &kib) == 1)
			break;
	if (status)
		fclose(status);
	return kib;
}

static void figure_large(void)
{
	struct store *store;
	double small, large, created;

	folder_make();
	store = open_ours(STORE_SYNC_EVERY_SECOND, false);
	create(store, 0, 10000);
	work(store, 10000, seconds, 5, NULL, 0, NULL);
	small = work(store, 10000, seconds, 5, NULL, 0, NULL);
	created = create(store, 10000, 100000) / 90000;
	row("creating, 100,000 stored", "us", created * 1e6, 0, 0, "");
	for (uint64_t n = 100000; n < sessions_large; n += sessions_large / 10) {
		created = create(store, n, n + sessions_large / 10 < sessions_large ? n + sessions_large / 10 : sessions_large);
		fprintf(stderr, "# %" PRIu64 " sessions, %.2f us each\n", n, created * 1e6 / ((double)sessions_large / 10));
	}
	work(store, 10000, seconds, 5, NULL, 0, NULL);
	large = work(store, 10000, seconds, 5, NULL, 0, NULL);
	row("a working set of 10,000, many stored against 10,000 stored: time of one change", "us", 1e6 / large, 1e6 / small, small / large,
	    "<= 1.5");
	work(store, sessions_large, 5 * seconds, 6, NULL, 0, NULL);
	row("RssAnon after random load on all", "MiB", (double)rss_anon() / 1024, 0, 0, "<= 128");
	row("disk", "octets a session", (double)disk_used() / (double)sessions_large, 0, 0, "<= 400");
	store_close(store);
	test_folder_remove(folder);
}

/* ---- SESSION_SYNC=always ------------------------------------------------------------------------------------------- */

#define CLIENTS 16

struct client {
	struct store *store;
	double rate;
	uint64_t seed;
};

static void *client_run(void *context)
{
	struct client *client = context;
	size_t waited = 0;
	double one;

	client->rate = work(client->store, 1000, seconds, client->seed, &one, 1, &waited);
	return NULL;
}

static double fsync_rate(void)
{
	int64_t begin = now_ns(), end = begin + (int64_t)(seconds * 1e9);
	uint64_t done = 0;
	char path[192], octets[128] = "x";
	int fd;

	snprintf(path, sizeof(path), "%s/fsync", folder);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || posix_fallocate(fd, 0, 64 << 20) != 0)
		fail(path);
	while (now_ns() < end) {
		if (pwrite(fd, octets, sizeof(octets), (off_t)((done * sizeof(octets)) % (64 << 20))) < 0 || fdatasync(fd) != 0)
			fail(path);
		done++;
	}
	close(fd);
	return (double)done / ((double)(now_ns() - begin) / 1e9);
}

static void figure_always(void)
{
	struct client clients[CLIENTS];
	pthread_t threads[CLIENTS];
	struct store *store;
	double sum = 0, alone;

	folder_make();
	store = open_ours(STORE_SYNC_ALWAYS, false);
	{
		struct store *fast = open_ours(STORE_SYNC_NO, false);

		create(fast, 0, 1000);
		store_close(fast);
	}
	alone = fsync_rate();
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client){ .store = store, .seed = i + 1 };
		pthread_create(&threads[i], NULL, client_run, &clients[i]);
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		pthread_join(threads[i], NULL);
		sum += clients[i].rate;
	}
	row("SESSION_SYNC=always, 16 clients, against one fdatasync for each change", "op/s", sum, alone, sum / alone, ">= 3, aim 8");
	store_close(store);
	test_folder_remove(folder);
}

static const struct {
	const char *name;
	void (*run)(void);
	bool by_default;
} figures[] = {
	{ "small", figure_small, true },  { "random", figure_random, true }, { "latency", figure_latency, true },
	{ "brief", figure_brief, true },  { "always", figure_always, true }, { "create", figure_create, true },
	{ "large", figure_large, false },
};

#define FIGURES (sizeof(figures) / sizeof(figures[0]))

static const char *value_of(int argc, char **argv, int *i)
{
	if (*i + 1 >= argc) {
		fprintf(stderr, "bench/store: %s needs a value\n", argv[*i]);
		exit(2);
	}
	return argv[++*i];
}

int main(int argc, char **argv)
{
	bool chosen[FIGURES] = { false }, any = false;

	for (int i = 1; i < argc; i++) {
		bool known = true;

		if (strcmp(argv[i], "--sessions") == 0)
			sessions_large = strtoull(value_of(argc, argv, &i), NULL, 10);
		else if (strcmp(argv[i], "--seconds") == 0)
			seconds = strtod(value_of(argc, argv, &i), NULL);
		else if (strcmp(argv[i], "--rounds") == 0)
			rounds = atoi(value_of(argc, argv, &i));
		else if (strcmp(argv[i], "--folder") == 0)
			parent = value_of(argc, argv, &i);
		else
			known = false;
		for (size_t f = 0; f < FIGURES && !known; f++)
			if (strcmp(argv[i], figures[f].name) == 0)
				known = any = chosen[f] = true;
		if (!known) {
			fprintf(stderr,
			        "usage: bench/store [small|random|latency|brief|always|create|large]... [--sessions N] [--seconds S] "
			        "[--rounds 1-16] [--folder DIR]\n");
			return 2;
		}
	}
	rounds = rounds < 1 ? 1 : rounds > 16 ? 16 : rounds;
	printf("| figure | ours | beside it | ratio | floor |\n|---|--:|--:|--:|---|\n");
	fflush(stdout);
	for (size_t f = 0; f < FIGURES; f++)
		if (any ? chosen[f] : figures[f].by_default)
			figures[f].run();
	return 0;
}

/*
 * store.c - the figures of the GDBM store, each against bare GDBM (or what else is named) in the same run.
 *
 *     bench/store [SECTION]... [--seconds S] [--rounds N] [--sessions N] [--folder DIR]
 *
 * Without a section: all but ten-million. A section takes two minutes at most, ten-million some ten; what it is at goes to stderr. Every
 * run works in folders of its own below --folder (default: TMPDIR or /var/tmp, which should be on a disk) and removes them. The floors are
 * for the reader: speed is never an exit status.
 *
 * "Bare" is one GDBM handle, open and mapped, with no lock, on the same keys and octets. Our side runs as a service does: processes that
 * live on from round to round, SESSION_SYNC=everysec, their syncs and merges in the time that is measured.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <gdbm.h>

#include "bench/crew.h"
#include "bench/ours.h"
#include "bench/report.h"
#include "tests/store/folder.h"

#define HOT 10000u
#define ROUNDS_MAX 99

static double seconds = 4;
static int rounds = 15;
static uint64_t sessions_large = 10 * (uint64_t)MILLION;
static const char *parent;

/* ---- bare GDBM ----------------------------------------------------------------------------------------------------- */

/* As large as our record of a session with two counters. */
static int bare_value(char value[256])
{
	struct record record;
	struct store_update update = { .condition = STORE_IF_ABSENT, .changes = two_counters, .count = 2 };
	struct store_key key = key_of(0);
	int size;

	record_init(&record);
	if (record_apply(NULL, 0, &key, &update, 1, &record) != STORE_OK || record.size > 256)
		fail("a record");
	size = (int)record.size;
	memcpy(value, record.octets, record.size);
	record_free(&record);
	return size;
}

static GDBM_FILE open_bare(uint64_t sessions)
{
	char path[PATH_MAX + 32], value[256];
	int size = bare_value(value);
	GDBM_FILE bare;

	snprintf(path, sizeof(path), "%s/bare.gdbm", folder);
	bare = gdbm_open(path, 4096, GDBM_NEWDB | GDBM_NOLOCK, 0600, NULL);
	if (!bare)
		fail("gdbm_open");
	for (uint64_t n = 0; n < sessions; n++) {
		struct store_key key = key_of(n);

		if (gdbm_store(bare, (datum){ (char *)key.octets, STORE_KEY_SIZE }, (datum){ value, size }, GDBM_REPLACE) != 0)
			fail("gdbm_store");
	}
	return bare;
}

static double work_bare(GDBM_FILE bare, uint64_t of, double duration, uint64_t *state)
{
	int64_t begin = now_ns(), end = begin + (int64_t)(duration * 1e9);
	uint64_t done = 0;

	while (now_ns() < end)
		for (int i = 0; i < 16; i++, done++) {
			struct store_key key = key_of(chance(state) % of);
			datum name = { (char *)key.octets, STORE_KEY_SIZE }, value = gdbm_fetch(bare, name);

			if (!value.dptr)
				fail("gdbm_fetch");
			value.dptr[done % (unsigned)value.dsize]++;
			if (gdbm_store(bare, name, value, GDBM_REPLACE) != 0)
				fail("gdbm_store");
			free(value.dptr);
		}
	return (double)done / since(begin);
}

/* ---- small: what is in use fits the journal -------------------------------------------------------------------------- */

static void section_small(void)
{
	struct series bare = { .count = 0 }, one = bare, four = bare, to_bare = bare, to_one = bare;
	uint64_t state = UINT64_C(88172645463325252);
	struct crew *single, *crowd;
	double turn = seconds / 8;
	GDBM_FILE handle;

	folder_make(parent);
	fill("ours", HOT);
	single = crew_begin(1, "ours");
	crowd = crew_begin(4, "ours");
	handle = open_bare(HOT);
	crew_work(single, HOT, turn);
	crew_work(crowd, HOT, turn);
	work_bare(handle, HOT, turn, &state);
	for (int i = 0; i < rounds; i++) {
		double b = series_add(&bare, work_bare(handle, HOT, turn, &state));
		double o = series_add(&one, crew_work(single, HOT, turn));
		double f = series_add(&four, crew_work(crowd, HOT, turn));

		progress("small: round %d of %d: bare %.0f, 1 process %.0f, 4 processes %.0f op/s", i + 1, rounds, b, o, f);
		series_add(&to_bare, o / b);
		series_add(&to_one, f / o);
		rest(turn);
	}
	crew_end(crowd);
	crew_end(single);
	gdbm_close(handle);
	row("one process, 10,000 sessions in use, against bare GDBM", middle(&to_bare), at_least(0.6, 1.2),
	    "%.0f against %.0f op/s; ratio %.2f to %.2f in %d rounds", middle(&one), middle(&bare), least(&to_bare), most(&to_bare),
	    rounds);
	row("4 processes together, the same, against one", middle(&to_one), at_least(0.75, 1.2),
	    "%.0f against %.0f op/s; ratio %.2f to %.2f", middle(&four), middle(&one), least(&to_one), most(&to_one));
	test_folder_remove(folder);
}

/* ---- random: what is in use does not fit ----------------------------------------------------------------------------- */

/* Looks through all shards and writes them anew, as sesamectl sweep does, while the others work. */
static pid_t sweep_beside(struct held *held)
{
	pid_t process;
	struct store_swept swept = { 0 };
	struct store *store;

	fflush(NULL);
	process = fork();
	if (process != 0)
		return process;
	store = open_ours("ours", STORE_SYNC_EVERY_SECOND, false);
	held_begin();
	do
		if (store_sweep(store, time(NULL), &swept) != STORE_OK)
			break;
	while (swept.more);
	held_end(held);
	store_close(store);
	_exit(0);
}

static void print_random(struct crew *crew, const struct held *sweeper, struct segments before, struct segments after)
{
	static struct times times;
	struct held held = *sweeper;

	for (unsigned i = 0; i < crew->size; i++) {
		times_sum(&times, &crew->seats[i].times);
		held_sum(&held, &crew->seats[i].held);
	}
	row("longest time a lock is held by a merge, a sweep or what makes room in the journal; the same", held.longest_ms,
	    at_most(5, "ms"),
	    "%s; its holder had the processor for %.3f ms of it; the longest in which one waited in the kernel %.3f ms; %u segments "
	    "merged, all shards swept; beside it %.0f ms a merge and %.0f ms a sync, for which no request waits",
	    held_name(&held), held.processor_ms, held.asleep_ms, after.first - before.first, held.merging_ms, held.syncing_ms);
	row("99.99th percentile of an operation while merging; the same", times_beyond(&times, 0.0001), at_most(20, "ms"),
	    "median %.4f ms, 99.9th %.3f ms, longest %.0f ms of %" PRIu64, times_beyond(&times, 0.5), times_beyond(&times, 0.001),
	    (double)times.longest / 1e6, times.total);
}

static void section_random(void)
{
	struct series bare = { .count = 0 };
	double ours, time = 5 * seconds;
	uint64_t state = UINT64_C(88172645463325252);
	struct held *sweeper = mmap(NULL, sizeof(*sweeper), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct segments before, after;
	struct store *store;
	struct crew *crew;
	GDBM_FILE handle;
	pid_t process;

	if (sweeper == MAP_FAILED)
		fail("mmap");
	folder_make(parent);
	progress("random: a million sessions");
	handle = open_bare(MILLION);
	fill("ours", MILLION);
	work_bare(handle, MILLION, seconds / 2, &state);
	for (int i = 0; i < 3; i++)
		series_add(&bare, work_bare(handle, MILLION, seconds / 4, &state));
	crew = crew_begin(4, "ours");
	crew_work(crew, MILLION, seconds);
	before = segments_of("ours");
	progress("random: 4 processes for %.0f s", time);
	ours = crew_work(crew, MILLION, time);
	after = segments_of("ours");
	progress("random: 4 processes for %.0f s, each operation timed, all locks, beside a sweep", time);
	store = open_ours("ours", STORE_SYNC_EVERY_SECOND, false);
	create(store, MILLION, MILLION + MILLION / 10, 1);
	store_close(store);
	struct segments timed = segments_of("ours");
	crew_start(crew, MILLION, time, true);
	process = sweep_beside(sweeper);
	crew_await(crew);
	waitpid(process, NULL, 0);
	struct segments end = segments_of("ours");
	await_merges("ours");
	for (int i = 0; i < 3; i++)
		series_add(&bare, work_bare(handle, MILLION, seconds / 4, &state));
	row("1,000,000 sessions uniformly at random, 4 processes, merges included, against bare GDBM in one", ours / middle(&bare),
	    at_least(0.25, 0.5), "%.0f against %.0f op/s; %u segments merged", ours, middle(&bare), after.first - before.first);
	print_random(crew, sweeper, timed, end);
	crew_end(crew);
	gdbm_close(handle);
	munmap(sweeper, sizeof(*sweeper));
	test_folder_remove(folder);
}

/* ---- brief: plain CGI, and the disk ---------------------------------------------------------------------------------- */

#define STARTS 201

/* In a process of its own, as a web server starts one; microseconds. */
static double start_brief(uint64_t n)
{
	double *took = mmap(NULL, sizeof(*took), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), result;
	pid_t process;

	if (took == MAP_FAILED)
		fail("mmap");
	fflush(NULL);
	process = fork();
	if (process == 0) {
		struct record record;
		struct store *store;
		int64_t begin = now_ns();

		record_init(&record);
		store = open_ours("ours", STORE_SYNC_EVERY_SECOND, true);
		change(store, n, &record);
		*took = since(begin) * 1e6;
		store_close(store);
		_exit(0);
	}
	if (process < 0 || waitpid(process, NULL, 0) != process)
		fail("fork");
	result = *took;
	munmap(took, sizeof(*took));
	return result;
}

static void section_brief(void)
{
	uint64_t state = UINT64_C(88172645463325252), stopped;
	struct series took = { .count = 0 };
	double first;
	struct store *store;

	folder_make(parent);
	progress("brief: a million sessions");
	fill("ours", MILLION);
	stopped = disk_used();
	first = start_brief(0);
	for (int i = 0; i < STARTS; i++)
		series_add(&took, start_brief(chance(&state) % MILLION));
	row("opening the store in a plain CGI process, first operation included, 1,000,000 stored", middle(&took) / 1e3, at_most(1, "ms"),
	    "median of %d; shortest %.3f, longest %.3f ms; the first after an orderly stop %.3f ms", STARTS, least(&took) / 1e3,
	    most(&took) / 1e3, first / 1e3);
	progress("brief: random changes for %.0f s", seconds);
	store = open_ours("ours", STORE_SYNC_EVERY_SECOND, false);
	work(store, MILLION, seconds, &state);
	row("octets on disk per session with two counters, everything counted, 1,000,000 stored", (double)stopped / MILLION,
	    at_most(400, "octets"), "after an orderly stop; %.0f in the middle of random changes, journal included",
	    (double)disk_used() / MILLION);
	store_close(store);
	test_folder_remove(folder);
}

/* ---- always: SESSION_SYNC=always -------------------------------------------------------------------------------------- */

#define CLIENTS 16

struct client {
	struct store *store;
	double rate, duration;
	uint64_t state;
};

static void *client_run(void *context)
{
	struct client *client = context;
	int64_t begin = now_ns(), end = begin + (int64_t)(client->duration * 1e9);
	struct record record;
	uint64_t done = 0;

	record_init(&record);
	for (; now_ns() < end; done++)
		change(client->store, chance(&client->state) % 1000, &record);
	record_free(&record);
	client->rate = (double)done / since(begin);
	return NULL;
}

static double work_clients(struct store *store, double duration)
{
	struct client clients[CLIENTS];
	pthread_t threads[CLIENTS];
	double sum = 0;

	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client){ .store = store, .state = UINT64_C(88172645463325252) + i, .duration = duration };
		if ((errno = pthread_create(&threads[i], NULL, client_run, &clients[i])) != 0)
			fail("pthread_create");
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		pthread_join(threads[i], NULL);
		sum += clients[i].rate;
	}
	return sum;
}

/* Each change of as many octets as a frame has, written to a file that has its room, and synced. */
static double work_synced(int fd, double duration)
{
	int64_t begin = now_ns(), end = begin + (int64_t)(duration * 1e9);
	static uint64_t at;
	uint64_t done = 0;
	char octets[144] = "x";

	for (; now_ns() < end; done++, at = (at + sizeof(octets)) % (64u << 20))
		if (pwrite(fd, octets, sizeof(octets), (off_t)at) < 0 || fdatasync(fd) != 0)
			fail("fdatasync");
	return (double)done / since(begin);
}

static void section_always(void)
{
	struct series ours = { .count = 0 }, alone = ours, ratio = ours;
	char path[PATH_MAX + 32];
	struct store *store;
	int fd;

	folder_make(parent);
	snprintf(path, sizeof(path), "%s/synced", folder);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || (errno = posix_fallocate(fd, 0, 64 << 20)) != 0)
		fail(path);
	fill("ours", 1000);
	store = open_ours("ours", STORE_SYNC_ALWAYS, false);
	for (int i = 0; i < rounds; i++) {
		double one = series_add(&alone, work_synced(fd, seconds / 8));
		double many = series_add(&ours, work_clients(store, seconds / 8));

		series_add(&ratio, many / one);
		progress("always: round %d of %d: one sync each %.0f, 16 clients %.0f op/s", i + 1, rounds, one, many);
	}
	row("SESSION_SYNC=always, 16 clients, against one fdatasync for each change", middle(&ratio), at_least(3, 8),
	    "%.0f against %.0f op/s; ratio %.2f to %.2f in %d rounds", middle(&ours), middle(&alone), least(&ratio), most(&ratio), rounds);
	store_close(store);
	close(fd);
	test_folder_remove(folder);
}

/* ---- ten-million -------------------------------------------------------------------------------------------------------- */

/*
 * Creates sessions from the one numbered from on until the journal was filled three times over and all of that is merged; microseconds
 * each. *to is where it ended.
 */
static double create_merged(const char *name, uint64_t from, uint64_t *to)
{
	struct store *store = open_ours(name, STORE_SYNC_EVERY_SECOND, false);
	unsigned last;
	int64_t begin = now_ns();
	uint64_t n = from;

	last = segments_of(name).last;
	while (segments_of(name).last < last + 4) {
		create(store, n, n + 20000, 604800);
		n += 20000;
	}
	await_merges(name);
	*to = n;
	begin = now_ns() - begin;
	store_close(store);
	return (double)begin / 1e3 / (double)(n - from);
}

static void print_hot(struct crew *little, struct crew *large)
{
	struct series small = { .count = 0 }, big = small, ratio = small;
	double turn = seconds / 4;

	crew_work(little, HOT, seconds);
	crew_work(large, HOT, seconds);
	for (int i = 0; i < rounds; i++) {
		double s = series_add(&small, 1e6 / crew_work(little, HOT, turn)), b = series_add(&big, 1e6 / crew_work(large, HOT, turn));

		series_add(&ratio, b / s);
	}
	row("one read-modify-write on a working set of 10,000, 10,000,000 stored against 10,000 stored", middle(&ratio), at_most(1.5, "x"),
	    "%.3f against %.3f us; ratio %.2f to %.2f in %d rounds", middle(&big), middle(&small), least(&ratio), most(&ratio), rounds);
}

static void print_memory(struct crew *crew)
{
	uint64_t anonymous = 0, shared = 0;
	double rate = crew_work(crew, sessions_large, 10 * seconds);

	for (unsigned i = 0; i < crew->size; i++) {
		anonymous = crew->seats[i].anonymous > anonymous ? crew->seats[i].anonymous : anonymous;
		shared = crew->seats[i].shared > shared ? crew->seats[i].shared : shared;
	}
	row("RssAnon of a worker at 10,000,000 sessions, steady random load", (double)anonymous / 1024, at_most(128, "MiB"),
	    "the most of %u workers, %.0f op/s together; %.0f MiB of files in memory besides while one merges", crew->size, rate,
	    (double)shared / 1024);
}

static void section_ten_million(void)
{
	struct crew *little, *large, *crowd;
	double first, last;
	uint64_t end, stored;
	int64_t begin = now_ns();

	folder_make(parent);
	fill("little", HOT);
	progress("ten-million: three journals from 100,000 sessions on");
	fill("first", MILLION / 10);
	first = create_merged("first", MILLION / 10, &end);
	progress("ten-million: %.2f us each, up to %" PRIu64 "; now all of them", first, end);
	fill("ours", sessions_large);
	stored = disk_used();
	progress("ten-million: stored after %.0f s, with the little ones %.0f octets each", since(begin),
	         (double)stored / (double)(sessions_large + end + HOT));
	little = crew_begin(1, "little");
	large = crew_begin(1, "ours");
	print_hot(little, large);
	crew_end(little);
	crew_end(large);
	progress("ten-million: random load");
	crowd = crew_begin(4, "ours");
	print_memory(crowd);
	crew_end(crowd);
	progress("ten-million: three journals from 10,000,000 sessions on");
	last = create_merged("ours", sessions_large, &stored);
	row("creating a session, merges included, 10,000,000 stored against 100,000", last / first, at_most(2, "x"),
	    "%.2f us each up to %" PRIu64 ", against %.2f us each up to %" PRIu64, last, stored, first, end);
	progress("ten-million: %.0f s", since(begin));
	test_folder_remove(folder);
}

/* ---- the program -------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(void);
	bool by_default;
} sections[] = {
	{ "small", section_small, true },
	{ "random", section_random, true },
	{ "brief", section_brief, true },
	{ "always", section_always, true },
	{ "ten-million", section_ten_million, false },
};

#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

static const char *value_of(int argc, char **argv, int *i)
{
	if (*i + 1 >= argc) {
		fprintf(stderr, "bench/store: %s needs a value\n", argv[*i]);
		exit(2);
	}
	return argv[++*i];
}

static void usage(void)
{
	fprintf(stderr, "usage: bench/store [small|random|brief|always|ten-million]... [--seconds 0.1-60] [--rounds 1-99] [--sessions N] "
	                "[--folder DIR]\n");
	exit(2);
}

static void limits(void)
{
	if (!(seconds >= 0.1 && seconds <= 60) || rounds < 1 || rounds > ROUNDS_MAX || sessions_large < HOT)
		usage();
}

int main(int argc, char **argv)
{
	bool chosen[SECTIONS] = { false }, any = false;

	parent = getenv("TMPDIR") ? getenv("TMPDIR") : "/var/tmp";
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
		for (size_t s = 0; s < SECTIONS && !known; s++)
			if (strcmp(argv[i], sections[s].name) == 0)
				known = any = chosen[s] = true;
		if (!known)
			usage();
	}
	limits();
	printf("| figure | measured | | floor | |\n|---|--:|---|---|---|\n");
	fflush(stdout);
	for (size_t s = 0; s < SECTIONS; s++)
		if (any ? chosen[s] : sections[s].by_default)
			sections[s].run();
	return 0;
}

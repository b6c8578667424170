/* ours.c - the store as a service uses it: sessions with two counters. */

#include "bench/ours.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/report.h"
#include "store/gdbm/control.h"

/* ---- folders ------------------------------------------------------------------------------------------------------- */

char folder[PATH_MAX];

void folder_make(const char *parent)
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

uint64_t disk_used(void)
{
	folder_octets = 0;
	nftw(folder, add_octets, 16, FTW_PHYS);
	return folder_octets;
}

struct segments segments_of(const char *store)
{
	char path[PATH_MAX + 32];
	uint64_t word = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/%s/control", folder, store);
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		if (pread(fd, &word, sizeof(word), offsetof(struct control, segments)) != (ssize_t)sizeof(word))
			fail(path);
		close(fd);
	}
	return (struct segments){ control_first(word), control_last(word) };
}

void await_merges(const char *store)
{
	struct segments segments = segments_of(store);

	while (segments.first < segments.last) {
		rest(0.01);
		segments = segments_of(store);
	}
}

/* ---- ours ---------------------------------------------------------------------------------------------------------- */

struct store_key key_of(uint64_t n)
{
	struct store_key key;

	for (uint64_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
		uint64_t sum = record_sum(&n, sizeof(n), i + 1);

		memcpy(key.octets + 8 * i, &sum, 8);
	}
	return key;
}

struct store *open_ours(const char *name, enum store_sync sync, bool brief)
{
	char location[PATH_MAX + 32], why[512] = "";
	struct store_options options = { .location = location, .wait_ms = 2000, .sync = sync, .brief = brief, .why = why, .why_size = 512 };
	struct store *store;

	snprintf(location, sizeof(location), "gdbm:%s/%s", folder, name);
	if (store_open(&store, &options) != STORE_OK) {
		fprintf(stderr, "bench/store: %s\n", why);
		exit(1);
	}
	return store;
}

const struct store_change two_counters[2] = {
	{ .what = STORE_ADD, .name = "visits", .name_size = 6, .number = 1, .until = RECORD_NEVER },
	{ .what = STORE_ADD, .name = "events", .name_size = 6, .number = 1, .until = RECORD_NEVER },
};

static void apply(struct store *store, uint64_t n, enum store_condition condition, int64_t lifetime, struct record *record)
{
	int64_t now = time(NULL);
	struct store_update update = { .condition = condition,
		                       .now = now,
		                       .idle_deadline = now + lifetime,
		                       .final_deadline = now + 2592000,
		                       .extend_before = INT64_MIN,
		                       .changes = two_counters,
		                       .count = condition == STORE_IF_PRESENT ? 1 : 2 };
	struct store_key key = key_of(n);
	int status;

	/* Sessions are created faster than they can be merged, so this may have to wait, longer than a request would. */
	do
		status = store_apply(store, &key, &update, record);
	while (status == STORE_BUSY && condition == STORE_IF_ABSENT);

	if (status != STORE_OK) {
		fprintf(stderr, "bench/store: session %" PRIu64 ": %s\n", n, store_status_name(status));
		exit(1);
	}
}

void change(struct store *store, uint64_t n, struct record *record)
{
	apply(store, n, STORE_IF_PRESENT, 604800, record);
}

void create(struct store *store, uint64_t from, uint64_t to, int64_t lifetime)
{
	struct record record;

	record_init(&record);
	for (uint64_t n = from; n < to; n++) {
		if (n > from && (n - from) % (2 * MILLION) == 0)
			progress("%" PRIu64 " million sessions", n / MILLION);
		apply(store, n, STORE_IF_ABSENT, lifetime, &record);
	}
	record_free(&record);
}

void fill(const char *name, uint64_t sessions)
{
	struct store *store = open_ours(name, STORE_SYNC_EVERY_SECOND, false);

	create(store, 0, sessions, 604800);
	store_close(store);
}

double work(struct store *store, uint64_t of, double duration, uint64_t *state)
{
	int64_t begin = now_ns(), end = begin + (int64_t)(duration * 1e9);
	struct record record;
	uint64_t done = 0;

	record_init(&record);
	while (now_ns() < end)
		for (int i = 0; i < 16; i++, done++)
			change(store, chance(state) % of, &record);
	record_free(&record);
	return (double)done / since(begin);
}

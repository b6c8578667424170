/*
 * life.c - a session's life in the GDBM store: deadlines to the second whichever way the clock steps, expired ones going away by themselves
 * in bounded steps, and space that is used again: a year of churn.
 */

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/gdbm/base.h"
#include "store/gdbm/journal.h"
#include "store/gdbm/keeper.h"
#include "store/gdbm/membership.h"
#include "store/store.h"
#include "tests/store/folder.h"
#include "tests/tap.h"

#define DAY 86400
#define LIVE 7000
#define A_DAY (LIVE / 7)
#define REBUILD_ROUNDS 64

static char folder[64], location[128], path[96];
static struct store *store;

static struct store_key key_of(uint64_t n)
{
	struct store_key key;

	for (uint64_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
		uint64_t sum = record_sum(&n, sizeof(n), i + 1);

		memcpy(key.octets + 8 * i, &sum, 8);
	}
	return key;
}

static int change(uint64_t n, enum store_condition condition, int64_t now, int64_t idle)
{
	struct store_change two[] = { { .what = STORE_ADD, .name = "visits", .name_size = 6, .number = 1, .until = RECORD_NEVER },
		                      { .what = STORE_ADD, .name = "events", .name_size = 6, .number = 1, .until = RECORD_NEVER } };
	struct store_update update = { .condition = condition,
		                       .now = now,
		                       .idle_deadline = now + idle,
		                       .final_deadline = now + 30 * DAY,
		                       .extend_before = INT64_MAX,
		                       .changes = two,
		                       .count = 2 };
	struct store_key key = key_of(n);
	struct record record;
	int status;

	record_init(&record);
	status = store_apply(store, &key, &update, &record);
	record_free(&record);
	return status;
}

static int status_at(uint64_t n, int64_t now)
{
	struct store_key key = key_of(n);
	struct record record;
	int status;

	record_init(&record);
	status = store_load(store, &key, now, &record);
	record_free(&record);
	return status;
}

/* brief: without a keeper of its own, whose time is the true one. */
static bool open_store(size_t journal_size, bool brief)
{
	char why[512];
	struct store_options options = { .location = location,
		                         .wait_ms = 5000,
		                         .sync = STORE_SYNC_NO,
		                         .brief = brief,
		                         .journal_size = journal_size,
		                         .why = why,
		                         .why_size = sizeof(why) };

	if (store_open(&store, &options) == STORE_OK)
		return true;
	printf("Bail out! %s\n", why);
	return false;
}

/* ---- deadlines ----------------------------------------------------------------------------------------------------- */

static void clock_steps(int64_t now)
{
	bool right = true;

	change(1, STORE_IF_ABSENT, now, 100);
	for (int64_t step = -5000; step <= 5000; step++)
		right = right && status_at(1, now + step) == (step < 100 ? STORE_OK : STORE_ABSENT);
	tap_ok(right, "at each second of a clock that steps, a session is there or not by that second alone");
	tap_ok(status_at(1, now + 50) == STORE_OK && status_at(1, now + 1000000) == STORE_ABSENT && status_at(1, now + 50) == STORE_OK,
	       "a clock that jumps ahead and back loses nothing");
	tap_ok(status_at(1, INT64_MAX) == STORE_ABSENT && status_at(1, INT64_MIN) == STORE_OK &&
	           status_at(1, INT64_C(1) << 32) == STORE_ABSENT,
	       "the ends of time are no special case");
}

/* ---- a second member of the store, which does what a running program's keeper does, at the time that we say ---------- */

struct member {
	struct membership membership;
	struct journal journal;
	struct keeper keeper;
};

static bool member_join(struct member *member)
{
	struct store_options options = { .location = path, .wait_ms = 5000 };
	struct merge merge = { .journal = &member->journal, .wait_ms = 5000 };

	if (membership_join(path, &options, &member->membership) != STORE_OK)
		return false;
	merge.base = base_new(member->membership.folder, member->membership.seed);
	journal_init(&member->journal, member->membership.folder, member->membership.control, member->membership.seed, 256 << 10, 5000);
	keeper_init(&member->keeper, &merge, false);
	return merge.base != NULL;
}

static void member_leave(struct member *member)
{
	keeper_stop(&member->keeper);
	journal_free(&member->journal);
	base_free(member->keeper.merge.base);
	membership_leave(&member->membership);
}

static double milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double longest_round;

static void rounds(struct member *member, int64_t now)
{
	for (int i = 0; i < REBUILD_ROUNDS; i++) {
		double begin = milliseconds(), took;

		keeper_round(&member->keeper, now);
		took = milliseconds() - begin;
		longest_round = took > longest_round ? took : longest_round;
	}
}

static uint64_t disk_used(void)
{
	DIR *entries = opendir(path);
	struct dirent *entry;
	struct stat st;
	uint64_t used = 0;

	while (entries && (entry = readdir(entries)))
		if (strstr(entry->d_name, ".gdbm") && fstatat(dirfd(entries), entry->d_name, &st, 0) == 0)
			used += (uint64_t)st.st_blocks * 512;
	if (entries)
		closedir(entries);
	return used;
}

static unsigned shards_in_use(struct member *member)
{
	unsigned used = 0;

	for (unsigned shard = 0; shard < CONTROL_SHARDS; shard++)
		used += base_shard_size(member->keeper.merge.base, shard) > 0;
	return used;
}

/* ---- a year -------------------------------------------------------------------------------------------------------- */

/* Each day as many visitors come as leave; a tenth log out at once, the others are gone a week later. */
static bool a_day(uint64_t day, int64_t now)
{
	for (uint64_t n = day * A_DAY; n < (day + 1) * A_DAY; n++) {
		struct store_tombstone grave = { .grace = now + 60, .final_deadline = now + 60 };
		struct store_key key = key_of(n + 1000);

		if (change(n + 1000, STORE_IF_ABSENT, now, 7 * DAY) != STORE_OK)
			return false;
		if (n % 10 == 0 && store_remove(store, &key, now, &grave) != STORE_OK)
			return false;
	}
	return true;
}

static uint64_t fresh_size(uint64_t day, int64_t now)
{
	uint64_t size;

	snprintf(location, sizeof(location), "gdbm:%s/fresh", folder);
	snprintf(path, sizeof(path), "%s/fresh", folder);
	if (!open_store(0, false))
		return 0;
	for (uint64_t d = day - 6; d <= day; d++)
		for (uint64_t n = d * A_DAY; n < (d + 1) * A_DAY; n++)
			if (n % 10 != 0)
				change(n + 1000, STORE_IF_ABSENT, now, 7 * DAY);
	store_close(store);
	size = disk_used();
	return size;
}

static void a_year(int64_t begin)
{
	struct member member;
	uint64_t used, most = 0, fresh, day;
	bool whole = true;

	if (!tap_ok(member_join(&member), "a second member joins the store"))
		return;
	for (day = 0; day < 365 && whole; day++) {
		whole = a_day(day, begin + (int64_t)day * DAY);
		if (day % 3 != 0)
			continue;
		(void)journal_freeze(&member.journal);
		rounds(&member, begin + (int64_t)day * DAY);
		used = disk_used();
		most = used > most ? used : most;
	}
	tap_ok(whole, "a year of visitors comes and goes");
	day--;
	tap_ok(status_at(day * A_DAY + 1001, begin + (int64_t)day * DAY) == STORE_OK &&
	           status_at((day - 8) * A_DAY + 1001, begin + (int64_t)day * DAY) == STORE_ABSENT,
	       "this week's are there, last week's are not");
	printf("# longest step of the keeper: %.1f ms\n", longest_round);
	tap_ok(longest_round < 5000, "no step of the keeper is long");
	tap_ok(shards_in_use(&member) == CONTROL_SHARDS, "all shards are in use");
	member_leave(&member);
	store_close(store);
	used = disk_used();
	most = used > most ? used : most;
	fresh = fresh_size(day, begin + (int64_t)day * DAY);
	printf("# at most %" PRIu64 " octets of GDBM files, %" PRIu64 " when fresh\n", most, fresh);
	tap_ok(fresh > 0 && most < 2 * fresh, "the files stay below twice their live size");
}

int main(void)
{
	int64_t now = time(NULL);

	if (!test_folder_make(folder))
		return 99;
	snprintf(location, sizeof(location), "gdbm:%s/store", folder);
	snprintf(path, sizeof(path), "%s/store", folder);
	if (!open_store(256 << 10, true))
		return 99;
	clock_steps(now);
	a_year(now);
	test_folder_remove(folder);
	return tap_done();
}

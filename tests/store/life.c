/*
 * life.c - a session's life in the GDBM store: deadlines to the second whichever way the clock steps, expired ones going away by themselves
 * in bounded steps while requests go on, and space that is used again: a year of churn.
 *
 * SESAME_LONG: ten times the sessions.
 */

#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
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
#define WEEK 7u
#define REBUILD_ROUNDS 64
#define SESSION_SIZE 160u /* octets on disk, about: a segment is a quarter of what is stored, as in a large store by itself */
#define REGULARS 50u      /* who come every day, and at work while the keeper is */
#define VISITS 40         /* of theirs before the keeper comes, and again while it is there */

static uint64_t live = 7000, a_day; /* sessions: there at any time, and new ones a day */
static size_t segment;
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
	journal_init(&member->journal, member->membership.folder, member->membership.control, member->membership.seed, segment, 5000);
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

static _Atomic int visits; /* that change something and are left for now: on a slow machine a day is long, and is to take no more room */
static double longest_round;

static void rounds(struct member *member, int64_t now)
{
	visits = VISITS;
	for (int i = 0; i < REBUILD_ROUNDS; i++) {
		double begin = milliseconds(), took;

		keeper_round(&member->keeper, now);
		took = milliseconds() - begin;
		longest_round = took > longest_round ? took : longest_round;
	}
}

/* Every file of the store: GDBM's, journals, what is mapped, what is being made. */
static uint64_t disk_used(void)
{
	DIR *entries = opendir(path);
	struct dirent *entry;
	struct stat st;
	uint64_t used = 0;

	while (entries && (entry = readdir(entries)))
		if (entry->d_name[0] != '.' && fstatat(dirfd(entries), entry->d_name, &st, 0) == 0)
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

/* ---- who comes meanwhile ------------------------------------------------------------------------------------------- */

static _Atomic int64_t today;
static _Atomic bool over;
static double longest_request;
static _Atomic unsigned refused;

static void *come_and_go(void *unused)
{
	(void)unused;
	for (uint64_t n = 0; !over; n++) {
		double begin = milliseconds(), took;
		bool changes = visits > 0;
		int status = changes ? change(n % REGULARS, STORE_IF_PRESENT, today, 7 * DAY) : status_at(n % REGULARS, today);

		if (changes && status == STORE_ABSENT)
			status = change(n % REGULARS, STORE_IF_ABSENT, today, 7 * DAY);
		refused += status != STORE_OK && status != STORE_EXISTS && (changes || status != STORE_ABSENT);
		visits -= changes;
		took = milliseconds() - begin;
		longest_request = took > longest_request ? took : longest_request;
		usleep(500);
	}
	return NULL;
}

/* ---- a year -------------------------------------------------------------------------------------------------------- */

/* Each day as many visitors come as leave; a tenth log out at once, the others are gone a week later. */
static bool live_a_day(uint64_t day, int64_t now)
{
	for (uint64_t n = day * a_day; n < (day + 1) * a_day; n++) {
		struct store_tombstone grave = { .grace = now + 60, .final_deadline = now + 60 };
		struct store_key key = key_of(n + 1000);

		if (change(n + 1000, STORE_IF_ABSENT, now, WEEK * DAY) != STORE_OK)
			return false;
		if (n % 10 == 0 && store_remove(store, &key, now, &grave) != STORE_OK)
			return false;
	}
	return true;
}

static uint64_t more(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Lives some days from the first on; the most that the disk held, 0 if a visitor was refused. */
static uint64_t live_days(struct member *member, uint64_t days, int64_t begin, bool looked_after)
{
	uint64_t most = 0;

	for (uint64_t day = 0; day < days; day++) {
		today = begin + (int64_t)day * DAY;
		visits = VISITS;
		if (!live_a_day(day, today))
			return 0;
		most = more(most, disk_used());
		if (!looked_after)
			continue;
		rounds(member, today);
		most = more(most, disk_used());
	}
	return most;
}

static void begin_in(const char *name)
{
	snprintf(location, sizeof(location), "gdbm:%s/%s", folder, name);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
}

/* What the sessions of a week take in a store that has nothing else, when it is closed. */
static uint64_t fresh_size(uint64_t days, int64_t begin)
{
	uint64_t size;

	begin_in("fresh");
	if (!open_store(0, false))
		return 0;
	for (uint64_t n = (days - WEEK) * a_day; n < days * a_day; n++)
		if (n % 10 != 0)
			change(n + 1000, STORE_IF_ABSENT, begin + (int64_t)(n / a_day) * DAY, WEEK * DAY);
	for (uint64_t n = 0; n < REGULARS; n++)
		change(n, STORE_IF_ABSENT, begin, WEEK * DAY);
	store_close(store);
	size = disk_used();
	return size;
}

static uint64_t some_days(uint64_t days, int64_t begin, bool looked_after)
{
	struct member member;
	uint64_t most;
	pthread_t visitor;

	if (!tap_ok(member_join(&member), "a second member joins the store"))
		return 0;
	over = false;
	today = begin;
	if (pthread_create(&visitor, NULL, come_and_go, NULL) != 0)
		return 0;
	most = live_days(&member, days, begin, looked_after);
	over = true;
	pthread_join(visitor, NULL);
	if (looked_after) {
		uint64_t last = days - 1;

		tap_ok(status_at(last * a_day + 1001, today) == STORE_OK && status_at((last - 8) * a_day + 1001, today) == STORE_ABSENT,
		       "this week's are there, last week's are not");
		tap_ok(shards_in_use(&member) == CONTROL_SHARDS, "all shards are in use");
	}
	member_leave(&member);
	store_close(store);
	return more(most, disk_used());
}

static void a_year(int64_t begin)
{
	uint64_t most = some_days(365, begin, true), fresh = fresh_size(365, begin), without = 0;

	tap_ok(most > 0, "a year of visitors comes and goes");
	printf("# longest step of the keeper %.1f ms, longest request meanwhile %.1f ms\n", longest_round, longest_request);
	tap_ok(refused == 0, "nobody who comes while expired sessions are removed is refused");
	printf("# %" PRIu64 " sessions: at most %.1f KiB on the disk in the year, all files; %.1f KiB when fresh and closed; %.2f times\n",
	       live, (double)most / 1024, (double)fresh / 1024, (double)most / (double)fresh);
	tap_ok(fresh > 0 && most < 2 * fresh, "the files stay below twice their live size, journals included");
	begin_in("neglected");
	if (open_store(segment, true))
		without = some_days(60, begin, false);
	printf("# %.1f KiB where nobody looks after them for two months\n", (double)without / 1024);
	tap_ok(without > 2 * fresh, "and that is because they are looked after");
}

int main(void)
{
	int64_t now = time(NULL);

	if (getenv("SESAME_LONG"))
		live *= 10;
	else if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1); /* a year of syncs takes long on a disk */
	if (!test_folder_make(folder))
		return 99;
	a_day = live / WEEK;
	segment = live * SESSION_SIZE / 4;
	begin_in("store");
	if (!open_store(segment, true))
		return 99;
	clock_steps(now);
	a_year(now);
	test_folder_remove(folder);
	return tap_done();
}

/* kill_ledger.c - what is known of each session, and the operations on them. */

#include "tests/store/kill_ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct ledger *ledger;

void complain(const char *format, ...)
{
	va_list arguments;

	if (ledger->wrong[0])
		return;
	va_start(arguments, format);
	vsnprintf(ledger->wrong, sizeof(ledger->wrong), format, arguments);
	va_end(arguments);
}

/* Where in its directory GDBM keeps a key, as long as the directory has its first size of 512. */
static unsigned directory_entry(const struct store_key *key)
{
	uint32_t hash = 0x238f13afu * STORE_KEY_SIZE;

	for (unsigned i = 0; i < STORE_KEY_SIZE; i++)
		hash = (hash + ((uint32_t)(int8_t)key->octets[i] << (i * 5 % 24))) & INT32_MAX;
	return ((hash * 1103515243u + 12345u) & INT32_MAX) >> 22;
}

static struct store_key keys[KEYS];

/* In one shard all but every sixteenth, and there in one entry of the directory, so that buckets split and the directory doubles. */
void choose_keys(void)
{
	for (uint64_t n = 0, attempt = 0; n < KEYS; attempt++) {
		struct store_key *key = &keys[n];

		for (uint64_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
			uint64_t sum = record_sum(&attempt, sizeof(attempt), i + 1);

			memcpy(key->octets + 8 * i, &sum, 8);
		}
		key->octets[0] = n % 16 == 15 ? key->octets[0] % 4 : CROWDED;
		n += n % 16 == 15 || directory_entry(key) == 1;
	}
}

uint64_t microseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void took(uint64_t begun)
{
	uint64_t us = microseconds() - begun;

	if (us > ledger->longest_us)
		ledger->longest_us = us;
}

/* ---- operations that keep the ledger ---------------------------------------------------------------------------------- */

static struct store_key key_of(unsigned n)
{
	return keys[n];
}

static void asked(unsigned n, int64_t would)
{
	ledger->entries[n].would = would;
	ledger->entries[n].flying = true;
}

static void answered(unsigned n, int status)
{
	struct entry *entry = &ledger->entries[n];

	if (status == STORE_OK)
		entry->is = entry->would;
	else
		complain("session %u: %s", n, store_status_name(status));
	entry->flying = false;
}

/* The value stands twice in a session: as a number, and as that many octets of itself. */
static size_t body_of(int64_t value, char body[512])
{
	size_t size = 100 + (size_t)value % 300;

	memset(body, (int)('a' + value % 26), size);
	return size;
}

int write_value(struct store *store, unsigned n, enum store_condition condition, int64_t value, int64_t lives)
{
	char body[512];
	struct store_change changes[2] = {
		{ .what = STORE_SET_INTEGER, .name = "n", .name_size = 1, .number = value, .until = RECORD_NEVER },
		{ .what = STORE_SET_OCTETS, .name = "body", .name_size = 4, .octets = body, .until = RECORD_NEVER },
	};
	struct store_update update = { .condition = condition,
		                       .now = ledger->now,
		                       .idle_deadline = ledger->now + lives,
		                       .final_deadline = ledger->now + 864000,
		                       .extend_before = INT64_MIN,
		                       .changes = changes,
		                       .count = 2 };
	struct store_key key = key_of(n);
	struct record record;
	int status;

	changes[1].size = (uint32_t)body_of(value, body);
	record_init(&record);
	status = store_apply(store, &key, &update, &record);
	record_free(&record);
	return status;
}

void create(struct store *store, unsigned n)
{
	asked(n, ledger->next++);
	answered(n, write_value(store, n, STORE_IF_ABSENT, ledger->entries[n].would, 86400));
}

void set(struct store *store, unsigned n)
{
	asked(n, ledger->next++);
	answered(n, write_value(store, n, STORE_IF_PRESENT, ledger->entries[n].would, 86400));
}

/* Takes two steps back, so that no other change leads to the same. The body says nothing of the new value then, so it goes. */
void add(struct store *store, unsigned n)
{
	struct store_change changes[2] = { { .what = STORE_ADD, .name = "n", .name_size = 1, .number = 100000, .until = RECORD_NEVER },
		                           { .what = STORE_UNSET, .name = "body", .name_size = 4 } };
	struct store_update update = {
		.condition = STORE_IF_PRESENT, .now = ledger->now, .extend_before = INT64_MIN, .changes = changes, .count = 2
	};
	struct store_key key = key_of(n);
	struct record record;

	asked(n, ledger->entries[n].is + 100000);
	record_init(&record);
	answered(n, store_apply(store, &key, &update, &record));
	record_free(&record);
}

static struct store_tombstone grave(void)
{
	return (struct store_tombstone){ .grace = ledger->now + 600, .final_deadline = ledger->now + 864000 };
}

void take_away(struct store *store, unsigned n)
{
	struct store_tombstone tombstone = grave();
	struct store_key key = key_of(n);

	asked(n, GONE);
	answered(n, store_remove(store, &key, ledger->now, &tombstone));
}

void move(struct store *store, unsigned from, unsigned to)
{
	struct store_update update = { .condition = STORE_IF_PRESENT, .now = ledger->now, .extend_before = INT64_MIN };
	struct store_key a = key_of(from), b = key_of(to);
	struct store_tombstone tombstone = grave();
	struct record record;
	int status;

	asked(from, GONE);
	asked(to, ledger->entries[from].is);
	ledger->renamed_from = (int)from;
	ledger->renamed_to = (int)to;
	record_init(&record);
	status = store_rename(store, &a, &b, &update, &tombstone, &record);
	record_free(&record);
	answered(to, status);
	answered(from, status);
	ledger->renamed_from = ledger->renamed_to = -1;
}

/* ---- looking --------------------------------------------------------------------------------------------------------- */

int64_t value_in(struct store *store, unsigned n)
{
	struct store_key key = key_of(n);
	struct record_field number, octets;
	struct record record;
	uint64_t begun = microseconds();
	char body[512];
	int64_t value = NONE;
	int status;

	record_init(&record);
	status = store_load(store, &key, ledger->now, &record);
	took(begun);
	if (status == STORE_GONE)
		value = GONE;
	else if (status == STORE_OK && record_find(record.octets, "n", 1, ledger->now, &number)) {
		value = number.number;
		if (record_find(record.octets, "body", 4, ledger->now, &octets) &&
		    (octets.size != body_of(value, body) || memcmp(octets.octets, body, octets.size) != 0))
			complain("session %u is half of one change and half of another", n);
	} else if (status != STORE_ABSENT)
		complain("session %u cannot be read: %s", n, store_status_name(status));
	record_free(&record);
	return value;
}

/* It has happened or not. */
static void look_at_rename(const char *when, int64_t seen[KEYS])
{
	int from = ledger->renamed_from, to = ledger->renamed_to;

	ledger->renamed_from = ledger->renamed_to = -1;
	if (from >= 0 && (seen[from] == GONE) != (seen[to] != NONE))
		complain("%s: the rename of session %d is half done", when, from);
}

void look(struct store *store, const char *when)
{
	int64_t seen[KEYS];

	for (unsigned n = 0; n < KEYS; n++)
		seen[n] = value_in(store, n);
	look_at_rename(when, seen);
	for (unsigned n = 0; n < KEYS; n++) {
		struct entry *entry = &ledger->entries[n];

		if (seen[n] != entry->is && !(entry->flying && seen[n] == entry->would))
			complain("%s: session %u is %" PRId64 ", should be %" PRId64 "%s%" PRId64, when, n, seen[n], entry->is,
			         entry->flying ? " or " : "; ", entry->would);
		entry->is = seen[n];
		entry->flying = false;
	}
}

static bool count_one(void *context, const struct store_key *key, const uint8_t *record)
{
	(void)key;
	(void)record;
	++*(unsigned *)context;
	return true;
}

unsigned walk_all(struct store *store)
{
	unsigned count = 0;
	uint64_t cursor = 0;
	struct store_walk walk = { .each = count_one, .context = &count, .now = ledger->now };
	int status;

	do
		status = store_walk(store, &cursor, &walk);
	while (status == STORE_OK && cursor != 0);
	if (status != STORE_OK)
		complain("walk: %s", store_status_name(status));
	return count;
}

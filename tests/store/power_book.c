/* power_book.c - the operations of power_cut, and what was so of each key at which time. */

#include "tests/store/power_book.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct book *book;
struct trace *trace;

void begin_book(void)
{
	memset(book, 0, sizeof(*book));
	book->now = time(NULL);
	book->brief_next = BRIEF * KEYS_EACH + OLD_EACH;
	for (uint32_t n = 0; n < KEYS; n++)
		book->keys[n].versions[0] = (struct version){ .count = n % KEYS_EACH < OLD_EACH ? 1 : NOTHING, .partner = -1 };
}

static struct store_key key_of(uint32_t n)
{
	struct store_key key;

	for (uint64_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
		uint64_t sum = record_sum(&n, sizeof(n), i + 1);

		memcpy(key.octets + 8 * i, &sum, 8);
	}
	key.octets[0] &= SHARDS - 1;
	return key;
}

struct store *open_store(const char *path, enum store_sync sync, bool brief)
{
	char location[128], why[256] = "";
	struct store_options options = { .location = location,
		                         .wait_ms = 5000,
		                         .sync = sync,
		                         .brief = brief,
		                         .journal_size = 64 << 10,
		                         .why = why,
		                         .why_size = sizeof(why) };
	struct store *store;

	snprintf(location, sizeof(location), "gdbm:%s", path);
	if (store_open(&store, &options) == STORE_OK)
		return store;
	printf("# %s\n", why);
	return NULL;
}

static struct store_update update_of(enum store_condition condition, const struct store_change *one)
{
	return (struct store_update){ .condition = condition,
		                      .now = book->now,
		                      .idle_deadline = book->now + 86400,
		                      .final_deadline = book->now + 864000,
		                      .extend_before = INT64_MIN,
		                      .changes = one,
		                      .count = one ? 1 : 0 };
}

int add(struct store *store, uint32_t n, enum store_condition condition)
{
	struct store_change one = { .what = STORE_ADD, .name = "n", .name_size = 1, .number = 1, .until = RECORD_NEVER };
	struct store_update update = update_of(condition, &one);
	struct store_key key = key_of(n);
	struct record record;
	int status;

	record_init(&record);
	status = store_apply(store, &key, &update, &record);
	record_free(&record);
	return status;
}

int look(struct store *store, uint32_t n, int32_t *ret)
{
	struct store_key key = key_of(n);
	struct record_field field;
	struct record record;
	int status;

	record_init(&record);
	status = store_load(store, &key, book->now, &record);
	*ret = status == STORE_GONE ? GONE : NOTHING;
	if (status == STORE_OK)
		*ret = record_find(record.octets, "n", 1, book->now, &field) ? (int32_t)field.number : -2;
	record_free(&record);
	return status == STORE_OK || status == STORE_GONE || status == STORE_ABSENT ? STORE_OK : status;
}

struct version *version_begin(uint32_t n, int32_t count, int32_t partner)
{
	struct key *key = &book->keys[n];
	struct version *version = &key->versions[key->last + 1];

	*version = (struct version){ .count = count, .partner = partner, .begun = trace_mark(trace), .answered = TRACE_NONE };
	atomic_fetch_add(&key->last, 1);
	return version;
}

int32_t count_now(uint32_t n)
{
	return book->keys[n].versions[book->keys[n].last].count;
}

int do_remove(struct store *store, uint32_t n, bool brief)
{
	struct store_tombstone grave = { .grace = book->now + (brief ? 0 : 600), .final_deadline = book->now + (brief ? 0 : 864000) };
	struct store_key key = key_of(n);

	return store_remove(store, &key, book->now, &grave);
}

int do_rename(struct store *store, uint32_t from, uint32_t to)
{
	struct store_tombstone grave = { .grace = book->now + 600, .final_deadline = book->now + 864000 };
	struct store_update update = update_of(STORE_IF_PRESENT, NULL);
	struct store_key a = key_of(from), b = key_of(to);
	struct record record;
	int status;

	record_init(&record);
	status = store_rename(store, &a, &b, &update, &grave, &record);
	record_free(&record);
	return status;
}

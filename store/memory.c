/*
 * memory.c - a store in the process's own memory, for tests and single-process toys: a hash table of chains under one lock. The plainest
 * reading of the contract, so the other back ends are measured against it.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

#define BUCKETS 4096u
#define SWEEP_STEP 64u /* buckets that one sweep looks at */

struct entry {
	struct entry *next;
	struct store_key key;
	size_t size;
	uint8_t octets[];
};

struct memory {
	struct store store;
	pthread_mutex_t lock;
	unsigned sweep_at;
	struct entry *buckets[BUCKETS];
};

static struct memory *memory_of(struct store *store)
{
	return (struct memory *)store;
}

static int memory_open(struct store **ret, const char *where, const struct store_options *options)
{
	struct memory *m;

	if (*where)
		return store_refuse(options, STORE_UNSUPPORTED, "'memory:%s': nothing may follow 'memory:'", where);
	if (options->existing)
		return store_refuse(options, STORE_ABSENT, "a store in memory belongs to one process, and is not to be seen from outside");
	m = calloc(1, sizeof(*m));
	if (!m)
		return store_refuse(options, STORE_NO_MEMORY, "out of memory");
	m->store.backend = &store_memory;
	pthread_mutex_init(&m->lock, NULL);
	*ret = &m->store;
	return STORE_OK;
}

static void memory_close(struct store *store)
{
	struct memory *m = memory_of(store);

	for (unsigned i = 0; i < BUCKETS; i++)
		while (m->buckets[i]) {
			struct entry *next = m->buckets[i]->next;

			free(m->buckets[i]);
			m->buckets[i] = next;
		}
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/* The link that points to the entry of key, or to the NULL at the end of its chain. */
static struct entry **link_of(struct memory *m, const struct store_key *key)
{
	unsigned bucket = (key->octets[0] | (unsigned)key->octets[1] << 8) % BUCKETS;
	struct entry **link = &m->buckets[bucket];

	while (*link && memcmp((*link)->key.octets, key->octets, STORE_KEY_SIZE) != 0)
		link = &(*link)->next;
	return link;
}

static const uint8_t *find(struct memory *m, const struct store_key *key)
{
	struct entry *entry = *link_of(m, key);

	return entry ? entry->octets : NULL;
}

static uint64_t changes_of(const uint8_t *old)
{
	return old ? record_changes(old) : 0;
}

static struct entry *entry_new(const struct store_key *key, const struct record *record)
{
	struct entry *entry = malloc(sizeof(*entry) + record->size);

	if (!entry)
		return NULL;
	entry->key = *key;
	entry->size = record->size;
	memcpy(entry->octets, record->octets, record->size);
	return entry;
}

static void entry_put(struct memory *m, struct entry *entry)
{
	struct entry **link = link_of(m, &entry->key);
	struct entry *old = *link;

	entry->next = old ? old->next : NULL;
	*link = entry;
	free(old);
}

/* Follows a forward, so that key names the record to work on and old is what stands there. */
static const uint8_t *lead_on(struct memory *m, struct store_key *key, int64_t now, bool *forwarded)
{
	const uint8_t *old = find(m, key);

	*forwarded = record_leads_on(old, now);
	if (*forwarded) {
		record_forward_key(old, key);
		old = find(m, key);
	}
	return old;
}

static int load_locked(struct memory *m, const struct store_key *key, int64_t now, struct record *ret)
{
	struct store_key at = *key;
	bool forwarded;
	const uint8_t *old = lead_on(m, &at, now, &forwarded);
	int status = record_status(old, now), copied;

	if (status == STORE_ABSENT)
		return status;
	copied = record_copy(ret, old, record_size(old));
	ret->forwarded = forwarded;
	return copied == STORE_OK ? status : copied;
}

static int memory_load(struct store *store, const struct store_key *key, int64_t now, struct record *ret)
{
	struct memory *m = memory_of(store);
	int status;

	pthread_mutex_lock(&m->lock);
	status = load_locked(m, key, now, ret);
	pthread_mutex_unlock(&m->lock);
	return status;
}

/* Stores what record holds under key. */
static int keep(struct memory *m, const struct store_key *key, struct record *record)
{
	struct entry *entry = entry_new(key, record);

	if (!entry) {
		record_free(record);
		return STORE_NO_MEMORY;
	}
	entry_put(m, entry);
	return STORE_OK;
}

static int apply_locked(struct memory *m, const struct store_key *key, const struct store_update *update, struct record *ret)
{
	struct store_update unextended = *update;
	struct store_key at = *key;
	bool forwarded;
	const uint8_t *old = lead_on(m, &at, update->now, &forwarded);
	int met = record_status(old, update->now), status = record_admit(met, update);

	if (status == STORE_GONE && record_copy(ret, old, record_size(old)) != STORE_OK)
		return STORE_NO_MEMORY;
	if (status != STORE_OK)
		return status;
	if (forwarded)
		unextended.extend_before = INT64_MIN;
	status = record_apply(met == STORE_OK ? old : NULL, changes_of(old), &at, &unextended, 0, ret);
	if (status == STORE_OK)
		status = keep(m, &at, ret);
	ret->forwarded = forwarded;
	return status;
}

static int memory_apply(struct store *store, const struct store_key *key, const struct store_update *update, struct record *ret)
{
	struct memory *m = memory_of(store);
	int status;

	pthread_mutex_lock(&m->lock);
	status = apply_locked(m, key, update, ret);
	pthread_mutex_unlock(&m->lock);
	return status;
}

static int bury(struct memory *m, const struct store_key *key, int64_t now, const struct store_tombstone *tombstone)
{
	struct record grave;
	int status;

	record_init(&grave);
	status = record_bury(changes_of(find(m, key)), key, now, tombstone, 0, &grave);
	if (status == STORE_OK)
		status = keep(m, key, &grave);
	record_free(&grave);
	return status;
}

static int memory_remove(struct store *store, const struct store_key *key, int64_t now, const struct store_tombstone *tombstone)
{
	struct memory *m = memory_of(store);
	struct store_key at = *key;
	int met, status = STORE_OK;
	bool forwarded;

	pthread_mutex_lock(&m->lock);
	met = record_status(lead_on(m, &at, now, &forwarded), now);
	if (met != STORE_GONE)
		status = bury(m, &at, now, tombstone);
	pthread_mutex_unlock(&m->lock);
	return status == STORE_OK ? met : status;
}

static int rename_locked(struct memory *m, const struct store_key *from, const struct store_key *to, const struct store_update *update,
                         const struct store_tombstone *tombstone, struct record *ret)
{
	struct store_tombstone grave = *tombstone;
	const uint8_t *old = find(m, from);
	int status = record_status(old, update->now);

	if (status == STORE_GONE && record_copy(ret, old, record_size(old)) != STORE_OK)
		return STORE_NO_MEMORY;
	if (status != STORE_OK)
		return status;
	if (record_status(find(m, to), update->now) != STORE_ABSENT)
		return STORE_EXISTS;
	status = record_apply(old, record_changes(old), to, update, 0, ret);
	if (status == STORE_OK)
		status = keep(m, to, ret);
	grave.forward_key = *to;
	if (status == STORE_OK && bury(m, from, update->now, &grave) != STORE_OK) {
		struct entry **link = link_of(m, to), *unwanted = *link;

		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): keep has just put it there */
		*link = unwanted->next;
		free(unwanted);
		record_free(ret);
		status = STORE_NO_MEMORY;
	}
	return status;
}

static int memory_rename(struct store *store, const struct store_key *from, const struct store_key *to, const struct store_update *update,
                         const struct store_tombstone *tombstone, struct record *ret)
{
	struct memory *m = memory_of(store);
	int status;

	pthread_mutex_lock(&m->lock);
	status = rename_locked(m, from, to, update, tombstone, ret);
	pthread_mutex_unlock(&m->lock);
	return status;
}

/* A page is one bucket, copied, so that each may call the store. */
static int page_copy(struct memory *m, unsigned bucket, struct entry **ret)
{
	struct record record;

	for (struct entry *entry = m->buckets[bucket]; entry; entry = entry->next) {
		record_init(&record);
		record.octets = entry->octets;
		record.size = entry->size;
		struct entry *copy = entry_new(&entry->key, &record);

		if (!copy)
			return STORE_NO_MEMORY;
		copy->next = *ret;
		*ret = copy;
	}
	return STORE_OK;
}

static int memory_walk(struct store *store, uint64_t *cursor, const struct store_walk *walk)
{
	struct memory *m = memory_of(store);
	struct entry *page = NULL;
	bool go_on;
	int status;

	pthread_mutex_lock(&m->lock);
	status = page_copy(m, (unsigned)(*cursor % BUCKETS), &page);
	pthread_mutex_unlock(&m->lock);
	go_on = status == STORE_OK;
	while (page) {
		struct entry *next = page->next;

		if (go_on && record_status(page->octets, walk->now) == STORE_OK)
			go_on = walk->each(walk->context, &page->key, page->octets);
		free(page);
		page = next;
	}
	*cursor = go_on && *cursor + 1 < BUCKETS ? *cursor + 1 : 0;
	return status;
}

static void sweep_bucket(struct entry **link, int64_t now, struct store_swept *ret)
{
	while (*link) {
		struct entry *entry = *link;

		if (now < record_deadline(entry->octets)) {
			link = &entry->next;
			continue;
		}
		*link = entry->next;
		free(entry);
		ret->removed++;
	}
}

static int memory_sweep(struct store *store, int64_t now, struct store_swept *ret)
{
	struct memory *m = memory_of(store);

	pthread_mutex_lock(&m->lock);
	for (unsigned i = 0; i < SWEEP_STEP; i++, m->sweep_at = (m->sweep_at + 1) % BUCKETS)
		sweep_bucket(&m->buckets[m->sweep_at], now, ret);
	ret->more = m->sweep_at != 0;
	ret->steps = BUCKETS / SWEEP_STEP;
	ret->step = ret->more ? m->sweep_at / SWEEP_STEP : ret->steps;
	pthread_mutex_unlock(&m->lock);
	return STORE_OK;
}

/* Nothing can be damaged here but by a fault of the program itself. */
static int memory_examine(struct store *store, uint64_t *cursor, const struct store_examination *examination, struct store_findings *ret)
{
	struct memory *m = memory_of(store);

	pthread_mutex_lock(&m->lock);
	for (struct entry *entry = m->buckets[*cursor % BUCKETS]; entry; entry = entry->next) {
		int status = record_status(entry->octets, examination->now);

		ret->live += status == STORE_OK;
		ret->gone += status == STORE_GONE;
		ret->expired += status == STORE_ABSENT;
	}
	pthread_mutex_unlock(&m->lock);
	ret->steps = BUCKETS;
	ret->step = (unsigned)(*cursor % BUCKETS) + 1;
	*cursor = ret->step % BUCKETS;
	return STORE_OK;
}

static int memory_salvage(struct store *store, int64_t now, struct store_salvaged *ret)
{
	(void)store;
	(void)now;
	(void)ret;
	return STORE_OK;
}

static int memory_measure(struct store *store, struct store_measures *ret)
{
	struct memory *m = memory_of(store);

	pthread_mutex_lock(&m->lock);
	for (unsigned i = 0; i < BUCKETS; i++)
		for (const struct entry *entry = m->buckets[i]; entry; entry = entry->next) {
			ret->records++;
			ret->octets += sizeof(*entry) + entry->size;
		}
	pthread_mutex_unlock(&m->lock);
	return STORE_OK;
}

static int memory_trouble(struct store *store, struct store_trouble *ret)
{
	(void)store;
	(void)ret;
	return STORE_OK;
}

const struct store_backend store_memory = {
	.scheme = "memory",
	.open = memory_open,
	.close = memory_close,
	.load = memory_load,
	.apply = memory_apply,
	.remove = memory_remove,
	.rename = memory_rename,
	.walk = memory_walk,
	.sweep = memory_sweep,
	.examine = memory_examine,
	.salvage = memory_salvage,
	.measure = memory_measure,
	.trouble = memory_trouble,
};

/* walk.c - all records, a shard at a time: visited, or swept. */

#include <stdlib.h>
#include <string.h>

#include "store/gdbm/base.h"
#include "store/gdbm/gdbm.h"

/* ---- walk ---------------------------------------------------------------------------------------------------------- */

static bool page_add(struct page *page, const struct store_key *key)
{
	if (page->count == page->capacity) {
		size_t capacity = page->capacity ? 2 * page->capacity : 1024;
		struct store_key *keys = realloc(page->keys, capacity * sizeof(*keys));

		if (!keys) {
			page->full = true;
			return false;
		}
		page->keys = keys;
		page->capacity = capacity;
	}
	page->keys[page->count++] = *key;
	return true;
}

static bool add_stored(void *context, const struct store_key *key, const uint8_t *record)
{
	(void)record;
	return page_add(context, key);
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, STORE_KEY_SIZE);
}

static void page_unique(struct page *page)
{
	size_t kept = 0;

	if (page->count > 1)
		qsort(page->keys, page->count, sizeof(page->keys[0]), by_key);
	for (size_t i = 0; i < page->count; i++)
		if (kept == 0 || by_key(&page->keys[kept - 1], &page->keys[i]) != 0)
			page->keys[kept++] = page->keys[i];
	page->count = kept;
}

/* The segments are read under the merging lock, which keeps them; a request never waits for that one. */
static int add_from_journal(struct page *page)
{
	struct gdbm *g = page->g;
	uint64_t segments = atomic_load(&g->control->segments);

	for (uint32_t n = control_first(segments); n <= control_last(segments) && !page->full; n++) {
		struct segment *segment;
		const struct store_key *key;
		const uint8_t *record;
		uint64_t slot = 0;
		int status = journal_segment(&g->journal, n, &segment);

		if (status == STORE_ABSENT)
			continue;
		if (status != STORE_OK)
			return status;
		while (segment_next(segment, &slot, page->shard, g->membership.seed, &key, &record, &page->in_journal))
			if (!page_add(page, key))
				break;
	}
	return page->full ? STORE_NO_MEMORY : STORE_OK;
}

int page_fill(struct page *page)
{
	struct gdbm *g = page->g;
	struct timespec deadline;
	int status;

	control_deadline(GDBM_PATIENCE_MS, &deadline);
	status = control_lock(&g->control->merging, &deadline);
	if (status != STORE_OK)
		return status;
	status = base_each(g->base, page->shard, add_stored, page, &page->in_base);
	if (status == STORE_DAMAGED) {
		page->in_base++;
		status = STORE_OK;
	}
	if (status == STORE_OK)
		status = add_from_journal(page);
	control_unlock(&g->control->merging);
	page_unique(page);
	return page->full ? STORE_NO_MEMORY : status;
}

void page_free(struct page *page)
{
	free(page->keys);
	page->keys = NULL;
}

static bool page_visit(struct page *page, const struct store_walk *walk, int *status)
{
	struct record record;
	bool go_on = true;

	record_init(&record);
	for (size_t i = 0; i < page->count && go_on; i++) {
		int loaded = gdbm_load_mended(page->g, &page->keys[i], walk->now, &record);

		if (loaded == STORE_OK)
			go_on = walk->each(walk->context, &page->keys[i], record.octets);
		else if (loaded == STORE_BUSY || loaded == STORE_UNAVAILABLE || loaded == STORE_NO_MEMORY)
			*status = loaded;
		go_on = go_on && *status == STORE_OK;
	}
	record_free(&record);
	return go_on;
}

int gdbm_walk(struct store *store, uint64_t *cursor, const struct store_walk *walk)
{
	struct page page = { .g = gdbm_of(store), .shard = (unsigned)(*cursor % CONTROL_SHARDS) };
	int status = gdbm_enter(page.g);
	bool go_on = false;

	if (status == STORE_OK)
		status = page_fill(&page);
	if (status == STORE_OK)
		go_on = page_visit(&page, walk, &status);
	page_free(&page);
	*cursor = go_on && *cursor + 1 < CONTROL_SHARDS ? *cursor + 1 : 0;
	return status;
}

/* ---- sweep --------------------------------------------------------------------------------------------------------- */

/* The first step merges what is in the journal, so that the shards' files tell everything. */
int gdbm_sweep(struct store *store, int64_t now, struct store_swept *ret)
{
	struct gdbm *g = gdbm_of(store);
	struct merge merge;
	int status = gdbm_enter(g);

	if (status != STORE_OK)
		return status;
	merge = gdbm_merge_of(g);
	if (g->sweep_at == 0) {
		status = journal_freeze(&g->journal);
		if (status == STORE_OK || status == STORE_BUSY)
			status = merge_run(&merge, 0, now, GDBM_PATIENCE_MS);
	}
	if (status == STORE_OK)
		status = merge_sweep(&merge, g->sweep_at, UINT32_MAX, now, GDBM_PATIENCE_MS, ret);
	if (status != STORE_OK)
		return status;
	ret->step = g->sweep_at + 1;
	ret->steps = CONTROL_SHARDS;
	g->sweep_at = (g->sweep_at + 1) % CONTROL_SHARDS;
	ret->more = g->sweep_at != 0;
	return STORE_OK;
}

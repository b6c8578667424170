/* gdbm.h - what an open store is made of; for the files that do its operations (gdbm.c, walk.c, repair.c). */
#ifndef STORE_GDBM_GDBM_H
#define STORE_GDBM_GDBM_H

#include "store/gdbm/control.h"
#include "store/gdbm/journal.h"
#include "store/gdbm/keeper.h"
#include "store/gdbm/membership.h"
#include "store/gdbm/merge.h"
#include "store/store.h"

#define GDBM_PATIENCE_MS 60000 /* an operator's walk, sweep or repair waits for a merge in the background */

struct base;

struct gdbm {
	struct store store;
	char *path;
	struct store_options options; /* location is path's own, why is not kept */
	struct membership membership;
	struct control *control; /* of membership */
	struct journal journal;
	struct base *base;
	struct keeper keeper;
	unsigned born;     /* forks when this process joined */
	unsigned sweep_at; /* the next shard of store_sweep */
};

static inline struct gdbm *gdbm_of(struct store *store)
{
	return (struct gdbm *)store;
}

/* To be called first by every operation: the child of a fork joins on its own. STORE_OK, or why it cannot. */
int gdbm_enter(struct gdbm *g);

/* What a merge of this store works on. */
struct merge gdbm_merge_of(struct gdbm *g);

/* Writes the damaged GDBM files anew that were met, from what can be read of them. True if there was one, and it is in order now. */
bool gdbm_mend(struct gdbm *g);

/* store_load without following a forward; STORE_BUSY also when the shard's GDBM file is damaged. The second puts it in order and goes on.
 */
int gdbm_load_once(struct gdbm *g, const struct store_key *key, int64_t now, struct record *ret);
int gdbm_load_mended(struct gdbm *g, const struct store_key *key, int64_t now, struct record *ret);

/*
 * Stores a valid record of key as it is, unless something as new or newer is there: STORE_OK, STORE_EXISTS, STORE_DAMAGED when what is
 * there may have been newer, or as store_apply.
 */
int gdbm_put_back(struct gdbm *g, const struct store_key *key, const uint8_t *record);

/* store_walk and store_sweep (walk.c); store_examine, store_salvage, store_measure and store_trouble (repair.c). */
int gdbm_walk(struct store *store, uint64_t *cursor, const struct store_walk *walk);
int gdbm_sweep(struct store *store, int64_t now, struct store_swept *ret);
int gdbm_examine(struct store *store, uint64_t *cursor, const struct store_examination *examination, struct store_findings *ret);
int gdbm_salvage(struct store *store, int64_t now, struct store_salvaged *ret);
int gdbm_measure(struct store *store, struct store_measures *ret);
int gdbm_trouble(struct store *store, struct store_trouble *ret);

/*
 * The keys of one shard, each once, and what of it does not check. A zeroed page with g and shard set is filled by page_fill under the
 * merging lock; page_free ends its use.
 */
struct page {
	struct gdbm *g;
	unsigned shard;
	struct store_key *keys;
	size_t count, capacity;
	bool full;           /* out of memory */
	uint64_t in_base;    /* places that do not check in the shard's GDBM file */
	uint64_t in_journal; /* and records in the journal */
};

int page_fill(struct page *page);
void page_free(struct page *page);

#endif

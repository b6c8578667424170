/*
 * merge.h - moves what the frozen segments hold into the GDBM files, and what has expired out of them.
 *
 * One process at a time merges, holding no lock that a request waits for: for each shard it copies the file, stores the newest record of
 * each key there, syncs the copy, renames it into place and raises the shard's generation. When all are done the segments are dropped. A
 * merge that dies at any point is begun again by the next one: doing it twice does no harm.
 */
#ifndef STORE_GDBM_MERGE_H
#define STORE_GDBM_MERGE_H

#include <stdint.h>

struct base;
struct journal;
struct store_swept;

/* What a merge works on; each must outlive it. */
struct merge {
	struct journal *journal;
	struct base *base;
	unsigned wait_ms;
};

/*
 * Merges the frozen segments but the newest keep at now. STORE_OK (there may have been none); STORE_BUSY when another process is at it, for
 * longer than wait_ms; otherwise what the system said, and nothing was lost: the segments stay.
 */
int merge_run(const struct merge *merge, unsigned keep, int64_t now, unsigned wait_ms);

/*
 * Looks through one shard's file at now, and writes it anew without what has expired, if that is at least one part in share of it or half
 * the file is waste. ret->removed says how many went. Bounded by the size of one shard. STORE_OK, STORE_BUSY as merge_run, or what the
 * system said.
 */
int merge_sweep(const struct merge *merge, unsigned shard, unsigned share, int64_t now, unsigned wait_ms, struct store_swept *ret);

#endif

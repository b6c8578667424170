/*
 * base.h - the GDBM files: where every session is that is not hot. The only place that calls GDBM.
 *
 * One file a shard, "00.gdbm" to "63.gdbm", key: the 16 octets of a store_key, value: the record. A file that anyone reads is never
 * written: a merge works on a copy, syncs it, and renames it into place; the shard's generation (control.h) then tells every process to
 * open it anew. So there is nothing to tear, and GDBM's own locks and caches do not matter.
 *
 * A struct base belongs to one process; any of its threads may read.
 */
#ifndef STORE_GDBM_BASE_H
#define STORE_GDBM_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/record.h"

struct base;

/* Reads files in folder, a descriptor that must outlive the base. NULL when out of memory. */
struct base *base_new(int folder, uint64_t seed);

/* Closes all files. NULL does nothing. */
void base_free(struct base *base);

/*
 * Reads the record of key from its shard's file of at least this generation. STORE_OK, ABSENT, DAMAGED (the record does not check), BUSY
 * (what leads to it does not: the file must be written anew first, merge_sweep), UNAVAILABLE with errno, NO_MEMORY.
 */
int base_fetch(struct base *base, unsigned shard, uint64_t generation, const struct store_key *key, struct record *ret);

/* Closes the files of generations before, which base_fetch leaves open: one a shard at most. For a thread in the background. */
void base_retire(struct base *base);

/*
 * Calls each with every valid record of a shard's file as it is now. False from each ends it. *damaged counts the places that do not check.
 * STORE_OK, DAMAGED when GDBM does not open it, UNAVAILABLE with errno, NO_MEMORY.
 */
int base_each(struct base *base, unsigned shard, bool (*each)(void *context, const struct store_key *key, const uint8_t *record),
              void *context, uint64_t *damaged);

/*
 * As base_each for a file that GDBM cannot read to its end, or should not: NN.gdbm followed by suffix ("" or ".damaged"). *lost counts the
 * records that are named there and do not check. STORE_OK, ABSENT when there is no such file, UNAVAILABLE with errno, NO_MEMORY.
 */
int base_rescue(struct base *base, unsigned shard, const char *suffix,
                bool (*each)(void *context, const struct store_key *key, const uint8_t *record), void *context, uint64_t *lost);

/* The number of records in a shard's file, whatever they are; quick. STORE_OK, DAMAGED, UNAVAILABLE with errno, NO_MEMORY. */
int base_count(struct base *base, unsigned shard, uint64_t *ret);

/* The octets of a shard's file, 0 if there is none. */
uint64_t base_shard_size(struct base *base, unsigned shard);

/* ---- merging ------------------------------------------------------------------------------------------------------- */

struct base_merge; /* a new file for one shard, in memory until it is whole; belongs to one thread */

/*
 * Begins a new file for a shard: as a copy of the present one with room for growth more octets and no more, or empty (the caller then puts
 * what is to live on). STORE_OK; STORE_DAMAGED when the present one must not be written to (then begin empty, from what base_each still
 * reads).
 */
int base_merge_begin(struct base *base, unsigned shard, bool empty, size_t growth, struct base_merge **ret);

/* Stores a record in the new file, or removes it from there. STORE_OK, UNAVAILABLE with errno, or DAMAGED (begin again, empty). */
int base_merge_put(struct base_merge *merge, const struct store_key *key, const uint8_t *record);
int base_merge_drop(struct base_merge *merge, const struct store_key *key);

/* Writes the new file beside the old one, without waiting for the disk. STORE_OK or why not. */
int base_merge_write(struct base_merge *merge);

/*
 * Puts count written files in place of the old ones, lastingly: all are synced, then renamed, then the folder is synced. Afterwards none of
 * the merges is there any more. STORE_OK or UNAVAILABLE with errno; then some of the files may be in place, which does no harm.
 */
int base_merge_end(struct base_merge **merges, unsigned count);

/* Throws the new file away. NULL does nothing. */
void base_merge_abandon(struct base_merge *merge);

/* Keeps a copy of a shard's file ("NN.gdbm.damaged"), for sesamectl repair. STORE_OK or UNAVAILABLE with errno. */
int base_set_aside(struct base *base, unsigned shard);

#endif

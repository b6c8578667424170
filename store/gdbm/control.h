/*
 * control.h - what all processes on one store share: locks, and a few words that say what is where.
 *
 * A mapped file, valid for one boot. Each word is published by one atomic store and no two belong together, so a process that is killed at
 * any instruction leaves nothing to repair: the next owner of its lock just goes on, after it has ended the change that the dead one had
 * begun, if any (journal_lock). What must outlive the boot is in the journal and the GDBM files alone.
 *
 *   stripes      a lock for each 1/4096 of the keys; held for one read-modify-write
 *   segments     first and last journal segment; the last is the active one, those before it are frozen and wait to be merged
 *   generations  one for each shard, raised when a merge has put a new GDBM file in place
 *   retired      segments below this number were merged, and nobody reads them any more
 *   written, synced   tickets of group commit (SESSION_SYNC=always): given out, and known to be on the disk
 *
 * Order of locks: stripes (the lower number first), then growth, then preparing. merging and syncing are taken with no other lock held.
 */
#ifndef STORE_GDBM_CONTROL_H
#define STORE_GDBM_CONTROL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "store/record.h"

#define CONTROL_SHARDS 64u
#define CONTROL_STRIPES 4096u   /* many: a process that loses the processor in one should not soon be in the way of all others */
#define CONTROL_RANGE 16u       /* and those that are left after a reboot: no more than this */
#define CONTROL_SWEEP_NOW (-1)  /* of sweep_due: the shard's GDBM file is damaged */
#define CONTROL_SEGMENTS_MAX 8u /* live segments; beyond it writers wait for the merge */

struct store_options;

struct control_stripe {
	_Alignas(64) pthread_mutex_t lock;
	_Atomic uint32_t orphaned; /* an owner died: what it had begun is to be ended before anything else */
	_Atomic uint64_t begun;    /* the frame that the owner writes, or was written last: segment << 32 | position / 16; 0: none */
};

struct control {
	char magic[16];
	uint32_t version;
	uint32_t size;
	char boot[40];                          /* the boot that the locks belong to */
	uint64_t device, inode;                 /* of this very file: a copied one is not trusted */
	uint64_t namespace;                     /* process ids are compared by robust locks: one pid namespace */
	_Alignas(64) _Atomic uint64_t segments; /* first << 32 | last */
	_Atomic uint32_t retired;               /* segments below this number are in use by nobody */
	_Alignas(64) _Atomic uint64_t written;
	_Alignas(64) _Atomic uint64_t synced;
	_Atomic int64_t sync_began; /* milliseconds of CLOCK_MONOTONIC: when the last sync did that ended well */
	_Atomic uint32_t sync_turn; /* raised when a sync has ended, well or not: who waits for one sleeps on this word */
	_Atomic int sync_error; /* errno of the last write to a journal file, if it failed: then no change is accepted until one succeeds */
	_Alignas(64) _Atomic uint64_t generations[CONTROL_SHARDS];
	_Atomic int64_t
	    sweep_due[CONTROL_SHARDS];          /* Unix seconds: when an eighth of the shard's GDBM file will be expired; 0: it is empty */
	_Atomic uint64_t damaged;               /* records and files met that did not check */
	_Alignas(64) pthread_mutex_t growth;    /* new segments, and more room in the active one */
	_Alignas(64) pthread_mutex_t preparing; /* the files of the segment after the active one */
	_Alignas(64) pthread_mutex_t merging;
	_Alignas(64) pthread_mutex_t syncing;
	struct control_stripe stripes[CONTROL_STRIPES];
};

static inline uint32_t control_first(uint64_t segments)
{
	return (uint32_t)(segments >> 32);
}

static inline uint32_t control_last(uint64_t segments)
{
	return (uint32_t)segments;
}

/* Segments below this number are in use by nobody; damage may have made that word anything. The first is read first: it only grows. */
static inline uint32_t control_retired(const struct control *control)
{
	uint32_t first = control_first(atomic_load(&control->segments)), retired = atomic_load(&control->retired);

	return first - retired < CONTROL_RANGE ? retired : first;
}

static inline unsigned control_stripe_of(const struct store_key *key)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): no caller has a key of which only parts are set */
	return (unsigned)(key->octets[1] | key->octets[2] << 8) % CONTROL_STRIPES;
}

static inline unsigned control_shard_of(const struct store_key *key)
{
	return key->octets[0] % CONTROL_SHARDS;
}

/*
 * Joins the control file of folder: maps it and checks that it is of this boot and this place. STORE_OK; STORE_ABSENT when there is none
 * that can be trusted (then control_make, under the exclusive lock of the folder); otherwise what the system said.
 */
int control_join(int folder, const struct store_options *options, struct control **ret);

/* Makes the control file anew. The caller holds the folder's exclusive lock, so nobody else is in the store. */
int control_make(int folder, const struct store_options *options, uint32_t first, uint32_t last, struct control **ret);

/* Ends the use of a joined control file. NULL does nothing. */
void control_leave(struct control *control);

/*
 * Locks one of the shared locks until deadline (CLOCK_MONOTONIC, see control_deadline). STORE_OK or STORE_BUSY. A lock whose owner died is
 * simply taken: every word that it guards is whole at any moment.
 */
int control_lock(pthread_mutex_t *lock, const struct timespec *deadline);

/* As control_lock, without waiting. */
int control_try(pthread_mutex_t *lock);

/*
 * As control_lock, for a stripe; deadline may be NULL: without waiting. If its owner died the stripe is marked as orphaned before anyone
 * can take the lock for whole. Only for journal_lock, which sees to that.
 */
int control_lock_stripe(struct control_stripe *stripe, const struct timespec *deadline);

void control_unlock(pthread_mutex_t *lock);

/* The moment wait_ms from now. */
void control_deadline(unsigned wait_ms, struct timespec *ret);

/* As control_deadline, by a clock that may be some milliseconds slow and costs next to nothing: for each operation. */
void control_deadline_coarse(unsigned wait_ms, struct timespec *ret);

/* Sleeps until *word is no longer seen, for wait_ms at most (or a little less: look again). */
void control_sleep(_Atomic uint32_t *word, uint32_t seen, unsigned wait_ms);

/* Raises *word and wakes all who sleep on it, in any process. */
void control_wake(_Atomic uint32_t *word);

/*
 * Sleeps for a moment: who has slept is not put off soon after. For threads in the background, before they take locks that requests wait
 * for.
 */
void control_rest(void);

/* True if deadline has passed. */
bool control_past(const struct timespec *deadline);

#endif

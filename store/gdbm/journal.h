/*
 * journal.h - the segments together: where the newest record of every hot key is.
 *
 * The last segment is active: changes go there. When it is full the next one begins at once, and the full one is frozen until it is merged
 * into the GDBM files (merge.h). A struct journal is one process's view; any of its threads may use it.
 */
#ifndef STORE_GDBM_JOURNAL_H
#define STORE_GDBM_JOURNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/gdbm/control.h"
#include "store/gdbm/segment.h"

#define JOURNAL_AHEAD 2u  /* segments that are made before they are needed */
#define JOURNAL_VIEWS 16u /* at least twice CONTROL_SEGMENTS_MAX */

struct journal {
	int folder;
	struct control *control;
	uint64_t seed;
	size_t segment_size; /* 0: grows with the store */
	unsigned wait_ms;
	unsigned pens;                           /* threads of this process that write at once, each in pages of its own */
	_Atomic uint32_t prepared;               /* this process has seen the files of this segment to be made */
	_Atomic uint32_t furnished;              /* and this one to have its room */
	_Atomic uint32_t narrow;                 /* 1: the active segment has little room left; 2: the keeper knows */
	_Atomic uint32_t retired;                /* views of segments below this one have been let go */
	_Atomic(struct segment *) syncing;       /* the one that a thread of this process syncs: not to be unmapped */
	_Atomic(struct segment *) gone;          /* no views any more, to be unmapped when no sync uses them */
	_Atomic uint32_t numbers[JOURNAL_VIEWS]; /* each set while there is no view in its place, so that none is looked into for it */
	_Atomic(struct segment *) views[JOURNAL_VIEWS]; /* number modulo JOURNAL_VIEWS */
};

/* folder and control must outlive the journal. */
void journal_init(struct journal *journal, int folder, struct control *control, uint64_t seed, size_t segment_size, unsigned wait_ms);

/* Unmaps all segments. */
void journal_free(struct journal *journal);

/*
 * The segment of this number, mapped when it is asked for first. It stays good while the caller holds a stripe that it took before it read
 * the number from control->segments, or the merging lock. STORE_OK, STORE_ABSENT, STORE_DAMAGED, STORE_UNAVAILABLE.
 */
int journal_segment(struct journal *journal, uint32_t number, struct segment **ret);

/*
 * Locks a stripe until deadline (NULL: without waiting) and, if an owner of it died, ends the change that that one had begun. STORE_OK;
 * STORE_BUSY; or why a segment cannot be mapped: then the stripe is not held, and the next one tries again. Unlocked by control_unlock.
 */
int journal_lock(struct journal *journal, unsigned stripe, const struct timespec *deadline);

/*
 * Passes every stripe once, so that whoever held one when this was called has let go: nobody still works with words read before. As
 * journal_lock; STORE_BUSY when one is held beyond wait_ms (its owner is stopped).
 */
int journal_quiesce(struct journal *journal, unsigned wait_ms);

/*
 * Finds the newest record of key; the caller holds its stripe. *recovered is true if it was read back after a reboot: then the GDBM file
 * may have a newer one. STORE_OK with *ret into a mapping, ABSENT, DAMAGED, UNAVAILABLE.
 */
int journal_find(struct journal *journal, const struct store_key *key, const uint8_t **ret, bool *recovered);

/*
 * Appends the entries to the active segment, beginning the next one where it must; the caller holds their stripes. STORE_OK; STORE_BUSY
 * when too many segments wait to be merged; STORE_UNAVAILABLE.
 */
int journal_append(struct journal *journal, const struct segment_entry *entries, unsigned count);

/*
 * Makes room in the active segment where it is narrow, and the files of the next segments, if they are not there, so that no request has to
 * wait for the disk. Of the next ones only the first takes room on the disk. For a thread in the background; that it fails is no error,
 * since then a request tries.
 */
void journal_prepare(struct journal *journal);

/* Freezes the active segment if it was used, so that all that was written can be merged. STORE_OK, BUSY or UNAVAILABLE. */
int journal_freeze(struct journal *journal);

/* Takes a ticket for what this thread has appended, to wait for with journal_sync. */
uint64_t journal_ticket(struct journal *journal);

/*
 * Returns when everything with a ticket up to this one is on the disk: one caller syncs for all who wait. STORE_OK, STORE_BUSY (another
 * one's sync takes too long) or STORE_UNAVAILABLE.
 */
int journal_sync(struct journal *journal, uint64_t ticket);

/* As journal_sync, for all that was appended so far, with or without a ticket. */
int journal_sync_all(struct journal *journal);

/* As journal_sync_all, unless one that any process began within the last age_ms has ended well. */
int journal_sync_older(struct journal *journal, unsigned age_ms);

/* Hands all that was written so far to the kernel, without waiting for the disk. STORE_OK, STORE_BUSY or STORE_UNAVAILABLE. */
int journal_log(struct journal *journal);

/* Lets go of segments that nobody uses any more. */
void journal_retire(struct journal *journal);

#endif

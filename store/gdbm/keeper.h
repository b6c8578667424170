/*
 * keeper.h - the threads that a long-running process has for its store: one syncs every second, one prepares segments, one merges and
 * sweeps. They are three since each may wait long for the disk, and what is answered must not stay unsynced meanwhile.
 *
 * They are begun by the first change, so that a process that only forks has none. All processes of a store have them; what is to be done is
 * done by whichever comes first.
 */
#ifndef STORE_GDBM_KEEPER_H
#define STORE_GDBM_KEEPER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "store/gdbm/merge.h"

enum keeper_role { KEEPER_SYNC, KEEPER_PREPARE, KEEPER_MERGE, KEEPER_ROLES };

struct keeper {
	struct merge merge;
	bool syncs; /* SESSION_SYNC is not "no" */
	_Atomic bool running;
	bool stop;
	_Atomic uint64_t noticed; /* the segments at the last waking */
	uint64_t seen;            /* and at the last round */
	pthread_t threads[KEEPER_ROLES];
	pthread_mutex_t lock;
	pthread_cond_t wake[KEEPER_ROLES]; /* what each sleeps on */
};

/* Prepares a keeper that does not run yet. */
void keeper_init(struct keeper *keeper, const struct merge *merge, bool syncs);

/* Begins the threads unless they run. That they cannot be begun is no error: callers of the store then sync and merge by themselves. */
void keeper_start(struct keeper *keeper);

/* True while they run. */
bool keeper_runs(const struct keeper *keeper);

/* After a change: if a segment has become full meanwhile, the next one is prepared, and the merger does not wait for its tick if two wait.
 */
void keeper_notice(struct keeper *keeper);

/* What the threads do at each tick, with the time given: prepares, syncs, merges, looks through one shard whose time has come. */
void keeper_round(struct keeper *keeper, int64_t now);

/* Ends the threads, if they run, and waits for them. */
void keeper_stop(struct keeper *keeper);

#endif

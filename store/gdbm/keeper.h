/*
 * keeper.h - the thread that a long-running process has for its store: syncs every second, merges, sweeps.
 *
 * It is begun by the first change, so that a process that only forks has none. All processes of a store have one; what is to be done is
 * done by whichever comes first.
 */
#ifndef STORE_GDBM_KEEPER_H
#define STORE_GDBM_KEEPER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "store/gdbm/merge.h"

struct keeper {
	struct merge merge;
	bool syncs; /* SESSION_SYNC is not "no" */
	_Atomic bool running;
	bool stop;
	_Atomic uint64_t noticed; /* the segments at the last waking */
	uint64_t seen;            /* and at the last round */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
};

/* Prepares a keeper that does not run yet. */
void keeper_init(struct keeper *keeper, const struct merge *merge, bool syncs);

/* Begins the thread unless it runs. That it cannot be begun is no error: callers of the store then merge by themselves. */
void keeper_start(struct keeper *keeper);

/* After a change: if a segment has become full meanwhile, and another waits already, the thread does not wait for its next tick. */
void keeper_notice(struct keeper *keeper);

/* What the thread does at each tick, with the time given: syncs, merges, looks through one shard whose time has come. */
void keeper_round(struct keeper *keeper, int64_t now);

/* Ends the thread, if it runs, and waits for it. */
void keeper_stop(struct keeper *keeper);

#endif

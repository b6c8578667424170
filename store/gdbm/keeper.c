/* keeper.c - the threads that look after the store. */

#include "store/gdbm/keeper.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "store/gdbm/base.h"
#include "store/gdbm/control.h"
#include "store/gdbm/journal.h"
#include "store/store.h"

#define TICK_MS 500   /* a change is on the disk a second after it at the latest: a tick, and the time that a sync takes */
#define SWEEP_SHARE 8 /* a shard is written anew when one in this many of its records has expired */
#define NICENESS 5    /* more than the program has: requests go first */

void keeper_init(struct keeper *keeper, const struct merge *merge, bool syncs)
{
	pthread_condattr_t attributes;

	keeper->merge = *merge;
	keeper->syncs = syncs;
	keeper->stop = false;
	keeper->seen = 0;
	atomic_store(&keeper->noticed, 0);
	atomic_store(&keeper->running, false);
	pthread_mutex_init(&keeper->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	for (int role = 0; role < KEEPER_ROLES; role++)
		pthread_cond_init(&keeper->wake[role], &attributes);
	pthread_condattr_destroy(&attributes);
}

/* One shard whose time has come, if any. */
static void sweep_one(const struct keeper *keeper, int64_t now)
{
	struct control *control = keeper->merge.journal->control;
	struct store_swept swept;

	for (unsigned shard = 0; shard < CONTROL_SHARDS; shard++) {
		int64_t due = atomic_load(&control->sweep_due[shard]);

		if (due == 0 || due > now)
			continue;
		(void)merge_sweep(&keeper->merge, shard, SWEEP_SHARE, now, 0, &swept);
		return;
	}
}

/*
 * One process syncs for all: after another one's sync half a tick is let pass. An error here is nobody's answer: no change is accepted
 * until a sync succeeds, and the next tick tries again.
 */
static void sync_round(const struct keeper *keeper, unsigned age_ms)
{
	struct journal *journal = keeper->merge.journal;

	(void)(keeper->syncs ? journal_sync_older(journal, age_ms) : journal_log(journal));
}

/*
 * What was not merged is still in the journal, so an error is nobody's here either.
 *
 * While segments fill quickly the newest frozen one waits: what is hot has been changed again by the time that its turn comes, and then
 * need not be merged.
 */
static void merge_round(struct keeper *keeper, int64_t now)
{
	struct journal *journal = keeper->merge.journal;
	uint64_t segments = atomic_load(&journal->control->segments);

	if (control_first(segments) < control_last(segments))
		(void)merge_run(&keeper->merge, segments == keeper->seen ? 0 : 1, now, 0);
	keeper->seen = segments;
	journal_retire(journal);
	base_retire(keeper->merge.base);
	sweep_one(keeper, now);
}

void keeper_round(struct keeper *keeper, int64_t now)
{
	journal_prepare(keeper->merge.journal);
	sync_round(keeper, 0);
	merge_round(keeper, now);
}

/* Waits for the moment or, if there is something to wake the role for, less; false at the end. With the lock held. */
static bool wait_until(struct keeper *keeper, enum keeper_role role, const struct timespec *moment)
{
	if (!keeper->stop)
		pthread_cond_timedwait(&keeper->wake[role], &keeper->lock, moment);
	return !keeper->stop;
}

/* The tick is counted from where a sync begins, so that one which takes longer is followed by the next at once. */
static void *run_syncs(void *argument)
{
	struct keeper *keeper = argument;
	struct timespec next;

	control_deadline(TICK_MS, &next);
	pthread_mutex_lock(&keeper->lock);
	while (wait_until(keeper, KEEPER_SYNC, &next)) {
		pthread_mutex_unlock(&keeper->lock);
		control_deadline(TICK_MS, &next);
		sync_round(keeper, TICK_MS / 2);
		pthread_mutex_lock(&keeper->lock);
	}
	pthread_mutex_unlock(&keeper->lock);
	return NULL;
}

static void *run_prepares(void *argument)
{
	struct keeper *keeper = argument;
	struct timespec next;

	control_deadline(TICK_MS, &next);
	pthread_mutex_lock(&keeper->lock);
	while (wait_until(keeper, KEEPER_PREPARE, &next)) {
		pthread_mutex_unlock(&keeper->lock);
		journal_prepare(keeper->merge.journal);
		control_deadline(TICK_MS, &next);
		pthread_mutex_lock(&keeper->lock);
	}
	pthread_mutex_unlock(&keeper->lock);
	return NULL;
}

static void *run_merges(void *argument)
{
	struct keeper *keeper = argument;
	struct timespec next;

	(void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), getpriority(PRIO_PROCESS, 0) + NICENESS);
	control_deadline(TICK_MS, &next);
	pthread_mutex_lock(&keeper->lock);
	while (wait_until(keeper, KEEPER_MERGE, &next)) {
		pthread_mutex_unlock(&keeper->lock);
		merge_round(keeper, time(NULL));
		control_deadline(TICK_MS, &next);
		pthread_mutex_lock(&keeper->lock);
	}
	pthread_mutex_unlock(&keeper->lock);
	return NULL;
}

/* Ends the first count threads, and waits for them. With the lock held, which it gives up meanwhile. */
static void end_threads(struct keeper *keeper, int count)
{
	keeper->stop = true;
	for (int role = 0; role < count; role++)
		pthread_cond_signal(&keeper->wake[role]);
	pthread_mutex_unlock(&keeper->lock);
	for (int role = 0; role < count; role++)
		pthread_join(keeper->threads[role], NULL);
	pthread_mutex_lock(&keeper->lock);
}

/* All or none. With the lock held. */
static bool start_threads(struct keeper *keeper)
{
	static void *(*const runs[KEEPER_ROLES])(void *) = { run_syncs, run_prepares, run_merges };

	for (int role = 0; role < KEEPER_ROLES; role++)
		if (pthread_create(&keeper->threads[role], NULL, runs[role], keeper) != 0) {
			end_threads(keeper, role);
			keeper->stop = false;
			return false;
		}
	return true;
}

/* Signals are for the program's own threads. */
void keeper_start(struct keeper *keeper)
{
	sigset_t all, before;

	if (atomic_load_explicit(&keeper->running, memory_order_relaxed))
		return;
	pthread_mutex_lock(&keeper->lock);
	if (!atomic_load(&keeper->running) && !keeper->stop) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		atomic_store(&keeper->running, start_threads(keeper));
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	pthread_mutex_unlock(&keeper->lock);
}

bool keeper_runs(const struct keeper *keeper)
{
	return atomic_load_explicit(&keeper->running, memory_order_relaxed);
}

void keeper_notice(struct keeper *keeper)
{
	struct journal *journal = keeper->merge.journal;
	uint64_t segments = atomic_load_explicit(&journal->control->segments, memory_order_relaxed);

	if (atomic_load_explicit(&journal->narrow, memory_order_relaxed) == 1 && atomic_exchange(&journal->narrow, 2) == 1)
		pthread_cond_signal(&keeper->wake[KEEPER_PREPARE]);
	if (atomic_load_explicit(&keeper->noticed, memory_order_relaxed) == segments)
		return;
	atomic_store_explicit(&keeper->noticed, segments, memory_order_relaxed);
	pthread_cond_signal(&keeper->wake[KEEPER_PREPARE]);
	if (control_first(segments) + 1 < control_last(segments))
		pthread_cond_signal(&keeper->wake[KEEPER_MERGE]);
}

void keeper_stop(struct keeper *keeper)
{
	pthread_mutex_lock(&keeper->lock);
	keeper->stop = true;
	if (atomic_exchange(&keeper->running, false))
		end_threads(keeper, KEEPER_ROLES);
	pthread_mutex_unlock(&keeper->lock);
	pthread_mutex_destroy(&keeper->lock);
	for (int role = 0; role < KEEPER_ROLES; role++)
		pthread_cond_destroy(&keeper->wake[role]);
}

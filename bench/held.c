/* held.c - measures how long locks are held. */

#include "bench/held.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store/gdbm/control.h"

#define HELD_AT_ONCE 16u

/* Where the control file of the process's store is mapped; 0: nothing is measured. */
static _Atomic uintptr_t control;
static _Thread_local bool requests; /* this thread's */

static _Thread_local struct {
	const void *lock;
	int64_t since;
} mine[HELD_AT_ONCE];

enum kind { NONE, STRIPE, GROWTH, LOCAL, MERGING, SYNCING, PREPARING, KINDS };

static const char *const names[KINDS] = { "none",
	                                  "the lock of a stripe",
	                                  "the lock for new segments and more room",
	                                  "a lock between the threads of one process",
	                                  "merging",
	                                  "syncing",
	                                  "preparing" };

static _Atomic int64_t longest[KINDS];

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void note_taken(const void *lock)
{
	if (atomic_load_explicit(&control, memory_order_relaxed) == 0)
		return;
	for (unsigned i = 0; i < HELD_AT_ONCE; i++)
		if (!mine[i].lock) {
			mine[i].lock = lock;
			mine[i].since = now_ns();
			return;
		}
}

static enum kind kind_of(const void *lock)
{
	uintptr_t at = (uintptr_t)lock - atomic_load_explicit(&control, memory_order_relaxed);

	if (at >= sizeof(struct control))
		return LOCAL;
	return at == offsetof(struct control, merging)     ? MERGING
	       : at == offsetof(struct control, syncing)   ? SYNCING
	       : at == offsetof(struct control, growth)    ? GROWTH
	       : at == offsetof(struct control, preparing) ? PREPARING
	                                                   : STRIPE;
}

/*
 * What a request holds for its own change is not what is asked for here; making room is. Where a request had to wait for files that are
 * being prepared, it would hold the lock for room as long.
 */
static void note_let_go(const void *lock)
{
	for (unsigned i = 0; i < HELD_AT_ONCE; i++)
		if (mine[i].lock == lock) {
			enum kind kind = kind_of(lock);
			int64_t time = now_ns() - mine[i].since, known = atomic_load(&longest[kind]);

			mine[i].lock = NULL;
			if (requests && kind == STRIPE)
				return;
			while (time > known && !atomic_compare_exchange_weak(&longest[kind], &known, time))
				;
			return;
		}
}

/* ---- the calls --------------------------------------------------------------------------------------------------------- */

int __real_pthread_mutex_lock(pthread_mutex_t *lock);
int __real_pthread_mutex_trylock(pthread_mutex_t *lock);
int __real_pthread_mutex_clocklock(pthread_mutex_t *lock, clockid_t clock, const struct timespec *until);
int __real_pthread_mutex_unlock(pthread_mutex_t *lock);
int __real_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __real_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int __real_pthread_rwlock_unlock(pthread_rwlock_t *lock);
int __real_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until);

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_trylock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_clocklock(pthread_mutex_t *lock, clockid_t clock, const struct timespec *until);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);
int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_unlock(pthread_rwlock_t *lock);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until);

static int taken(const void *lock, int error)
{
	if (error == 0)
		note_taken(lock);
	return error;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
	return taken(lock, __real_pthread_mutex_lock(lock));
}

int __wrap_pthread_mutex_trylock(pthread_mutex_t *lock)
{
	return taken(lock, __real_pthread_mutex_trylock(lock));
}

int __wrap_pthread_mutex_clocklock(pthread_mutex_t *lock, clockid_t clock, const struct timespec *until)
{
	return taken(lock, __real_pthread_mutex_clocklock(lock, clock, until));
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock)
{
	note_let_go(lock);
	return __real_pthread_mutex_unlock(lock);
}

int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
	return taken(lock, __real_pthread_rwlock_rdlock(lock));
}

int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	return taken(lock, __real_pthread_rwlock_wrlock(lock));
}

int __wrap_pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
	note_let_go(lock);
	return __real_pthread_rwlock_unlock(lock);
}

/* Who waits does not hold it. */
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until)
{
	int error;

	note_let_go(lock);
	error = __real_pthread_cond_timedwait(condition, lock, until);
	note_taken(lock);
	return error;
}

/* ---- what was found ---------------------------------------------------------------------------------------------------- */

void held_begin(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[5000];
	uintptr_t at = 0;

	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "/control\n") && at == 0)
			(void)sscanf(line, "%" SCNxPTR, &at);
	if (maps)
		fclose(maps);
	for (unsigned i = 0; i < KINDS; i++)
		atomic_store(&longest[i], 0);
	requests = true;
	atomic_store(&control, at);
}

void held_end(struct held *ret)
{
	memset(ret, 0, sizeof(*ret));
	atomic_store(&control, 0);
	for (int i = STRIPE; i <= LOCAL; i++)
		if ((double)atomic_load(&longest[i]) / 1e6 > ret->longest_ms) {
			ret->longest_ms = (double)atomic_load(&longest[i]) / 1e6;
			ret->longest_kind = i;
		}
	ret->merging_ms = (double)atomic_load(&longest[MERGING]) / 1e6;
	ret->syncing_ms = (double)atomic_load(&longest[SYNCING]) / 1e6;
}

static double longer(double a, double b)
{
	return a > b ? a : b;
}

void held_sum(struct held *sum, const struct held *held)
{
	if (held->longest_ms > sum->longest_ms) {
		sum->longest_ms = held->longest_ms;
		sum->longest_kind = held->longest_kind;
	}
	sum->merging_ms = longer(sum->merging_ms, held->merging_ms);
	sum->syncing_ms = longer(sum->syncing_ms, held->syncing_ms);
}

const char *held_name(const struct held *held)
{
	return names[held->longest_kind];
}

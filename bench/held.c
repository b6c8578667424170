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
#include <sys/resource.h>
#include <time.h>

#include "store/gdbm/control.h"

#define HELD_AT_ONCE 16u

/* Where the control file of the process's store is mapped; 0: nothing is measured. */
static _Atomic uintptr_t control;
static _Thread_local bool requests; /* this thread's */

/* What a thread has used so far. */
struct usage {
	int64_t time, processor;
	long sleeps;
};

enum kind { NONE, STRIPE, GROWTH, FILES, MERGING, SYNCING, PREPARING, UNASKED, KINDS };

static const char *const names[KINDS] = { "none",
	                                  "the lock of a stripe",
	                                  "the lock for new segments and more room",
	                                  "a process's lock for one GDBM file",
	                                  "merging",
	                                  "syncing",
	                                  "preparing",
	                                  "what nobody asks for" };

static _Thread_local struct {
	const void *lock;
	enum kind kind;
	struct usage since;
} mine[HELD_AT_ONCE];

static _Atomic int64_t longest_time[KINDS]; /* set with noting held, as the others */
static int64_t longest_processor[KINDS];
static _Atomic int64_t longest_asleep; /* of those in which the holder waited in the kernel, of the kinds up to FILES */
static _Atomic(const void *) keepers;  /* the lock with which the store's threads wait for each other */
static pthread_mutex_t noting = PTHREAD_MUTEX_INITIALIZER;

int __real_pthread_mutex_lock(pthread_mutex_t *lock);
int __real_pthread_mutex_unlock(pthread_mutex_t *lock);

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static struct usage usage_now(void)
{
	struct rusage rusage;

	getrusage(RUSAGE_THREAD, &rusage);
	return (
	    struct usage){ .time = clock_ns(CLOCK_MONOTONIC), .processor = clock_ns(CLOCK_THREAD_CPUTIME_ID), .sleeps = rusage.ru_nvcsw };
}

/*
 * What a request holds for its own reading and changing is not asked for; making room in the journal is. Nor is the lock with which the
 * store's threads wait for each other, and no request.
 */
static enum kind kind_of(const void *lock)
{
	uintptr_t at = (uintptr_t)lock - atomic_load_explicit(&control, memory_order_relaxed);

	if (lock == atomic_load_explicit(&keepers, memory_order_relaxed))
		return UNASKED;
	if (at >= sizeof(struct control))
		return requests ? UNASKED : FILES;
	return at == offsetof(struct control, merging)     ? MERGING
	       : at == offsetof(struct control, syncing)   ? SYNCING
	       : at == offsetof(struct control, growth)    ? GROWTH
	       : at == offsetof(struct control, preparing) ? PREPARING
	       : requests                                  ? UNASKED
	                                                   : STRIPE;
}

static void note_taken(const void *lock)
{
	enum kind kind;

	if (atomic_load_explicit(&control, memory_order_relaxed) == 0 || (kind = kind_of(lock)) == UNASKED)
		return;
	for (unsigned i = 0; i < HELD_AT_ONCE; i++)
		if (!mine[i].lock) {
			mine[i].lock = lock;
			mine[i].kind = kind;
			mine[i].since = usage_now();
			return;
		}
}

/* Most are no longer than what is known: they must not wait for each other here, with the store's locks in hand. */
static void note_time(enum kind kind, const struct usage *from, const struct usage *to)
{
	int64_t time = to->time - from->time;
	bool asleep = kind <= FILES && to->sleeps > from->sleeps;

	if (time <= atomic_load(&longest_time[kind]) && !(asleep && time > atomic_load(&longest_asleep)))
		return;
	__real_pthread_mutex_lock(&noting);
	if (asleep && time > longest_asleep)
		longest_asleep = time;
	if (time > longest_time[kind]) {
		longest_time[kind] = time;
		longest_processor[kind] = to->processor - from->processor;
	}
	__real_pthread_mutex_unlock(&noting);
}

/* Where a request had to wait for files that are being prepared, it would hold the lock for room as long. */
static void note_let_go(const void *lock)
{
	for (unsigned i = 0; i < HELD_AT_ONCE; i++)
		if (mine[i].lock == lock) {
			struct usage now = usage_now();

			mine[i].lock = NULL;
			note_time(mine[i].kind, &mine[i].since, &now);
			return;
		}
}

/* ---- the calls --------------------------------------------------------------------------------------------------------- */

int __real_pthread_mutex_trylock(pthread_mutex_t *lock);
int __real_pthread_mutex_clocklock(pthread_mutex_t *lock, clockid_t clock, const struct timespec *until);
int __real_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until);

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_trylock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_clocklock(pthread_mutex_t *lock, clockid_t clock, const struct timespec *until);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);
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

/* Who waits does not hold it. */
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until)
{
	int error;

	atomic_store(&keepers, lock);
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
	for (int i = 0; i < KINDS; i++)
		longest_time[i] = 0;
	longest_asleep = 0;
	requests = true;
	atomic_store(&control, at);
}

static double milliseconds(int64_t ns)
{
	return (double)ns / 1e6;
}

void held_end(struct held *ret)
{
	atomic_store(&control, 0);
	memset(ret, 0, sizeof(*ret));
	__real_pthread_mutex_lock(&noting);
	for (int i = STRIPE; i <= FILES; i++)
		if (milliseconds(longest_time[i]) > ret->longest_ms) {
			ret->longest_ms = milliseconds(longest_time[i]);
			ret->processor_ms = milliseconds(longest_processor[i]);
			ret->longest_kind = i;
		}
	ret->asleep_ms = milliseconds(longest_asleep);
	ret->merging_ms = milliseconds(longest_time[MERGING]);
	ret->syncing_ms = milliseconds(longest_time[SYNCING]);
	__real_pthread_mutex_unlock(&noting);
}

static double longer(double a, double b)
{
	return a > b ? a : b;
}

void held_sum(struct held *sum, const struct held *held)
{
	if (held->longest_ms > sum->longest_ms) {
		sum->longest_ms = held->longest_ms;
		sum->processor_ms = held->processor_ms;
		sum->longest_kind = held->longest_kind;
	}
	sum->asleep_ms = longer(sum->asleep_ms, held->asleep_ms);
	sum->merging_ms = longer(sum->merging_ms, held->merging_ms);
	sum->syncing_ms = longer(sum->syncing_ms, held->syncing_ms);
}

const char *held_name(const struct held *held)
{
	return names[held->longest_kind];
}

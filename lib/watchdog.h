/*
 * watchdog.h - ends requests that take too long, and wakes threads that are to leave.
 *
 * Every worker thread has a slot, in which it says what its connection is doing. The watchdog, the process's first thread, looks at the
 * slots every WATCHDOG_TICK milliseconds while a request is under way, and sleeps otherwise. It notes itself when it first saw a request,
 * so that a worker spends neither a system call nor a look at the clock on being watched: a request ends at its deadline or a few ticks
 * later.
 *
 * How an overdue connection is ended depends on who may close its descriptor:
 *
 *  - WATCHDOG_SERVING: only the worker, after it has left this phase. The watchdog calls shutdown(), which ends a read or write
 *    that is under way and lets all later ones fail.
 *  - WATCHDOG_RECEIVING: libfcgi, in the middle of FCGX_Accept_r, without our knowing; a shutdown() could meet another thread's new
 *    connection of the same number. The watchdog interrupts the thread instead, by SIGURG, until it has left: libfcgi takes EINTR for
 *    the end.
 *
 * While the watchdog acts on a slot, the slot is held and its worker waits before it changes phase. So neither the signal nor the shutdown
 * can meet anything but the overdue request itself.
 */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum watchdog_phase {
	WATCHDOG_GONE,      /* no thread, or it has left */
	WATCHDOG_RESTING,   /* not needed (serve_rota.c) */
	WATCHDOG_FREE,      /* waits for a connection */
	WATCHDOG_PARKED,    /* waits for the next request on a kept connection */
	WATCHDOG_RECEIVING, /* libfcgi reads the parameters, and may close the descriptor */
	WATCHDOG_SERVING,   /* the descriptor is the worker's */
	WATCHDOG_HELD       /* the watchdog is acting */
};

struct watchdog_slot {
	_Alignas(64) _Atomic uint64_t state; /* number of the request << 3 | phase */
	int descriptor;
	_Atomic bool interrupted; /* by watchdog_interrupt, maybe too late */
	pthread_t thread;
	/* The watchdog's own notes. */
	uint64_t noted;
	int64_t since;
	bool reported;
};

struct watchdog {
	struct watchdog_slot *slots;
	int slots_number;
	int64_t timeout; /* of one request, milliseconds */
	pthread_t thread;
	_Atomic bool asleep;
	/* As of the last look: requests that have been under way for more than a tick, and kept connections. */
	int slow;
	int parked;
};

#define WATCHDOG_SIGNAL SIGURG /* ignored by default, and nobody else sends it */
#define WATCHDOG_TICK 5        /* milliseconds */

/* Milliseconds of the monotonic clock. */
int64_t watchdog_clock(void);

/* For workers: the slot's thread begins to receive a request from descriptor. Wakes the watchdog if it sleeps. */
void watchdog_receive(struct watchdog *w, struct watchdog_slot *slot, int descriptor);

/* For workers: changes the phase, waiting while the slot is held. phase is any but WATCHDOG_RECEIVING and WATCHDOG_HELD. */
void watchdog_move(struct watchdog_slot *slot, enum watchdog_phase phase);

/* True if one of the first number threads is in phase: WATCHDOG_FREE, one waits for new connections. */
bool watchdog_any(const struct watchdog *w, int number, enum watchdog_phase phase);

/* The number of requests that have begun so far. */
uint64_t watchdog_begun(const struct watchdog *w);

/* The number of threads that have not left. */
int watchdog_present(const struct watchdog *w);

/*
 * For the watchdog: ends what is overdue at now, milliseconds; a request's deadline is its timeout, or latest if that is earlier. True if
 * any request is under way.
 */
bool watchdog_look(struct watchdog *w, int64_t now, int64_t latest);

/* For the watchdog: interrupts all threads that wait for a connection or for a request. */
void watchdog_interrupt(struct watchdog *w);

/* For the watchdog: true if nothing is under way, and then any watchdog_receive will send WATCHDOG_SIGNAL to this thread. */
bool watchdog_may_sleep(struct watchdog *w);

#endif

/*
 * serve.h - the process around the requests: serve.c decides what it is and starts and stops it, serve_worker.c is the threads of the
 * FastCGI program, serve_cgi.c the one request of the CGI program.
 *
 * Kept connections (FCGI_KEEP_CONN). A thread stays with its connection and is parked on it between two requests, for SERVE_KEEP
 * milliseconds at most. When no thread is left that waits for new connections, one of the parked ones (serve->lookout) watches the
 * listening socket beside its own; if a new connection comes first, it gives its kept one up and takes the new one. If both are ready, it
 * answers the request that is there, closes, and takes the new one. Parked threads look every SERVE_SLICE milliseconds whether that role is
 * vacant, so a new connection waits for idle ones no longer than that, and busy ones give way after each request.
 */
#ifndef SERVE_H
#define SERVE_H

#include <semaphore.h>
#include <stdatomic.h>

#include "http_private.h"
#include "serve_fcgi.h"
#include "watchdog.h"

#define SERVE_LISTENER 0          /* the descriptor that a FastCGI program is started with (FastCGI specification, 2.2) */
#define SERVE_KEEP 5000           /* milliseconds that an idle kept connection is waited for */
#define SERVE_SLICE 100           /* milliseconds */
#define SERVE_PAUSE 100           /* milliseconds to wait when descriptors or memory have run out */
#define SERVE_DRAIN 1000          /* milliseconds after a stop in which connections of the queue are still taken */
#define SERVE_STOP 8000           /* milliseconds after a stop in which requests may end */
#define SERVE_STOP_TICK 10        /* milliseconds */
#define SERVE_TROUBLE_LOOK 1000   /* milliseconds between two looks for trouble that an operator should know of */
#define SERVE_TROUBLE_PAUSE 60000 /* and after it was told */
#define SERVE_LARGE (256 * 1024)  /* octets that are given back at once */
#define SERVE_EXIT_USAGE 64       /* sysexits.h */
#define SERVE_EXIT_FAULT 70
#define SERVE_EXIT_SYSTEM 71
#define SERVE_EXIT_SETTINGS 78

/*
 * Threads take part only as they are needed: one that has more to do after each request meets it without having slept, and warm. The
 * watchdog calls one more for each request that lasts longer than a tick and for each kept connection, and some when connections wait.
 */
#define SERVE_FEW 1       /* threads that take part in any case */
#define SERVE_CROWDED 100 /* ticks in a row at which connections waited, and no thread */
#define SERVE_STUCK 2     /* ticks in a row at which connections waited and none was taken: a thread more; twice as many: a process more */
#define SERVE_LULL 100    /* milliseconds after which one thread that is not needed is let go; ten times that for one given to a queue */

/*
 * Processes on one listening socket take part as they are needed, too. One holds a record lock on the socket, and a thread of each other
 * one waits in line for it. Who has the lock and cannot keep up with all its threads gives it up, and goes on: the next in line takes part
 * as well. Who takes part without the lock, and has kept up for a while, goes back into the line. The kernel passes on the lock of who
 * dies; and those in line look every SERVE_LINE_TICK milliseconds whether connections wait that nobody takes, as when who has the lock is
 * stopped.
 */
#define SERVE_LINE_TICK 100   /* milliseconds between two looks; while connections wait it is WATCHDOG_TICK */
#define SERVE_LINE_LOOKS 40   /* at which they wait, in a row */
#define SERVE_LINE_LULL 1000  /* milliseconds after which a process that is not needed goes back into the line, at first; */
#define SERVE_LINE_STAY 60000 /* and at most, about */

struct serve_worker;

struct serve_line {
	_Atomic bool engaged; /* this process takes connections */
	_Atomic bool has_lock;
	_Atomic bool alone; /* there is no such lock */
	/* The watchdog's own notes. */
	int seen_waiting; /* looks in a row at which connections waited */
	int64_t progress; /* of who has the lock, at the first of them */
	int64_t needed;   /* when this process was needed last */
	int64_t stay;     /* milliseconds that it goes on afterwards */
};

struct serve_rota {
	_Atomic int wanted; /* workers 0 … wanted - 1 take part */
	int size;
	sem_t *wake; /* one for each worker */
	/* The watchdog's own notes. */
	int extra;
	int crowded;
	int stuck;
	uint64_t begun;
	int64_t lowered;
	int64_t relieved;
};

struct serve {
	struct sess_manager *manager;
	const struct http_route *routes;
	struct watchdog watchdog;
	struct serve_worker *workers;
	int workers_number;
	struct serve_rota rota;
	struct serve_line line;
	_Atomic bool stopping;
	_Atomic int64_t drain_until;
	_Atomic bool lookout;
	_Atomic int status; /* to exit with */
};

/* Starts the threads. The number of them that could be started. */
int serve_worker_start(struct serve *serve);

/* Waits for all threads, which must be leaving, and frees them. */
void serve_worker_join(struct serve *serve);

/* Sets the rota to its beginning, for serve->workers_number threads. False when out of memory. */
bool serve_rota_init(struct serve *serve);
void serve_rota_free(struct serve *serve);

/* For workers: rests while worker number i is not needed and the process goes on. */
void serve_rota_rest(struct serve *serve, int i);

/* True if worker number i takes part. */
bool serve_rota_has(const struct serve *serve, int i);

/* For workers: one more is needed, at once. */
void serve_rota_call(struct serve *serve);

/* For the watchdog, after each look: sets how many take part. True if more were needed than there are. */
bool serve_rota_tick(struct serve *serve, int64_t now);

/* For the watchdog: no more than in any case take part. */
void serve_rota_empty(struct serve *serve);

/* All wake up, because the process stops. */
void serve_rota_end(struct serve *serve);

/* True if this process takes connections. */
bool serve_line_engaged(const struct serve *serve);

/* For the first worker, while the process is not engaged: waits until it is, or until it is interrupted. */
void serve_line_wait(struct serve *serve);

/* For the watchdog, after each look: crowded, if more threads were needed than there are. */
void serve_line_tick(struct serve *serve, int64_t now, bool crowded);

/* For the watchdog: how long it may sleep, in milliseconds; negative: for ever. */
int serve_line_pause(const struct serve *serve);

/* The next in line takes part as well: one more process is needed, or this one stops. */
void serve_line_call(struct serve *serve);

/* Serves the one request of a CGI program from environ and the standard streams. Returns the exit status. */
int serve_cgi(const struct http_route *routes);

/* Fills what is the same for all requests of h, its limits from the settings of manager. */
void serve_prepare(struct http *h, struct sess_manager *manager, const struct http_route *routes);

#endif

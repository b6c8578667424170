#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "serve_log.h"

#include "serve.h"

struct serve_worker {
	struct serve *serve;
	int number;
	struct watchdog_slot *slot;
	struct serve_fcgi *fcgi;
	bool last;    /* the connection is closed after this request, others wait */
	bool lookout; /* this thread is the lookout */
	struct http http;
};

static const struct http_source serve_worker_source = {
	.read = serve_fcgi_read,
	.body_whole = serve_fcgi_body_whole,
	.write = serve_fcgi_write,
};

/* Serves the request that has been received. True if another may follow on the connection. */
static bool serve_worker_request(struct serve_worker *k)
{
	char *const *parameters = serve_fcgi_parameters(k->fcgi);
	bool keep;

	if (serve_fcgi_is_responder(k->fcgi)) {
		http_exchange(&k->http, parameters, k->fcgi);
	} else if (serve_fcgi_is_authorizer(k->fcgi) && http_has_authorizer(&k->http)) {
		http_exchange_authorize(&k->http, parameters, k->fcgi);
	} else {
		serve_log("a request in another role than this program has was refused; the web server's configuration asks for it");
		http_exchange_refuse(&k->http, parameters, k->fcgi, 500, "This program only answers requests.");
	}
	serve_fcgi_complete(k->fcgi);
	/* The answer is on its way; the rest is not waited for. */
	http_forget(&k->http);
	keep = serve_fcgi_finish(k->fcgi);
	return keep && !k->last;
}

static void serve_worker_look_away(struct serve_worker *k)
{
	if (k->lookout)
		atomic_store(&k->serve->lookout, false);
	k->lookout = false;
}

/* True if a thread waits for new connections, or was called to and is waking up. */
static bool serve_worker_expected(const struct serve *serve)
{
	int wanted = atomic_load(&serve->rota.wanted);

	return watchdog_any(&serve->watchdog, wanted, WATCHDOG_RESTING) ||
	       watchdog_any(&serve->watchdog, serve->workers_number, WATCHDOG_FREE);
}

/* Becomes the lookout, if one is needed. */
static void serve_worker_look_out(struct serve_worker *k)
{
	bool vacant = false;

	/* In this order: who left the role before has waited for connections since. */
	k->lookout = atomic_compare_exchange_strong(&k->serve->lookout, &vacant, true);
	if (serve_worker_expected(k->serve))
		serve_worker_look_away(k);
}

/*
 * Waits once for the kept connection, and as the lookout for a new one. 1: a request is there; 0: nothing yet; -1: give the connection up.
 * Who gives it up for a new one stays the lookout until it waits for that one, lest a second thread gives up its own.
 */
static int serve_worker_park_once(struct serve_worker *k, int descriptor)
{
	struct pollfd ready[2] = { { .fd = descriptor, .events = POLLIN }, { .fd = SERVE_LISTENER, .events = POLLIN } };
	bool stopping = atomic_load(&k->serve->stopping);
	int found;

	serve_worker_look_out(k);
	found = poll(ready, k->lookout ? 2 : 1, stopping ? 0 : SERVE_SLICE);
	k->last = found > 0 && ready[1].revents != 0;
	if (k->last && !ready[0].revents)
		return -1;
	serve_worker_look_away(k);
	if (found < 0)
		return errno == EINTR ? 0 : -1;
	if (ready[0].revents)
		return 1;
	return stopping ? -1 : 0;
}

/* Waits for the next request on the kept connection. False when it is to be closed. */
static bool serve_worker_park(struct serve_worker *k, int descriptor)
{
	int64_t until = watchdog_clock() + SERVE_KEEP;
	int found;

	watchdog_move(k->slot, WATCHDOG_PARKED);
	if (!serve_worker_expected(k->serve) && watchdog_any(&k->serve->watchdog, k->serve->workers_number, WATCHDOG_RESTING))
		serve_rota_call(k->serve);
	do {
		found = serve_worker_park_once(k, descriptor);
	} while (found == 0 && watchdog_clock() < until);
	return found > 0;
}

/* Serves what comes on the connection, and closes it. */
static void serve_worker_connection(struct serve_worker *k, int descriptor)
{
	enum serve_fcgi_received received;

	k->last = false;
	serve_fcgi_connect(k->fcgi, descriptor);
	do {
		watchdog_receive(&k->serve->watchdog, k->slot, descriptor);
		/* An interrupt that came too late to end the wait must not end a read: any system call takes it. */
		if (atomic_load(&k->slot->interrupted)) {
			atomic_store(&k->slot->interrupted, false);
			sched_yield();
		}
		received = serve_fcgi_receive(k->fcgi);
		if (received == SERVE_FCGI_CLOSED) {
			watchdog_move(k->slot, WATCHDOG_FREE);
			return;
		}
		watchdog_move(k->slot, WATCHDOG_SERVING);
	} while (received == SERVE_FCGI_REQUEST && serve_worker_request(k) && serve_worker_park(k, descriptor));
	/* Only after this does the watchdog leave the descriptor alone. */
	watchdog_move(k->slot, WATCHDOG_FREE);
	serve_worker_look_away(k);
	close(descriptor);
}

/* True while new connections are to be taken; after a stop, those that wait in the queue. */
static bool serve_worker_goes_on(struct serve_worker *k)
{
	struct pollfd ready = { .fd = SERVE_LISTENER, .events = POLLIN };

	if (!atomic_load(&k->serve->stopping))
		return true;
	return watchdog_clock() < atomic_load(&k->serve->drain_until) && poll(&ready, 1, 0) > 0;
}

/* Rests until it is needed. */
static void serve_worker_rest(struct serve_worker *k)
{
	watchdog_move(k->slot, WATCHDOG_RESTING);
	serve_rota_rest(k->serve, k->number);
	watchdog_move(k->slot, WATCHDOG_FREE);
}

/* The listening socket cannot be used any more: the process ends. */
static void serve_worker_give_up(struct serve_worker *k, int error)
{
	serve_log("cannot accept connections on descriptor %d: %s", SERVE_LISTENER, strerror(error));
	atomic_store(&k->serve->status, SERVE_EXIT_SYSTEM);
	atomic_store(&k->serve->stopping, true);
	pthread_kill(k->serve->watchdog.thread, SIGTERM);
}

/* Meets an error of accept4 (accept(2), "Error handling"). */
static void serve_worker_trouble(struct serve_worker *k, int error)
{
	struct pollfd ready = { .fd = SERVE_LISTENER, .events = POLLIN };
	struct timespec pause = { .tv_nsec = SERVE_PAUSE * 1000000L };

	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		serve_log("cannot accept a connection: %s; going on in %d ms", strerror(error), SERVE_PAUSE);
		nanosleep(&pause, NULL);
		return;
	case EAGAIN:
		/* Somebody made the socket non-blocking. */
		poll(&ready, 1, -1);
		return;
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
	case EOPNOTSUPP:
	case EFAULT:
		serve_worker_give_up(k, error);
		return;
	default:
		/* EINTR, and what befell a connection that is gone already. */
		return;
	}
}

static void *serve_worker_main(void *context)
{
	struct serve_worker *k = context;
	sigset_t interrupt;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, WATCHDOG_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &interrupt, NULL);
	while (serve_worker_goes_on(k)) {
		int descriptor;

		/* Who gave up a kept connection for a new one takes it. */
		if (!k->last && !serve_rota_has(k->serve, k->number) && !atomic_load(&k->serve->stopping)) {
			serve_worker_rest(k);
			continue;
		}
		if (!k->last && k->number == 0 && !serve_line_engaged(k->serve) && !atomic_load(&k->serve->stopping)) {
			serve_line_wait(k->serve);
			continue;
		}
		descriptor = accept4(SERVE_LISTENER, NULL, NULL, SOCK_CLOEXEC);
		if (descriptor >= 0)
			serve_worker_connection(k, descriptor);
		else
			serve_worker_trouble(k, errno);
	}
	watchdog_move(k->slot, WATCHDOG_GONE);
	return NULL;
}

static bool serve_worker_start_one(struct serve *serve, int i)
{
	struct serve_worker *k = &serve->workers[i];

	k->serve = serve;
	k->number = i;
	k->slot = &serve->watchdog.slots[i];
	k->fcgi = serve_fcgi_new();
	if (!k->fcgi)
		return false;
	serve_prepare(&k->http, serve->manager, serve->routes);
	k->http.source = &serve_worker_source;
	watchdog_move(k->slot, WATCHDOG_FREE);
	if (pthread_create(&k->slot->thread, NULL, serve_worker_main, k) == 0)
		return true;
	watchdog_move(k->slot, WATCHDOG_GONE);
	serve_fcgi_free(k->fcgi);
	return false;
}

int serve_worker_start(struct serve *serve)
{
	int wanted = serve->workers_number;
	int started = 0;

	serve->workers = calloc((size_t)wanted, sizeof *serve->workers);
	serve->watchdog.slots = aligned_alloc(_Alignof(struct watchdog_slot), (size_t)wanted * sizeof(struct watchdog_slot));
	if (!serve->workers || !serve->watchdog.slots || !serve_rota_init(serve))
		return 0;
	memset(serve->watchdog.slots, 0, (size_t)wanted * sizeof(struct watchdog_slot));
	serve->watchdog.slots_number = wanted;
	while (started < wanted && serve_worker_start_one(serve, started))
		started++;
	serve->workers_number = started;
	return started;
}

void serve_worker_join(struct serve *serve)
{
	for (int i = 0; i < serve->workers_number; i++) {
		pthread_join(serve->watchdog.slots[i].thread, NULL);
		serve_fcgi_free(serve->workers[i].fcgi);
		http_release(&serve->workers[i].http);
	}
	serve_rota_free(serve);
	free(serve->workers);
	free(serve->watchdog.slots);
}

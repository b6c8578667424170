#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <fastcgi.h>
#include <fcgiapp.h>

#include "serve_fcgi.h"

struct serve_fcgi {
	FCGX_Request request;
};

static void serve_fcgi_ignore(int signal_number)
{
	(void)signal_number;
}

/*
 * FCGX_Init takes every one of these signals that has no handler, and its handlers make a body end early without a word. So they have one
 * while it looks, and get back afterwards what they had.
 */
bool serve_fcgi_init(void)
{
	static const int taken[] = { SIGPIPE, SIGUSR1, SIGTERM };
	struct sigaction before[3];
	struct sigaction keep;
	bool ready;

	memset(&keep, 0, sizeof keep);
	keep.sa_handler = serve_fcgi_ignore;
	sigemptyset(&keep.sa_mask);
	for (int i = 0; i < 3; i++)
		if (sigaction(taken[i], &keep, &before[i]) < 0)
			return false;
	ready = FCGX_Init() == 0;
	for (int i = 0; i < 3; i++)
		if (sigaction(taken[i], &before[i], NULL) < 0)
			return false;
	return ready;
}

struct serve_fcgi *serve_fcgi_new(void)
{
	struct serve_fcgi *f = calloc(1, sizeof *f);

	/* No listening socket: libfcgi cannot accept by itself, its retry fails at once. */
	if (f)
		FCGX_InitRequest(&f->request, -1, 0);
	return f;
}

void serve_fcgi_free(struct serve_fcgi *f)
{
	if (f)
		FCGX_Free(&f->request, 0);
	free(f);
}

void serve_fcgi_connect(struct serve_fcgi *f, int descriptor)
{
	f->request.ipcFd = descriptor;
}

enum serve_fcgi_received serve_fcgi_receive(struct serve_fcgi *f)
{
	/* FCGX_Accept_r finishes the request before first, and must not close the connection for it. */
	f->request.keepConnection = 1;
	/* If it closes on its own, then without its lingering, which has no end. */
	FCGX_Detach(&f->request);
	if (FCGX_Accept_r(&f->request) < 0)
		return SERVE_FCGI_CLOSED;
	/* A connection that ends within the parameters passes for their end. */
	if (FCGX_GetError(f->request.in) != 0) {
		FCGX_Free(&f->request, 0);
		return SERVE_FCGI_CUT;
	}
	return SERVE_FCGI_REQUEST;
}

char *const *serve_fcgi_parameters(const struct serve_fcgi *f)
{
	return f->request.envp;
}

bool serve_fcgi_is_responder(const struct serve_fcgi *f)
{
	return f->request.role == FCGI_RESPONDER;
}

bool serve_fcgi_is_authorizer(const struct serve_fcgi *f)
{
	return f->request.role == FCGI_AUTHORIZER;
}

size_t serve_fcgi_read(void *context, void *octets, size_t size)
{
	struct serve_fcgi *f = context;
	int got = FCGX_GetStr(octets, size > INT_MAX ? INT_MAX : (int)size, f->request.in);

	return got > 0 ? (size_t)got : 0;
}

bool serve_fcgi_body_whole(void *context)
{
	struct serve_fcgi *f = context;

	return FCGX_HasSeenEOF(f->request.in) && FCGX_GetError(f->request.in) == 0;
}

bool serve_fcgi_write(void *context, const void *octets, size_t size)
{
	struct serve_fcgi *f = context;
	const char *next = octets;

	/* FCGX_PutStr takes an int, and writes into a stream that failed before. */
	while (size > 0) {
		int part = size > INT_MAX ? INT_MAX : (int)size;

		if (FCGX_GetError(f->request.out) != 0 || FCGX_PutStr(next, part, f->request.out) != part)
			return false;
		next += part;
		size -= (size_t)part;
	}
	return true;
}

bool serve_fcgi_complete(struct serve_fcgi *f)
{
	/* The other order would cost a second write, for the end of the request alone. */
	FCGX_FClose(f->request.err);
	FCGX_FClose(f->request.out);
	return FCGX_GetError(f->request.out) == 0 && FCGX_GetError(f->request.err) == 0;
}

/* Takes what has arrived, without waiting for more. */
static void serve_fcgi_take_rest(const struct serve_fcgi *f)
{
	char unread[4096];
	size_t left = SERVE_FCGI_DRAIN;

	while (left >= sizeof unread && recv(f->request.ipcFd, unread, sizeof unread, MSG_DONTWAIT) > 0)
		left -= sizeof unread;
}

bool serve_fcgi_finish(struct serve_fcgi *f)
{
	char unread[4096];
	size_t left = SERVE_FCGI_DRAIN;
	bool drained_early = serve_fcgi_body_whole(f);
	bool keep;

	if (serve_fcgi_is_authorizer(f)) {
		serve_fcgi_take_rest(f);
		FCGX_Free(&f->request, 0);
		return false;
	}
	while (!FCGX_HasSeenEOF(f->request.in) && left >= sizeof unread) {
		serve_fcgi_read(f, unread, sizeof unread);
		left -= sizeof unread;
	}
	keep = drained_early && f->request.keepConnection && FCGX_GetError(f->request.in) == 0 && FCGX_GetError(f->request.out) == 0;
	FCGX_Free(&f->request, 0);
	return keep;
}

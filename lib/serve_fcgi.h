/*
 * serve_fcgi.h - FastCGI requests through libfcgi, which is called from serve_fcgi.c alone.
 *
 * libfcgi reads and writes records; accepting, deadlines and closing are ours (serve_worker.c, watchdog.c), since libfcgi has no time limit
 * anywhere, lingers in its close for as long as a peer likes, and ends a thread's loop when descriptors run out.
 */
#ifndef SERVE_FCGI_H
#define SERVE_FCGI_H

#include <stdbool.h>
#include <stddef.h>

struct serve_fcgi; /* one thread's connection */

/* Initialises libfcgi, once in the process, so that no signal handler of its own stays. */
bool serve_fcgi_init(void);

/* NULL when out of memory. */
struct serve_fcgi *serve_fcgi_new(void);
void serve_fcgi_free(struct serve_fcgi *f);

/* f is to read from the connection descriptor, which stays the caller's, but see serve_fcgi_receive. */
void serve_fcgi_connect(struct serve_fcgi *f, int descriptor);

/* What serve_fcgi_receive found. */
enum serve_fcgi_received {
	SERVE_FCGI_REQUEST, /* a request; the descriptor is the caller's */
	SERVE_FCGI_CUT,     /* the parameters are not whole; the descriptor is the caller's, who closes it */
	SERVE_FCGI_CLOSED   /* nothing, or nothing that makes sense; the descriptor is closed already */
};

/* Reads the parameters of one request. The one call in which libfcgi may close the descriptor. */
enum serve_fcgi_received serve_fcgi_receive(struct serve_fcgi *f);

/* The parameters, "NAME=value" each, until serve_fcgi_finish. */
char *const *serve_fcgi_parameters(const struct serve_fcgi *f);

/* The web server asks for an answer to a request. */
bool serve_fcgi_is_responder(const struct serve_fcgi *f);

/* The web server asks whether a request is allowed, which comes without its body. */
bool serve_fcgi_is_authorizer(const struct serve_fcgi *f);

/* Reads up to size octets of the body; fewer only at its end or when it was cut, which serve_fcgi_body_whole tells apart. */
size_t serve_fcgi_read(void *f, void *octets, size_t size);

/* True once the body has been read to its end, without an error. */
bool serve_fcgi_body_whole(void *f);

/* Puts size octets into the response. False when the peer is gone. */
bool serve_fcgi_write(void *f, const void *octets, size_t size);

/* Sends what is left of the response and its end. False when the peer is gone. */
bool serve_fcgi_complete(struct serve_fcgi *f);

/*
 * Ends the request: reads away what is left of its body, at most SERVE_FCGI_DRAIN octets (a close with unread input may destroy the
 * response on its way), and frees it; the descriptor stays open. True if another request may follow on the connection. Where
 * an authorizer is asked there is no body to wait for, only the end of one, which some servers send; no other request follows.
 */
bool serve_fcgi_finish(struct serve_fcgi *f);

#define SERVE_FCGI_DRAIN (64 * 1024 * 1024)

#endif

/*
 * sesame-fcgi.h - an accept loop for FastCGI and plain CGI programs with sessions, on libfcgi.
 *
 * A program is a table of routes and one call:
 *
 *     static void page(struct http *h, struct sess *s)
 *     {
 *         sess_add(s, "visits", 1);
 *         http_begin(h, 200, "text/plain");
 *         http_printf(h, "Visit %" PRId64 "\n", sess_int(s, "visits", 0));
 *     }
 *     static const struct http_route routes[] = { { "GET", "/", page }, { 0 } };
 *     int main(int argc, char **argv) { return sess_serve(argc, argv, routes); }
 *
 * The loop closes what a plain loop around libfcgi leaves open: every body is read to its end, cut requests are dropped, each request has
 * limits and a deadline, and SIGTERM ends the program in order. Before a handler runs, a forged cookie has been answered with 400.
 * Responses are collected and sent whole, with a Content-Length. A handler must not keep h or s.
 */
#ifndef SESAME_FCGI_H
#define SESAME_FCGI_H

#include <sesame.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

struct http; /* one request and its response; belongs to the thread that serves it */

typedef void http_handler(struct http *h, struct sess *s);

/*
 * One address. path is compared with PATH_INFO (empty means "/"). A "GET" route answers HEAD as well: the handler runs, and what it writes
 * is counted for Content-Length but not sent; a handler that changes something asks http_is_head first. When path matches and method does
 * not: 405 with Allow. When nothing matches: 404.
 *
 * A request that changes something (not GET, HEAD or OPTIONS) must come from our own pages: by Sec-Fetch-Site, else by Origin, else by the
 * token of sess_csrf_token, in the form's field "csrf_token" or in the header X-CSRF-Token. If not: 403, and the handler does not run.
 */
struct http_route {
	const char *method;
	const char *path;
	http_handler *handler;
	unsigned flags;
};
#define HTTP_ROUTE_CROSS_SITE 1u /* do not refuse POSTs of other sites */
#define HTTP_ROUTE_PASSIVE 2u    /* a poll: does not count as activity (sess_passive) */
#define HTTP_ROUTE_STATIC 4u     /* no session: the handler gets NULL, and even a forged cookie is not looked at */
#define HTTP_ROUTE_ANY_BODY 8u   /* takes a body of any type; else one that is not a form's is answered with 415 */
/*
 * Also takes the requests in the role of an authorizer (FastCGI specification, 6.3), whatever their method and path: about what is guarded,
 * which gets the body, and refuses other sites' requests itself. Status 200 opens, and the headers "Variable-NAME" reach what is guarded;
 * another status is the client's answer. At most one route has this flag; without, such requests are refused.
 */
#define HTTP_ROUTE_AUTHORIZER 16u

/*
 * Serves routes (ended by a zero entry) as FastCGI when standard input is a listening socket, until SIGTERM, SIGINT, SIGHUP or SIGUSR1,
 * else as plain CGI. argv: --version, --help. Returns the exit status: 0 after an orderly end, 64 when started as neither, 78 when
 * settings, keys or store cannot be used (one line on standard error says why).
 *
 * It takes the process: blocks those signals in every thread, ignores SIGPIPE and SIGXFSZ, and keeps SIGURG for itself. Handlers run in
 * THREADS threads at once. A stop lets every request end that is under way or waits in the queue, and is over after at most 8 seconds; a
 * second signal cuts what is left.
 */
int sess_serve(int argc, char **argv, const struct http_route *routes);

/* ---- the request -------------------------------------------------------------------------------------------------- */

const char *http_method(const struct http *h);                  /* "GET", "POST", … */
const char *http_path(const struct http *h);                    /* PATH_INFO, "/" when empty */
const char *http_param(const struct http *h, const char *name); /* a CGI variable, or NULL */
bool http_is_head(const struct http *h);                        /* the request only asks for the head of a GET */
bool http_is_authorizer(const struct http *h);                  /* the request is in the role of an authorizer */
bool http_accepts_json(const struct http *h);                   /* Accept names application/json */

/* The body, whole; its size to *size. It was at most BODY_MAX, and agreed with CONTENT_LENGTH. */
const void *http_body(const struct http *h, size_t *size);

/*
 * A field of an application/x-www-form-urlencoded body, decoded; the first of that name, or NULL. Valid until the handler returns. A body
 * that is malformed (a stray '%', a NUL) has been answered with 400.
 */
const char *http_field(const struct http *h, const char *name);

/* The same of the query, what stands behind the '?' of the address; NULL as well when that is malformed. */
const char *http_query(struct http *h, const char *name);

/* ---- the response ------------------------------------------------------------------------------------------------- */

/*
 * Adds a header line; only before http_begin. False if name or value cannot stand in a header, if the header is one of ours (Status,
 * Connection, Content-Type, Content-Length, Transfer-Encoding, Set-Cookie) or makes the web server send a file (X-Sendfile and its like),
 * or if there is no room: all of them together have 2048 octets. Every response carries X-Content-Type-Options, Referrer-Policy and, unless
 * given here, a Content-Security-Policy that allows nothing.
 */
bool http_header(struct http *h, const char *name, const char *value);

/*
 * Commits the session and begins the response. "; charset=utf-8" is added to a content_type of "text/". Where the session cannot be
 * committed the answer is ours (400, 409, 503 with Retry-After, 500) and what the handler writes afterwards is dropped; then false.
 */
bool http_begin(struct http *h, int status, const char *content_type);

void http_printf(struct http *h, const char *format, ...) SESS_PRINTF(2, 3);
void http_write(struct http *h, const void *octets, size_t size);
void http_puts(struct http *h, const char *text);
void http_puts_html(struct http *h, const char *text); /* escaped for HTML text and attributes */

/* A whole short answer in text/plain. As http_begin, the session is committed. */
bool http_answer(struct http *h, int status, const char *text);

/* 303 See Other to path, which must begin with a single '/'. As http_begin, the session is committed. */
bool http_redirect(struct http *h, const char *path);

/* A whole short answer without the session: nothing is committed, no cookie is set. */
void http_refuse(struct http *h, int status, const char *text);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif

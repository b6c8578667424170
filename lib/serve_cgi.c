#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serve_log.h"

#include "serve.h"

#define SERVE_CGI_HELD 8192 /* octets */

/* The one request: standard input has exactly CONTENT_LENGTH octets for us (RFC 3875, 4.2), and its end may never come. */
struct serve_cgi {
	size_t left;
	bool cut;
	/* The answer's first octets are held back, so that a small one is one write, and the web server wakes up once for it. */
	size_t held_size;
	char held[SERVE_CGI_HELD];
};

static size_t serve_cgi_read(void *context, void *octets, size_t size)
{
	struct serve_cgi *cgi = context;
	size_t got = 0;

	while (got < size && cgi->left > 0 && !cgi->cut) {
		size_t part = size - got < cgi->left ? size - got : cgi->left;
		ssize_t n = read(STDIN_FILENO, (char *)octets + got, part);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			cgi->cut = true;
			break;
		}
		got += (size_t)n;
		cgi->left -= (size_t)n;
	}
	return got;
}

static bool serve_cgi_body_whole(void *context)
{
	const struct serve_cgi *cgi = context;

	return cgi->left == 0 && !cgi->cut;
}

static bool serve_cgi_send(const char *octets, size_t size)
{
	while (size > 0) {
		ssize_t n = write(STDOUT_FILENO, octets, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		octets += n;
		size -= (size_t)n;
	}
	return true;
}

static bool serve_cgi_flush(struct serve_cgi *cgi)
{
	size_t size = cgi->held_size;

	cgi->held_size = 0;
	return serve_cgi_send(cgi->held, size);
}

static bool serve_cgi_write(void *context, const void *octets, size_t size)
{
	struct serve_cgi *cgi = context;

	if (size > sizeof cgi->held - cgi->held_size && !serve_cgi_flush(cgi))
		return false;
	if (size > sizeof cgi->held)
		return serve_cgi_send(octets, size);
	memcpy(cgi->held + cgi->held_size, octets, size);
	cgi->held_size += size;
	return true;
}

static const struct http_source serve_cgi_source = {
	.read = serve_cgi_read,
	.body_whole = serve_cgi_body_whole,
	.write = serve_cgi_write,
	.foreign_names = true,
};

/* The web server needs an answer even when there is nothing to answer with. */
static int serve_cgi_unready(const struct sess_why *why)
{
	static const char answer[] = "Status: 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 5\r\n"
	                             "Cache-Control: no-store\r\nContent-Length: 40\r\n\r\nThe service is not ready. Try it later.\n";

	serve_log("%s", why->text);
	serve_cgi_send(answer, sizeof answer - 1);
	return SERVE_EXIT_SETTINGS;
}

int serve_cgi(const struct http_route *routes)
{
	const char *length = getenv("CONTENT_LENGTH");
	struct serve_cgi cgi;
	struct sess_manager *manager;
	struct sess_why why = { "" };
	struct http *h = calloc(1, sizeof *h);
	bool sent;

	if (!h || sess_manager_open_brief(&manager, NULL, &why) != SESS_OK) {
		free(h);
		return serve_cgi_unready(&why);
	}
	serve_prepare(h, manager, routes);
	h->source = &serve_cgi_source;
	/* The deadline of everything: the signal's default action ends the process, which a store survives at any moment. */
	alarm((unsigned)sess_manager_number(manager, "REQUEST_TIMEOUT"));
	/* A length that is none is refused before anything is read. */
	cgi.left = length ? strtoul(length, NULL, 10) : 0;
	cgi.cut = false;
	cgi.held_size = 0;
	sent = http_exchange(h, environ, &cgi) && serve_cgi_flush(&cgi);
	/* The answer is complete: nobody need wait for what follows. */
	close(STDOUT_FILENO);
	http_forget(h);
	http_release(h);
	free(h);
	sess_manager_close(manager);
	return sent ? 0 : SERVE_EXIT_SYSTEM;
}

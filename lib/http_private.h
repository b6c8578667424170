/*
 * http_private.h - one request and its response, from the inside. The web server's side of it is a struct http_source: FastCGI or plain
 * CGI.
 *
 * http_exchange does everything for one request: checks what came (http_request.c), finds the route, begins the session and refuses what
 * must not reach a handler (http_route.c), lets the handler run (its functions are in http.c), and sends the response (http_response.c).
 */
#ifndef HTTP_PRIVATE_H
#define HTTP_PRIVATE_H

#include <sesame-fcgi.h>

#include "http_buffer.h"
#include "http_form.h"

#define HTTP_EXTRA_SIZE 2048             /* octets of header lines that a handler may add */
#define HTTP_TYPE_SIZE 128               /* octets of a content type */
#define HTTP_PAGE_MAX (16 * 1024 * 1024) /* octets of a response */
#define HTTP_HEAD_SIZE (SESS_HEAD_SIZE + HTTP_EXTRA_SIZE + 1024)

/* Where a request comes from and its response goes. read and body_whole and write as serve_fcgi_read and its sisters (serve_fcgi.h). */
struct http_source {
	size_t (*read)(void *context, void *octets, size_t size);
	bool (*body_whole)(void *context);
	bool (*write)(void *context, const void *octets, size_t size);
	bool foreign_names; /* the variables are a process's environment, in which names are nobody's fault */
};

struct http_limits {
	size_t parameters; /* octets of all CGI variables */
	size_t body;
};

/* How far the response is. */
enum http_stage {
	HTTP_STAGE_OPEN,   /* nothing decided */
	HTTP_STAGE_BEGUN,  /* the handler writes */
	HTTP_STAGE_REFUSED /* the answer is complete; what the handler writes is dropped */
};

struct http {
	/* The same for all requests of a thread. */
	struct sess_manager *manager;
	const struct http_route *routes;
	struct http_limits limits;
	const struct http_source *source;

	/* The request. */
	void *context;   /* of the source */
	bool authorizer; /* the server asks whether it is allowed */
	char *const *parameters;
	const char *method;
	const char *path;
	const char *content_type;
	const char *content_length;
	struct http_buffer body;
	struct http_form form;
	struct http_form query;
	bool query_read; /* the handler has asked for it */
	struct sess *session;

	/* The response. */
	enum http_stage stage;
	int status;
	bool has_policy; /* a Content-Security-Policy is in extra */
	size_t extra_size;
	char type[HTTP_TYPE_SIZE];
	char extra[HTTP_EXTRA_SIZE];
	char session_head[SESS_HEAD_SIZE];
	struct http_buffer page;
};

/* Serves one request: parameters are its CGI variables, context the source's. False when the response could not be handed over. */
bool http_exchange(struct http *h, char *const *parameters, void *context);

/* True if a route takes requests in the role of an authorizer. */
bool http_has_authorizer(const struct http *h);

/* As http_exchange, for a request in the role of an authorizer, which has no body; a route must take it. */
bool http_exchange_authorize(struct http *h, char *const *parameters, void *context);

/* As http_exchange, but answers only that it does not: status and text, whatever came. */
bool http_exchange_refuse(struct http *h, char *const *parameters, void *context, int status, const char *text);

/* Ends the session and forgets the request; for after the response is on its way. */
void http_forget(struct http *h);

/* Gives back what a thread's h holds. */
void http_release(struct http *h);

/* Looks through the variables and reads the body. False when it has answered with what is wrong. */
bool http_request_read(struct http *h);

/* True if value, a Content-Type or one member of Accept, names type: the parameters after ';' do not count. */
bool http_request_type_is(const char *value, const char *type);

/* Finds the route, and answers or lets its handler answer. */
void http_route_run(struct http *h);

/* Answers for a commit that failed with error. */
void http_fail(struct http *h, int error);

/* Composes the head and sends all. False when the peer is gone. */
bool http_response_send(struct http *h);

/* Adds "name: value" to the head without a look at what it is; false when there is no room. */
bool http_response_header(struct http *h, const char *name, const char *value);

#endif

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "http_private.h"
#include "serve_log.h"

/* What http_request_scan has found out about the variables. */
struct http_variables {
	size_t size;
	int methods;
	int lengths;
	bool bad_name;
};

/* The length of a variable's name; 0 if it is not one. */
static size_t http_request_name(const char *variable)
{
	size_t n = 0;

	while (isalnum((unsigned char)variable[n]) || variable[n] == '_' || variable[n] == '-' || variable[n] == '.')
		n++;
	return variable[n] == '=' ? n : 0;
}

/* Keeps value if this is the variable called name and the first of it. Returns 1 if it is that variable. */
static int http_request_keep(const char *variable, size_t name_size, const char *name, const char **value)
{
	if (strncmp(variable, name, name_size) != 0 || name[name_size] != '\0')
		return 0;
	if (!*value)
		*value = variable + name_size + 1;
	return 1;
}

static void http_request_scan_one(struct http *h, const char *variable, struct http_variables *found)
{
	size_t name = http_request_name(variable);

	found->size += strlen(variable) + 1;
	if (name == 0) {
		found->bad_name = true;
		return;
	}
	switch (variable[0]) {
	case 'R':
		found->methods += http_request_keep(variable, name, "REQUEST_METHOD", &h->method);
		break;
	case 'P':
		http_request_keep(variable, name, "PATH_INFO", &h->path);
		break;
	case 'C':
		http_request_keep(variable, name, "CONTENT_TYPE", &h->content_type);
		found->lengths += http_request_keep(variable, name, "CONTENT_LENGTH", &h->content_length);
		break;
	default:
		break;
	}
}

/* False when it has answered. */
static bool http_request_scan(struct http *h)
{
	struct http_variables found = { 0 };

	for (char *const *p = h->parameters; *p && found.size <= h->limits.parameters; p++)
		http_request_scan_one(h, *p, &found);
	if (found.size > h->limits.parameters) {
		http_refuse(h, 431, "The request's header fields are too large.");
		return false;
	}
	/* Two of a kind: what one of web server and program believes, the other may not. */
	if (found.methods != 1 || found.lengths > 1 || (found.bad_name && !h->source->foreign_names)) {
		http_refuse(h, 400, "The request is malformed.");
		return false;
	}
	if (!h->path || h->path[0] == '\0')
		h->path = "/";
	return true;
}

/* Reads CONTENT_LENGTH: digits alone. -1 without one, -2 if it is none, INT64_MAX if it is larger than can be said. */
static int64_t http_request_length(const char *text)
{
	int64_t length = 0;

	if (!text || text[0] == '\0')
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -2;
		length = length > (INT64_MAX - 9) / 10 ? INT64_MAX : length * 10 + (*text - '0');
	}
	return length;
}

static bool http_request_too_large(struct http *h)
{
	http_refuse(h, 413, "The request's body is too large.");
	return false;
}

/* Reads the body to its end. False when it has answered: larger than it may be, or no memory for it. */
static bool http_request_collect(struct http *h, size_t expected)
{
	/* One octet more than may be, so that the read meets the end, or sees that it is not there. */
	size_t most = h->limits.body + 1;
	size_t part = expected + 1;

	for (;;) {
		size_t got;

		if (!http_buffer_reserve(&h->body, part, most)) {
			serve_log("no memory for a body of %zu octets", h->body.size + part);
			http_response_header(h, "Retry-After", "1");
			http_refuse(h, 503, "There is no room for the request's body at the moment. Try again soon.");
			return false;
		}
		got = h->source->read(h->context, h->body.octets + h->body.size, part);
		h->body.size += got;
		if (got < part)
			return true;
		if (h->body.size == most)
			return http_request_too_large(h);
		part = most - h->body.size < 65536 ? most - h->body.size : 65536;
	}
}

static bool http_request_body(struct http *h)
{
	int64_t length = http_request_length(h->content_length);

	if (length == -2) {
		http_refuse(h, 400, "The request's Content-Length is malformed.");
		return false;
	}
	if (length > (int64_t)h->limits.body)
		return http_request_too_large(h);
	if (!http_request_collect(h, length < 0 ? 0 : (size_t)length))
		return false;
	if (!h->source->body_whole(h->context) || (length >= 0 && h->body.size != (size_t)length)) {
		http_refuse(h, 400, "The request's body is not what its Content-Length says.");
		return false;
	}
	return true;
}

bool http_request_read(struct http *h)
{
	/* CONTENT_LENGTH may be there without a body (FastCGI specification, 6.3): it is sent to what is guarded. */
	return http_request_scan(h) && (h->authorizer || http_request_body(h));
}

bool http_request_type_is(const char *value, const char *type)
{
	size_t size = strlen(type);

	value += strspn(value, " \t");
	return strncasecmp(value, type, size) == 0 && (value[size] == '\0' || strchr(" \t;,", value[size]));
}

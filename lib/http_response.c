#include <stdio.h>
#include <string.h>

#include "http_private.h"
#include "serve_log.h"

static const char http_response_policy[] = "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n";
static const char http_response_always[] = "X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\n\r\n";

static const char *http_response_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 204, "No Content" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Other";
}

bool http_response_header(struct http *h, const char *name, const char *value)
{
	size_t name_size = strlen(name);
	size_t value_size = strlen(value);
	char *next = h->extra + h->extra_size;

	if (name_size > HTTP_EXTRA_SIZE || value_size > HTTP_EXTRA_SIZE || name_size + value_size + 4 > HTTP_EXTRA_SIZE - h->extra_size)
		return false;
	next = mempcpy(mempcpy(next, name, name_size), ": ", 2);
	memcpy(mempcpy(next, value, value_size), "\r\n", 2);
	h->extra_size += name_size + value_size + 4;
	return true;
}

/* A handler that answered nothing, or more than can be held, is a fault of the program. What the session's commit said stays. */
static void http_response_repair(struct http *h)
{
	const char *fault = NULL;

	if (h->stage == HTTP_STAGE_OPEN)
		fault = "no answer";
	else if (h->page.failed)
		fault = "an answer that does not fit";
	if (!fault)
		return;
	serve_log("the handler of %s %s gave %s", h->method ? h->method : "?", h->path ? h->path : "?", fault);
	h->extra_size = 0;
	h->has_policy = false;
	h->stage = HTTP_STAGE_OPEN;
	http_buffer_clear(&h->page);
	http_refuse(h, 500, "The server made a mistake.");
}

/* Writes the head to head, HTTP_HEAD_SIZE octets, in which it always fits; returns its size. */
static size_t http_response_head(const struct http *h, char *head)
{
	bool text = strncmp(h->type, "text/", 5) == 0 && !strstr(h->type, "charset");
	size_t session_size = strlen(h->session_head);
	char *next = head;

	next += snprintf(next, 64, "Status: %d %s\r\n", h->status, http_response_reason(h->status));
	if (h->status != 204 && h->status != 304)
		next += snprintf(next, HTTP_TYPE_SIZE + 100, "Content-Type: %s%s\r\nContent-Length: %zu\r\n", h->type,
		                 text ? "; charset=utf-8" : "", h->page.size);
	next = mempcpy(next, h->session_head, session_size);
	next = mempcpy(next, h->extra, h->extra_size);
	if (!h->has_policy)
		next = mempcpy(next, http_response_policy, sizeof http_response_policy - 1);
	next = mempcpy(next, http_response_always, sizeof http_response_always - 1);
	return (size_t)(next - head);
}

bool http_response_send(struct http *h)
{
	char head[HTTP_HEAD_SIZE];
	size_t size;

	http_response_repair(h);
	size = http_response_head(h, head);
	if (!h->source->write(h->context, head, size))
		return false;
	if (http_is_head(h) || h->status == 204 || h->status == 304 || h->page.size == 0)
		return true;
	return h->source->write(h->context, h->page.octets, h->page.size);
}

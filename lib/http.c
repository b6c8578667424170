#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http_private.h"
#include "serve_log.h"

const char *http_method(const struct http *h)
{
	return h->method;
}

const char *http_path(const struct http *h)
{
	return h->path;
}

bool http_is_head(const struct http *h)
{
	return h->method && strcmp(h->method, "HEAD") == 0;
}

bool http_is_authorizer(const struct http *h)
{
	return h->authorizer;
}

const char *http_param(const struct http *h, const char *name)
{
	size_t size = strlen(name);

	for (char *const *p = h->parameters; *p; p++)
		if (strncmp(*p, name, size) == 0 && (*p)[size] == '=')
			return *p + size + 1;
	return NULL;
}

bool http_accepts_json(const struct http *h)
{
	const char *accept = http_param(h, "HTTP_ACCEPT");

	for (; accept; accept = strchr(accept, ',')) {
		accept += *accept == ',';
		if (http_request_type_is(accept, "application/json"))
			return true;
	}
	return false;
}

const void *http_body(const struct http *h, size_t *size)
{
	*size = h->body.size;
	return h->body.size > 0 ? h->body.octets : "";
}

const char *http_field(const struct http *h, const char *name)
{
	return http_form_field(&h->form, name);
}

const char *http_query(struct http *h, const char *name)
{
	const char *query = h->query_read ? NULL : http_param(h, "QUERY_STRING");

	h->query_read = true;
	if (query && !http_form_parse(&h->query, query, strlen(query)))
		return NULL;
	return http_form_field(&h->query, name);
}

/* RFC 9110, 5.1 and 5.5: a token, and a value without control characters but TAB. */
static bool http_header_sound(const char *name, const char *value)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (name[0] == '\0' || name[strspn(name, token)] != '\0')
		return false;
	for (; *value; value++)
		if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f)
			return false;
	return true;
}

/* Headers that are ours to give, and those that let the web server send any file that it can read. */
static bool http_header_reserved(const char *name)
{
	static const char *const reserved[] = {
		"Status",     "Connection",  "Content-Type",         "Content-Length",           "Transfer-Encoding", "Set-Cookie",
		"X-Sendfile", "X-Sendfile2", "X-LIGHTTPD-send-file", "X-LIGHTTPD-send-tempfile", "X-Accel-Redirect"
	};

	for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
		if (strcasecmp(name, reserved[i]) == 0)
			return true;
	return false;
}

bool http_header(struct http *h, const char *name, const char *value)
{
	if (h->stage != HTTP_STAGE_OPEN || !http_header_sound(name, value) || http_header_reserved(name))
		return false;
	if (!http_response_header(h, name, value))
		return false;
	if (strcasecmp(name, "Content-Security-Policy") == 0)
		h->has_policy = true;
	return true;
}

/* Opens the page for writing. A content type that cannot stand in a header is the program's mistake. */
static void http_open(struct http *h, int status, const char *content_type)
{
	h->status = status;
	h->stage = HTTP_STAGE_BEGUN;
	if (strlen(content_type) < sizeof h->type && http_header_sound("Content-Type", content_type))
		strcpy(h->type, content_type);
	else
		strcpy(h->type, "application/octet-stream");
}

bool http_begin(struct http *h, int status, const char *content_type)
{
	int error;

	if (h->stage != HTTP_STAGE_OPEN)
		return false;
	error = h->session ? sess_commit(h->session, h->session_head, sizeof h->session_head) : SESS_OK;
	if (error != SESS_OK) {
		http_fail(h, error);
		return false;
	}
	http_open(h, status, content_type);
	return true;
}

void http_write(struct http *h, const void *octets, size_t size)
{
	if (h->stage == HTTP_STAGE_BEGUN)
		http_buffer_append(&h->page, octets, size, HTTP_PAGE_MAX);
}

void http_puts(struct http *h, const char *text)
{
	http_write(h, text, strlen(text));
}

void http_printf(struct http *h, const char *format, ...)
{
	va_list arguments;

	if (h->stage != HTTP_STAGE_BEGUN)
		return;
	va_start(arguments, format);
	http_buffer_format(&h->page, HTTP_PAGE_MAX, format, arguments);
	va_end(arguments);
}

static const char *http_entity(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	default:
		return "&#39;";
	}
}

void http_puts_html(struct http *h, const char *text)
{
	for (;;) {
		size_t plain = strcspn(text, "<>&\"'");

		http_write(h, text, plain);
		if (text[plain] == '\0')
			return;
		http_puts(h, http_entity(text[plain]));
		text += plain + 1;
	}
}

static void http_line(struct http *h, const char *text)
{
	http_puts(h, text);
	http_write(h, "\n", 1);
}

bool http_answer(struct http *h, int status, const char *text)
{
	if (!http_begin(h, status, "text/plain"))
		return false;
	http_line(h, text);
	return true;
}

bool http_redirect(struct http *h, const char *path)
{
	/* "//host" and "/\host" lead to another site. */
	if (path[0] != '/' || path[1] == '/' || path[1] == '\\' || !http_header(h, "Location", path)) {
		serve_log("a redirect must lead to a path of this site");
		http_refuse(h, 500, "The server made a mistake.");
		return false;
	}
	return http_answer(h, 303, "See the other page.");
}

void http_refuse(struct http *h, int status, const char *text)
{
	if (h->stage != HTTP_STAGE_OPEN)
		return;
	/* The session's own lines, if there are any, say so already. */
	if (h->session_head[0] == '\0')
		http_response_header(h, "Cache-Control", "no-store");
	http_open(h, status, "text/plain");
	http_line(h, text);
	h->stage = HTTP_STAGE_REFUSED;
}

/* The cookie may be kept at a path where clearing it does not reach; then its name helps to delete it by hand. */
static void http_fail_forged(struct http *h)
{
	const char *name = sess_manager_setting(h->manager, "SESSION_COOKIE_NAME");
	char text[400];

	snprintf(text, sizeof text, "Bad Cookie\nIf this stays, delete this site's cookie %s.", name ? name : "");
	http_refuse(h, 400, text);
}

void http_fail(struct http *h, int error)
{
	int system_error = errno;

	/* What the handler wanted to say in the head belongs to its own answer. */
	h->extra_size = 0;
	h->has_policy = false;
	switch (error) {
	case SESS_FORGED:
		http_fail_forged(h);
		return;
	case SESS_GONE:
		http_refuse(h, 409, "This session has ended meanwhile. Load the page again.");
		return;
	case SESS_LIMIT:
		http_refuse(h, 403, "There are as many sessions of this user as are allowed. Log out elsewhere first.");
		return;
	case SESS_UNAVAILABLE:
		serve_log("the session store does not answer: %s", system_error ? strerror(system_error) : "it takes too long");
		http_response_header(h, "Retry-After", "1");
		http_refuse(h, 503, "Sessions are not available at the moment. Try again soon.");
		return;
	default:
		serve_log("%s %s: the session could not be kept: %s", h->method, h->path, sess_error_text(error));
		http_refuse(h, 500, "The server made a mistake.");
		return;
	}
}

bool http_exchange(struct http *h, char *const *parameters, void *context)
{
	h->parameters = parameters;
	h->context = context;
	if (http_request_read(h))
		http_route_run(h);
	return http_response_send(h);
}

bool http_exchange_authorize(struct http *h, char *const *parameters, void *context)
{
	h->authorizer = true;
	return http_exchange(h, parameters, context);
}

bool http_exchange_refuse(struct http *h, char *const *parameters, void *context, int status, const char *text)
{
	h->parameters = parameters;
	h->context = context;
	http_refuse(h, status, text);
	return http_response_send(h);
}

void http_forget(struct http *h)
{
	sess_end(h->session);
	h->session = NULL;
	h->authorizer = false;
	h->parameters = NULL;
	h->method = NULL;
	h->path = NULL;
	h->content_type = NULL;
	h->content_length = NULL;
	http_buffer_clear(&h->body);
	http_form_clear(&h->form);
	http_form_clear(&h->query);
	h->query_read = false;
	h->stage = HTTP_STAGE_OPEN;
	h->has_policy = false;
	h->extra_size = 0;
	h->session_head[0] = '\0';
	http_buffer_clear(&h->page);
}

void http_release(struct http *h)
{
	http_buffer_free(&h->body);
	http_form_free(&h->form);
	http_form_free(&h->query);
	http_buffer_free(&h->page);
}

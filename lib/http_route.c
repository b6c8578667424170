#include <string.h>

#include "http_private.h"

static bool http_route_takes(const struct http_route *route, const char *method)
{
	return strcmp(route->method, method) == 0 || (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* Answers 405 with the methods that the path has (RFC 9110, 15.5.6), or 404 when it has none. */
static void http_route_none(struct http *h)
{
	char allow[200] = "";
	size_t size = 0;

	for (const struct http_route *route = h->routes; route->handler; route++) {
		const char *and_head = strcmp(route->method, "GET") == 0 ? ", HEAD" : "";
		size_t method = strlen(route->method);

		if (strcmp(route->path, h->path) != 0 || size + method + 9 > sizeof allow)
			continue;
		if (size > 0)
			size = (size_t)(stpcpy(allow + size, ", ") - allow);
		size = (size_t)(stpcpy(stpcpy(allow + size, route->method), and_head) - allow);
	}
	if (size > 0)
		http_response_header(h, "Allow", allow);
	http_refuse(h, size > 0 ? 405 : 404, size > 0 ? "This address does not take that method." : "There is nothing at this address.");
}

static const struct http_route *http_route_authorizer(const struct http *h)
{
	for (const struct http_route *route = h->routes; route->handler; route++)
		if (route->flags & HTTP_ROUTE_AUTHORIZER)
			return route;
	return NULL;
}

bool http_has_authorizer(const struct http *h)
{
	return http_route_authorizer(h) != NULL;
}

static const struct http_route *http_route_find(const struct http *h)
{
	if (h->authorizer)
		return http_route_authorizer(h);
	for (const struct http_route *route = h->routes; route->handler; route++)
		if (strcmp(route->path, h->path) == 0 && http_route_takes(route, h->method))
			return route;
	return NULL;
}

/* Reads the body's fields, if it is a form. False when it has answered: a type that the route does not take, or malformed. */
static bool http_route_body(struct http *h, const struct http_route *route)
{
	bool form = h->content_type && http_request_type_is(h->content_type, "application/x-www-form-urlencoded");

	if (h->body.size == 0)
		return true;
	if (!form && !(route->flags & HTTP_ROUTE_ANY_BODY) && strcmp(route->method, "GET") != 0) {
		http_refuse(h, 415, "The request's body must be a form's (application/x-www-form-urlencoded).");
		return false;
	}
	if (form && !http_form_parse(&h->form, h->body.octets, h->body.size)) {
		http_refuse(h, 400, "The form is malformed.");
		return false;
	}
	return true;
}

/* Begins the session. False when it has answered: a forged cookie, or another site's request. */
static bool http_route_session(struct http *h, const struct http_route *route)
{
	const char *token = http_param(h, "HTTP_X_CSRF_TOKEN");

	h->session = sess_begin(h->manager, h->parameters);
	if (!h->session) {
		http_fail(h, SESS_MEMORY);
		return false;
	}
	if (sess_state(h->session) == SESS_STATE_FORGED) {
		http_fail(h, sess_commit(h->session, h->session_head, sizeof h->session_head));
		return false;
	}
	if (route->flags & HTTP_ROUTE_PASSIVE)
		sess_passive(h->session);
	if (!h->authorizer && !(route->flags & HTTP_ROUTE_CROSS_SITE) &&
	    !sess_csrf_ok(h->session, token ? token : http_field(h, "csrf_token"))) {
		http_refuse(h, 403, "This request did not come from this site's own pages.");
		return false;
	}
	return true;
}

void http_route_run(struct http *h)
{
	const struct http_route *route = http_route_find(h);

	if (!route) {
		http_route_none(h);
		return;
	}
	if (!http_route_body(h, route))
		return;
	if (!(route->flags & HTTP_ROUTE_STATIC) && !http_route_session(h, route))
		return;
	route->handler(h, h->session);
}

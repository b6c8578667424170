/*
 * session_test - a page that counts its visits and the clicks on its button, per session.
 *
 *     GET  P, P/        the page; counts a visit
 *     GET  P/plain      the visit alone, as small as a page can be: what bench/ measures
 *     POST P/click      counts a click; answers in JSON to a script, else leads back to the page
 *     GET  P/session    the numbers as JSON; counts nothing, and is not activity
 *     GET  P/script.js, P/style.css, P/icon.svg
 *
 * P is any path (SCRIPT_NAME). Nothing that a client sends is ever shown; the id comes from the verified cookie.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cgi-bin/page.h"

static const char session_test_script[] =
    "'use strict';\n"
    "const $ = id => document.getElementById(id);\n"
    "const form = $('click');\n"
    "const said = $('status');\n"
    "const numbers = () => ({session_id: $('session-id').dataset.id, visits: +$('visits').dataset.n, events: +$('events').dataset.n});\n"
    "const tabs = 'BroadcastChannel' in window ? new BroadcastChannel('session_test ' + form.action) : null;\n"
    "\n"
    "function show(now) {\n"
    "  const old = numbers();\n"
    "  if (typeof now.session_id !== 'string') return;\n"
    "  // Messages may overtake each other; within one session numbers only grow.\n"
    "  const same = now.session_id === old.session_id;\n"
    "  const visits = same ? Math.max(old.visits, now.visits) : now.visits;\n"
    "  const events = same ? Math.max(old.events, now.events) : now.events;\n"
    "  $('session-id').dataset.id = now.session_id;\n"
    "  $('session-id').textContent = 'My session id: ' + now.session_id;\n"
    "  $('visits').dataset.n = visits;\n"
    "  $('visits').textContent = 'Number of visits: ' + visits;\n"
    "  $('events').dataset.n = events;\n"
    "  $('events').textContent = 'Number of Click Events: ' + events;\n"
    "}\n"
    "\n"
    "form.addEventListener('submit', async event => {\n"
    "  event.preventDefault();\n"
    "  try {\n"
    "    const answer = await fetch(form.action, {method: 'POST', headers: {Accept: 'application/json'},\n"
    "      body: new URLSearchParams(new FormData(form))});\n"
    "    if (!answer.ok) throw new Error((await answer.text()).split('\\n')[0]);\n"
    "    const now = await answer.json();\n"
    "    show(now);\n"
    "    said.textContent = now.events + (now.events === 1 ? ' click' : ' clicks');\n"
    "    if (tabs) tabs.postMessage(now);\n"
    "  } catch (error) {\n"
    "    said.textContent = 'The click was not counted. ' + error.message;\n"
    "  }\n"
    "});\n"
    "\n"
    "async function look() {\n"
    "  if (document.visibilityState !== 'visible') return;\n"
    "  try {\n"
    "    const answer = await fetch(form.action.replace(/click$/, 'session'));\n"
    "    if (answer.ok) show(await answer.json());\n"
    "  } catch { /* the next look may succeed */ }\n"
    "}\n"
    "\n"
    "if (tabs) {\n"
    "  tabs.addEventListener('message', event => show(event.data));\n"
    "  tabs.postMessage(numbers());\n"
    "}\n"
    "addEventListener('pageshow', event => { if (event.persisted) look(); });\n"
    "document.addEventListener('visibilitychange', look);\n"
    "setInterval(look, tabs ? 10000 : 1000);\n";

static const char session_test_style[] = "p { padding: .7rem 0; border-top: 1px solid var(--line); font-variant-numeric: tabular-nums }\n"
                                         "form { border-top: 1px solid var(--line); padding-top: 1.5rem }\n"
                                         "#status { border: 0; min-height: 1.6em; font-size: 1rem }\n";

/* What stands in the place of an id that a request for the head alone does not make. */
#define SESSION_TEST_NO_ID "00000000000000000000000000000000"

static int64_t session_test_number(struct sess *s, const char *name)
{
	return sess_int(s, name, 0);
}

/* Counts the visit; for HEAD it only tells what a GET would have counted. */
static int64_t session_test_visit(struct http *h, struct sess *s)
{
	if (!http_is_head(h)) {
		sess_add(s, "visits", 1);
		return 0;
	}
	sess_passive(s);
	return 1;
}

static void session_test_page(struct http *h, struct sess *s)
{
	char mount[PAGE_MOUNT_SIZE];
	char token[SESS_TOKEN_SIZE];
	const char *id;
	int64_t ahead = session_test_visit(h, s);

	page_mount(h, mount, sizeof mount);
	page_token(s, token);
	http_header(h, "Content-Security-Policy", PAGE_POLICY);
	if (!http_begin(h, 200, "text/html"))
		return;
	id = sess_id(s);
	page_head(h, mount, "Session test");
	http_printf(h, "<script src=\"%s/script.js\" defer></script>\n</head>\n", mount);
	id = id ? id : sess_state(s) == SESS_STATE_OFF ? "none" : SESSION_TEST_NO_ID;
	http_printf(h, "<body>\n<main>\n<h1>Session test</h1>\n<p id=\"session-id\" data-id=\"%s\">My session id: %s</p>\n", id, id);
	http_printf(h, "<p id=\"visits\" data-n=\"%" PRId64 "\">Number of visits: %" PRId64 "</p>\n",
	            session_test_number(s, "visits") + ahead, session_test_number(s, "visits") + ahead);
	http_printf(h,
	            "<form id=\"click\" method=\"post\" action=\"%s/click\">\n<input type=\"hidden\" name=\"csrf_token\" value=\"%s\">\n",
	            mount, token);
	http_printf(h, "<button id=\"events\" data-n=\"%" PRId64 "\">Number of Click Events: %" PRId64 "</button>\n</form>\n",
	            session_test_number(s, "events"), session_test_number(s, "events"));
	http_puts(h, "<p id=\"status\" role=\"status\" aria-live=\"polite\"></p>\n</main>\n</body>\n</html>\n");
}

static void session_test_plain(struct http *h, struct sess *s)
{
	int64_t ahead = session_test_visit(h, s);
	const char *id;

	if (!http_begin(h, 200, "text/html"))
		return;
	id = sess_id(s);
	http_printf(h,
	            "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Session test, plain</title></head>\n<body>\n"
	            "<p id=\"session-id\">My session id: %s</p>\n<p id=\"visits\">Number of visits: %" PRId64 "</p>\n"
	            "<p id=\"events\">Number of Click Events: %" PRId64 "</p>\n",
	            id ? id : SESSION_TEST_NO_ID, session_test_number(s, "visits") + ahead, session_test_number(s, "events"));
	http_puts(
	    h,
	    "<p>This page has no style and no script. It counts a visit as the other one does, and is for measuring what a session costs: "
	    "its size is that of the page that the empty responder gives.</p>\n</body>\n</html>\n");
}

/* The numbers as stored; a visitor without a session has none. */
static void session_test_json(struct http *h, struct sess *s)
{
	const char *id;

	if (!http_begin(h, 200, "application/json"))
		return;
	id = sess_id(s);
	http_printf(h, "{\"session_id\":%s%s%s,\"visits\":%" PRId64 ",\"events\":%" PRId64 "}\n", id ? "\"" : "", id ? id : "null",
	            id ? "\"" : "", session_test_number(s, "visits"), session_test_number(s, "events"));
}

static void session_test_click(struct http *h, struct sess *s)
{
	char mount[PAGE_MOUNT_SIZE];

	sess_add(s, "events", 1);
	if (http_accepts_json(h)) {
		session_test_json(h, s);
		return;
	}
	page_mount(h, mount, sizeof mount);
	http_redirect(h, mount[0] ? mount : "/");
}

static void session_test_script_js(struct http *h, struct sess *s)
{
	(void)s;
	page_file(h, "text/javascript", session_test_script);
}

static void session_test_style_css(struct http *h, struct sess *s)
{
	(void)s;
	page_style(h, session_test_style);
}

static const struct http_route session_test_routes[] = {
	{ "GET", "/", session_test_page, 0 },
	{ "GET", "/plain", session_test_plain, 0 },
	{ "POST", "/click", session_test_click, 0 },
	{ "GET", "/session", session_test_json, HTTP_ROUTE_PASSIVE },
	{ "GET", "/script.js", session_test_script_js, HTTP_ROUTE_STATIC },
	{ "GET", "/style.css", session_test_style_css, HTTP_ROUTE_STATIC },
	{ "GET", "/icon.svg", page_icon, HTTP_ROUTE_STATIC },
	{ NULL, NULL, NULL, 0 },
};

int main(int argc, char **argv)
{
	return sess_serve(argc, argv, session_test_routes);
}

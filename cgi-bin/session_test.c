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

#include <sesame-fcgi.h>

#define SESSION_TEST_POLICY                                                                                                                \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri "       \
	"'none'; "                                                                                                                         \
	"frame-ancestors 'none'"

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

static const char session_test_style[] =
    ":root { color-scheme: light dark; --line: #c9ced6; --back: #fff; --text: #1b2430; --act: #1552b8; --on-act: #fff }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  :root { --line: #3d4654; --back: #12161c; --text: #e6eaf0; --act: #8ab4ff; --on-act: #0b1422 }\n"
    "}\n"
    "body { margin: 0; background: var(--back); color: var(--text); font: 1.125rem/1.6 system-ui, sans-serif }\n"
    "main { max-width: 38rem; margin: 0 auto; padding: clamp(1rem, 6vw, 4rem) 1.25rem }\n"
    "h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 1.5rem }\n"
    "p { margin: 0; padding: .7rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; font-variant-numeric: tabular-nums }\n"
    "form { border-top: 1px solid var(--line); padding-top: 1.5rem }\n"
    "button { font: inherit; font-weight: 600; padding: .7rem 1.4rem; min-height: 3rem; border: 0; border-radius: 1.5rem;\n"
    "  background: var(--act); color: var(--on-act); cursor: pointer; font-variant-numeric: tabular-nums }\n"
    "button:hover { filter: brightness(1.1) }\n"
    "button:focus-visible { outline: 3px solid var(--text); outline-offset: 3px }\n"
    "#status { border: 0; min-height: 1.6em; font-size: 1rem }\n";

static const char session_test_icon[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\"><circle cx=\"8\" cy=\"8\" r=\"7\" fill=\"#1552b8\"/>"
    "<path d=\"M4.5 8.5l2.5 2.5 4.5-5.5\" fill=\"none\" stroke=\"#fff\" stroke-width=\"2\"/></svg>\n";

/* What stands in the place of an id or a token that a request for the head alone does not make. */
#define SESSION_TEST_NO_ID "00000000000000000000000000000000"

/* Writes the mount, the path that comes before PATH_INFO, as a URL path; "" when it cannot be one. */
static void session_test_mount(const struct http *h, char *mount, size_t size)
{
	static const char plain[] = "/-._~!$()*,;:@0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const char *script = http_param(h, "SCRIPT_NAME");
	size_t n = 0;

	for (; script && *script && n + 4 < size; script++) {
		if (strchr(plain, *script))
			mount[n++] = *script;
		else
			n += (size_t)snprintf(mount + n, 4, "%%%02X", (unsigned char)*script);
	}
	mount[n] = '\0';
	/* "//host/click" would be another host's. */
	if (mount[0] != '/' || mount[1] == '/' || (script && *script))
		mount[0] = '\0';
	else if (mount[n - 1] == '/')
		mount[n - 1] = '\0';
}

static int64_t session_test_number(struct sess *s, const char *name)
{
	return sess_int(s, name, 0);
}

/* The token of the form; on a visitor's HEAD, which must not make a session, something as long. */
static void session_test_token(struct sess *s, char *token)
{
	if (sess_csrf_token(s, token, SESS_TOKEN_SIZE) == SESS_OK)
		return;
	memset(token, '0', SESS_TOKEN_SIZE - 1);
	token[SESS_TOKEN_SIZE - 1] = '\0';
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
	char mount[512];
	char token[SESS_TOKEN_SIZE];
	const char *id;
	int64_t ahead = session_test_visit(h, s);

	session_test_mount(h, mount, sizeof mount);
	session_test_token(s, token);
	http_header(h, "Content-Security-Policy", SESSION_TEST_POLICY);
	if (!http_begin(h, 200, "text/html"))
		return;
	id = sess_id(s);
	http_puts(h, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Session test</title>\n");
	http_printf(h,
	            "<link rel=\"icon\" href=\"%s/icon.svg\">\n<link rel=\"stylesheet\" href=\"%s/style.css\">\n"
	            "<script src=\"%s/script.js\" defer></script>\n</head>\n",
	            mount, mount, mount);
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
	char mount[512];

	sess_add(s, "events", 1);
	if (http_accepts_json(h)) {
		session_test_json(h, s);
		return;
	}
	session_test_mount(h, mount, sizeof mount);
	http_redirect(h, mount[0] ? mount : "/");
}

static void session_test_file(struct http *h, const char *type, const char *octets, size_t size)
{
	http_header(h, "Cache-Control", "public, max-age=300");
	if (http_begin(h, 200, type))
		http_write(h, octets, size);
}

static void session_test_script_js(struct http *h, struct sess *s)
{
	(void)s;
	session_test_file(h, "text/javascript", session_test_script, sizeof session_test_script - 1);
}

static void session_test_style_css(struct http *h, struct sess *s)
{
	(void)s;
	session_test_file(h, "text/css", session_test_style, sizeof session_test_style - 1);
}

static void session_test_icon_svg(struct http *h, struct sess *s)
{
	(void)s;
	session_test_file(h, "image/svg+xml", session_test_icon, sizeof session_test_icon - 1);
}

static const struct http_route session_test_routes[] = {
	{ "GET", "/", session_test_page, 0 },
	{ "GET", "/plain", session_test_plain, 0 },
	{ "POST", "/click", session_test_click, 0 },
	{ "GET", "/session", session_test_json, HTTP_ROUTE_PASSIVE },
	{ "GET", "/script.js", session_test_script_js, HTTP_ROUTE_STATIC },
	{ "GET", "/style.css", session_test_style_css, HTTP_ROUTE_STATIC },
	{ "GET", "/icon.svg", session_test_icon_svg, HTTP_ROUTE_STATIC },
	{ NULL, NULL, NULL, 0 },
};

int main(int argc, char **argv)
{
	return sess_serve(argc, argv, session_test_routes);
}

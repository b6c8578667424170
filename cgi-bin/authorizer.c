/*
 * authorizer - says to the web server whether a visitor may see what it guards: files, programs in any language.
 *
 * It is asked in FastCGI's role of an authorizer (lighttpd, Apache), or for the page "/" (nginx' auth_request). A visitor with a session,
 * with AUTHORIZE=user one who is logged in, gets 200, and with it
 *
 *     Variable-SESSION_ID, Variable-SESSION_USER    what the guarded program finds in its environment; the user where somebody is logged in
 *
 * Anybody else gets 401, or is sent to LOGIN_URL, with the way back in "next". nginx passes on no redirect, so there the 401 has the
 * Location that the configuration makes one from. It is the visitor who comes here, so the session is extended as by any other page.
 */
#include <string.h>

#include "cgi-bin/page.h"

#define AUTHORIZER_LOCATION_SIZE 1800 /* octets; all headers of an answer have little more */

/* True if text arrives as it is where a header carries it: servers drop blanks around it, and control characters end it. */
static bool authorizer_is_plain(const char *text)
{
	size_t size = strlen(text);

	if (size == 0 || text[0] == ' ' || text[size - 1] == ' ')
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static void authorizer_open(struct http *h, const char *id, const char *user)
{
	if (user && !authorizer_is_plain(user)) {
		http_answer(h, 403, "This user's name cannot be handed to a program.");
		return;
	}
	http_header(h, "Variable-SESSION_ID", id);
	if (user)
		http_header(h, "Variable-SESSION_USER", user);
	http_begin(h, 200, "text/plain");
}

/* The address that was asked for, if it can be asked for again and is one of this site: "//host" and "/\host" would be another's. */
static const char *authorizer_way_back(const struct http *h)
{
	const char *address = http_param(h, "REQUEST_URI");
	bool again = strcmp(http_method(h), "GET") == 0 || http_is_head(h);

	return again && address && address[0] == '/' && address[1] != '/' && !strchr(address, '\\') ? address : NULL;
}

/* Writes where the visitor can log in to location; without the way back where there is none or no room for it. */
static void authorizer_locate(const struct http *h, const char *login, char *location)
{
	const char *back = authorizer_way_back(h);
	size_t size = strlen(login);

	location[0] = '\0';
	if (size + sizeof "?next=" > AUTHORIZER_LOCATION_SIZE)
		return;
	strcpy(location, login);
	if (!back)
		return;
	strcpy(location + size, strchr(login, '?') ? "&next=" : "?next=");
	if (!page_encode(location, AUTHORIZER_LOCATION_SIZE, back, PAGE_PLAIN))
		location[size] = '\0';
}

/* A script's fetch, an image, a frame cannot log in; browsers say what they want, and who says nothing may be one (Fetch Metadata). */
static bool authorizer_is_visit(const struct http *h)
{
	const char *mode = http_param(h, "HTTP_SEC_FETCH_MODE");

	return !mode || strcmp(mode, "navigate") == 0;
}

static void authorizer_refuse(struct http *h, const char *login)
{
	char location[AUTHORIZER_LOCATION_SIZE] = "";

	if (login && *login && authorizer_is_visit(h))
		authorizer_locate(h, login, location);
	if (location[0] && http_header(h, "Location", location) && http_is_authorizer(h)) {
		http_answer(h, authorizer_way_back(h) ? 302 : 303, "Log in first.");
		return;
	}
	/* A 401 has to name a scheme (RFC 9110, 15.5.2), and this one makes no browser ask for a password. */
	http_header(h, "WWW-Authenticate", "Cookie realm=\"session\"");
	http_answer(h, 401, "Log in first.");
}

static void authorizer_ask(struct http *h, struct sess *s)
{
	struct sess_manager *manager = sess_manager_of(s);
	const char *asked = sess_manager_setting(manager, "AUTHORIZE");
	/* Looks for the session; afterwards the state is certain. */
	const char *user = sess_user(s);
	bool live = sess_state(s) == SESS_STATE_LIVE;

	if (live && (user || (asked && strcmp(asked, "session") == 0)))
		authorizer_open(h, sess_id(s), user);
	else
		authorizer_refuse(h, sess_manager_setting(manager, "LOGIN_URL"));
}

static const struct http_route authorizer_routes[] = {
	{ "GET", "/", authorizer_ask, HTTP_ROUTE_AUTHORIZER },
	{ NULL, NULL, NULL, 0 },
};

int main(int argc, char **argv)
{
	return sess_serve(argc, argv, authorizer_routes);
}

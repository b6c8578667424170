/* Whose request it is: method, Sec-Fetch-Site, Origin, token; and whether it came by https. */

#include "tests/lib/visitor.h"

static struct visit v;
static struct sess_manager *m;
static struct browser us = { "" };
static char own_token[SESS_TOKEN_SIZE], their_token[SESS_TOKEN_SIZE];

/* A request of our browser with these headers, NULL for none. */
static bool may(const char *method, const char *site, const char *origin, const char *token)
{
	bool ok;

	visit_clear(&v);
	if (method)
		visit_variable(&v, "REQUEST_METHOD=%s", method);
	if (site)
		visit_variable(&v, "HTTP_SEC_FETCH_SITE=%s", site);
	if (origin)
		visit_variable(&v, "HTTP_ORIGIN=%s", origin);
	visit_variable(&v, "HTTP_HOST=example.org");
	visit_variable(&v, "HTTP_COOKIE=jp_token=%s", us.cookie);
	visit_header(&v, m, NULL);
	ok = sess_csrf_ok(v.s, token);
	visit_end(&v);
	return ok;
}

static const char *const methods[] = { "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "get", "" };
static const struct {
	const char *text;
	int says; /* 1 ours, 0 foreign, -1 nothing */
} sites[] = { { NULL, -1 }, { "same-origin", 1 }, { "none", 1 }, { "same-site", 0 }, { "cross-site", 0 }, { "nonsense", -1 }, { "", -1 } },
  origins[] = { { NULL, -1 },
	        { "http://example.org", 1 },
	        { "http://EXAMPLE.org", 1 },
	        { "http://example.org:80", 1 },
	        { "https://example.org", 0 },
	        { "http://example.org:8080", 0 },
	        { "http://evil-example.org", 0 },
	        { "http://example.org.evil.net", 0 },
	        { "http://www.example.org", 0 },
	        { "http://example.org/", 0 },
	        { "http://", 0 },
	        { "example.org", 0 },
	        { "null", 0 },
	        { "", 0 } };

/* What may stand in a form's token. One alone is good: the session's own, to the last octet. */
enum { NO_TOKEN, OWN, THEIRS, EMPTY, CUT, LONGER, FIRST_OCTET, LAST_OCTET, OTHER_SALT, NO_DOT, MADE_UP, TOKENS };

static const char *token_of(int which)
{
	static char token[SESS_TOKEN_SIZE + 1];

	strcpy(token, which == THEIRS ? their_token : own_token);
	switch (which) {
	case NO_TOKEN:
		return NULL;
	case EMPTY:
		return "";
	case CUT:
		token[SESS_TOKEN_SIZE - 2] = '\0';
		break;
	case LONGER:
		strcat(token, "A");
		break;
	case FIRST_OCTET: /* of the signature */
		token[21] ^= 1;
		break;
	case LAST_OCTET:
		token[SESS_TOKEN_SIZE - 2] ^= 1;
		break;
	case OTHER_SALT:
		token[0] ^= 1;
		break;
	case NO_DOT:
		token[20] = 'A';
		break;
	case MADE_UP:
		return "AAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	default:
		break;
	}
	return token;
}

/* The whole of it: every method, with every word on where it comes from, and every token. */
static void matrix(void)
{
	unsigned wrong = 0, tried = 0;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		for (size_t j = 0; j < sizeof(sites) / sizeof(sites[0]); j++)
			for (size_t k = 0; k < sizeof(origins) / sizeof(origins[0]); k++)
				for (int token = 0; token < TOKENS; token++) {
					int says = sites[j].says >= 0 ? sites[j].says : origins[k].says;
					bool expected = i < 3 || says == 1 || (says < 0 && token == OWN);

					tried++;
					if (may(methods[i], sites[j].text, origins[k].text, token_of(token)) == expected)
						continue;
					printf("# %s Sec-Fetch-Site %s, Origin %s, token %d: not %d\n", methods[i],
					       sites[j].text ? sites[j].text : "-", origins[k].text ? origins[k].text : "-", token,
					       expected);
					wrong++;
				}
	tap_ok(wrong == 0, "method, Sec-Fetch-Site, Origin and token decide together, in %u combinations", tried);
	tap_ok(!may(NULL, NULL, NULL, NULL), "a request without a method is not safe");
	tap_ok(!may("POST", NULL, NULL, NULL), "a request that says nothing of where it comes from, and has no token, is refused");
}

static void tokens(void)
{
	struct browser other = { "" };
	char theirs[SESS_TOKEN_SIZE];

	visit_by(&v, m, &other);
	tap_ok(sess_csrf_token(v.s, theirs, SESS_TOKEN_SIZE - 1) == SESS_SPACE && !*theirs, "a token needs SESS_TOKEN_SIZE octets");
	tap_ok(sess_csrf_token(v.s, theirs, sizeof(theirs)) == SESS_OK && strlen(theirs) == 64, "it is given to a new visitor");
	tap_ok(visit_commit(&v, &other), "and counts as use of the session");
	visit_end(&v);
	tap_ok(!may("POST", NULL, NULL, theirs), "another session's token is refused");
	tap_ok(!may("POST", NULL, NULL, ""), "an empty token is refused");
	tap_ok(!may("POST", "cross-site", NULL, own_token), "no token helps another site");
	visit_by(&v, m, &us);
	sess_logout(v.s);
	visit_commit(&v, NULL);
	visit_end(&v);
	visit_by(&v, m, &us);
	tap_ok(sess_csrf_token(v.s, theirs, sizeof(theirs)) == SESS_GONE && !*theirs, "a session that was logged out has no token");
	visit_end(&v);
	us.cookie[0] = '\0';
	tap_ok(!may("POST", NULL, NULL, own_token), "nor one who has no cookie");
	page_view(m, &us);
	tap_ok(!may("POST", NULL, NULL, own_token), "nor the next session of the same browser");
}

static void allowed_origins(void)
{
	settings("ALLOWED_ORIGINS=https://app.example.org, http://localhost:3000", NULL);
	m = site_open();
	tap_ok(may("POST", NULL, "https://app.example.org", NULL) && may("POST", "same-site", "https://app.example.org", NULL) &&
	           may("POST", "cross-site", "http://localhost:3000", NULL) && may("POST", NULL, "https://app.example.org:443", NULL),
	       "ALLOWED_ORIGINS count as ours");
	tap_ok(!may("POST", NULL, "http://app.example.org", NULL) && !may("POST", NULL, "http://localhost", NULL) &&
	           !may("POST", "cross-site", "https://example.org", NULL) && !may("POST", "cross-site", NULL, NULL) &&
	           !may("POST", "cross-site", "http://example.org", NULL),
	       "and no others");
	sess_manager_close(m);
}

static bool secure(const char *first, const char *second, const char *third)
{
	bool is;

	visit_clear(&v);
	visit_variable(&v, "%s", first);
	if (second)
		visit_variable(&v, "%s", second);
	if (third)
		visit_variable(&v, "%s", third);
	visit_header(&v, m, NULL);
	sess_add(v.s, "n", 1);
	visit_commit(&v, NULL);
	is = strstr(v.head, "; Secure\r\n");
	visit_end(&v);
	return is;
}

static void https(void)
{
	settings(NULL);
	m = site_open();
	tap_ok(secure("HTTPS=on", NULL, NULL) && secure("HTTPS=1", NULL, NULL) && secure("REQUEST_SCHEME=https", NULL, NULL),
	       "HTTPS and REQUEST_SCHEME make the cookie Secure");
	tap_ok(!secure("HTTPS=off", NULL, NULL) && !secure("HTTPS=", NULL, NULL) && !secure("REQUEST_SCHEME=http", NULL, NULL) &&
	           !secure("X=1", NULL, NULL),
	       "their absence does not");
	tap_ok(!secure("HTTP_X_FORWARDED_PROTO=https", "REMOTE_ADDR=127.0.0.1", NULL) && !secure("HTTP_HTTPS=on", NULL, NULL),
	       "nor do headers that anyone can send");
	sess_manager_close(m);
	settings("TRUSTED_PROXY=192.0.2.1 2001:db8::1,10.1.0.0/15", NULL);
	m = site_open();
	tap_ok(secure("HTTP_X_FORWARDED_PROTO=https", "REMOTE_ADDR=192.0.2.1", NULL) &&
	           secure("HTTP_X_FORWARDED_PROTO=HTTPS", "REMOTE_ADDR=2001:db8:0::1", NULL) &&
	           secure("HTTP_X_FORWARDED_PROTO=http, https ", "REMOTE_ADDR=10.0.255.255", NULL) &&
	           secure("HTTP_X_FORWARDED_PROTO=https", "REMOTE_ADDR=::ffff:192.0.2.1", NULL),
	       "X-Forwarded-Proto counts where the peer is a trusted proxy");
	tap_ok(!secure("HTTP_X_FORWARDED_PROTO=https", "REMOTE_ADDR=192.0.2.10", NULL) &&
	           !secure("HTTP_X_FORWARDED_PROTO=https", "REMOTE_ADDR=10.2.0.0", NULL) &&
	           !secure("HTTP_X_FORWARDED_PROTO=https", NULL, NULL) && !secure("HTTP_X_FORWARDED_PROTO=https", "REMOTE_ADDR=", NULL) &&
	           !secure("HTTP_X_FORWARDED_PROTO=https, http", "REMOTE_ADDR=192.0.2.1", NULL) &&
	           !secure("HTTP_X_FORWARDED_PROTO=httpsx", "REMOTE_ADDR=192.0.2.1", NULL),
	       "and nowhere else");
	sess_manager_close(m);
	settings("COOKIE_SECURE=false", NULL);
	m = site_open();
	tap_ok(!secure("HTTPS=on", NULL, NULL), "COOKIE_SECURE=false is never");
	sess_manager_close(m);
	settings("COOKIE_SECURE=true", NULL);
	m = site_open();
	tap_ok(secure("HTTPS=off", NULL, NULL), "COOKIE_SECURE=true is always");
	sess_manager_close(m);
}

int main(void)
{
	struct browser somebody = { "" };

	settings(NULL);
	m = site_open();
	visit_by(&v, m, &us);
	sess_csrf_token(v.s, own_token, sizeof(own_token));
	visit_commit(&v, &us);
	visit_end(&v);
	visit_by(&v, m, &somebody);
	sess_csrf_token(v.s, their_token, sizeof(their_token));
	visit_commit(&v, &somebody);
	visit_end(&v);
	matrix();
	tokens();
	sess_manager_close(m);
	allowed_origins();
	https();
	return tap_done();
}

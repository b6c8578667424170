/* Cookies in and out: hostile headers, and what no setting can put into a line. */

#include <time.h>

#include "lib/cookie.h"
#include "tests/lib/visitor.h"

/* What is found, values joined by '|', of a Cookie header under the name "sid". */
static const char *found(const char *header)
{
	static char text[400];
	char *variable = malloc(strlen(header) + 13); /* exact, so that a read beyond the end is found */
	char *envp[2] = { variable, NULL };
	struct cookie_scan scan = cookie_scan(envp, "sid");
	const char *value;
	size_t size, at = 0;

	sprintf(variable, "HTTP_COOKIE=%s", header);
	text[0] = '\0';
	while (cookie_next(&scan, &value, &size) && at < sizeof(text) - 100)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s", at ? "|" : "", (int)size, value);
	free(variable);
	return text;
}

static const struct {
	const char *header, *values, *claim;
} headers[] = {
	{ "sid=x", "x", "a cookie alone" },
	{ "a=1; sid=x; b=2", "x", "among others" },
	{ "a=1;sid=x;b=2", "x", "without blanks" },
	{ "sid=x;", "x", "before a last semicolon" },
	{ ";;sid=x;;", "x", "among empty pairs" },
	{ ";", "", "nothing but a semicolon" },
	{ "", "", "an empty header" },
	{ "   ", "", "nothing but blanks" },
	{ " \t sid \t = \t x \t ", "x", "SP and HTAB are trimmed" },
	{ "\vsid=x", "", "a vertical tab is not" },
	{ "\fsid=x", "", "nor a form feed" },
	{ "\xc2\xa0sid=x", "", "nor a no-break space" },
	{ "\xe2\x80\x80sid=x", "", "nor U+2000" },
	{ "sid=\xc2\xa0x", "\xc2\xa0x", "nor at the value" },
	{ "sid=", "", "an empty value is no cookie" },
	{ "sid=  ", "", "a blank value is no cookie" },
	{ "sid", "", "a name without '=' is no cookie" },
	{ "sid;=x", "", "a name cut off its value is none" },
	{ "=sid=x", "", "a nameless cookie that spells ours is not ours" },
	{ "==sid=x", "", "nor with two of them" },
	{ "=x", "", "a nameless cookie" },
	{ "SID=x", "", "another case is another name" },
	{ "Sid=x", "", "in one letter too" },
	{ "%73id=x", "", "names are not decoded" },
	{ "s%69d=x", "", "nowhere" },
	{ "si+d=x", "", "nor is '+' a blank" },
	{ "sid%00=x", "", "nor cut at a coded NUL" },
	{ "s.id=x", "", "a dot is not mangled" },
	{ "..sid=x", "", "nor at the beginning" },
	{ "_sid=x", "", "nor an underscore" },
	{ "sid[0]=x", "", "brackets mean nothing" },
	{ "sid]=x", "", "alone as well" },
	{ "si d=x", "", "a blank inside a name" },
	{ "sidx=x", "", "a longer name" },
	{ "xsid=x", "", "a name that ends with ours" },
	{ "si=x", "", "a shorter name" },
	{ "si=d=x", "", "a name cut by '='" },
	{ "\"sid\"=x", "", "a quoted name" },
	{ "sid=\"x\"", "\"x\"", "quotes are part of the value" },
	{ "sid=\"x", "\"x", "one quote too" },
	{ "a=\"; sid=x; b=\"", "x", "quotes hide nothing (cookie sandwich)" },
	{ "$Version=1; sid=x; $Path=/", "x", "$Version means nothing" },
	{ "$Version=\"1\"; a=\"v; sid=x\"; $Path=\"/\"", "x\"", "nor with quotes" },
	{ "a=\"\\\"; sid=x", "x", "there are no escapes" },
	{ "sid=a; sid=b", "a|b", "duplicates are all found, in order" },
	{ "sid=a; sid=a", "a|a", "equal ones too" },
	{ "sid=a;SID=b;sid=c", "a|c", "with another case between" },
	{ "sid=; sid=a", "a", "an empty one beside a full one" },
	{ "sid=a=b", "a=b", "'=' inside a value" },
	{ "sid==", "=", "a value that is '='" },
	{ "sid=a, b=c", "a, b=c", "a comma is part of the value" },
	{ "sid=a,sid=b", "a,sid=b", "and separates nothing" },
	{ "a=b, sid=x", "", "not before our name either" },
	{ "sid=a b", "a b", "a blank inside the value stays" },
	{ "sid=a\tb", "a\tb", "a tab too" },
	{ "sid=a\rb", "a\rb", "a CR stays (and does not check)" },
	{ "sid=a\nSet-Cookie: x", "a\nSet-Cookie: x", "a LF stays (and does not check)" },
	{ "sid=\x01\x7f\xff", "\x01\x7f\xff", "controls stay (and do not check)" },
	{ "sid=%78", "%78", "values are not decoded" },
	{ "sid=a&sid=b", "a&sid=b", "'&' separates nothing" },
	{ "a&sid=b", "", "nor before our name" },
	{ "sid:x", "", "':' is not '='" },
	{ "Cookie: sid=x", "", "a header's name inside the header" },
	{ "sid=x; Path=/; HttpOnly", "x", "attributes mean nothing in a request" },
	{ "sid=x; expires=Thu, 01 Jan 1970 00:00:00 GMT", "x", "nor dates" },
	{ "__Host-sid=x", "", "a prefix makes another name" },
	{ "sid =x", "x", "a blank before '='" },
	{ "sid\t=x", "x", "a tab before '='" },
	{ "sid= x", "x", "a blank after '='" },
	{ "sid\xc2\xa0=x", "", "a no-break space before '='" },
	{ "s\xc3\xad"
	  "d=x",
	  "", "a letter that looks alike" },
	{ "sid=x\xe2\x80\x8b", "x\xe2\x80\x8b", "a zero-width space at the value stays" },
	{ "sid=x;\n", "x", "a stray LF after the last pair" },
	{ "=;=;=;sid=x", "x", "empty names and values" },
	{ "a;b;c;sid=x", "x", "names alone before ours" },
};

static void hostile_headers(void)
{
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		tap_text(found(headers[i].header), headers[i].values, headers[i].claim);
}

static void variables(void)
{
	char *several[] = { "A=1",
		            "HTTP_COOKIE=a=1",
		            "HTTP_COOKIE2=sid=no",
		            "XHTTP_COOKIE=sid=no",
		            "HTTP_COOKIE=sid=x",
		            "HTTP_COOKIE=",
		            "HTTP_COOKIE=sid=y",
		            NULL };
	char *none[] = { NULL };
	struct cookie_scan scan = cookie_scan(several, "sid");
	const char *value;
	size_t size;
	bool first = cookie_next(&scan, &value, &size) && size == 1 && *value == 'x';
	bool second = cookie_next(&scan, &value, &size) && size == 1 && *value == 'y';

	tap_ok(first && second && !cookie_next(&scan, &value, &size), "all HTTP_COOKIE variables are read, and no others");
	scan = cookie_scan(none, "sid");
	tap_ok(!cookie_next(&scan, &value, &size), "no variables at all are none");
}

static double seconds_for(size_t pairs, const char *pair)
{
	size_t size = strlen(pair), at = 12;
	char *variable = malloc(13 + pairs * size);
	char *envp[2] = { variable, NULL };
	struct timespec begin, end;
	const char *value;
	size_t length;

	strcpy(variable, "HTTP_COOKIE=");
	for (size_t i = 0; i < pairs; i++, at += size)
		memcpy(variable + at, pair, size + 1);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	for (int round = 0; round < 20; round++) {
		struct cookie_scan scan = cookie_scan(envp, "sid");

		while (cookie_next(&scan, &value, &length))
			;
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	free(variable);
	return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

static void linear(void)
{
	static const char *const pairs[] = { "a=b;", "sid=x;", ";", "=", " " };

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		double few = seconds_for(10000, pairs[i]), many = seconds_for(100000, pairs[i]);

		/* A square would be a hundred times as long; the allowance is for a busy machine. */
		tap_ok(many < 40 * few + 0.05, "ten times as many '%s' take about ten times as long", pairs[i]);
	}
}

/* Opens with settings that are wrong; the sentence. */
static const char *refusal(void)
{
	static struct sess_why why;
	struct sess_manager *m;

	strcpy(why.text, "(accepted)");
	if (sess_manager_open(&m, NULL, &why) == SESS_OK)
		sess_manager_close(m);
	return why.text;
}

static void refused_settings(void)
{
	static const char *const names[] = {
		"a b", "a;b", "a=b", "a,b", "a\"b", "a\r\nSet-Cookie: x", "a\tb", "\xc3\xa4", "", "(a)", "a/b"
	};
	static const char *const paths[] = { "", "x", "x/", "/a;b", "/a b", "/\r\nX: y", "/a\"b", "/\xc3\xa4", "/a,b" };
	static const char *const domains[] = { ";",         "a b",          "example.org; Path=/x", "example.org\r\nX: y",
		                               "localhost", ".example.org", "example.org.",         "192.0.2.1",
		                               "a..b",      "-a.org" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		settings(NULL);
		setenv("SESSION_COOKIE_NAME", names[i], 1);
		tap_ok(strstr(refusal(), "SESSION_COOKIE_NAME (environment): "), "a cookie cannot be called '%.20s'",
		       i == 5 ? "a CRLF" : names[i]);
	}
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		settings(NULL);
		setenv("COOKIE_PATH", paths[i], 1);
		tap_ok(strstr(refusal(), "COOKIE_PATH (environment): "), "a path cannot be '%.20s'", i == 5 ? "with CRLF" : paths[i]);
	}
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		settings(NULL);
		setenv("COOKIE_DOMAIN", domains[i], 1);
		tap_ok(strstr(refusal(), "COOKIE_DOMAIN (environment): "), "a domain cannot be '%.20s'", i == 3 ? "with CRLF" : domains[i]);
	}
}

static void prefixes(void)
{
	static struct visit v;
	struct sess_manager *m;

	settings("SESSION_COOKIE_NAME=__Host-sid", "COOKIE_DOMAIN=example.org", NULL);
	tap_ok(strstr(refusal(), "__Host-sid' allows no COOKIE_DOMAIN"), "__Host- allows no domain");
	settings("SESSION_COOKIE_NAME=__Host-sid", "COOKIE_PATH=/app", NULL);
	tap_ok(strstr(refusal(), "needs COOKIE_PATH=/"), "__Host- needs the path /");
	settings("SESSION_COOKIE_NAME=__Host-Http-sid", "COOKIE_PATH=/app", NULL);
	tap_ok(strstr(refusal(), "needs COOKIE_PATH=/"), "so does __Host-Http-");
	settings("SESSION_COOKIE_NAME=__Secure-sid", "COOKIE_SECURE=false", NULL);
	tap_ok(strstr(refusal(), "needs COOKIE_SECURE=auto or true"), "__Secure- needs Secure");
	settings("SESSION_COOKIE_NAME=__host-sid", NULL);
	tap_ok(strstr(refusal(), "has to be written '__Host-'"),
	       "a prefix in another case is refused, since browsers obey it all the same");
	settings("COOKIE_SAMESITE=None", NULL);
	tap_ok(strstr(refusal(), "'None' needs COOKIE_SECURE=true"), "SameSite=None needs Secure");
	settings("COOKIE_SAMESITE=none", "COOKIE_SECURE=1", NULL);
	tap_text(refusal(), "(accepted)", "with Secure it is allowed, however it is spelled");
	settings("SESSION_COOKIE_NAME=__Host-sid", NULL);
	m = site_open();
	visit_header(&v, m, NULL);
	sess_add(v.s, "n", 1);
	visit_commit(&v, NULL);
	tap_ok(strncmp(v.head, "Set-Cookie: __Host-sid=", 23) == 0 && strstr(v.head, "; Path=/; ") && strstr(v.head, "; Secure\r\n") &&
	           !strstr(v.head, "Domain"),
	       "a __Host- cookie is Secure whatever the request says");
	visit_end(&v);
	visit_header(&v, m, "__HOST-sid=x; __host-sid=y");
	tap_ok(sess_state(v.s) == SESS_STATE_NEW, "another case of a prefixed name is not our cookie");
	visit_end(&v);
	sess_manager_close(m);
	settings("COOKIE_DOMAIN=example.org", "COOKIE_PATH=/app/", "COOKIE_SAMESITE=strict", "COOKIE_MAX_AGE=60", NULL);
	m = site_open();
	visit_header(&v, m, NULL);
	sess_add(v.s, "n", 1);
	visit_commit(&v, NULL);
	tap_ok(strstr(v.head, "; Path=/app/; Domain=example.org; Max-Age=60; HttpOnly; SameSite=Strict\r\n"),
	       "path, domain, age and SameSite are as set");
	visit_end(&v);
	sess_manager_close(m);
}

static void the_longest_lines(void)
{
	static struct visit v;
	struct sess_manager *m;
	char name[129], path[513], domain[254];

	memset(name, 'n', 128);
	name[128] = '\0';
	memset(path, '/', 512);
	path[512] = '\0';
	memset(domain, 'd', 253);
	domain[200] = '.';
	domain[253] = '\0';
	settings("COOKIE_SECURE=true", NULL);
	setenv("SESSION_COOKIE_NAME", name, 1);
	setenv("COOKIE_PATH", path, 1);
	setenv("COOKIE_DOMAIN", domain, 1);
	m = site_open();
	visit_header(&v, m, NULL);
	sess_add(v.s, "n", 1);
	visit_commit(&v, NULL);
	tap_ok(v.result == SESS_OK && strlen(v.head) < m->head_size && m->head_size <= SESS_HEAD_SIZE,
	       "the longest settings fit SESS_HEAD_SIZE");
	visit_end(&v);
	snprintf(v.cookie, sizeof(v.cookie), "%s=x", name);
	char *header = strdup(v.cookie);
	visit_header(&v, m, header);
	visit_commit(&v, NULL);
	tap_ok(v.result == SESS_FORGED && strlen(v.head) < m->head_size, "to clear the cookie as well");
	free(header);
	visit_end(&v);
	sess_manager_close(m);
	tap_ok(cookie_set(&(struct cookie_form){ .name = "n", .attributes = "" }, "x\r\nX: y", false, path) == 0,
	       "a token with CRLF is not written");
}

int main(void)
{
	hostile_headers();
	variables();
	linear();
	refused_settings();
	prefixes();
	the_longest_lines();
	return tap_done();
}

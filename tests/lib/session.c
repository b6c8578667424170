/* What a session is to a program: the seed's points, and the promises of sesame.h. */

#include "tests/lib/visitor.h"

static struct visit v, other;

static bool is_id(const char *id)
{
	return id && strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32;
}

static unsigned count_of(const char *text, const char *part)
{
	unsigned count = 0;

	for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
		count++;
	return count;
}

static void a_first_visit(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };
	char id[33], expected[512];

	visit_by(&v, m, &b);
	tap_ok(sess_state(v.s) == SESS_STATE_NEW, "a visitor without a cookie is new");
	sess_add(v.s, "visits", 1);
	tap_ok(sess_int(v.s, "visits", 0) == 1, "a change is seen before the commit");
	tap_ok(store_calls(m) == 0, "a new visitor's changes ask no store before the commit");
	tap_ok(visit_commit(&v, &b) && v.result == SESS_OK, "the commit of a new session sets a cookie");
	tap_ok(store_calls(m) == 1, "and takes one call of the store");
	snprintf(expected, sizeof(expected),
	         "Set-Cookie: jp_token=%s; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax\r\nCache-Control: no-store\r\nVary: Cookie\r\n",
	         b.cookie);
	tap_text(v.head, expected, "the head is one Set-Cookie, HttpOnly, SameSite=Lax, Path=/, Max-Age, and the cache's lines");
	tap_ok(sess_state(v.s) == SESS_STATE_LIVE, "afterwards the session is live");
	snprintf(id, sizeof(id), "%s", sess_id(v.s));
	tap_ok(is_id(id), "its id is 32 lower-case hex digits");
	tap_ok(strncmp(b.cookie, id, 32) == 0, "the cookie begins with the id");
	visit_end(&v);

	visit_by(&v, m, &b);
	tap_ok(sess_state(v.s) == SESS_STATE_LIVE, "the next request's cookie is good");
	tap_text(sess_id(v.s), id, "the next request has the same id");
	tap_ok(sess_int(v.s, "visits", 0) == 1, "and what was stored");
	tap_ok(!visit_commit(&v, &b), "the cookie is set once, not on each response");
	tap_text(v.head, "Cache-Control: no-store\r\nVary: Cookie\r\n", "where the session was used, caches are told");
	visit_end(&v);
	sess_manager_close(m);
}

static void secure_over_https(void)
{
	struct sess_manager *m = site_open();

	visit_clear(&v);
	visit_variable(&v, "HTTPS=on");
	visit_header(&v, m, NULL);
	sess_add(v.s, "n", 1);
	visit_commit(&v, NULL);
	tap_ok(strstr(v.head, "; SameSite=Lax; Secure\r\n"), "the cookie is Secure when the request came by HTTPS");
	visit_end(&v);
	sess_manager_close(m);
}

static void nothing_asked(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };

	visit_by(&v, m, &b);
	tap_ok(!visit_commit(&v, &b) && v.result == SESS_OK, "nothing recorded: no cookie");
	tap_text(v.head, "", "nothing asked: no header lines at all");
	visit_end(&v);
	visit_by(&v, m, &b);
	tap_ok(sess_int(v.s, "visits", 7) == 7, "reading where there is no session gives the default");
	tap_ok(!visit_commit(&v, &b), "and makes no session");
	tap_text(v.head, "Cache-Control: no-store\r\nVary: Cookie\r\n", "but caches are told, since the response depends on it");
	visit_end(&v);
	visit_by(&v, m, &b);
	tap_text(sess_pop(v.s, "message", "none"), "none", "popping what is not there gives the default");
	sess_unset(v.s, "message");
	tap_ok(!visit_commit(&v, &b), "unsetting what nobody has makes no session");
	visit_end(&v);
	tap_ok(store_calls(m) == 0, "all that asked no store");
	sess_manager_close(m);
}

static void only_the_id(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };
	char id[33];

	visit_by(&v, m, &b);
	snprintf(id, sizeof(id), "%s", sess_id(v.s));
	tap_ok(is_id(id), "a program that only asks for the id gets one");
	tap_text(sess_id(v.s), id, "and the same one when it asks again");
	tap_ok(visit_commit(&v, &b), "then the session is made");
	tap_text(sess_id(v.s), id, "under that id");
	visit_end(&v);
	visit_by(&v, m, &b);
	tap_text(sess_id(v.s), id, "it has the same id at the next request");
	visit_commit(&v, &b);
	visit_end(&v);
	sess_manager_close(m);
}

static void values(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };
	size_t size;

	visit_by(&v, m, &b);
	sess_set(v.s, "name", "Ada");
	sess_setf(v.s, "greeting", "%s %d", "Hello", 7);
	sess_set_int(v.s, "number", INT64_MIN);
	sess_set_bytes(v.s, "bytes", "a\0b", 3);
	sess_set(v.s, "copy", sess_str(v.s, "name", "?"));
	sess_set(v.s, "empty", "");
	tap_text(sess_str(v.s, "copy", "?"), "Ada", "a value may be copied from the session itself");
	visit_commit(&v, &b);
	visit_end(&v);

	visit_by(&v, m, &b);
	tap_text(sess_str(v.s, "name", "?"), "Ada", "a text comes back");
	tap_text(sess_str(v.s, "greeting", "?"), "Hello 7", "a formatted text comes back");
	tap_ok(sess_int(v.s, "number", 0) == INT64_MIN, "the smallest number comes back");
	tap_ok(memcmp(sess_bytes(v.s, "bytes", &size), "a\0b", 3) == 0 && size == 3, "octets with a NUL among them come back");
	tap_text(sess_str(v.s, "empty", "?"), "", "an empty text is one");
	tap_text(sess_str(v.s, "number", "?"), "?", "a number is not a text");
	tap_ok(sess_int(v.s, "name", 5) == 5, "a text is not a number");
	tap_ok(!sess_bytes(v.s, "absent", &size) && size == 0, "what is not there has no octets");
	sess_unset(v.s, "name");
	sess_add(v.s, "number", 1);
	tap_text(sess_str(v.s, "name", "?"), "?", "an unset field is gone before the commit");
	tap_ok(sess_int(v.s, "number", 0) == INT64_MIN + 1, "what was added shows on what is stored");
	const char *popped = sess_pop(v.s, "greeting", "?");
	visit_commit(&v, &b);
	tap_text(popped, "Hello 7", "a popped text lives until sess_end, the commit included");
	tap_text(sess_str(v.s, "greeting", "?"), "?", "and is gone");
	visit_end(&v);
	sess_manager_close(m);
}

static void two_tabs(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };

	page_view(m, &b);
	visit_by(&v, m, &b);
	visit_by(&other, m, &b);
	sess_add(v.s, "visits", 1);
	sess_add(other.s, "visits", 1);
	visit_commit(&v, &b);
	visit_commit(&other, &b);
	tap_ok(sess_int(other.s, "visits", 0) == 3, "a second tab's click is counted, and both see what is stored");
	tap_ok(sess_int(v.s, "visits", 0) == 2, "the first tab goes on telling what its own commit stored");
	visit_end(&v);
	visit_end(&other);
	visit_by(&v, m, &b);
	visit_by(&other, m, &b);
	sess_int(v.s, "visits", 0);
	sess_int(other.s, "visits", 0);
	sess_add(v.s, "visits", 1);
	sess_set(other.s, "name", "Ada");
	visit_commit(&v, &b);
	visit_commit(&other, &b);
	tap_ok(sess_int(other.s, "visits", 0) == 4, "one that had read before does not undo what came between");
	visit_end(&v);
	visit_end(&other);
	sess_manager_close(m);
}

static void lazy(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };

	page_view(m, &b);
	store_calls(m);
	visit_by(&v, m, &b);
	tap_ok(sess_state(v.s) == SESS_STATE_LIVE && store_calls(m) == 0, "beginning a request asks no store");
	visit_commit(&v, &b);
	tap_ok(store_calls(m) == 0, "a page that does not use the session asks no store");
	tap_ok(sess_int(v.s, "visits", 0) == 1 && store_calls(m) == 1, "what is read after the commit is read then");
	visit_end(&v);
	visit_by(&v, m, &b);
	sess_pop(v.s, "message", NULL);
	visit_commit(&v, &b);
	visit_end(&v);
	tap_ok(store_calls(m) == 1, "popping what is not there writes nothing");
	page_view(m, &b);
	tap_ok(store_calls(m) == 1, "a page that only counts asks the store once");
	visit_by(&v, m, &b);
	sess_int(v.s, "visits", 0);
	sess_str(v.s, "name", NULL);
	sess_id(v.s);
	tap_ok(store_calls(m) == 1, "reading asks the store once, however much is read");
	visit_commit(&v, &b);
	tap_ok(store_calls(m) == 0, "having only read writes nothing");
	visit_end(&v);
	sess_manager_close(m);
}

static void after_the_commit(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };
	char first[SESS_HEAD_SIZE];

	visit_by(&v, m, &b);
	sess_add(v.s, "visits", 1);
	visit_commit(&v, &b);
	snprintf(first, sizeof(first), "%s", v.head);
	store_calls(m);
	tap_ok(sess_add(v.s, "visits", 1) == SESS_ENDED, "a change after the commit is an error");
	tap_ok(sess_logout(v.s) == SESS_ENDED, "so is a logout");
	tap_ok(sess_commit(v.s, v.head, sizeof(v.head)) == SESS_OK, "a second commit repeats the first one's answer");
	tap_text(v.head, first, "and its head");
	tap_ok(store_calls(m) == 0, "and asks no store");
	tap_ok(sess_int(v.s, "visits", 0) == 1, "getters tell the session as stored");
	visit_end(&v);
	sess_end(NULL);
	tap_ok(true, "sess_end(NULL) does nothing");
	sess_manager_close(m);
}

/* A program's mistake is found before anything is applied, and leaves the session as it was. */
static void mistakes(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };
	char long_name[66], large[40000];

	memset(long_name, 'n', 65);
	long_name[65] = '\0';
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	visit_by(&v, m, &b);
	sess_set(v.s, "text", "x");
	sess_set_int(v.s, "full", INT64_MAX);
	sess_add(v.s, "visits", 1);
	visit_commit(&v, &b);
	visit_end(&v);
#define MISTAKE(error, claim, ...)                                                                                                         \
	do {                                                                                                                               \
		visit_by(&v, m, &b);                                                                                                       \
		sess_add(v.s, "visits", 1);                                                                                                \
		__VA_ARGS__;                                                                                                               \
		tap_ok(!visit_commit(&v, NULL) && v.result == (error), claim);                                                             \
		tap_text(v.head, "", "and the head is empty");                                                                             \
		tap_ok(sess_int(v.s, "visits", -1) == -1, "then it behaves as an empty one");                                              \
		visit_end(&v);                                                                                                             \
		visit_by(&v, m, &b);                                                                                                       \
		tap_ok(sess_int(v.s, "visits", 0) == 1, "and nothing was stored");                                                         \
		visit_end(&v);                                                                                                             \
	} while (0)
	MISTAKE(SESS_TYPE, "adding to a text is a type error", sess_add(v.s, "text", 1));
	MISTAKE(SESS_TYPE, "NULL is no text", sess_set(v.s, "text", NULL));
	MISTAKE(SESS_RANGE, "a counter does not overflow", sess_add(v.s, "full", 1));
	MISTAKE(SESS_RANGE, "nor do two additions", sess_add(v.s, "n", INT64_MAX); sess_add(v.s, "n", 1));
	MISTAKE(SESS_NAME, "an empty name is refused", sess_add(v.s, "", 1));
	MISTAKE(SESS_NAME, "a name that begins with '.' is refused", sess_set(v.s, ".user", "root"));
	MISTAKE(SESS_NAME, "a name of 65 octets is refused", sess_set(v.s, long_name, "x"));
	MISTAKE(SESS_TOO_LARGE, "64 KiB in one value are too large", sess_set_bytes(v.s, "big", large, 65536));
	MISTAKE(SESS_TOO_LARGE, "two values of 40,000 octets are too large together", sess_set(v.s, "a", large); sess_set(v.s, "b", large));
	MISTAKE(SESS_NAME, "the first mistake is the one that is told", sess_add(v.s, "", 1); sess_add(v.s, "text", 1));
#undef MISTAKE
	long_name[64] = '\0';
	visit_by(&v, m, &b);
	tap_ok(sess_set(v.s, long_name, "x") == SESS_OK, "a name of 64 octets is not too long");
	visit_end(&v);
	sess_manager_close(m);
}

static void small_heads(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };
	char small[64];

	visit_by(&v, m, &b);
	sess_add(v.s, "visits", 1);
	tap_ok(sess_commit(v.s, small, sizeof(small)) == SESS_SPACE, "a head that is too small is an error");
	tap_ok(store_calls(m) == 0, "found before the store is asked");
	tap_ok(visit_commit(&v, &b) && v.result == SESS_OK, "a larger one may be tried then");
	tap_ok(strlen(v.head) < m->head_size && m->head_size <= SESS_HEAD_SIZE, "SESS_HEAD_SIZE is enough");
	visit_end(&v);
	visit_by(&v, m, &(struct browser){ "" });
	tap_ok(sess_commit(v.s, small, 1) == SESS_OK, "where nothing is to be said, one octet is enough");
	visit_end(&v);
	sess_manager_close(m);
}

static void many_changes(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };
	char name[32];
	bool all = true;

	visit_by(&v, m, &b);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "field%d", i);
		sess_setf(v.s, name, "value %d", i);
	}
	for (int i = 0; i < 100000; i++)
		sess_add(v.s, "counter", 1);
	visit_commit(&v, &b);
	visit_end(&v);
	visit_by(&v, m, &b);
	for (int i = 0; i < 500; i++) {
		char expected[24];

		snprintf(name, sizeof(name), "field%d", i);
		snprintf(expected, sizeof(expected), "value %d", i);
		all = all && strcmp(sess_str(v.s, name, ""), expected) == 0;
	}
	tap_ok(all, "500 fields set in one request are all there");
	tap_ok(sess_int(v.s, "counter", 0) == 100000, "100,000 additions in one request are one change");
	visit_end(&v);
	sess_manager_close(m);
}

static void switched_off(void)
{
	struct sess_manager *m;
	char token[SESS_TOKEN_SIZE];

	settings("SESSIONS=false", "SECRET_KEY=", "SESSION_STORE=nonsense:", NULL);
	m = site_open();
	visit_header(&v, m, "jp_token=whatever");
	tap_ok(sess_state(v.s) == SESS_STATE_OFF, "SESSIONS=false: no cookie is read");
	tap_ok(!sess_id(v.s), "there is no id");
	tap_ok(sess_add(v.s, "visits", 1) == SESS_OFF && sess_int(v.s, "visits", 0) == 0, "nothing is counted");
	tap_ok(sess_csrf_token(v.s, token, sizeof(token)) == SESS_OFF && !*token, "there is no token for forms");
	tap_ok(!visit_commit(&v, NULL) && v.result == SESS_OK, "and every page still works");
	tap_text(v.head, "", "without a header line");
	visit_end(&v);
	sess_manager_close(m);
	settings(NULL);
}

static void another_secret(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };

	page_view(m, &b);
	sess_manager_close(m);
	settings("SECRET_KEY=another secret, just as long", NULL);
	m = site_open();
	visit_by(&v, m, &b);
	tap_ok(sess_state(v.s) == SESS_STATE_FORGED, "with another SECRET_KEY the old cookie is a bad cookie");
	visit_end(&v);
	sess_manager_close(m);
	settings(NULL);
}

static void forged(void)
{
	struct sess_manager *m = site_open();

	visit_clear(&v);
	visit_header(&v, m, "jp_token=nonsense");
	tap_ok(sess_state(v.s) == SESS_STATE_FORGED, "a cookie that is not ours is forged");
	tap_ok(!sess_id(v.s) && sess_int(v.s, "visits", 3) == 3, "such a visitor has no id and no values");
	sess_add(v.s, "visits", 1);
	visit_commit(&v, NULL);
	tap_ok(v.result == SESS_FORGED, "the commit says so");
	tap_text(v.head,
	         "Set-Cookie: jp_token=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax\r\n"
	         "Cache-Control: no-store\r\nVary: Cookie\r\n",
	         "and its head clears the cookie");
	tap_ok(store_calls(m) == 0, "the store is never asked");
	visit_end(&v);
	sess_manager_close(m);

	settings("BAD_COOKIE=replace", NULL);
	m = site_open();
	visit_header(&v, m, "jp_token=nonsense");
	tap_ok(sess_state(v.s) == SESS_STATE_NEW, "BAD_COOKIE=replace treats it as absent");
	sess_add(v.s, "visits", 1);
	tap_ok(visit_commit(&v, NULL) && v.result == SESS_OK, "and puts a new one in its place");
	visit_end(&v);
	sess_manager_close(m);
	settings("COOKIE_PATH=/app", "COOKIE_DOMAIN=example.org", NULL);
	m = site_open();
	visit_header(&v, m, "jp_token=nonsense");
	visit_commit(&v, NULL);
	tap_ok(strstr(v.head, "jp_token=; Path=/app; Domain=example.org; Max-Age=0") && strstr(v.head, "jp_token=; Path=/; Max-Age=0") &&
	           count_of(v.head, "Set-Cookie") == 2,
	       "a bad cookie is cleared at the configured path and domain and at /");
	visit_end(&v);
	sess_manager_close(m);
	settings(NULL);
}

static void several_cookies(void)
{
	struct sess_manager *m = site_open();
	struct browser a = { "" }, b = { "" };
	char header[1024];

	page_view(m, &a);
	page_view(m, &b);
	snprintf(header, sizeof(header), "jp_token=%s; jp_token=%s", a.cookie, b.cookie);
	visit_header(&v, m, header);
	tap_ok(sess_state(v.s) == SESS_STATE_FORGED, "two different valid ids in one request are a bad cookie");
	visit_end(&v);
	snprintf(header, sizeof(header), "jp_token=x; jp_token=%s; jp_token=%.32s", a.cookie, b.cookie);
	visit_header(&v, m, header);
	tap_ok(sess_state(v.s) == SESS_STATE_LIVE && strncmp(sess_id(v.s), a.cookie, 32) == 0, "one valid beside forged ones is taken");
	visit_end(&v);
	snprintf(header, sizeof(header), "jp_token=%s; jp_token=%s", a.cookie, a.cookie);
	visit_header(&v, m, header);
	tap_ok(sess_state(v.s) == SESS_STATE_LIVE, "the same cookie twice is one");
	visit_end(&v);
	visit_variable(&v, "HTTP_COOKIE=a=1");
	visit_variable(&v, "HTTP_COOKIE=jp_token=%s", a.cookie);
	visit_variable(&v, "HTTP_COOKIE=b=2");
	visit_header(&v, m, NULL);
	tap_ok(sess_state(v.s) == SESS_STATE_LIVE, "the cookie is found in any of several HTTP_COOKIE variables");
	visit_end(&v);
	visit_variable(&v, "HTTP_COOKIE=jp_token=%s", b.cookie);
	visit_variable(&v, "HTTP_COOKIE=jp_token=%s", a.cookie);
	visit_header(&v, m, NULL);
	tap_ok(sess_state(v.s) == SESS_STATE_FORGED, "two ids in two variables are a bad cookie as well");
	visit_end(&v);
	visit_header(&v, m, "jp_token=");
	tap_ok(sess_state(v.s) == SESS_STATE_NEW, "an empty value is no cookie");
	visit_end(&v);
	sess_manager_close(m);
}

static void logging_out(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" }, old;

	page_view(m, &b);
	old = b;
	visit_by(&v, m, &b);
	sess_add(v.s, "visits", 1);
	sess_logout(v.s);
	visit_commit(&v, &b);
	tap_text(v.head,
	         "Set-Cookie: jp_token=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax\r\n"
	         "Clear-Site-Data: \"cache\", \"storage\"\r\nCache-Control: no-store\r\nVary: Cookie\r\n",
	         "a logout clears the cookie and what the browser kept");
	tap_ok(sess_int(v.s, "visits", -1) == -1 && !sess_id(v.s), "afterwards the session is empty");
	visit_end(&v);
	tap_ok(page_view(m, &old) == -1, "a request that comes late with the old cookie changes nothing");
	visit_by(&v, m, &old);
	tap_ok(sess_int(v.s, "visits", -1) == -1 && sess_state(v.s) == SESS_STATE_GONE, "and reads nothing");
	tap_ok(!visit_commit(&v, NULL) && v.result == SESS_OK, "a late page that only reads is served as an empty one, without Set-Cookie");
	visit_end(&v);
	visit_by(&v, m, &old);
	sess_logout(v.s);
	tap_ok(!visit_commit(&v, NULL) && v.result == SESS_OK, "logging out twice is no error, and leaves the cookie alone");
	visit_end(&v);
	visit_by(&v, m, &(struct browser){ "" });
	sess_logout(v.s);
	tap_ok(!visit_commit(&v, NULL) && v.result == SESS_OK, "a visitor without a session may log out");
	visit_end(&v);
	sess_manager_close(m);
}

static void gone_meanwhile(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };

	page_view(m, &b);
	visit_by(&v, m, &b);
	sess_int(v.s, "visits", 0);
	visit_by(&other, m, &b);
	sess_logout(other.s);
	visit_commit(&other, NULL);
	visit_end(&other);
	sess_add(v.s, "visits", 1);
	tap_ok(!visit_commit(&v, NULL) && v.result == SESS_GONE, "a session that vanished after it was read is gone: no Set-Cookie");
	tap_text(v.head, "", "and no header lines");
	tap_ok(sess_state(v.s) == SESS_STATE_GONE && sess_int(v.s, "visits", -1) == -1 && !sess_id(v.s), "it behaves as an empty one");
	visit_end(&v);

	b.cookie[0] = '\0';
	page_view(m, &b);
	visit_by(&v, m, &b);
	visit_by(&other, m, &b);
	sess_logout(other.s);
	visit_commit(&other, NULL);
	visit_end(&other);
	sess_add(v.s, "visits", 1);
	tap_ok(!visit_commit(&v, NULL) && v.result == SESS_GONE, "nor can one that had not read bring it back within the grace");
	visit_end(&v);
	sess_manager_close(m);
}

int main(void)
{
	settings(NULL);
	a_first_visit();
	secure_over_https();
	nothing_asked();
	only_the_id();
	values();
	two_tabs();
	lazy();
	after_the_commit();
	mistakes();
	small_heads();
	many_changes();
	switched_off();
	another_secret();
	forged();
	several_cookies();
	logging_out();
	gone_meanwhile();
	return tap_done();
}

/* How long a session lives, to the second, on a clock that the test holds. */

#include "tests/lib/visitor.h"

#define IDLE 1000 /* COOKIE_MAX_AGE here; a tenth is 100 */
#define LIFETIME 5000

static struct visit v;

static struct sess_manager *site(const char *format)
{
	char setting[64];

	settings("COOKIE_MAX_AGE=1000", "SESSION_LIFETIME=5000", "REQUEST_TIMEOUT=30", NULL);
	snprintf(setting, sizeof(setting), "%s", format);
	setenv("COOKIE_FORMAT", setting, 1);
	return site_open();
}

/* Reads visits without changing anything. -1: none. True in *renewed if the cookie was set. */
static int64_t look(struct sess_manager *m, struct browser *b, bool *renewed)
{
	int64_t visits;
	bool set;

	visit_by(&v, m, b);
	visits = sess_int(v.s, "visits", -1);
	set = visit_commit(&v, b);
	if (renewed)
		*renewed = set;
	visit_end(&v);
	return visits;
}

/* As page_view; true if the cookie was set. */
static bool view_renews(struct sess_manager *m, struct browser *b)
{
	bool set;

	visit_by(&v, m, b);
	sess_add(v.s, "visits", 1);
	set = visit_commit(&v, b);
	visit_end(&v);
	return set;
}

static void idle(const char *format)
{
	struct sess_manager *m = site(format);
	struct browser b = { "" };
	char old[256];

	page_view(m, &b);
	site_now = START + IDLE - 1;
	visit_by(&v, m, &b);
	sess_passive(v.s);
	tap_ok(sess_int(v.s, "visits", -1) == 1, "%s: a session lives for COOKIE_MAX_AGE seconds less one", format);
	visit_end(&v);
	site_now = START + IDLE;
	visit_by(&v, m, &b);
	tap_ok(sess_int(v.s, "visits", -1) == -1, "%s: and not a second longer", format);
	visit_end(&v);
	snprintf(old, sizeof(old), "%s", b.cookie);
	tap_ok(page_view(m, &b) == 1, "%s: what comes then goes into a fresh session", format);
	if (strcmp(format, "timestamped") == 0)
		tap_ok(strncmp(old, b.cookie, 32) != 0, "%s: under a fresh id", format);
	else
		tap_text(b.cookie, old, "justpy: under the same id, since the other program may have issued it");
	sess_manager_close(m);
}

static void expired_cookie(void)
{
	struct sess_manager *m = site("timestamped");
	struct browser b = { "" };

	page_view(m, &b);
	store_calls(m);
	site_now = START + IDLE + 1;
	visit_by(&v, m, &b);
	tap_ok(sess_state(v.s) == SESS_STATE_EXPIRED, "a cookie older than COOKIE_MAX_AGE is expired");
	tap_ok(sess_int(v.s, "visits", -1) == -1 && store_calls(m) == 0, "as good as none, and the store is not asked");
	tap_ok(!visit_commit(&v, &b) && v.result == SESS_OK, "reading makes no session");
	visit_end(&v);
	site_now = START - 61;
	visit_by(&v, m, &b);
	tap_ok(sess_state(v.s) == SESS_STATE_EXPIRED, "a cookie from more than a minute ahead is expired, not forged");
	visit_end(&v);
	sess_manager_close(m);
}

static void expired_beside_others(void)
{
	struct sess_manager *m = site("timestamped");
	struct browser old = { "" }, a = { "" }, b = { "" };
	char header[900];

	page_view(m, &old);
	site_now = START + IDLE + 1;
	page_view(m, &a);
	page_view(m, &b);
	snprintf(header, sizeof(header), "jp_token=%s; jp_token=%s", old.cookie, a.cookie);
	visit_header(&v, m, header);
	tap_ok(sess_state(v.s) == SESS_STATE_LIVE, "a good cookie beside an expired one is taken");
	visit_end(&v);
	snprintf(header, sizeof(header), "jp_token=%s; jp_token=x", old.cookie);
	visit_header(&v, m, header);
	tap_ok(sess_state(v.s) == SESS_STATE_EXPIRED, "an expired one beside a forged one is expired");
	visit_end(&v);
	snprintf(header, sizeof(header), "jp_token=%s; jp_token=%s; jp_token=%s", old.cookie, a.cookie, b.cookie);
	visit_header(&v, m, header);
	tap_ok(sess_state(v.s) == SESS_STATE_FORGED, "two good ones are a bad cookie, an expired one beside them or not");
	visit_end(&v);
	sess_manager_close(m);
}

static void absolute(const char *format)
{
	struct sess_manager *m = site(format);
	struct browser b = { "" };
	int64_t visits = 0;

	for (site_now = START; site_now < START + LIFETIME; site_now += 500)
		visits = page_view(m, &b);
	tap_ok(visits == LIFETIME / 500, "%s: a session in use goes on", format);
	site_now = START + LIFETIME - 1;
	tap_ok(look(m, &b, NULL) == visits, "%s: until SESSION_LIFETIME", format);
	site_now = START + LIFETIME;
	tap_ok(look(m, &b, NULL) == -1, "%s: and not a second longer, however busy it is", format);
	tap_ok(page_view(m, &b) == 1, "%s: then a fresh one begins", format);
	sess_manager_close(m);
}

static void renewal(const char *format)
{
	struct sess_manager *m = site(format);
	struct browser b = { "" };
	bool renewed;

	page_view(m, &b);
	tap_ok(!view_renews(m, &b), "%s: no renewal in the same second", format);
	site_now = START + IDLE / 10 - 1;
	tap_ok(!view_renews(m, &b), "%s: the cookie is not renewed before a tenth of its age", format);
	site_now++;
	tap_ok(view_renews(m, &b), "%s: it is at a tenth", format);
	tap_ok(strstr(v.head, "Max-Age=1000;"), "%s: for another COOKIE_MAX_AGE", format);
	site_now++;
	tap_ok(!view_renews(m, &b), "%s: and then not again", format);
	site_now += IDLE - 2;
	tap_ok(look(m, &b, &renewed) == 5 && renewed, "%s: reading alone renews as well, and keeps the session", format);
	site_now += IDLE - 1;
	tap_ok(look(m, &b, &renewed) == 5 && renewed, "%s: the record's deadline was touched, too", format);
	store_calls(m);
	site_now += IDLE / 10 - 1;
	look(m, &b, &renewed);
	tap_ok(!renewed && store_calls(m) == 1, "%s: a read before that writes nothing", format);
	site_now++;
	look(m, &b, &renewed);
	tap_ok(renewed && store_calls(m) == 2, "%s: a read at a tenth writes the deadline", format);
	sess_manager_close(m);
}

/* Two requests with one cookie that is due: the answer of either may be the one that arrives. */
static void renewal_of_two(void)
{
	struct sess_manager *m = site("timestamped");
	struct browser b = { "" }, other;
	bool first, second;

	page_view(m, &b);
	other = b;
	site_now = START + IDLE / 10;
	look(m, &b, &first);
	look(m, &other, &second);
	tap_ok(first && second, "of two requests with a cookie that is due both renew it, although the record is touched once");
	sess_manager_close(m);
}

static void passive(void)
{
	struct sess_manager *m = site("timestamped");
	struct browser b = { "" }, none = { "" };

	page_view(m, &b);
	for (site_now = START; site_now < START + IDLE; site_now += 50) {
		visit_by(&v, m, &b);
		sess_passive(v.s);
		sess_add(v.s, "polls", 1);
		if (visit_commit(&v, NULL))
			break;
		visit_end(&v);
	}
	tap_ok(site_now >= START + IDLE, "a passive request never renews the cookie");
	tap_ok(look(m, &b, NULL) == -1, "and does not keep the session alive");
	visit_by(&v, m, &none);
	sess_passive(v.s);
	tap_ok(!sess_id(v.s), "a passive request of a visitor without a session has no id");
	sess_add(v.s, "polls", 1);
	tap_ok(!visit_commit(&v, NULL) && v.result == SESS_OK, "and makes no session");
	visit_end(&v);
	sess_manager_close(m);
}

static void grace(void)
{
	struct sess_manager *m = site("timestamped");
	struct browser b = { "" }, late;
	char old[256];

	page_view(m, &b);
	late = b;
	snprintf(old, sizeof(old), "%s", b.cookie);
	visit_by(&v, m, &b);
	sess_logout(v.s);
	visit_commit(&v, &b);
	visit_end(&v);
	site_now = START + 64; /* twice REQUEST_TIMEOUT and 5 seconds is 65 */
	visit_by(&v, m, &late);
	sess_add(v.s, "visits", 1);
	tap_ok(!visit_commit(&v, &late) && v.result == SESS_GONE, "until the grace is over a removed session is gone");
	visit_end(&v);
	site_now = START + 65;
	visit_by(&v, m, &late);
	sess_add(v.s, "visits", 1);
	tap_ok(visit_commit(&v, &late) && sess_int(v.s, "visits", 0) == 1, "then its cookie is as good as none");
	tap_ok(strncmp(late.cookie, old, 32) != 0, "and who brings it gets a fresh id");
	visit_end(&v);
	sess_manager_close(m);
}

static void read_then_expired(void)
{
	struct sess_manager *m = site("timestamped");
	struct browser b = { "" };

	page_view(m, &b);
	site_now = START + IDLE - 1;
	visit_by(&v, m, &b);
	sess_int(v.s, "visits", 0);
	sess_add(v.s, "visits", 1);
	site_now = START + IDLE;
	tap_ok(!visit_commit(&v, &b) && v.result == SESS_GONE,
	       "a session that ran out between reading and commit is gone, and nothing is written");
	visit_end(&v);
	sess_manager_close(m);
}

/* A JustPy program and this one, side by side with one secret. */
static void beside_justpy(void)
{
	struct sess_manager *m = site("justpy");
	struct browser made = { "" }, b;
	char id[33];
	struct visit *w = calloc(1, sizeof(*w));

	page_view(m, &made);
	snprintf(id, sizeof(id), "%.32s", made.cookie);
	sess_manager_close(m); /* and with it the memory store: the id is signed, but nowhere stored */
	m = site("justpy");
	b = made;
	visit_by(&v, m, &b);
	tap_text(sess_id(v.s), id, "justpy: an id that another program issued is taken as it is");
	tap_ok(sess_state(v.s) == SESS_STATE_NEW, "justpy: and its session is new");
	visit_by(w, m, &b);
	sess_add(w->s, "visits", 1);
	tap_ok(visit_commit(w, &b), "justpy: who comes first begins the session, and renews the cookie");
	tap_text(b.cookie, made.cookie, "justpy: with the very same token");
	visit_end(w);
	sess_add(v.s, "visits", 1);
	visit_commit(&v, &b);
	tap_ok(v.result == SESS_OK && sess_int(v.s, "visits", 0) == 2, "justpy: who had found it absent adds to what is there now");
	visit_end(&v);
	visit_by(&v, m, &b);
	sess_logout(v.s);
	visit_commit(&v, NULL);
	visit_end(&v);
	tap_ok(page_view(m, &b) == -1, "justpy: after a logout the session is gone");
	site_now = START + 100;
	tap_ok(page_view(m, &b) == 1 && strncmp(b.cookie, id, 32) != 0, "justpy: after the grace, who brings the old id gets a fresh one");
	b = made;
	site_now = START + LIFETIME - 1;
	tap_ok(page_view(m, &b) == 1 && strncmp(b.cookie, id, 32) != 0, "justpy: for SESSION_LIFETIME a removed id is not begun anew");
	sess_manager_close(m);
	free(w);
}

static void moving_over(void)
{
	struct sess_manager *m = site("justpy");
	struct browser b = { "" };
	char id[33];

	page_view(m, &b);
	snprintf(id, sizeof(id), "%.32s", b.cookie);
	sess_manager_close(m);
	settings("COOKIE_FORMAT=timestamped", NULL);
	m = site_open();
	visit_by(&v, m, &b);
	tap_ok(sess_state(v.s) == SESS_STATE_FORGED, "a justpy cookie is a bad cookie, as a rule");
	visit_end(&v);
	sess_manager_close(m);
	settings("COOKIE_ACCEPT_JUSTPY=true", NULL);
	m = site_open();
	visit_by(&v, m, &b);
	sess_add(v.s, "visits", 1);
	tap_ok(visit_commit(&v, &b) && strlen(b.cookie) == 83, "COOKIE_ACCEPT_JUSTPY=true: it is accepted, and replaced by one of ours");
	tap_ok(strncmp(b.cookie, id, 32) == 0, "under the same id, so that data indexed by it is found");
	visit_end(&v);
	tap_ok(page_view(m, &b) == 2, "which is good from then on");
	sess_manager_close(m);
}

int main(void)
{
	idle("timestamped");
	idle("justpy");
	expired_cookie();
	expired_beside_others();
	absolute("timestamped");
	absolute("justpy");
	renewal("timestamped");
	renewal_of_two();
	renewal("justpy");
	passive();
	grace();
	read_then_expired();
	beside_justpy();
	moving_over();
	return tap_done();
}

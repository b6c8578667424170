/* Who is logged in: a new id at each login, the old one dead; rotation; the end. */

#include "lib/reserved.h"
#include "lib/session.h"
#include "tests/lib/visitor.h"

static struct visit v, w;

static int log_in(struct sess_manager *m, struct browser *b, const char *user, const char *device)
{
	return visit_log_in(&v, m, b, user, device);
}

static bool is_user(struct sess_manager *m, struct browser *b, const char *user)
{
	const char *found;
	bool same;

	visit_by(&v, m, b);
	found = sess_user(v.s);
	same = found && user ? strcmp(found, user) == 0 : found == user;
	visit_end(&v);
	return same;
}

static int log_out(struct sess_manager *m, struct browser *b, int (*how)(struct sess *s))
{
	int result;

	visit_by(&v, m, b);
	how(v.s);
	visit_commit(&v, b);
	result = v.result;
	visit_end(&v);
	return result;
}

static void a_login(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" }, old;
	char expected[400];

	page_view(m, &b);
	old = b;
	visit_by(&v, m, &b);
	tap_ok(!sess_user(v.s), "at first nobody is logged in");
	tap_ok(sess_login(v.s, "ada", "a telephone") == SESS_OK, "a login is recorded");
	tap_text(sess_user(v.s), "ada", "and seen before the commit");
	sess_set(v.s, "theme", "dark");
	store_calls(m);
	tap_ok(visit_commit(&v, &b) && v.result == SESS_OK, "its commit sets a cookie");
	tap_ok(strncmp(b.cookie, old.cookie, 32) != 0, "with a new id");
	tap_text(sess_id(v.s), (snprintf(expected, sizeof(expected), "%.32s", b.cookie), expected), "which sess_id tells then");
	tap_ok(store_calls(m) == 3, "it takes two calls of the store, the index and the rename, and one more where the index is the first");
	snprintf(expected, sizeof(expected),
	         "Set-Cookie: jp_token=%s; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax\r\nCache-Control: no-store\r\nVary: Cookie\r\n",
	         b.cookie);
	tap_text(v.head, expected, "the head is one Set-Cookie and the cache's lines");
	visit_end(&v);
	visit_by(&v, m, &b);
	tap_text(sess_user(v.s), "ada", "the next request is the user's");
	tap_ok(sess_int(v.s, "visits", 0) == 1, "the data was carried over");
	tap_text(sess_str(v.s, "theme", "?"), "dark", "and the login's own changes are there");
	tap_ok(!visit_commit(&v, &b), "it sets no cookie again");
	visit_end(&v);
	tap_ok(is_user(m, &old, NULL), "the old id is nobody");
	tap_ok(page_view(m, &old) == -1, "and counts nothing");
	visit_by(&v, m, &old);
	sess_set(v.s, "theme", "light");
	tap_ok(!visit_commit(&v, NULL) && v.result == SESS_GONE && !*v.head, "who comes late with it gets GONE, and no header line at all");
	visit_end(&v);
	sess_manager_close(m);
}

static void without_a_session(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };

	tap_ok(log_in(m, &b, "ada", NULL) == SESS_OK && is_user(m, &b, "ada"), "a visitor without a session logs in");
	b.cookie[0] = '\0';
	visit_by(&v, m, &b);
	sess_passive(v.s);
	sess_login(v.s, "ada", NULL);
	tap_ok(visit_commit(&v, &b) && v.result == SESS_OK, "a login is activity, also where the request is passive");
	visit_end(&v);
	visit_by(&v, m, &(struct browser){ "" });
	sess_id(v.s);
	sess_login(v.s, "ada", NULL);
	tap_ok(visit_commit(&v, &b) && v.result == SESS_OK, "a program may have asked for the id before");
	tap_ok(strncmp(sess_id(v.s), b.cookie, 32) == 0, "the commit's is the one that counts");
	visit_end(&v);
	sess_manager_close(m);
}

/* Two requests of one browser at once, each in its own order. */
static void under_way(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" }, old;

	page_view(m, &b);
	old = b;
	visit_by(&w, m, &old);
	tap_ok(sess_int(w.s, "visits", 0) == 1, "a request has read the session;");
	log_in(m, &b, "ada", NULL);
	sess_add(w.s, "visits", 1);
	tap_ok(!visit_commit(&w, NULL) && w.result == SESS_GONE,
	       "a login comes between: the request's change is refused, without Set-Cookie");
	tap_text(w.head, "", "and without any other line");
	tap_ok(!sess_user(w.s) && sess_int(w.s, "visits", -1) == -1, "it sees nothing of the new session");
	visit_end(&w);

	b.cookie[0] = '\0';
	page_view(m, &b);
	old = b;
	visit_by(&w, m, &old);
	sess_logout(w.s);
	log_in(m, &b, "ada", NULL);
	tap_ok(!visit_commit(&w, NULL) && w.result == SESS_OK, "a logout under the old id does not clear the new cookie");
	tap_ok(is_user(m, &b, "ada"), "nor end the new session");
	visit_end(&w);

	b.cookie[0] = '\0';
	page_view(m, &b);
	old = b;
	visit_by(&w, m, &old);
	sess_login(w.s, "ada", NULL);
	log_in(m, &b, "ada", NULL);
	tap_ok(!visit_commit(&w, NULL) && w.result == SESS_GONE, "of two logins at once with one id the second is told GONE");
	tap_ok(is_user(m, &b, "ada"), "and the first stands");
	visit_end(&w);
	sess_manager_close(m);
}

/* Two requests with a cookie that is due: one has read, and then the browser gets a new cookie by the other. */
static void no_renewal_of_the_old_id(int (*how)(struct sess *s), const char *claim)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" }, old;

	log_in(m, &b, "ada", NULL);
	old = b;
	site_now = START + 604800 / 10;
	page_view(m, &(struct browser){ "" });
	visit_by(&v, m, &b);
	sess_int(v.s, "visits", 0);
	visit_commit(&v, NULL); /* touches the record; the answer with the renewed cookie is on its way */
	visit_end(&v);
	visit_by(&w, m, &old);
	sess_int(w.s, "visits", 0);
	log_out(m, &b, how);
	tap_ok(!visit_commit(&w, NULL), "a page that has only read does not renew the cookie of an id %s", claim);
	visit_end(&w);
	sess_manager_close(m);
}

static int log_in_again(struct sess *s)
{
	return sess_login(s, "ada", NULL);
}

/* The one who was logged out elsewhere may log in at once. */
static void after_an_end(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" }, ended;

	log_in(m, &b, "ada", NULL);
	ended = b;
	sess_manager_end_user(m, "ada", NULL);
	visit_by(&v, m, &b);
	sess_add(v.s, "visits", 1);
	tap_ok(!visit_commit(&v, NULL) && v.result == SESS_GONE, "whose session was ended changes nothing");
	visit_end(&v);
	tap_ok(log_in(m, &b, "ada", NULL) == SESS_OK && is_user(m, &b, "ada") && is_user(m, &ended, NULL), "but may log in at once");
	sess_manager_close(m);
}

static void another_user(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" }, old;
	size_t count;
	struct sess_device *devices;

	log_in(m, &b, "ada", NULL);
	page_view(m, &b);
	old = b;
	tap_ok(log_in(m, &b, "grace", NULL) == SESS_OK && is_user(m, &b, "grace"), "another user logs in on the same browser");
	tap_ok(page_view(m, &b) == 1, "and gets nothing of the first one's data");
	tap_ok(is_user(m, &old, NULL), "whose session has ended");
	tap_ok(sess_manager_devices(m, "ada", &devices, &count) == SESS_OK && count == 0, "and is in the list no more");
	free(devices);
	sess_manager_close(m);
}

static void again(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" }, old;
	size_t count;
	struct sess_device *devices;

	log_in(m, &b, "ada", NULL);
	page_view(m, &b);
	old = b;
	site_now += 599;
	visit_by(&v, m, &b);
	tap_ok(sess_fresh_within(v.s, 600) && !sess_fresh_within(v.s, 599), "the time of the login is known to the second");
	visit_end(&v);
	site_now += 1;
	visit_by(&v, m, &b);
	tap_ok(!sess_fresh_within(v.s, 600), "and is not fresh for ever");
	sess_login(v.s, "ada", NULL);
	tap_ok(sess_fresh_within(v.s, 600), "the same user proves it again:");
	tap_ok(visit_commit(&v, &b) && sess_fresh_within(v.s, 1), "it is fresh again");
	visit_end(&v);
	tap_ok(strncmp(b.cookie, old.cookie, 32) != 0, "under a new id");
	tap_ok(page_view(m, &b) == 2, "with the data");
	tap_ok(sess_manager_devices(m, "ada", &devices, &count) == SESS_OK && count == 1, "and is one session, not two");
	free(devices);
	page_view(m, &b);
	site_now += 10;
	visit_by(&v, m, &b);
	tap_ok(!sess_fresh_within(v.s, 10), "use does not make it fresh");
	visit_end(&v);
	visit_by(&v, m, &(struct browser){ "" });
	tap_ok(!sess_fresh_within(v.s, INT64_MAX), "nobody is not fresh at all");
	visit_end(&v);
	site_now = START;
	visit_by(&v, m, &b);
	tap_ok(!sess_fresh_within(v.s, INT64_MAX), "a login far in the future is not fresh");
	visit_end(&v);
	sess_manager_close(m);
}

static void mistakes(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };
	char name[258], device[400];
	struct sess_device *devices;
	size_t count;

	memset(name, 'n', 256);
	name[256] = '\0';
	tap_ok(log_in(m, &b, NULL, NULL) == SESS_NAME && log_in(m, &b, "", NULL) == SESS_NAME, "nobody is no user");
	tap_ok(log_in(m, &b, name, NULL) == SESS_NAME, "a name of 256 octets is refused");
	name[255] = '\0';
	/* 159 octets, and then a character of two */
	memset(device, 'd', sizeof(device));
	memcpy(device + 159, "\xc3\xa4", 3);
	strcpy(device + 161, "more");
	tap_ok(log_in(m, &b, name, device) == SESS_OK && is_user(m, &b, name), "one of 255 is not");
	sess_manager_devices(m, name, &devices, &count);
	tap_ok(count == 1 && strlen(devices[0].device) == 159, "a long device is cut, but not inside a character");
	free(devices);

	visit_by(&v, m, &b);
	tap_ok(sess_set(v.s, ".user", "root") == SESS_NAME, "a program cannot set our own fields");
	visit_end(&v);
	visit_by(&v, m, &b);
	tap_text(sess_str(v.s, ".user", "?"), "?", "nor see them as its own");
	tap_text(sess_pop(v.s, ".user", "?"), "?", "nor take them away");
	tap_ok(sess_int(v.s, ".auth", -1) == -1 && !sess_bytes(v.s, ".device", &count), "whatever they hold");
	visit_end(&v);
	visit_by(&v, m, &b);
	visit_commit(&v, NULL);
	tap_ok(sess_login(v.s, "ada", NULL) == SESS_ENDED && sess_rotate(v.s) == SESS_ENDED, "after the commit it is too late");
	visit_end(&v);
	visit_by(&v, m, &b);
	sess_login(v.s, "ada", NULL);
	sess_logout(v.s);
	tap_ok(!sess_user(v.s), "a login and a logout in one request are a logout");
	visit_commit(&v, NULL);
	visit_end(&v);
	tap_ok(is_user(m, &b, NULL), "for good");
	sess_manager_close(m);
	settings("SESSIONS=false", NULL);
	m = site_open();
	visit_by(&v, m, &b);
	tap_ok(sess_login(v.s, "ada", NULL) == SESS_OFF && sess_rotate(v.s) == SESS_OFF && !sess_user(v.s),
	       "without sessions nobody logs in");
	tap_ok(sess_devices(v.s, &devices, &count) == SESS_OFF && sess_end_other_devices(v.s) == SESS_OFF, "nor has devices");
	visit_end(&v);
	sess_manager_close(m);
	settings(NULL);
}

/* A whole login on a store whose nth call fails: nobody is logged in, and nothing of the old session is lost. */
static void outages(void)
{
	struct sess_manager *m = site_open();
	bool nobody = true, kept = true, listed = true;
	int failed = 0;

	for (unsigned long nth = 1; nth <= 3; nth++) {
		struct browser b = { "" };
		struct sess_device *devices;
		size_t count;

		page_view(m, &b);
		store_fault_arm(m->store, nth, false);
		visit_by(&v, m, &b);
		sess_login(v.s, "ada", NULL);
		nobody = !visit_commit(&v, &b) && v.result == SESS_UNAVAILABLE && !sess_user(v.s) && nobody;
		failed += v.result != SESS_OK;
		visit_end(&v);
		store_fault_arm(m->store, 0, false);
		kept = page_view(m, &b) == 2 && kept;
		listed = sess_manager_devices(m, "ada", &devices, &count) == SESS_OK && count == 0 && listed;
		free(devices);
	}
	tap_ok(failed == 3 && nobody, "whichever of a login's three calls of the store fails: nobody is logged in");
	tap_ok(kept, "the session is what it was before");
	tap_ok(listed, "and no device is listed");
	sess_manager_close(m);
	settings("STORE_OUTAGE=anonymous", NULL);
	m = site_open();
	store_fault_arm(m->store, 1, true);
	tap_ok(log_in(m, &(struct browser){ "" }, "ada", NULL) == SESS_UNAVAILABLE,
	       "STORE_OUTAGE=anonymous does not log in without the store");
	sess_manager_close(m);
	settings(NULL);
}

static void csrf(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };
	char before[SESS_TOKEN_SIZE], after[SESS_TOKEN_SIZE];

	visit_by(&v, m, &b);
	sess_csrf_token(v.s, before, sizeof(before));
	visit_commit(&v, &b);
	visit_end(&v);
	visit_by(&v, m, &b);
	sess_login(v.s, "ada", NULL);
	visit_commit(&v, &b);
	tap_ok(sess_csrf_token(v.s, after, sizeof(after)) == SESS_OK, "after the commit of a login there is a token of the new session");
	visit_end(&v);
	visit_clear(&v);
	visit_variable(&v, "REQUEST_METHOD=POST");
	visit_variable(&v, "HTTP_COOKIE=jp_token=%s", b.cookie);
	visit_header(&v, m, NULL);
	tap_ok(sess_csrf_ok(v.s, after) && !sess_csrf_ok(v.s, before), "which is good, and the one from before the login is not");
	visit_end(&v);
	sess_manager_close(m);
}

/* ---- rotation ------------------------------------------------------------------------------------------------------- */

static void a_rotation(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" }, old;

	log_in(m, &b, "ada", "a telephone");
	page_view(m, &b);
	old = b;
	site_now += 60;
	visit_by(&v, m, &b);
	sess_add(v.s, "visits", 1);
	sess_rotate(v.s);
	tap_ok(visit_commit(&v, &b) && v.result == SESS_OK && strncmp(old.cookie, b.cookie, 32) != 0,
	       "a rotation gives the session a new id");
	visit_end(&v);
	tap_ok(page_view(m, &b) == 3 && is_user(m, &b, "ada"), "and keeps everything else");
	tap_ok(page_view(m, &old) == 4 && page_view(m, &b) == 5, "for a while a request of the old id reads and changes the session");
	visit_by(&v, m, &old);
	sess_add(v.s, "visits", 1);
	sess_rotate(v.s);
	tap_ok(!visit_commit(&v, NULL) && v.result == SESS_OK, "but cannot rotate it, nor gets a cookie");
	visit_end(&v);
	visit_by(&v, m, &old);
	sess_login(v.s, "ada", NULL);
	tap_ok(!visit_commit(&v, NULL) && v.result == SESS_GONE, "nor logs anybody in");
	visit_end(&v);
	visit_by(&v, m, &(struct browser){ "" });
	sess_rotate(v.s);
	tap_ok(!visit_commit(&v, NULL) && v.result == SESS_OK, "a visitor without a session has nothing to rotate");
	visit_end(&v);
	sess_manager_close(m);
}

static void neither_extends_nor_renews(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" }, old;
	int64_t tenth = 604800 / 10, deadline;

	log_in(m, &b, "ada", NULL);
	old = b;
	site_now += tenth;
	log_out(m, &b, sess_rotate);
	visit_by(&v, m, &b);
	sess_int(v.s, "visits", 0);
	deadline = record_idle_deadline(v.s->record.octets);
	tap_ok(deadline == site_now + 604800, "a rotation extends the session, since its cookie is new");
	visit_end(&v);
	site_now += 60;
	visit_by(&v, m, &old);
	sess_add(v.s, "visits", 1);
	tap_ok(!visit_commit(&v, NULL) && v.result == SESS_OK, "a cookie of the old id that is due is not renewed");
	tap_ok(record_idle_deadline(v.s->current->octets) == deadline, "and the session not extended");
	visit_end(&v);
	sess_manager_close(m);
}

static void two_rotations_at_once(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" }, old;
	struct sess_device *devices;
	size_t count;

	log_in(m, &b, "ada", "a telephone");
	old = b;
	visit_by(&w, m, &old);
	sess_add(w.s, "visits", 1);
	sess_rotate(w.s);
	sess_int(w.s, "visits", 0);
	log_out(m, &b, sess_rotate);
	tap_ok(!visit_commit(&w, NULL) && w.result == SESS_OK, "of two rotations at once the second sets no cookie");
	visit_end(&w);
	tap_ok(page_view(m, &b) == 2, "but its changes are in the session");
	tap_ok(sess_manager_devices(m, "ada", &devices, &count) == SESS_OK && count == 1, "which is listed once");
	tap_text(count == 1 ? devices[0].device : "", "a telephone", "with its device");
	tap_ok(count == 1 && devices[0].created == START, "and the time of its login");
	free(devices);
	sess_manager_close(m);
}

static void logout_after_rotations(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" }, old;
	int rotations = 3;

	log_in(m, &b, "ada", NULL);
	old = b;
	for (int i = 0; i < rotations; i++)
		log_out(m, &b, sess_rotate);
	visit_by(&v, m, &old);
	sess_logout(v.s);
	visit_commit(&v, NULL);
	visit_end(&v);
	tap_ok(!is_user(m, &b, "ada"), "a logout that %d rotations have overtaken ends the session all the same", rotations);
	sess_manager_close(m);
}

/* ---- theft ---------------------------------------------------------------------------------------------------------- */

static void theft(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" }, planted, copied;

	page_view(m, &b);
	planted = b;
	log_in(m, &b, "ada", NULL);
	copied = b;
	log_out(m, &b, sess_rotate);
	site_now += m->grace - 1;
	visit_by(&v, m, &copied);
	tap_ok(!sess_theft_suspected(v.s) && sess_user(v.s), "within the grace an old id is a late request's");
	visit_end(&v);
	visit_by(&v, m, &planted);
	tap_ok(!sess_theft_suspected(v.s) && !sess_user(v.s), "one that was given up at a login as well");
	visit_end(&v);
	site_now++;
	visit_by(&v, m, &copied);
	tap_ok(sess_theft_suspected(v.s) && !sess_user(v.s), "after it a used-up id is probably stolen: it is nobody, and told");
	tap_ok(!visit_commit(&v, NULL), "it gets no cookie");
	visit_end(&v);
	visit_by(&v, m, &planted);
	sess_add(v.s, "visits", 1);
	tap_ok(visit_commit(&v, NULL) && sess_theft_suspected(v.s), "the commit tells as well, where nobody has read before");
	tap_ok(sess_int(v.s, "visits", 0) == 1, "and what came with it goes into a fresh session");
	visit_end(&v);
	visit_by(&v, m, &b);
	tap_ok(!sess_theft_suspected(v.s) && sess_user(v.s), "the one of now is not suspected");
	visit_end(&v);
	site_now = START + 604800 + m->grace;
	visit_by(&v, m, &copied);
	tap_ok(!sess_theft_suspected(v.s), "and it is forgotten when the cookie would be over anyway");
	visit_end(&v);

	site_now = START;
	b.cookie[0] = '\0';
	log_in(m, &b, "ada", NULL);
	copied = b;
	log_out(m, &b, sess_logout);
	site_now += m->grace;
	visit_by(&v, m, &copied);
	tap_ok(!sess_theft_suspected(v.s), "an id that was logged out is simply over");
	visit_end(&v);
	sess_manager_close(m);
}

/* ---- logout --------------------------------------------------------------------------------------------------------- */

static void everywhere(void)
{
	struct sess_manager *m = site_open();
	struct browser phone = { "" }, desk = { "" }, other = { "" };

	log_in(m, &phone, "ada", NULL);
	log_in(m, &desk, "ada", NULL);
	log_in(m, &other, "grace", NULL);
	visit_by(&v, m, &desk);
	sess_logout_everywhere(v.s);
	visit_commit(&v, &desk);
	tap_text(v.head,
	         "Set-Cookie: jp_token=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax\r\n"
	         "Clear-Site-Data: \"cache\", \"storage\"\r\nCache-Control: no-store\r\nVary: Cookie\r\n",
	         "a logout everywhere clears the cookie and what the browser kept");
	visit_end(&v);
	tap_ok(is_user(m, &phone, NULL), "the other device is logged out");
	tap_ok(is_user(m, &other, "grace"), "and nobody else");

	desk.cookie[0] = phone.cookie[0] = '\0';
	log_in(m, &phone, "ada", NULL);
	log_in(m, &desk, "ada", NULL);
	for (unsigned long nth = 1; nth <= 3; nth++) {
		store_fault_arm(m->store, nth, false);
		tap_ok(log_out(m, &desk, sess_logout_everywhere) == SESS_UNAVAILABLE, "where call %lu of the store fails, it says so", nth);
		store_fault_arm(m->store, 0, false);
	}
	tap_ok(log_out(m, &desk, sess_logout_everywhere) == SESS_OK && is_user(m, &desk, NULL) && is_user(m, &phone, NULL),
	       "and can be tried again");
	sess_manager_close(m);
}

static void events(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };

	visit_by(&v, m, &b);
	sess_login(v.s, "ada", NULL);
	visit_commit(&v, &b);
	tap_ok(v.s->events == SESSION_EVENT_LOGGED_IN, "a login is told as an event");
	visit_end(&v);
	visit_by(&v, m, &b);
	sess_rotate(v.s);
	visit_commit(&v, &b);
	tap_ok(v.s->events == SESSION_EVENT_ROTATED, "so is a rotation");
	visit_end(&v);
	visit_by(&v, m, &b);
	sess_logout(v.s);
	visit_commit(&v, &b);
	tap_ok(v.s->events == SESSION_EVENT_ENDED, "and a logout");
	visit_end(&v);
	sess_manager_close(m);
}

/* In justpy's layout an id may be begun by another program, but not one that was given up. */
static void justpy(void)
{
	struct sess_manager *m;
	struct browser b = { "" }, old;

	settings("COOKIE_FORMAT=justpy", NULL);
	m = site_open();
	page_view(m, &b);
	old = b;
	tap_ok(log_in(m, &b, "ada", NULL) == SESS_OK && is_user(m, &b, "ada"), "justpy: a login works");
	tap_ok(page_view(m, &old) == -1, "justpy: the old id is gone");
	site_now = START + 2592000 - 1;
	visit_by(&v, m, &old);
	tap_ok(sess_theft_suspected(v.s), "justpy: who comes with it later is suspected");
	visit_end(&v);
	tap_ok(page_view(m, &old) == 1 && is_user(m, &old, NULL), "justpy: and for SESSION_LIFETIME not begun anew");
	site_now = START;
	old = b;
	log_out(m, &b, sess_logout);
	site_now += m->grace;
	visit_by(&v, m, &old);
	tap_ok(!sess_theft_suspected(v.s), "justpy: one that was logged out is simply over");
	visit_end(&v);
	sess_manager_close(m);
	settings(NULL);
}

int main(void)
{
	settings(NULL);
	a_login();
	without_a_session();
	under_way();
	no_renewal_of_the_old_id(log_in_again, "that a login has given up");
	no_renewal_of_the_old_id(sess_rotate, "that a rotation has given up");
	no_renewal_of_the_old_id(sess_logout, "that was logged out");
	after_an_end();
	another_user();
	again();
	mistakes();
	outages();
	csrf();
	a_rotation();
	neither_extends_nor_renews();
	two_rotations_at_once();
	logout_after_rotations();
	theft();
	everywhere();
	events();
	justpy();
	return tap_done();
}

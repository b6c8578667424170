/* The store fails, at each of its calls: an error or a page without a session, never a cookie too many, never a lost count. */

#include "tests/lib/visitor.h"

static struct visit v;

static void closed(void)
{
	struct sess_manager *m;
	struct browser b = { "" }, none = { "" };

	settings(NULL);
	m = site_open();
	page_view(m, &b);
	store_fault_arm(m->store, 1, true);
	visit_by(&v, m, &b);
	sess_add(v.s, "visits", 1);
	tap_ok(!visit_commit(&v, &b) && v.result == SESS_UNAVAILABLE, "a change that cannot be stored is an error");
	tap_ok(v.error == EIO, "which the system has told the store");
	tap_text(v.head, "", "the cookie is kept: no header line");
	tap_ok(sess_state(v.s) == SESS_STATE_UNAVAILABLE && sess_int(v.s, "visits", -1) == -1, "the session behaves as an empty one");
	visit_end(&v);
	visit_by(&v, m, &b);
	tap_ok(sess_int(v.s, "visits", -1) == -1 && !sess_id(v.s) && sess_state(v.s) == SESS_STATE_UNAVAILABLE,
	       "reading gives defaults, and the state says why");
	tap_ok(!visit_commit(&v, &b) && v.result == SESS_UNAVAILABLE, "and the commit fails, since the page was made from nothing");
	tap_ok(v.error == EIO, "with the error of the reading");
	visit_end(&v);
	visit_by(&v, m, &b);
	sess_logout(v.s);
	tap_ok(!visit_commit(&v, &b) && v.result == SESS_UNAVAILABLE, "a logout that cannot be done is an error");
	tap_ok(v.error == EIO, "with the error of the removal");
	visit_end(&v);
	store_fault_arm(m->store, 1, true);
	visit_by(&v, m, &none);
	sess_int(v.s, "visits", 0);
	tap_ok(!visit_commit(&v, &none) && v.result == SESS_OK && store_fault_calls(m->store) == 0,
	       "visitors without a session do not wait for the store");
	visit_end(&v);
	visit_by(&v, m, &none);
	sess_id(v.s);
	tap_ok(!visit_commit(&v, &none) && v.result == SESS_UNAVAILABLE && !sess_id(v.s), "an id that could not be stored gets no cookie");
	visit_end(&v);
	store_fault_arm(m->store, 0, false);
	tap_ok(page_view(m, &b) == 2, "when the store is back, so is the session, and nothing was counted twice or lost");
	sess_manager_close(m);
}

static void anonymous(void)
{
	struct sess_manager *m;
	struct browser b = { "" };

	settings("STORE_OUTAGE=anonymous", NULL);
	m = site_open();
	page_view(m, &b);
	store_fault_arm(m->store, 1, true);
	visit_by(&v, m, &b);
	sess_add(v.s, "visits", 1);
	tap_ok(!visit_commit(&v, &b) && v.result == SESS_OK, "STORE_OUTAGE=anonymous: the page goes on without a session");
	tap_ok(!sess_id(v.s) && sess_int(v.s, "visits", 0) == 0, "as a visitor's who has none");
	visit_end(&v);
	visit_by(&v, m, &b);
	sess_int(v.s, "visits", 0);
	tap_ok(!visit_commit(&v, &b) && v.result == SESS_OK, "one that reads, too");
	visit_end(&v);
	visit_by(&v, m, &b);
	sess_logout(v.s);
	tap_ok(!visit_commit(&v, &b) && v.result == SESS_UNAVAILABLE, "but nobody is told of a logout that did not happen");
	visit_end(&v);
	store_fault_arm(m->store, 0, false);
	tap_ok(page_view(m, &b) == 2, "the cookie was kept");
	sess_manager_close(m);
}

/* Fails each call in turn through a visitor's whole story. What was answered is what is there. */
static void each_call_in_turn(void)
{
	struct sess_manager *m;
	bool whole = true;
	unsigned failures = 0;

	settings("COOKIE_FORMAT=justpy", NULL); /* the format with the most calls */
	for (unsigned long nth = 1; nth <= 14; nth++) {
		struct browser b = { "" };
		int64_t answered = 0, told;

		m = site_open();
		store_fault_arm(m->store, nth, false);
		for (int i = 0; i < 6; i++, site_now += 200000) {
			visit_by(&v, m, &b);
			if (i % 2)
				sess_int(v.s, "visits", 0);
			sess_add(v.s, "visits", 1);
			visit_commit(&v, &b);
			answered += v.result == SESS_OK;
			failures += v.result == SESS_UNAVAILABLE;
			whole = whole && (v.result == SESS_OK || (v.result == SESS_UNAVAILABLE && !*v.head));
			told = sess_int(v.s, "visits", -1);
			whole = whole && (v.result != SESS_OK || told == answered || told == -1);
			visit_end(&v);
		}
		store_fault_arm(m->store, 0, false);
		whole = whole && page_view(m, &b) == answered + 1;
		sess_manager_close(m);
	}
	tap_ok(failures >= 8, "%u calls of the store failed one by one", failures);
	tap_ok(whole, "and each time what was answered is what is counted");
}

static void cannot_be_opened(void)
{
	struct sess_manager *m = NULL;
	struct sess_why why;

	settings("SESSION_STORE=fault:x:memory:", NULL);
	tap_ok(sess_manager_open(&m, NULL, &why) == SESS_SETTINGS && !m && strstr(why.text, "SESSION_STORE (environment): "),
	       "a store that cannot be opened is refused at the start, with the reason");
}

static void sentences(void)
{
	bool all = true;

	for (int error = SESS_OK; error <= SESS_SETTINGS; error++)
		all = all && strlen(sess_error_text(error)) > 5;
	tap_ok(all, "each error has its sentence");
	tap_text(sess_error_text(-1), "unknown error", "and what is none has one as well");
	tap_text(sess_error_text(1000), "unknown error", "on either side");
}

int main(void)
{
	closed();
	anonymous();
	each_call_in_turn();
	cannot_be_opened();
	sentences();
	return tap_done();
}

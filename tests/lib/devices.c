/* A user's sessions: the list, its cap, what prunes it, who may end what; and counters that are no session's. */

#include "lib/reserved.h"
#include "lib/user.h"
#include "tests/lib/visitor.h"

static struct visit v;

static int log_in(struct sess_manager *m, struct browser *b, const char *user, const char *device)
{
	return visit_log_in(&v, m, b, user, device);
}

static bool is_in(struct sess_manager *m, struct browser *b)
{
	bool is;

	visit_by(&v, m, b);
	is = sess_user(v.s) != NULL;
	visit_end(&v);
	return is;
}

static void log_out(struct sess_manager *m, struct browser *b)
{
	visit_by(&v, m, b);
	sess_logout(v.s);
	visit_commit(&v, b);
	visit_end(&v);
}

static size_t count_of(struct sess_manager *m, const char *user)
{
	struct sess_device *devices;
	size_t count = 0;

	if (sess_manager_devices(m, user, &devices, &count) != SESS_OK)
		return SIZE_MAX;
	free(devices);
	return count;
}

/* How many entries the index holds, whatever is behind them. */
static size_t entries_of(struct sess_manager *m, const char *user)
{
	struct user_list list;
	size_t count;

	user_list_load(m, user, site_now, &list);
	count = list.count;
	user_list_free(&list);
	return count;
}

static void listed(void)
{
	struct sess_manager *m = site_open();
	struct browser phone = { "" }, desk = { "" }, other = { "" };
	struct sess_device *d;
	size_t count;

	log_in(m, &phone, "ada", "a telephone");
	site_now += 100;
	log_in(m, &desk, "ada", "a <desk>");
	log_in(m, &other, "grace", "somebody else's");
	site_now += 100;
	page_view(m, &phone);
	visit_by(&v, m, &desk);
	tap_ok(sess_devices(v.s, &d, &count) == SESS_OK && count == 2, "a user's sessions are listed, and nobody else's");
	visit_end(&v);
	tap_text(d[0].device, "a telephone", "the oldest login first");
	tap_ok(d[0].created == START && d[0].used == START + 200, "with the times of login and last use");
	tap_text(d[1].device, "a <desk>", "the device is as it was given");
	tap_ok(d[1].created == START + 100 && d[1].used == START + 100, "each has its own times");
	tap_ok(!d[0].current && d[1].current, "the list says which one asks");
	tap_ok(strlen(d[0].handle) == 16 && strcmp(d[0].handle, d[1].handle) != 0 && !strstr(phone.cookie, d[0].handle),
	       "a handle is not a part of the id");

	visit_by(&v, m, &desk);
	tap_ok(sess_end_device(v.s, "0123456789abcdef") == SESS_ABSENT && sess_end_device(v.s, "") == SESS_ABSENT,
	       "no handle: nothing ends");
	tap_ok(sess_end_device(v.s, d[0].handle) == SESS_OK, "one is ended by its handle");
	visit_end(&v);
	tap_ok(!is_in(m, &phone) && is_in(m, &desk) && count_of(m, "ada") == 1, "at once, and no other");
	visit_by(&v, m, &other);
	tap_ok(sess_end_device(v.s, d[1].handle) == SESS_ABSENT, "another user's handle is nothing");
	visit_end(&v);
	tap_ok(is_in(m, &desk), "and ends nothing");
	visit_by(&v, m, &desk);
	tap_ok(sess_end_device(v.s, d[1].handle) == SESS_OK, "one's own is a logout");
	tap_ok(visit_commit(&v, &desk) && strstr(v.head, "Clear-Site-Data"), "which clears the cookie");
	visit_end(&v);
	tap_ok(count_of(m, "ada") == 0 && entries_of(m, "ada") == 0, "then nothing is listed");
	free(d);
	visit_by(&v, m, &(struct browser){ "" });
	tap_ok(sess_devices(v.s, &d, &count) == SESS_ABSENT && !d && count == 0 && sess_end_other_devices(v.s) == SESS_ABSENT &&
	           sess_end_device(v.s, "0123456789abcdef") == SESS_ABSENT,
	       "nobody has no devices");
	visit_end(&v);
	sess_manager_close(m);
}

static void others(void)
{
	struct sess_manager *m = site_open();
	struct browser b[4] = { { "" } }, old, anonymous = { "" };
	size_t ended;

	page_view(m, &anonymous);
	for (int i = 0; i < 4; i++)
		log_in(m, &b[i], "ada", NULL);
	old = b[3];
	visit_by(&v, m, &b[3]);
	sess_rotate(v.s);
	visit_commit(&v, &b[3]);
	visit_end(&v);
	tap_ok(count_of(m, "ada") == 4, "a rotation changes no number");
	visit_by(&v, m, &old);
	tap_ok(sess_end_other_devices(v.s) == SESS_GONE, "a request of the id before it cannot say which the others are");
	visit_end(&v);
	visit_by(&v, m, &b[3]);
	tap_ok(sess_end_other_devices(v.s) == SESS_OK, "all others are ended");
	visit_end(&v);
	tap_ok(!is_in(m, &b[0]) && !is_in(m, &b[1]) && !is_in(m, &b[2]) && is_in(m, &b[3]), "and this one is not");
	tap_ok(sess_manager_end_user(m, "ada", &ended) == SESS_OK && ended == 1, "an operator ends all");
	tap_ok(!is_in(m, &b[3]) && count_of(m, "ada") == 0 && page_view(m, &anonymous) == 2, "of that user, and no other session");
	tap_ok(sess_manager_end_user(m, "nobody", &ended) == SESS_OK && ended == 0, "a user without sessions is no error");
	tap_ok(sess_manager_end_user(m, "", NULL) == SESS_NAME && sess_manager_end_device(m, "ada", "x") == SESS_ABSENT, "no user is");
	sess_manager_close(m);
}

/* As an operator does who read the key before. */
static void end_of_an_old_key(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };
	struct store_key key;
	char id[33];

	log_in(m, &b, "ada", NULL);
	snprintf(id, sizeof(id), "%.32s", b.cookie);
	reserved_session_key(id, &key);
	for (int i = 0; i < 3; i++) {
		visit_by(&v, m, &b);
		sess_rotate(v.s);
		visit_commit(&v, &b);
		visit_end(&v);
	}
	tap_ok(user_bury(m, &key, site_now) == STORE_OK && !is_in(m, &b), "a session ends by the key that it had three rotations ago");
	sess_manager_close(m);
}

/* ---- the index prunes itself ---------------------------------------------------------------------------------------- */

static bool found_index;

static bool note_index(void *context, const struct store_key *key, const uint8_t *record)
{
	(void)context;
	(void)key;
	found_index = found_index || reserved_kind_of(record) == RESERVED_IS_INDEX;
	return true;
}

static bool has_index(struct sess_manager *m)
{
	const struct store_walk walk = { .each = note_index, .now = site_now };
	uint64_t cursor = 0;

	found_index = false;
	do
		if (store_walk(m->store, &cursor, &walk) != STORE_OK)
			return false;
	while (cursor != 0);
	return found_index;
}

/* What a login leaves that dies between the index and the session. */
static void leave_an_entry(struct sess_manager *m, const char *user)
{
	struct user_entry entry;
	struct user_list list;
	struct store_key key;

	reserved_session_key("00000000000000000000000000000000", &key);
	user_entry_init(&entry, &key, site_now, site_now, site_now + m->lifetime);
	user_enter(m, user, &entry, &list);
	user_list_free(&list);
}

static void prunes_itself(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" }, idle = { "" };

	log_in(m, &b, "ada", NULL);
	leave_an_entry(m, "ada");
	tap_ok(count_of(m, "ada") == 1 && entries_of(m, "ada") == 2, "a login under way is not listed, and its entry stays");
	site_now += m->grace;
	tap_ok(count_of(m, "ada") == 1 && entries_of(m, "ada") == 2, "for as long as a request may take");
	site_now++;
	tap_ok(count_of(m, "ada") == 1 && entries_of(m, "ada") == 1, "then, when the list is read, it goes");
	log_in(m, &idle, "ada", NULL);
	for (int i = 0; i < 20; i++) { /* in use, while the other is not */
		site_now += 50000;
		page_view(m, &b);
	}
	tap_ok(count_of(m, "ada") == 1 && entries_of(m, "ada") == 1, "a session that was not used for too long leaves the list");
	site_now = START + m->grace + 1 + m->lifetime - 1; /* the second login was so much later */
	tap_ok(has_index(m), "the index is there until its last session must be over");
	site_now = START + m->lifetime + m->grace + 1;
	tap_ok(!has_index(m), "and not longer");
	log_in(m, &b, "ada", NULL);
	tap_ok(count_of(m, "ada") == 1, "afterwards it begins anew");
	sess_manager_close(m);
}

/* ---- the cap -------------------------------------------------------------------------------------------------------- */

static void oldest_out(void)
{
	struct sess_manager *m;
	struct browser b[5] = { { "" } };

	settings("USER_SESSIONS_MAX=3", NULL);
	m = site_open();
	for (int i = 0; i < 4; i++, site_now++)
		tap_ok(log_in(m, &b[i], "ada", NULL) == SESS_OK, "login %d of a user who may have three sessions", i + 1);
	tap_ok(!is_in(m, &b[0]) && is_in(m, &b[1]) && is_in(m, &b[2]) && is_in(m, &b[3]), "the oldest is out");
	tap_ok(count_of(m, "ada") == 3, "three are listed");
	log_out(m, &b[3]);
	tap_ok(log_in(m, &b[4], "ada", NULL) == SESS_OK && is_in(m, &b[1]), "one who logs out makes room");
	tap_ok(log_in(m, &b[1], "ada", NULL) == SESS_OK && is_in(m, &b[2]) && is_in(m, &b[4]) && count_of(m, "ada") == 3,
	       "who proves again who they are needs none");
	visit_by(&v, m, &b[2]);
	sess_rotate(v.s);
	visit_commit(&v, &b[2]);
	visit_end(&v);
	log_in(m, &b[0], "ada", NULL);
	tap_ok(!is_in(m, &b[2]), "a rotation makes a session no younger");
	tap_ok(log_in(m, &b[3], "grace", NULL) == SESS_OK && count_of(m, "ada") == 3, "each user has a number of their own");
	sess_manager_close(m);
}

static void refused(void)
{
	struct sess_manager *m;
	struct browser b[3] = { { "" } }, visitor = { "" };

	settings("USER_SESSIONS_MAX=2", "USER_SESSIONS_POLICY=refuse", NULL);
	m = site_open();
	log_in(m, &b[0], "ada", NULL);
	log_in(m, &b[1], "ada", NULL);
	page_view(m, &visitor);
	visit_by(&v, m, &visitor);
	sess_login(v.s, "ada", NULL);
	tap_ok(!visit_commit(&v, NULL) && v.result == SESS_LIMIT && !*v.head, "USER_SESSIONS_POLICY=refuse: one too many is refused");
	tap_ok(!sess_user(v.s), "and nobody logged in");
	visit_end(&v);
	tap_ok(page_view(m, &visitor) == 2 && !is_in(m, &visitor), "the visitor's session is as it was");
	tap_ok(is_in(m, &b[0]) && is_in(m, &b[1]) && entries_of(m, "ada") == 2, "and so are the user's");
	tap_ok(log_in(m, &b[0], "ada", NULL) == SESS_OK, "who proves again who they are is not refused");
	leave_an_entry(m, "ada");
	log_out(m, &b[1]);
	tap_ok(log_in(m, &b[2], "ada", NULL) == SESS_LIMIT, "a login under way counts");
	site_now += m->grace + 1;
	tap_ok(log_in(m, &b[2], "ada", NULL) == SESS_OK, "one that came to nothing does not");
	sess_manager_close(m);
	settings(NULL);
}

static void outages(void)
{
	struct sess_manager *m;
	struct browser b[3] = { { "" } };
	struct sess_device *d;
	size_t count;
	bool right = true;

	settings("USER_SESSIONS_MAX=2", NULL);
	m = site_open();
	log_in(m, &b[0], "ada", NULL);
	log_in(m, &b[1], "ada", NULL);
	for (unsigned long nth = 1; nth <= 12; nth++) {
		int result;

		b[2].cookie[0] = '\0';
		store_fault_arm(m->store, nth, false);
		result = log_in(m, &b[2], "ada", NULL);
		store_fault_arm(m->store, 0, false);
		/* Whatever failed: who was told OK is in, who was not is not, and there are never more than two. */
		right = right && (result == SESS_OK || result == SESS_UNAVAILABLE) && is_in(m, &b[2]) == (result == SESS_OK) &&
		        count_of(m, "ada") <= 2;
	}
	tap_ok(right, "whichever call of the store fails, a login that ends the oldest is there or is not, and the cap holds");
	store_fault_arm(m->store, 1, true);
	tap_ok(sess_manager_devices(m, "ada", &d, &count) == SESS_UNAVAILABLE && !d &&
	           sess_manager_end_user(m, "ada", NULL) == SESS_UNAVAILABLE && sess_manager_end_device(m, "ada", "x") == SESS_UNAVAILABLE,
	       "without the store there is no list, and nothing is said to have ended");
	visit_by(&v, m, &b[2]);
	tap_ok(sess_devices(v.s, &d, &count) == SESS_UNAVAILABLE && sess_end_other_devices(v.s) == SESS_UNAVAILABLE, "nor for the user");
	visit_end(&v);
	sess_manager_close(m);
	settings(NULL);
}

/* ---- counters ------------------------------------------------------------------------------------------------------- */

static int64_t counted(struct sess_manager *m, const char *name, int64_t delta)
{
	int64_t value;

	return sess_counter_add(m, name, delta, 60, &value) == SESS_OK ? value : INT64_MIN;
}

static void counters(void)
{
	struct sess_manager *m = site_open();
	struct browser b = { "" };
	char name[257];
	int64_t value = 7;

	memset(name, 'n', 256);
	name[256] = '\0';
	tap_ok(counted(m, "failed:ada", 0) == 0, "a counter that nobody added to is 0");
	tap_ok(counted(m, "failed:ada", 1) == 1 && counted(m, "failed:ada", 2) == 3, "additions add up");
	tap_ok(counted(m, "failed:grace", 1) == 1, "each name has its own");
	site_now = START + 59;
	tap_ok(counted(m, "failed:ada", -1) == 2, "a counter lives for so many seconds from its first addition");
	site_now = START + 60;
	tap_ok(counted(m, "failed:ada", 0) == 0 && counted(m, "failed:ada", 1) == 1, "and then begins again, whatever was added meanwhile");
	tap_ok(sess_counter_add(m, "failed:ada", INT64_MAX, 60, &value) == SESS_RANGE && value == 0, "it does not overflow");
	tap_ok(counted(m, "failed:ada", 0) == 1, "and is then as it was");
	tap_ok(sess_counter_add(m, "", 1, 60, &value) == SESS_NAME && sess_counter_add(m, name, 1, 60, &value) == SESS_NAME,
	       "a name has 1 to 255 octets");
	tap_ok(sess_counter_add(m, "n", 1, 0, &value) == SESS_RANGE && sess_counter_add(m, "n", 1, INT64_MAX, &value) == SESS_RANGE,
	       "a time that is none is refused");
	log_in(m, &b, "failed:ada", NULL);
	tap_ok(counted(m, "failed:ada", 0) == 1, "a user of the same name is another matter");
	store_fault_arm(m->store, 1, true);
	value = 7;
	tap_ok(sess_counter_add(m, "failed:ada", 1, 60, &value) == SESS_UNAVAILABLE && value == 0, "without the store it says so");
	sess_manager_close(m);
	settings("SESSIONS=false", NULL);
	m = site_open();
	tap_ok(sess_counter_add(m, "failed:ada", 1, 60, &value) == SESS_OFF, "without sessions there are none");
	tap_ok(sess_manager_end_user(m, "ada", NULL) == SESS_OFF, "nor users");
	sess_manager_close(m);
	settings(NULL);
}

/* ---- what a record is ----------------------------------------------------------------------------------------------- */

static unsigned kinds[3], named;

static bool note_kind(void *context, const struct store_key *key, const uint8_t *record)
{
	enum reserved_kind kind = reserved_kind_of(record);
	const char *user = reserved_text(record, kind == RESERVED_IS_INDEX ? RESERVED_INDEX : RESERVED_USER);

	(void)context;
	(void)key;
	kinds[kind]++;
	named += user && strcmp(user, "ada") == 0;
	return true;
}

static void recognised(void)
{
	struct sess_manager *m = site_open();
	const struct store_walk walk = { .each = note_kind, .now = START };
	struct browser b = { "" }, anonymous = { "" };
	uint64_t cursor = 0;
	bool walked = true;

	page_view(m, &anonymous);
	log_in(m, &b, "ada", NULL);
	counted(m, "failed:ada", 1);
	do
		walked = store_walk(m->store, &cursor, &walk) == STORE_OK && walked;
	while (cursor != 0);
	tap_ok(walked && kinds[RESERVED_IS_SESSION] == 2 && kinds[RESERVED_IS_INDEX] == 1 && kinds[RESERVED_IS_COUNTER] == 1,
	       "a walk tells sessions, indexes and counters apart");
	tap_ok(named == 2, "and whose they are");
	sess_manager_close(m);
}

int main(void)
{
	settings(NULL);
	listed();
	others();
	end_of_an_old_key();
	prunes_itself();
	oldest_out();
	refused();
	outages();
	counters();
	recognised();
	return tap_done();
}

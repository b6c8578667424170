/* commit.c - what becomes of a session: one operation of the store, then the header lines. Logins and logouts are in login.c. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/origin.h"
#include "lib/session.h"

#define ADOPTION_TRIES 8 /* of a race between first requests of one adopted id */

int session_error_of(int status)
{
	switch (status) {
	case STORE_OK:
		return SESS_OK;
	case STORE_TYPE:
		return SESS_TYPE;
	case STORE_RANGE:
		return SESS_RANGE;
	case STORE_TOO_LARGE:
		return SESS_TOO_LARGE;
	case STORE_NO_MEMORY:
		return SESS_MEMORY;
	default:
		return SESS_UNAVAILABLE;
	}
}

/* STORE_OUTAGE=anonymous goes on as if the visitor had no session. */
static int without_store(const struct sess *s)
{
	return s->manager->goes_on ? SESS_OK : SESS_UNAVAILABLE;
}

static int outage(struct sess *s, int status)
{
	int error = session_error_of(status);

	if (error != SESS_UNAVAILABLE)
		return error;
	session_outage(s, status);
	return without_store(s);
}

int session_gone(struct sess *s)
{
	s->state = SESS_STATE_GONE;
	return SESS_GONE;
}

/* ---- the one operation ---------------------------------------------------------------------------------------------- */

/* A record that was read stays where it is, since the program may hold texts of it; the new one goes beside it. */
struct record *session_room(struct sess *s)
{
	if (!s->was_live)
		return s->current = &s->record;
	if (!s->later) {
		s->later = malloc(sizeof(*s->later));
		if (s->later)
			record_init(s->later);
	}
	if (s->later)
		s->current = s->later;
	return s->later;
}

struct store_update session_update(const struct sess *s, enum store_condition condition)
{
	const struct sess_manager *m = s->manager;

	return (struct store_update){
		.condition = condition,
		.now = s->now,
		.idle_deadline = s->now + m->max_age,
		.final_deadline = s->now + m->lifetime,
		/* One that was touched a tenth ago or longer is due: the same moment at which its cookie is. */
		.extend_before = s->passive ? INT64_MIN : s->now + m->max_age - m->tenth + 1,
		.changes = s->changes.changes,
		.count = s->changes.count,
	};
}

static int apply(struct sess *s, enum store_condition condition)
{
	const struct store_update update = session_update(s, condition);
	struct record *ret = session_room(s);

	return ret ? store_apply(s->manager->store, &s->key, &update, ret) : STORE_NO_MEMORY;
}

int session_finish(struct sess *s)
{
	s->state = SESS_STATE_LIVE;
	s->looked_up = true;
	return SESS_OK;
}

/* ---- a new session -------------------------------------------------------------------------------------------------- */

static bool has_something_to_keep(const struct sess *s)
{
	for (size_t i = 0; i < s->changes.count; i++)
		if (s->changes.changes[i].what != STORE_UNSET)
			return true;
	return s->wanted;
}

static int commit_fresh(struct sess *s)
{
	int status;

	/* All that may fail without the store comes first: a session that cannot get its cookie must not be stored. */
	if (!session_need_id(s))
		return outage(s, STORE_BUSY); /* no randomness, of which the system says nothing */
	if (!session_sign(s))
		return SESS_MEMORY;
	status = apply(s, STORE_IF_ABSENT);
	if (status != STORE_OK)
		return outage(s, status);
	s->head = SESSION_HEAD_SET;
	return session_finish(s);
}

/* The id turned out to be over: whoever comes with it gets a fresh one, unless the program was told the old one. */
static int commit_over(struct sess *s)
{
	s->current->size = 0;
	if (s->wanted && !s->is_fresh)
		return session_gone(s);
	s->state = SESS_STATE_EXPIRED;
	s->has_id = false;
	if (s->passive || !has_something_to_keep(s))
		return SESS_OK;
	return commit_fresh(s);
}

/* Another program issued the id: whoever comes first begins the record, and the others change it. */
static int commit_adopted(struct sess *s)
{
	enum store_condition condition = STORE_IF_ABSENT;
	int status = STORE_BUSY;

	if (!session_sign(s))
		return SESS_MEMORY;
	for (int i = 0; i < ADOPTION_TRIES; i++) {
		status = apply(s, condition);
		if (status != STORE_EXISTS && status != STORE_ABSENT)
			break;
		condition = status == STORE_EXISTS ? STORE_IF_PRESENT : STORE_IF_ABSENT;
	}
	if (status == STORE_OK) {
		s->head = SESSION_HEAD_SET;
		return session_finish(s);
	}
	if (status == STORE_GONE && session_in_grace(s, s->current))
		return session_gone(s);
	if (status == STORE_GONE)
		session_meet_grave(s, s->current);
	return status == STORE_GONE || status == STORE_DAMAGED ? commit_over(s) : outage(s, status);
}

static int commit_absent(struct sess *s)
{
	if (s->passive || !has_something_to_keep(s))
		return SESS_OK;
	return s->has_id && s->adopts ? commit_adopted(s) : commit_fresh(s);
}

/* ---- a session that is there ---------------------------------------------------------------------------------------- */

/* In justpy's layout the cookie does not say how old it is, so it is renewed when its record is. */
static bool is_due(const struct sess *s)
{
	const struct sess_manager *m = s->manager;
	const uint8_t *record = s->current->octets;

	if (s->passive || s->current->forwarded)
		return false;
	if (s->token.outdated)
		return true;
	if (s->token.layout == SIGNER_TIMESTAMPED)
		return s->now - s->token.issued >= m->tenth;
	return record_used(record) == s->now && record_idle_deadline(record) == s->now + m->max_age && record_created(record) != s->now;
}

static int commit_kept(struct sess *s)
{
	if (is_due(s) && session_sign(s))
		s->head = SESSION_HEAD_SET;
	return session_finish(s);
}

static bool has_to_be_touched(const struct sess *s)
{
	return !s->passive && !s->current->forwarded &&
	       record_idle_deadline(s->current->octets) <= s->now + s->manager->max_age - s->manager->tenth;
}

static int commit_missing(struct sess *s, int status)
{
	if (s->was_live || (status == STORE_GONE && session_in_grace(s, s->current)))
		return session_gone(s);
	if (status == STORE_GONE)
		session_meet_grave(s, s->current);
	if (status != STORE_ABSENT || !s->adopts)
		return commit_over(s);
	s->state = SESS_STATE_NEW;
	return commit_absent(s);
}

static int commit_live(struct sess *s)
{
	int status;

	if (s->changes.count == 0 && !s->was_live)
		return SESS_OK; /* nobody asked */
	/* A cookie is not renewed on the strength of what was read: a login may have given the browser another one meanwhile. */
	if (s->changes.count == 0 && !has_to_be_touched(s) && !is_due(s))
		return session_finish(s);
	status = apply(s, STORE_IF_PRESENT);
	if (status == STORE_OK)
		return commit_kept(s);
	if (status == STORE_ABSENT || status == STORE_GONE || status == STORE_DAMAGED)
		return commit_missing(s, status);
	return outage(s, status);
}

/* ---- the header lines ----------------------------------------------------------------------------------------------- */

static const char no_store[] = "Cache-Control: no-store\r\nVary: Cookie\r\n";
/* Not "cookies": that would take the cookies of all other programs of the site as well. */
static const char clear_site[] = "Clear-Site-Data: \"cache\", \"storage\"\r\n";

/* A visitor with a session may still be shown what it holds after the commit. */
static bool depends_on_session(const struct sess *s)
{
	return s->state != SESS_STATE_OFF && (s->used || s->has_id || s->state == SESS_STATE_FORGED);
}

static void write_head(const struct sess *s, char *head)
{
	const struct sess_manager *m = s->manager;
	bool secure = s->head != SESSION_HEAD_NONE && cookie_is_secure(&m->form, origin_https(m->origin, s->envp));

	*head = '\0';
	if (s->result != SESS_OK && s->result != SESS_FORGED)
		return;
	if (s->head == SESSION_HEAD_SET)
		head += cookie_set(&m->form, s->text, secure, head);
	else if (s->head == SESSION_HEAD_CLEAR)
		head += cookie_clear(&m->form, secure, head);
	if (s->logs_out && s->result == SESS_OK && s->state != SESS_STATE_OFF)
		head = stpcpy(head, clear_site);
	if (depends_on_session(s))
		strcpy(head, no_store);
}

static int decide_by_state(struct sess *s)
{
	switch (s->state) {
	case SESS_STATE_UNAVAILABLE:
		return without_store(s);
	case SESS_STATE_GONE:
		return s->changes.count > 0 ? SESS_GONE : SESS_OK;
	case SESS_STATE_LIVE:
		return commit_live(s);
	default:
		return commit_absent(s);
	}
}

static int decide(struct sess *s)
{
	int result;

	if (s->state == SESS_STATE_FORGED) {
		s->head = SESSION_HEAD_CLEAR;
		return SESS_FORGED;
	}
	if (s->state == SESS_STATE_OFF)
		return SESS_OK;
	if (s->logs_out)
		return session_commit_logout(s);
	if (s->error != SESS_OK)
		return s->error;
	if (s->logs_in)
		return session_commit_login(s);
	if (s->rotates && session_commit_rotate(s, &result))
		return result;
	return decide_by_state(s);
}

int sess_commit(struct sess *s, char *head, size_t size)
{
	if (size > 0)
		head[0] = '\0';
	if (size < (depends_on_session(s) ? s->manager->head_size : 1))
		return SESS_SPACE;
	if (!s->committed) {
		s->now = manager_now(s->manager);
		s->result = decide(s);
		s->committed = true;
	}
	write_head(s, head);
	if (s->result == SESS_UNAVAILABLE)
		errno = s->system_error;
	return s->result;
}

/* ---- sentences ------------------------------------------------------------------------------------------------------ */

static const char *const sentences[] = {
	[SESS_OK] = "all is well",
	[SESS_FORGED] = "the session cookie was tampered with",
	[SESS_GONE] = "the session ended while the request was under way",
	[SESS_UNAVAILABLE] = "the session store does not answer",
	[SESS_TYPE] = "a text cannot be added to",
	[SESS_RANGE] = "a counter would leave the range of 64 bits",
	[SESS_TOO_LARGE] = "the session would hold more than 64 KiB",
	[SESS_NAME] = "a name has to have 1 to 64 octets and must not begin with '.'",
	[SESS_SPACE] = "the buffer is too small",
	[SESS_MEMORY] = "out of memory",
	[SESS_ENDED] = "the session was committed already",
	[SESS_OFF] = "sessions are switched off",
	[SESS_SETTINGS] = "settings, keys or store cannot be used",
	[SESS_LIMIT] = "the user is logged in as often as USER_SESSIONS_MAX allows",
	[SESS_ABSENT] = "nobody is logged in, or the user has no such session",
};

const char *sess_error_text(int error)
{
	if (error < 0 || (size_t)error >= sizeof(sentences) / sizeof(sentences[0]))
		return "unknown error";
	return sentences[error];
}

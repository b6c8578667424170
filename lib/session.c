/* session.c - whose session it is: from the cookie to the record. */

#include "lib/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypto.h"
#include "lib/keys.h"
#include "lib/origin.h"
#include "lib/reserved.h"

/* ---- trust ---------------------------------------------------------------------------------------------------------- */

struct found {
	unsigned forged, expired, good;
	bool differ; /* two good ones name different sessions */
};

static void judge(struct sess *s, const struct signer *signer, const char *value, size_t size, struct found *found)
{
	struct signer_token token;

	switch (signer_verify(signer, value, size, s->now, &token)) {
	case SIGNER_FORGED:
		found->forged++;
		return;
	case SIGNER_EXPIRED:
		found->expired++;
		return;
	case SIGNER_GOOD:
		break;
	}
	if (found->good++ > 0) {
		found->differ = found->differ || strcmp(token.id, s->token.id) != 0;
		if (token.issued <= s->token.issued)
			return;
	}
	s->token = token;
}

/*
 * Two cookies of our name are there after a change of COOKIE_PATH, or because a neighbouring host planted one. A planted one that is not
 * signed does no harm; two signed ones leave no telling which session is meant, so none is.
 */
static enum sess_state trust(struct sess *s)
{
	struct cookie_scan scan = cookie_scan(s->envp, s->manager->form.name);
	struct found found = { 0 };
	const struct signer *signer;
	const char *value;
	size_t size;

	if (!cookie_next(&scan, &value, &size))
		return SESS_STATE_NEW;
	s->had_cookie = true;
	signer = keys_begin(s->manager->keys);
	do
		judge(s, signer, value, size, &found);
	while (cookie_next(&scan, &value, &size));
	keys_end(s->manager->keys);
	if (found.good > 0 && !found.differ)
		return SESS_STATE_LIVE;
	if (found.differ || found.expired == 0)
		return s->manager->replaces_forged ? SESS_STATE_NEW : SESS_STATE_FORGED;
	return SESS_STATE_EXPIRED;
}

static void recognise(struct sess *s)
{
	if (!s->manager->sessions)
		return;
	keys_look(s->manager->keys, s->now);
	s->state = trust(s);
	if (s->state != SESS_STATE_LIVE)
		return;
	s->has_id = true;
	s->adopts = s->token.layout == SIGNER_JUSTPY;
	reserved_session_key(s->token.id, &s->key);
}

struct sess *sess_begin(struct sess_manager *m, char *const *envp)
{
	struct sess *s = malloc(sizeof(*s));

	if (!s)
		return NULL;
	memset(s, 0, offsetof(struct sess, current));
	s->manager = m;
	s->envp = envp;
	s->now = manager_now(m);
	s->state = m->sessions ? SESS_STATE_NEW : SESS_STATE_OFF;
	s->later = NULL;
	record_init(&s->record);
	s->current = &s->record;
	change_init(&s->changes);
	recognise(s);
	return s;
}

struct sess_manager *sess_manager_of(struct sess *s)
{
	return s->manager;
}

void sess_end(struct sess *s)
{
	if (!s)
		return;
	change_free(&s->changes);
	record_free(&s->record);
	if (s->later)
		record_free(s->later);
	free(s->later);
	crypto_wipe(&s->token, sizeof(s->token));
	crypto_wipe(s->text, sizeof(s->text));
	free(s);
}

/* ---- the record ----------------------------------------------------------------------------------------------------- */

bool session_in_grace(const struct sess *s, const struct record *met)
{
	return met->size > 0 && s->now < record_idle_deadline(met->octets);
}

struct store_tombstone session_given_up(const struct sess *s, bool forward)
{
	struct store_tombstone tombstone = manager_tombstone(s->manager, s->now);

	if (tombstone.final_deadline < s->now + s->manager->max_age)
		tombstone.final_deadline = s->now + s->manager->max_age;
	tombstone.final_deadline++;
	tombstone.forward = forward;
	return tombstone;
}

void session_meet_grave(struct sess *s, const struct record *met)
{
	const uint8_t *grave = met->octets;

	if (met->size == 0)
		return;
	s->given_up = record_kind(grave) == RECORD_FORWARD ||
	              record_final_deadline(grave) > manager_tombstone(s->manager, record_created(grave)).final_deadline;
	if (s->given_up && !session_in_grace(s, met))
		session_event(s, SESSION_EVENT_THEFT);
}

void session_event(struct sess *s, enum session_event what)
{
	s->events |= what;
}

/* A record that is damaged or long removed leaves its id unusable; one that is merely absent may be begun under an adopted id. */
static void forget_id(struct sess *s)
{
	s->has_id = false;
	s->adopts = false;
	s->state = SESS_STATE_EXPIRED;
}

static void meet_grave(struct sess *s)
{
	session_meet_grave(s, &s->record);
	if (session_in_grace(s, &s->record))
		s->state = SESS_STATE_GONE;
	else
		forget_id(s);
}

void session_outage(struct sess *s, int status)
{
	s->system_error = status == STORE_UNAVAILABLE ? errno : 0;
	s->state = SESS_STATE_UNAVAILABLE;
}

void session_load(struct sess *s)
{
	int status;

	if (s->looked_up || s->state != SESS_STATE_LIVE || s->is_fresh)
		return;
	s->looked_up = true;
	s->now = manager_now(s->manager);
	status = store_load(s->manager->store, &s->key, s->now, &s->record);
	if (status == STORE_OK)
		s->was_live = true;
	else if (status == STORE_ABSENT && s->adopts)
		s->state = SESS_STATE_NEW;
	else if (status == STORE_ABSENT || status == STORE_DAMAGED)
		forget_id(s);
	else if (status == STORE_GONE)
		meet_grave(s);
	else
		session_outage(s, status);
	if (status != STORE_OK)
		s->record.size = 0;
}

enum sess_state sess_state(const struct sess *s)
{
	return s->state;
}

/* ---- the id --------------------------------------------------------------------------------------------------------- */

bool session_fresh_id(struct sess *s)
{
	if (!crypto_random_id(s->token.id))
		return false;
	s->has_id = true;
	s->is_fresh = true;
	s->adopts = false;
	reserved_session_key(s->token.id, &s->key);
	return true;
}

bool session_need_id(struct sess *s)
{
	return s->has_id || session_fresh_id(s);
}

bool session_sign(struct sess *s)
{
	const struct signer *signer = keys_begin(s->manager->keys);
	size_t size = signer_sign(signer, s->token.id, s->now, s->text);

	keys_end(s->manager->keys);
	return size > 0;
}

/* The id of a session that is to be: it has to be there when the response is sent, so the commit will store it. */
static const char *coming_id(struct sess *s)
{
	if (s->passive || s->committed || s->logs_out)
		return NULL;
	if (!session_need_id(s)) {
		s->state = SESS_STATE_UNAVAILABLE;
		return NULL;
	}
	s->wanted = true;
	return s->token.id;
}

const char *sess_id(struct sess *s)
{
	s->used = true;
	if (s->committed && s->result != SESS_OK)
		return NULL;
	session_load(s);
	if (s->state == SESS_STATE_LIVE)
		return s->token.id;
	return s->state == SESS_STATE_NEW || s->state == SESS_STATE_EXPIRED ? coming_id(s) : NULL;
}

void sess_passive(struct sess *s)
{
	s->passive = true;
}

/* ---- forms ---------------------------------------------------------------------------------------------------------- */

bool sess_csrf_ok(struct sess *s, const char *token)
{
	enum origin_verdict verdict = origin_judge(s->manager->origin, s->envp);
	bool ok;

	if (verdict != ORIGIN_UNKNOWN)
		return verdict == ORIGIN_OURS;
	if (!token || !s->has_id || s->is_fresh)
		return false;
	ok = signer_csrf_valid(keys_begin(s->manager->keys), s->token.id, token, s->now);
	keys_end(s->manager->keys);
	return ok;
}

static int why_no_id(const struct sess *s)
{
	switch (s->state) {
	case SESS_STATE_FORGED:
		return SESS_FORGED;
	case SESS_STATE_GONE:
		return SESS_GONE;
	case SESS_STATE_UNAVAILABLE:
		return SESS_UNAVAILABLE;
	default:
		return s->committed ? SESS_ENDED : SESS_OFF;
	}
}

int sess_csrf_token(struct sess *s, char *tok, size_t size)
{
	const char *id;
	bool done;

	if (size > 0)
		tok[0] = '\0';
	if (size < SESS_TOKEN_SIZE)
		return SESS_SPACE;
	id = sess_id(s);
	if (!id)
		return why_no_id(s);
	done = signer_csrf(keys_begin(s->manager->keys), id, tok);
	keys_end(s->manager->keys);
	if (!done)
		tok[0] = '\0';
	return done ? SESS_OK : SESS_UNAVAILABLE;
}

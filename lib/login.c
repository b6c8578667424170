/* login.c - who a session belongs to: logins, new ids, and the end. */

#include <stdlib.h>
#include <string.h>

#include "lib/crypto.h"
#include "lib/reserved.h"
#include "lib/session.h"
#include "lib/user.h"

#define ROTATIONS_MAX 16 /* that overtake a logout */

/* ---- what a program says -------------------------------------------------------------------------------------------- */

/* A text of at most so many octets, not cut inside a character of UTF-8. */
static size_t cut(const char *text, size_t most)
{
	size_t size = strnlen(text, most + 1);

	if (size <= most)
		return size;
	for (size = most; size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80; size--)
		;
	return size;
}

static int set_octets(struct sess *s, const char *name, const char *octets, size_t size)
{
	const struct store_change change = {
		.what = STORE_SET_OCTETS,
		.name = name,
		.name_size = (uint8_t)strlen(name),
		.octets = octets,
		.size = (uint32_t)size,
		.until = RECORD_NEVER,
	};

	return session_refuse(s, change_add(&s->changes, &change));
}

static int set_now(struct sess *s, const char *name)
{
	const struct store_change change = {
		.what = STORE_SET_INTEGER,
		.name = name,
		.name_size = (uint8_t)strlen(name),
		.number = manager_now(s->manager),
		.until = RECORD_NEVER,
	};

	return session_refuse(s, change_add(&s->changes, &change));
}

static bool may_change(const struct sess *s)
{
	return s->state != SESS_STATE_OFF && !s->committed;
}

int sess_login(struct sess *s, const char *user, const char *device)
{
	size_t size = user ? strnlen(user, SESS_USER_MAX + 1) : 0;

	if (may_change(s) && (size == 0 || size > SESS_USER_MAX))
		return session_refuse(s, SESS_NAME);
	if (!may_change(s))
		return session_refuse(s, SESS_OK);
	s->used = true;
	s->logs_in = true;
	device = device ? device : "";
	set_octets(s, RESERVED_USER, user, size);
	set_octets(s, RESERVED_DEVICE, device, cut(device, SESS_DEVICE_MAX));
	return set_now(s, RESERVED_AUTH);
}

int sess_rotate(struct sess *s)
{
	if (may_change(s)) {
		s->used = true;
		s->rotates = true;
	}
	return session_refuse(s, SESS_OK);
}

int sess_logout(struct sess *s)
{
	if (s->state == SESS_STATE_OFF)
		return SESS_OFF;
	if (s->committed)
		return SESS_ENDED;
	s->used = true;
	s->logs_out = true;
	return SESS_OK;
}

int sess_logout_everywhere(struct sess *s)
{
	int error = sess_logout(s);

	s->everywhere = s->everywhere || error == SESS_OK;
	return error;
}

/* ---- what is known -------------------------------------------------------------------------------------------------- */

const char *sess_user(struct sess *s)
{
	return s->logs_out ? NULL : session_text(s, RESERVED_USER);
}

bool sess_fresh_within(struct sess *s, int64_t seconds)
{
	int64_t age;

	if (!sess_user(s))
		return false;
	age = manager_now(s->manager) - session_number(s, RESERVED_AUTH);
	return age < seconds && age >= -SIGNER_AHEAD; /* another host's clock may have been ahead */
}

bool sess_theft_suspected(struct sess *s)
{
	s->used = true;
	if (!s->committed)
		session_load(s);
	return s->events & SESSION_EVENT_THEFT;
}

/* ---- the index, before and after ------------------------------------------------------------------------------------ */

static bool is_over(int status)
{
	return status == STORE_ABSENT || status == STORE_GONE || status == STORE_EXISTS || status == STORE_DAMAGED;
}

static int failure(struct sess *s, int status)
{
	int error = session_error_of(status);

	if (is_over(status))
		return session_gone(s);
	if (error == SESS_UNAVAILABLE)
		session_outage(s, status);
	return error;
}

static bool is_key(const struct user_entry *entry, const struct store_key *key)
{
	return key && memcmp(entry->key.octets, key->octets, STORE_KEY_SIZE) == 0;
}

/* How many there are besides the session that this login takes the place of. */
static size_t count_others(const struct user_list *list, const struct store_key *replaced)
{
	size_t count = list->count;

	for (size_t i = 0; i < list->count; i++)
		count -= is_key(&list->entries[i], replaced);
	return count;
}

/*
 * Sees to it that the user does not have too many sessions, the one that comes included. list is the index as stored right after its entry
 * was added: of several logins at once, each sees those before it, so that together they end, or refuse, exactly what is too much.
 */
static int make_room(struct sess *s, const char *user, const struct store_key *replaced, struct user_list *list)
{
	struct sess_manager *m = s->manager;
	size_t over;
	int status;

	if (count_others(list, replaced) <= m->user_sessions)
		return SESS_OK;
	user_list_prune(m, user, s->now, list);
	if (count_others(list, replaced) <= m->user_sessions)
		return SESS_OK;
	if (m->user_refuses)
		return SESS_LIMIT;
	over = count_others(list, replaced) - m->user_sessions;
	for (size_t i = 0; i < list->count && over > 0; i++) {
		if (is_key(&list->entries[i], replaced) || is_key(&list->entries[i], &s->key))
			continue;
		status = user_end(m, user, &list->entries[i], s->now);
		if (status != STORE_OK)
			return failure(s, status);
		over--;
	}
	return SESS_OK;
}

/* ---- a new id ------------------------------------------------------------------------------------------------------- */

/* The session that was there before, while a new id takes its place. */
struct before {
	struct signer_token token;
	struct store_key key;
	char *user; /* NULL: nobody; for free */
	bool there;
	bool stays; /* its data is carried over */
};

static void before_free(struct before *b)
{
	free(b->user);
	crypto_wipe(&b->token, sizeof(b->token));
}

/* Takes the old id down and makes a fresh one. */
static int change_id(struct sess *s, struct before *b)
{
	const char *user = s->was_live ? reserved_text(s->record.octets, RESERVED_USER) : NULL;

	*b = (struct before){ .token = s->token, .key = s->key, .there = s->was_live, .stays = s->was_live };
	if (user && !(b->user = strdup(user)))
		return SESS_MEMORY;
	if (!session_fresh_id(s)) {
		session_outage(s, STORE_BUSY);
		return SESS_UNAVAILABLE;
	}
	return session_sign(s) ? SESS_OK : SESS_MEMORY;
}

/* The entry of the old id, which is no more, goes. */
static void forget_before(struct sess *s, const struct before *b)
{
	struct user_entry entry;

	if (!b->user)
		return;
	user_entry_init(&entry, &b->key, s->now, s->now, s->now);
	(void)user_forget(s->manager, b->user, &entry, 1, s->now);
}

static int finish_new_id(struct sess *s, const struct before *b, enum session_event what)
{
	forget_before(s, b);
	s->head = SESSION_HEAD_SET;
	session_event(s, what);
	return session_finish(s);
}

/* ---- login ---------------------------------------------------------------------------------------------------------- */

/* One operation carries the session from id to id; where there is none, one begins it. */
static int store_login(struct sess *s, const struct before *b)
{
	struct store_update update = session_update(s, b->stays ? STORE_IF_PRESENT : STORE_IF_ABSENT);
	const struct store_tombstone tombstone = session_given_up(s, false);
	struct record *ret = session_room(s);

	update.restart = true;
	if (!ret)
		return STORE_NO_MEMORY;
	if (b->stays)
		return store_rename(s->manager->store, &b->key, &s->key, &update, &tombstone, ret);
	return store_apply(s->manager->store, &s->key, &update, ret);
}

/* With the entry of the new session in the index. */
static int login_listed(struct sess *s, const char *user, const struct before *b, struct user_list *list)
{
	const struct store_tombstone tombstone = session_given_up(s, false);
	int status, error = make_room(s, user, b->stays ? &b->key : NULL, list);

	if (error != SESS_OK)
		return error;
	if (b->there && !b->stays) {
		status = store_remove(s->manager->store, &b->key, s->now, &tombstone);
		if (status != STORE_OK)
			return failure(s, status);
	}
	status = store_login(s, b);
	return status == STORE_OK ? SESS_OK : failure(s, status);
}

static int login_as(struct sess *s, const char *user, struct before *b)
{
	struct user_entry entry;
	struct user_list list;
	int status, error;

	if (b->user && strcmp(b->user, user) != 0)
		b->stays = false;
	user_entry_init(&entry, &s->key, s->now, s->now, s->now + s->manager->lifetime);
	status = user_enter(s->manager, user, &entry, &list);
	if (status == STORE_TOO_LARGE)
		return SESS_LIMIT;
	error = status == STORE_OK ? login_listed(s, user, b, &list) : failure(s, status);
	user_list_free(&list);
	if (error != SESS_OK) {
		(void)user_forget(s->manager, user, &entry, 1, s->now);
		return error;
	}
	return finish_new_id(s, b, SESSION_EVENT_LOGGED_IN);
}

int session_commit_login(struct sess *s)
{
	struct before b;
	char user[SESS_USER_MAX + 1];
	int error;

	session_load(s);
	if (s->state == SESS_STATE_UNAVAILABLE)
		return SESS_UNAVAILABLE;
	/* Where the session has ended, nobody has a new cookie that this login's could replace. */
	if ((s->state == SESS_STATE_GONE && s->given_up) || s->record.forwarded)
		return session_gone(s);
	strcpy(user, change_look(&s->changes, NULL, RESERVED_USER, strlen(RESERVED_USER), s->now).octets);
	error = change_id(s, &b);
	if (error == SESS_OK)
		error = login_as(s, user, &b);
	before_free(&b);
	return error;
}

/* ---- rotation ------------------------------------------------------------------------------------------------------- */

static int enter_rotated(struct sess *s, const struct before *b, struct user_entry *entry)
{
	struct user_list list;
	int status;

	user_entry_init(entry, &s->key, record_created(s->record.octets), s->now, record_final_deadline(s->record.octets));
	if (!b->user)
		return STORE_OK;
	status = user_enter(s->manager, b->user, entry, &list);
	user_list_free(&list);
	return status;
}

static int store_rotated(struct sess *s, const struct before *b)
{
	struct store_update update = session_update(s, STORE_IF_PRESENT);
	const struct store_tombstone tombstone = session_given_up(s, true);
	struct record *ret = session_room(s);

	/* The new cookie is good for COOKIE_MAX_AGE, and so is the session. */
	update.extend_before = s->passive ? INT64_MIN : update.idle_deadline;
	if (!ret)
		return STORE_NO_MEMORY;
	return store_rename(s->manager->store, &b->key, &s->key, &update, &tombstone, ret);
}

/* Another request was quicker: this one is of the old id now. */
static void take_back(struct sess *s, const struct before *b)
{
	s->token = b->token;
	s->key = b->key;
	s->is_fresh = false;
	s->adopts = b->token.layout == SIGNER_JUSTPY;
	s->record.forwarded = true;
	s->current = &s->record;
}

static bool rotate(struct sess *s, const struct before *b, int *ret)
{
	struct user_entry entry;
	int status = enter_rotated(s, b, &entry);
	bool overtaken;

	if (status == STORE_OK)
		status = store_rotated(s, b);
	if (status == STORE_OK) {
		*ret = finish_new_id(s, b, SESSION_EVENT_ROTATED);
		return true;
	}
	if (b->user)
		(void)user_forget(s->manager, b->user, &entry, 1, s->now);
	overtaken = status == STORE_GONE && s->current->size > 0 && record_leads_on(s->current->octets, s->now);
	if (overtaken)
		take_back(s, b);
	else
		*ret = failure(s, status);
	return !overtaken;
}

bool session_commit_rotate(struct sess *s, int *ret)
{
	struct before b;
	bool done = true;

	session_load(s);
	if (s->state != SESS_STATE_LIVE || !s->was_live || s->record.forwarded)
		return false;
	*ret = change_id(s, &b);
	if (*ret == SESS_OK)
		done = rotate(s, &b, ret);
	before_free(&b);
	return done;
}

/* ---- logout --------------------------------------------------------------------------------------------------------- */

/* The others first: where that fails, this session is there to try again with. */
static int end_others(struct sess *s, const char *user)
{
	size_t ended = 0;

	return s->everywhere && user ? user_end_all(s->manager, user, &s->key, s->now, &ended) : STORE_OK;
}

/* Removes the session itself. STORE_OK, ABSENT or GONE, or why the store could not. */
static int end_own(struct sess *s, const char *user)
{
	struct user_entry entry;
	int status = STORE_ABSENT;

	if (s->has_id && !s->is_fresh)
		status = user_bury(s->manager, &s->key, s->now);
	if (status != STORE_OK || !user)
		return status == STORE_DAMAGED ? STORE_ABSENT : status;
	user_entry_init(&entry, &s->key, s->now, s->now, s->now);
	(void)user_forget(s->manager, user, &entry, 1, s->now);
	session_event(s, SESSION_EVENT_ENDED);
	return status;
}

/* The id was rotated more than once since this request began: the store goes one step by itself, and a logout has to reach the session. */
static void follow_rotations(struct sess *s)
{
	int status = STORE_GONE;

	for (int i = 0; i < ROTATIONS_MAX && status == STORE_GONE; i++) {
		status = store_load(s->manager->store, &s->key, s->now, &s->record);
		if (status == STORE_GONE && !record_leads_on(s->record.octets, s->now))
			break;
		if (status == STORE_GONE)
			record_forward_key(s->record.octets, &s->key);
	}
	s->was_live = status == STORE_OK;
}

int session_commit_logout(struct sess *s)
{
	const char *user;
	int status;

	session_load(s);
	if (s->state == SESS_STATE_GONE && !s->was_live)
		follow_rotations(s);
	if (s->everywhere && s->state == SESS_STATE_UNAVAILABLE)
		return SESS_UNAVAILABLE; /* whose sessions they are is not known */
	user = s->was_live ? reserved_text(s->record.octets, RESERVED_USER) : NULL;
	status = end_others(s, user);
	if (status == STORE_OK)
		status = end_own(s, user);
	if (status == STORE_GONE && s->everywhere && user)
		status = STORE_OK; /* under its new id it was one of the others */
	if (status != STORE_OK && status != STORE_ABSENT && status != STORE_GONE) {
		session_outage(s, status);
		return session_error_of(status);
	}
	if (status != STORE_GONE && s->had_cookie)
		s->head = SESSION_HEAD_CLEAR;
	s->current->size = 0;
	s->looked_up = true;
	s->state = status == STORE_GONE ? SESS_STATE_GONE : SESS_STATE_EXPIRED;
	return SESS_OK;
}

/* session.h - what a struct sess is made of; for session.c (who is it), field.c (what does it hold) and commit.c (what becomes of it). */
#ifndef LIB_SESSION_H
#define LIB_SESSION_H

#include <sesame.h>

#include "lib/change.h"
#include "lib/manager.h"
#include "lib/signer.h"
#include "store/record.h"
#include "store/store.h"

enum session_head { SESSION_HEAD_NONE, SESSION_HEAD_SET, SESSION_HEAD_CLEAR };

/* What may happen to a session that an operator wants to know of. */
enum session_event {
	SESSION_EVENT_LOGGED_IN = 1,
	SESSION_EVENT_ROTATED = 2,
	SESSION_EVENT_ENDED = 4, /* by logout */
	SESSION_EVENT_THEFT = 8  /* an id came that was given up at a login or a rotation, after every honest browser had the new one */
};

struct sess {
	struct sess_manager *manager;
	char *const *envp;
	int64_t now;
	enum sess_state state;
	enum session_head head;
	int error;       /* the first one that a setter met */
	int result;      /* of the commit */
	bool has_id;     /* token.id is the session's, from the cookie or fresh */
	bool is_fresh;   /* … made by this request */
	bool had_cookie; /* a cookie of our name was there, whatever it held */
	bool adopts;     /* justpy's layout: another program may have issued the id, so that having no record is no end */
	bool used;       /* the response depends on the session */
	bool wanted;     /* the id was given away: there has to be a session of that id */
	bool looked_up;
	bool was_live; /* looked up, and there */
	bool given_up; /* looked up, and its id was given up for another one */
	bool passive;
	bool logs_in;
	bool rotates;
	bool logs_out;
	bool everywhere; /* … all sessions of the user */
	bool committed;
	unsigned events;  /* that happened: of enum session_event */
	int system_error; /* with SESS_STATE_UNAVAILABLE: errno as the store left it, or 0 */
	struct signer_token token;
	char text[SIGNER_TOKEN_SIZE]; /* the cookie to set */
	struct store_key key;
	struct record *current; /* what getters read: record, or later */
	struct record record;
	struct record *later; /* what a commit stored over record, whose texts may be in use */
	struct change_list changes;
};

/* Looks the record up, if that can tell anything new. */
void session_load(struct sess *s);

/* The store answered so, and cannot be had. */
void session_outage(struct sess *s, int status);

/* Sees to it that there is an id; false when there is no randomness. */
bool session_need_id(struct sess *s);

/* Gives the session a fresh id that nobody has seen. */
bool session_fresh_id(struct sess *s);

/* Writes the token that the cookie shall hold into s->text. False when out of memory. */
bool session_sign(struct sess *s);

/* True if the record met is a tombstone whose grace is not over. */
bool session_in_grace(const struct sess *s, const struct record *met);

/*
 * Takes note of met, the tombstone of our id: whether the session ended, or the id was given up for another one, at a login or a rotation.
 * In the second case, and when its grace is over, somebody has kept it. The tombstone of a given-up id stays longer than that of an ended
 * one.
 */
void session_meet_grave(struct sess *s, const struct record *met);

/* What a given-up id leaves: it is remembered for as long as its cookie may be kept. */
struct store_tombstone session_given_up(const struct sess *s, bool forward);

/* The one place where it is said what happened. */
void session_event(struct sess *s, enum session_event what);

/* As sess_str, for a field of any name. */
const char *session_text(struct sess *s, const char *name);

/* As sess_int, likewise. */
int64_t session_number(struct sess *s, const char *name);

/* Remembers and returns the first error of a setter. Unless sessions are off, or the commit is over. */
int session_refuse(struct sess *s, int error);

/* ---- the commit ----------------------------------------------------------------------------------------------------- */

/* The commits of the requests that do more than change fields (login.c). As sess_commit, they return an enum sess_error. */
int session_commit_login(struct sess *s);
int session_commit_logout(struct sess *s);

/* True where it has committed, the error in *ret; false where there is nothing to rotate, and the changes are as any others. */
bool session_commit_rotate(struct sess *s, int *ret);

/* The update that stores this request's changes. */
struct store_update session_update(const struct sess *s, enum store_condition condition);

/* Where the store is to put the record: it becomes current. NULL when out of memory. */
struct record *session_room(struct sess *s);

/* What the commit ends with: a live session, one that vanished, a status of the store. */
int session_finish(struct sess *s);
int session_gone(struct sess *s);
int session_error_of(int status);

#endif

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
	bool passive;
	bool logs_out;
	bool committed;
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

/* Sets key from token.id: the first 16 octets of SHA-256("sesame.session:" id). */
void session_set_key(struct sess *s);

/* Writes the token that the cookie shall hold into s->text. False when out of memory. */
bool session_sign(struct sess *s);

/* True if the record met is a tombstone whose grace is not over. */
bool session_in_grace(const struct sess *s, const struct record *met);

#endif

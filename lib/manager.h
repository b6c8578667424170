/* manager.h - what a struct sess_manager is made of; for the files of lib/ and their tests. */
#ifndef LIB_MANAGER_H
#define LIB_MANAGER_H

#include <sesame.h>

#include "lib/cookie.h"
#include "lib/state.h"
#include "store/store.h"

struct config;
struct keys;
struct origin;

/* Nothing changes after the opening but what keys and store do inside. */
struct sess_manager {
	struct config *config;
	struct keys *keys; /* NULL where sessions are off, as is the store */
	struct store *store;
	struct origin *origin;
	struct cookie_form form;
	bool sessions;
	bool replaces_forged;            /* BAD_COOKIE=replace */
	bool goes_on;                    /* STORE_OUTAGE=anonymous */
	bool believes_justpy;            /* justpy's layout is made or accepted: a removed id has to be remembered */
	int64_t max_age;                 /* COOKIE_MAX_AGE */
	int64_t tenth;                   /* of it, a second at least: when to renew */
	int64_t lifetime;                /* SESSION_LIFETIME */
	size_t user_sessions;            /* USER_SESSIONS_MAX */
	bool user_refuses;               /* USER_SESSIONS_POLICY=refuse */
	int64_t grace;                   /* for which a removed session answers late requests: longer than the longest one */
	size_t head_size;                /* octets that the header lines of a commit may take */
	int64_t (*clock)(void *context); /* Unix seconds */
	void *clock_context;
};

/*
 * As sess_manager_open, for one of the uses of state.h. For STATE_OPERATE the store has to be there already, and no key is read: such a
 * manager lists and ends sessions (the functions of sesame.h that take a manager), and cannot serve requests.
 * It has its store with SESSIONS=false, too. SESS_UNAVAILABLE, instead of SESS_SETTINGS, where it is the store that cannot be had.
 */
int manager_open_for(struct sess_manager **ret, const char *conf, enum state_use use, struct sess_why *why) SESS_MUST_CHECK;

/*
 * As store_apply, on a record that may or may not be there (indexes, counters): update's condition is found out. STORE_BUSY or what the
 * store said last where others make and end it again and again.
 */
int manager_apply(struct sess_manager *m, const struct store_key *key, struct store_update *update, struct record *ret);

/*
 * What is left of a session that ends now. Until grace, late requests learn that it is gone. In justpy's layout the cookie would begin a
 * session of the same id anew for as long as somebody keeps it, so there the id stays buried for SESSION_LIFETIME.
 */
struct store_tombstone manager_tombstone(const struct sess_manager *m, int64_t now);

/* Lets a test say what time it is. */
void manager_set_clock(struct sess_manager *m, int64_t (*clock)(void *context), void *context);

static inline int64_t manager_now(const struct sess_manager *m)
{
	return m->clock(m->clock_context);
}

#endif

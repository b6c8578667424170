/*
 * sesame.h - server-side sessions for CGI and FastCGI programs.
 *
 * A visitor's cookie names a session and is signed; the session itself, a small hash of names and values, stays on the server. A program
 * records *changes* (add to a counter, set, unset), and sess_commit applies them in one atomic operation to whatever is stored at that
 * moment. No lock is held while the program works, and no change of a parallel request is lost.
 *
 * This header is the interface; what is not in it is not part of it. The promises:
 *
 *  - Getters never fail: they give the default, and sess_state says why. Setters remember the first error, and sess_commit reports it.
 *  - A session that cannot be had behaves as an empty one, so that nobody is logged in by accident.
 *  - Nothing recorded and nothing asked: nothing stored, no cookie.
 *  - Nothing here writes to a log, ends the process or installs a signal handler.
 *
 * Any thread may use one sess_manager. A struct sess belongs to one thread at a time. Strings are UTF-8 or any other octets; names are 1 to
 * 64 octets, without NUL, and do not begin with '.', which is ours. Times are Unix seconds.
 */
#ifndef SESAME_H
#define SESAME_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SESAME_VERSION "0.1.0"

#define SESS_ID_SIZE 33       /* octets of a session id, its NUL included: 32 lower-case hex digits */
#define SESS_NAME_MAX 64      /* octets of a name */
#define SESS_RECORD_MAX 65536 /* octets of a stored session, names and values and some 16 octets for each */
#define SESS_HEAD_SIZE 4096   /* octets that are enough for the lines of sess_commit */
#define SESS_TOKEN_SIZE 65    /* octets of a CSRF token, its NUL included */
#define SESS_USER_MAX 255     /* octets of a user's name, and of a counter's */
#define SESS_DEVICE_MAX 160   /* octets of the text that tells a user which device a session is on; longer ones are cut */
#define SESS_HANDLE_SIZE 17   /* octets of the handle of a session, its NUL included: 16 lower-case hex digits */

#if defined(__GNUC__)
#define SESS_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#define SESS_MUST_CHECK __attribute__((__warn_unused_result__))
#else
#define SESS_PRINTF(text, first)
#define SESS_MUST_CHECK
#endif

/* What can go wrong. 0 is success; sess_error_text has a sentence for each. */
enum sess_error {
	SESS_OK = 0,
	SESS_FORGED,      /* the cookie was tampered with: answer 400 with sess_commit's head, do nothing else */
	SESS_GONE,        /* the session vanished during the request (logout elsewhere): nothing was written */
	SESS_UNAVAILABLE, /* the store did not answer, or not in time: 503 with Retry-After */
	SESS_TYPE,        /* sess_add to a text; a value that is NULL */
	SESS_RANGE,       /* a counter would leave int64_t */
	SESS_TOO_LARGE,   /* the session would pass SESS_RECORD_MAX */
	SESS_NAME,        /* an empty, overlong or reserved name */
	SESS_SPACE,       /* the buffer for the header lines is too small; nothing was written */
	SESS_MEMORY,      /* out of memory */
	SESS_ENDED,       /* a change after sess_commit */
	SESS_OFF,         /* SESSIONS is false */
	SESS_SETTINGS,    /* settings, keys or store cannot be used; struct sess_why says which, where, and what is allowed */
	SESS_LIMIT,       /* the user has USER_SESSIONS_MAX sessions, and USER_SESSIONS_POLICY is refuse: nobody was logged in */
	SESS_ABSENT       /* nobody is logged in, or the user has no session of that handle */
};

/* What is known of the visitor's session. */
enum sess_state {
	SESS_STATE_OFF,        /* SESSIONS is false */
	SESS_STATE_NEW,        /* no cookie, or one whose session another program has yet to begin (justpy format) */
	SESS_STATE_LIVE,       /* a good cookie, and as far as is known a session behind it */
	SESS_STATE_EXPIRED,    /* a good cookie whose session is over; as NEW, and changes go into a fresh session */
	SESS_STATE_FORGED,     /* the cookie was tampered with */
	SESS_STATE_GONE,       /* the session vanished while this request was under way, or moments before */
	SESS_STATE_UNAVAILABLE /* the store cannot be reached */
};

/* Why something could not be opened: one sentence with place, value and allowed range. */
struct sess_why {
	char text[512];
};

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

struct sess_manager; /* one per process: settings, keys, store */
struct sess;         /* one per request */

/* One of a user's sessions, as a list of their devices shows it. */
struct sess_device {
	char handle[SESS_HANDLE_SIZE];    /* names it; is neither its id nor a secret */
	char device[SESS_DEVICE_MAX + 1]; /* as given to sess_login: show it escaped */
	int64_t created;                  /* when the user logged in */
	int64_t used;                     /* the last change; where a session is only read, to within a tenth of COOKIE_MAX_AGE */
	bool current;                     /* it is the session of the request that asks */
};

/* ---- the process -------------------------------------------------------------------------------------------------- */

/*
 * Reads the settings (environment, then the file conf or, if NULL, the one that SESAME_CONF names, then defaults), the keys, and opens the
 * store. *ret is the caller's, to be closed with sess_manager_close. SESS_OK, SESS_SETTINGS or SESS_MEMORY with a sentence in why; then
 * *ret is unchanged. May be called in any thread; initialises libgcrypt unless the program did. A child of fork(2) opens one of its own.
 */
int sess_manager_open(struct sess_manager **ret, const char *conf, struct sess_why *why) SESS_MUST_CHECK;

/* As sess_manager_open, for a process that serves a single request (plain CGI): no thread is started, no long work is begun. */
int sess_manager_open_brief(struct sess_manager **ret, const char *conf, struct sess_why *why) SESS_MUST_CHECK;

/*
 * As sess_manager_open, and calls prepare(m, context, why) when settings and keys have been read, and before the store is opened and a
 * thread is started: there a process may give up what it does not need any more (doc/sandbox.md). m only tells its settings then. Where
 * prepare returns false, with a sentence in why, the opening ends with SESS_SETTINGS.
 */
typedef bool sess_prepare(struct sess_manager *m, void *context, struct sess_why *why);
int sess_manager_open_prepared(struct sess_manager **ret, const char *conf, sess_prepare *prepare, void *context,
                               struct sess_why *why) SESS_MUST_CHECK;

/* Ends it all. Every struct sess must have ended. NULL does nothing. */
void sess_manager_close(struct sess_manager *m);

/* The value in force of a setting by its name ("THREADS"), as text; NULL for an unknown name and for secrets. Valid until the close. */
const char *sess_manager_setting(const struct sess_manager *m, const char *name);

/* The value of a setting that is a number; -1 for an unknown name. Booleans are 0 or 1. */
int64_t sess_manager_number(const struct sess_manager *m, const char *name);

/* What opening had to say without refusing (a weak secret allowed, a key of the settings file passed over), a line each; "" if nothing. */
const char *sess_manager_notes(const struct sess_manager *m);

/*
 * What an operator should know of although requests are served: a key file replaced by an unusable one, something damaged in the store.
 * True with a sentence in why, false when all is well. Cheap enough for once a second.
 */
bool sess_manager_trouble(struct sess_manager *m, struct sess_why *why);

/* ---- the request -------------------------------------------------------------------------------------------------- */

/*
 * Begins the session of one request from its CGI variables, "NAME=value" each, NULL at the end: FCGX_Request.envp, or environ. Only reads
 * them; the store is not asked. (Once a second, one request looks whether the key file has changed.) envp must stay until sess_end. NULL
 * when out of memory; of the functions below, sess_end alone takes that.
 */
struct sess *sess_begin(struct sess_manager *m, char *const *envp);

/*
 * The session's id, SESS_ID_SIZE octets, valid until sess_end. It is certain: the record is looked up if it was not yet. On a visitor
 * without a session this counts as use: one is made, and the commit sets its cookie. NULL if SESSIONS is false, and in the states FORGED,
 * GONE and UNAVAILABLE.
 */
const char *sess_id(struct sess *s);

/* What is known so far; looks nothing up. */
enum sess_state sess_state(const struct sess *s);

/* The number called name, or otherwise. Reads the store at first use. Changes recorded by this request are included. */
int64_t sess_int(struct sess *s, const char *name, int64_t otherwise);

/* The text called name, or otherwise; valid until sess_end. As sess_int. A number is not a text. */
const char *sess_str(struct sess *s, const char *name, const char *otherwise);

/* As sess_str, for octets that may hold NUL: their number goes to *size. */
const void *sess_bytes(struct sess *s, const char *name, size_t *size);

/*
 * Record a change. Each returns SESS_OK or the first error so far (SESS_OFF where SESSIONS is false, which is no error to the commit).
 * Strings are copied.
 */
int sess_add(struct sess *s, const char *name, int64_t delta); /* an absent number counts as 0 */
int sess_set(struct sess *s, const char *name, const char *value);
int sess_setf(struct sess *s, const char *name, const char *format, ...) SESS_PRINTF(3, 4);
int sess_set_int(struct sess *s, const char *name, int64_t value);
int sess_set_bytes(struct sess *s, const char *name, const void *value, size_t size);
int sess_unset(struct sess *s, const char *name);

/* As sess_str, and unsets it if it is there: for a message that is shown once. */
const char *sess_pop(struct sess *s, const char *name, const char *otherwise);

/*
 * This request is not the visitor's own doing (a background poll): it neither extends the session nor renews the cookie nor makes one. Call
 * it first: then a visitor without a session gets none, sess_id is NULL, and changes have nowhere to go.
 */
void sess_passive(struct sess *s);

/*
 * Ends the session for good: the commit removes it, clears the cookie and forgets the other changes of this request. A session that was
 * gone already is a success; then the cookie is left alone, since it may be a new one's.
 */
int sess_logout(struct sess *s);

/* ---- who it is ---------------------------------------------------------------------------------------------------- */

/*
 * Logs user in (1 to SESS_USER_MAX octets), who has just proved who they are, on a device described by device (for the user's own eyes; may
 * be NULL). The commit gives the session a new id and a full SESSION_LIFETIME, carries its data and this request's changes over, and leaves
 * a tombstone at the old id, in one operation: who had planted or copied the old id has nothing (ASVS 7.2.4). Requests under way with the
 * old id get GONE. Data of another user is not carried over: that user's session ends. With the same user it is a re-authentication. Ask
 * for sess_id and sess_csrf_token after the commit, since both are new.
 *
 * Where the user has USER_SESSIONS_MAX sessions, the oldest end, or the commit fails with SESS_LIMIT; SESS_GONE when the session, old or
 * new, was ended meanwhile. A failed commit logs nobody in. Returns SESS_OK, SESS_NAME for a user that cannot be one, or as other changes.
 */
int sess_login(struct sess *s, const char *user, const char *device);

/*
 * Gives the session a new id at the commit, and keeps everything else. For as long as a request may take, parallel ones of the old id read
 * and change the session, but neither extend it nor get the new cookie. Ask for id and CSRF token after the commit. A visitor without a
 * session has nothing to rotate. SESS_OK, or as other changes.
 */
int sess_rotate(struct sess *s);

/* As sess_logout, and ends all other sessions of the user. Where that fails the commit says so, and this one is left for another try. */
int sess_logout_everywhere(struct sess *s);

/* Who is logged in, or NULL; valid until sess_end. As sess_str. */
const char *sess_user(struct sess *s);

/* True if somebody is logged in who has proved who they are (sess_login) less than so many seconds ago (ASVS 7.5.1). */
bool sess_fresh_within(struct sess *s, int64_t seconds);

/*
 * True if the cookie names an id that was given up at a login or a rotation, longer ago than any request takes: probably somebody keeps a
 * stolen or planted cookie, or the answer with the new one got lost. Such a visitor has no session. Reads the store at first use. Old ids
 * are remembered for COOKIE_MAX_AGE.
 */
bool sess_theft_suspected(struct sess *s);

/* ---- a user's sessions -------------------------------------------------------------------------------------------- */

/*
 * Lists the sessions of the user who is logged in, oldest login first: *ret is the caller's, for free(3), and *count says how many.
 * SESS_OK, SESS_ABSENT when nobody is logged in, SESS_UNAVAILABLE, SESS_MEMORY, SESS_OFF; then *ret is NULL.
 */
int sess_devices(struct sess *s, struct sess_device **ret, size_t *count);

/*
 * Ends the session of that handle, if it is one of the user who is logged in; at once, not at the commit. For this request's own session it
 * is sess_logout. SESS_OK when it has ended, SESS_ABSENT, SESS_UNAVAILABLE, SESS_MEMORY, SESS_OFF, SESS_ENDED.
 */
int sess_end_device(struct sess *s, const char *handle);

/* Ends all sessions of the user who is logged in but this one, at once (ASVS 7.4.3). As sess_end_device. */
int sess_end_other_devices(struct sess *s);

/* The same for an operator's program, on any user: one that asks who its caller is itself. Any thread. *ended, if not NULL, says how many.
 */
int sess_manager_devices(struct sess_manager *m, const char *user, struct sess_device **ret, size_t *count);
int sess_manager_end_device(struct sess_manager *m, const char *user, const char *handle);
int sess_manager_end_user(struct sess_manager *m, const char *user, size_t *ended);

/* ---- counters that are no session's -------------------------------------------------------------------------------- */

/*
 * Adds delta to the counter called name (1 to SESS_USER_MAX octets), in one atomic operation of the same store: failed logins of a user,
 * say. It begins at 0 with the first addition, and that many seconds (at least 1) later it is forgotten, whatever was added meanwhile.
 * *value is the sum with delta. A delta of 0 only looks. SESS_OK, SESS_NAME, SESS_RANGE, SESS_UNAVAILABLE, SESS_MEMORY, SESS_OFF; then
 * *value is 0. Any thread.
 */
int sess_counter_add(struct sess_manager *m, const char *name, int64_t delta, int64_t seconds, int64_t *value);

/* The manager that s was begun with. */
struct sess_manager *sess_manager_of(struct sess *s);

/* ---- requests from other sites ------------------------------------------------------------------------------------ */

/*
 * True if this request may change something: a safe method (GET, HEAD, OPTIONS), or by Sec-Fetch-Site, else by Origin (this host or one of
 * ALLOWED_ORIGINS), else by token, the one that sess_csrf_token gave to a form of the same session. token may be NULL.
 */
bool sess_csrf_ok(struct sess *s, const char *token);

/*
 * Writes the token for a form into tok (size at least SESS_TOKEN_SIZE), or "". Counts as use of the session. SESS_OK, SESS_SPACE or the
 * reason why there is no session.
 */
int sess_csrf_token(struct sess *s, char *tok, size_t size);

/* ---- the end of the request --------------------------------------------------------------------------------------- */

/*
 * Applies what was recorded, in one atomic operation of the store, and writes the header lines of the response to head, each ended by CRLF;
 * "" when there are none. size, in octets, is best SESS_HEAD_SIZE. Afterwards getters tell the session as stored, other requests' changes
 * included. SESS_OK; SESS_FORGED (head clears the cookie); otherwise nothing was applied, head is "", and the session behaves as an empty
 * one. A second call repeats the first one's answer; only after SESS_SPACE it is a new attempt. With SESS_UNAVAILABLE errno is what the
 * system said when the store called it (ENOSPC, …), or 0 where it said nothing and the store only took too long.
 */
int sess_commit(struct sess *s, char *head, size_t size) SESS_MUST_CHECK;

/* Ends the use of s; what was not committed is forgotten. NULL does nothing. */
void sess_end(struct sess *s);

/* A sentence for an enum sess_error, never NULL. */
const char *sess_error_text(int error);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif

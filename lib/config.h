/*
 * config.h - the settings: one table, and the values in force.
 *
 * A setting comes from the environment, else from the settings file, else from its default. A value that does not fit is refused with the
 * place, the value (never a secret's) and what is allowed. A struct config does not change after config_load; any thread may read it.
 */
#ifndef LIB_CONFIG_H
#define LIB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sess_why;

/* The order of the table, and of every list that is printed from it. */
enum config_name {
	CONFIG_SESSIONS,
	CONFIG_SESSION_COOKIE_NAME,
	CONFIG_COOKIE_MAX_AGE,
	CONFIG_SESSION_LIFETIME,
	CONFIG_USER_SESSIONS_MAX,
	CONFIG_USER_SESSIONS_POLICY,
	CONFIG_SECRET_KEY,
	CONFIG_SECRET_KEY_FILE,
	CONFIG_ALLOW_WEAK_SECRET,
	CONFIG_COOKIE_FORMAT,
	CONFIG_COOKIE_ACCEPT_JUSTPY,
	CONFIG_COOKIE_SECURE,
	CONFIG_COOKIE_SAMESITE,
	CONFIG_COOKIE_PATH,
	CONFIG_COOKIE_DOMAIN,
	CONFIG_BAD_COOKIE,
	CONFIG_STATE_DIRECTORY,
	CONFIG_SESSION_STORE,
	CONFIG_SESSION_STORE_WAIT_MS,
	CONFIG_STORE_OUTAGE,
	CONFIG_SESSION_SYNC,
	CONFIG_SESSION_REDIS_WAIT,
	CONFIG_THREADS,
	CONFIG_BODY_MAX,
	CONFIG_PARAMS_MAX,
	CONFIG_REQUEST_TIMEOUT,
	CONFIG_SANDBOX,
	CONFIG_AUTHORIZE,
	CONFIG_LOGIN_URL,
	CONFIG_LOGIN_USERS,
	CONFIG_ALLOWED_ORIGINS,
	CONFIG_TRUSTED_PROXY,
	CONFIG_COUNT
};

struct config;

/*
 * Reads all settings: the environment, the file conf (NULL: the one that SESAME_CONF names, or none), the defaults. SESS_OK, or
 * SESS_SETTINGS or SESS_MEMORY with a sentence in why. The caller frees *ret with config_free.
 */
int config_load(struct config **ret, const char *conf, struct sess_why *why) __attribute__((warn_unused_result));

/*
 * As config_load, but what cannot be used is no end: each such sentence goes to fault, and a setting that was refused has its default, or
 * in a file stays what it was. SESS_OK or SESS_MEMORY.
 */
int config_examine(struct config **ret, void (*fault)(void *context, const char *sentence), void *context)
    __attribute__((warn_unused_result));

/* Wipes and frees. NULL does nothing. */
void config_free(struct config *c);

/* The value in force as text, secrets too; never NULL. Booleans are "true" or "false", choices as the table spells them. */
const char *config_text(const struct config *c, enum config_name name);

/* The value of a number or a boolean; of a choice, its place among the allowed ones, from 0; else -1. */
int64_t config_number(const struct config *c, enum config_name name);

/* Where the value came from: "environment", "FILE:LINE" or "default". */
const char *config_origin(const struct config *c, enum config_name name);

/* True if somebody set it. */
bool config_is_set(const struct config *c, enum config_name name);

/* What was passed over and why, a line each; "" if nothing. */
const char *config_notes(const struct config *c);

/* Adds a line to the notes. False when out of memory. */
bool config_note(struct config *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The setting called text, or CONFIG_COUNT. */
enum config_name config_find(const char *text);

const char *config_name_text(enum config_name name);
bool config_is_secret(enum config_name name);

/* Writes "SETTING (where): " and the sentence to why, and returns SESS_SETTINGS: the one form in which a setting is refused. */
int config_refuse(const struct config *c, enum config_name name, struct sess_why *why, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Choices by number, as config_number gives them. */
enum config_format { CONFIG_FORMAT_TIMESTAMPED, CONFIG_FORMAT_JUSTPY };
enum config_secure { CONFIG_SECURE_AUTO, CONFIG_SECURE_TRUE, CONFIG_SECURE_FALSE };
enum config_samesite { CONFIG_SAMESITE_LAX, CONFIG_SAMESITE_STRICT, CONFIG_SAMESITE_NONE };
enum config_policy { CONFIG_POLICY_OLDEST, CONFIG_POLICY_REFUSE };
enum config_bad_cookie { CONFIG_BAD_COOKIE_REJECT, CONFIG_BAD_COOKIE_REPLACE };
enum config_outage { CONFIG_OUTAGE_CLOSED, CONFIG_OUTAGE_ANONYMOUS };
enum config_sync { CONFIG_SYNC_EVERYSEC, CONFIG_SYNC_ALWAYS, CONFIG_SYNC_NO };

#endif

/*
 * origin.h - where a request comes from: by https or not, from our own pages or another site's.
 *
 * Reads CGI variables; the lists come from the settings. Nothing here knows sessions.
 */
#ifndef LIB_ORIGIN_H
#define LIB_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct sess_why;
struct origin;

enum origin_verdict {
	ORIGIN_OURS,    /* a safe method, or the browser says that one of our own pages asks */
	ORIGIN_FOREIGN, /* another site's doing */
	ORIGIN_UNKNOWN  /* the request does not say: only a token can */
};

/*
 * Reads ALLOWED_ORIGINS (scheme://host[:port], separated by blanks or commas) and TRUSTED_PROXY (addresses, or networks as 10.0.0.0/8,
 * likewise). SESS_OK, or SESS_SETTINGS or SESS_MEMORY with a sentence in why. End *ret with origin_free.
 */
int origin_new(struct origin **ret, const struct config *c, struct sess_why *why) __attribute__((warn_unused_result));
void origin_free(struct origin *o);

/* The value of the CGI variable called name, the first of that name, or NULL. */
const char *origin_variable(char *const *envp, const char *name);

/* True if the request came by https: HTTPS, REQUEST_SCHEME, or X-Forwarded-Proto where REMOTE_ADDR is a trusted proxy. */
bool origin_https(const struct origin *o, char *const *envp);

/* Judges the request: its method, then Sec-Fetch-Site, then Origin. */
enum origin_verdict origin_judge(const struct origin *o, char *const *envp);

#endif

/*
 * cookie.h - cookies in and out, after RFC 6265bis.
 *
 * In: values are found where they stand, in linear time, and nothing is copied. Names are compared octet by octet and never decoded; quotes
 * are part of a value; only SP and HTAB are trimmed; a pair without a name or without '=' is none. What stands under our name up to the
 * next ';' is the value, whatever it holds: it is for the signer to refuse it. Out: one line, its parts checked when the settings are read
 * and again when it is written.
 */
#ifndef LIB_COOKIE_H
#define LIB_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/config.h"

struct sess_why;

/* A walk over the values of one name. Begin with cookie_scan. */
struct cookie_scan {
	char *const *variable; /* the next CGI variable */
	const char *at;        /* the rest of the header at hand, or NULL */
	const char *name;
	size_t name_size;
};

/* Begins a walk over all HTTP_COOKIE variables of envp (servers may send several), which has to stay, as name has to. */
struct cookie_scan cookie_scan(char *const *envp, const char *name);

/* The next value that is not empty, pointing into envp; an empty one is no cookie, as in JustPy. False at the end. */
bool cookie_next(struct cookie_scan *scan, const char **value, size_t *size);

/* The fixed parts of our Set-Cookie lines. */
struct cookie_form {
	char *name;
	char *attributes; /* "; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax" */
	char *clear;      /* "; Path=/; Max-Age=0; …" */
	char *clear_root; /* the same for "/" without a domain, or NULL where that is the same */
	enum config_secure secure;
};

/*
 * Makes the form from name, path, domain, SameSite, Secure and Max-Age of c. SESS_OK, or SESS_SETTINGS or SESS_MEMORY with a sentence in
 * why. End it with cookie_form_free, either way.
 */
int cookie_form_init(struct cookie_form *form, const struct config *c, struct sess_why *why);
void cookie_form_free(struct cookie_form *form);

/* Whether the cookie has to be Secure on a request that came by https (or not). */
bool cookie_is_secure(const struct cookie_form *form, bool https);

/* Octets that cookie_set or cookie_clear may write at most, a NUL included. */
size_t cookie_line_size(const struct cookie_form *form);

/*
 * Write the lines that set the cookie to token, or clear it (at its own path and domain and at "/"), each ended by CRLF, and a NUL. text
 * has room for cookie_line_size. Return the length; 0, and an empty text, if token could not stand in a header.
 */
size_t cookie_set(const struct cookie_form *form, const char *token, bool secure, char *text);
size_t cookie_clear(const struct cookie_form *form, bool secure, char *text);

#endif

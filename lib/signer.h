/*
 * signer.h - tokens: a session id with a signature, in the two layouts of doc/cookie.md.
 *
 *     timestamped   id "." time "." signature    itsdangerous' TimestampSigner, HMAC-SHA256, key_derivation "hmac"
 *     justpy        id "." signature             itsdangerous' Signer with all its defaults, as JustPy uses it
 *
 * A token is checked by making the one text that it has to be and comparing, in constant time: nothing is decoded before it is believed,
 * and no second spelling of a token is accepted. A struct signer does not change; any thread may use it.
 */
#ifndef LIB_SIGNER_H
#define LIB_SIGNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/crypto.h"

#define SIGNER_ID_LENGTH 32u
#define SIGNER_TOKEN_SIZE 89u /* octets of the longest token, its NUL included */
#define SIGNER_CSRF_SIZE 65u  /* octets of a CSRF token, its NUL included */
#define SIGNER_AHEAD 60       /* seconds that another host's clock may be ahead of ours */

struct keyring;
struct signer;

enum signer_layout { SIGNER_TIMESTAMPED, SIGNER_JUSTPY };

enum signer_verdict {
	SIGNER_FORGED,
	SIGNER_EXPIRED, /* ours, but issued more than its lifetime ago, or too far in the future */
	SIGNER_GOOD
};

struct signer_token {
	char id[CRYPTO_ID_SIZE];
	int64_t issued; /* Unix seconds; justpy: unknown, 0 */
	enum signer_layout layout;
	bool outdated; /* made with another key or layout than new tokens */
};

struct signer_options {
	enum signer_layout layout; /* of new tokens */
	bool accept_justpy;        /* believe that layout too */
	const char *cookie_name;   /* part of the timestamped layout's salt */
	int64_t lifetime;          /* seconds */
};

/* Derives the keys; ring and options are not kept. NULL when out of memory. */
struct signer *signer_new(const struct keyring *ring, const struct signer_options *options);

/* Wipes and frees. NULL does nothing. */
void signer_free(struct signer *s);

/* Judges size octets of text at now. Unless SIGNER_FORGED, ret tells what the token says. Out of memory is SIGNER_FORGED. */
enum signer_verdict signer_verify(const struct signer *s, const char *text, size_t size, int64_t now, struct signer_token *ret);

/* Why signer_verify says SIGNER_FORGED of these octets, in half a sentence: for an operator, not for who sent it. */
const char *signer_fault(const struct signer *s, const char *text, size_t size);

/*
 * Writes the token of id, issued now, with a NUL (at most SIGNER_TOKEN_SIZE octets). id has SIGNER_ID_LENGTH characters. Returns the
 * token's length, 0 when out of memory.
 */
size_t signer_sign(const struct signer *s, const char *id, int64_t now, char *token);

/* True if id is what this library and uuid4().hex make: 32 lower-case hex digits. */
bool signer_id_valid(const char *id, size_t size);

/* Writes a fresh CSRF token of the session id, SIGNER_CSRF_SIZE octets. False when randomness or memory is wanting. */
bool signer_csrf(const struct signer *s, const char *id, char *token) __attribute__((warn_unused_result));

/* True if token is a CSRF token of the session id. NULL is not. */
bool signer_csrf_valid(const struct signer *s, const char *id, const char *token, int64_t now) __attribute__((warn_unused_result));

#endif

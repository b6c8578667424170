/*
 * keys.h - the signer in force, made anew when the key file changes, while other threads go on using it.
 *
 * Users say when they begin and end using the signer; that takes no lock. A replaced signer is wiped as soon as nobody can be using it.
 */
#ifndef LIB_KEYS_H
#define LIB_KEYS_H

#include <stdbool.h>
#include <stdint.h>

struct config;
struct keys;
struct sess_why;
struct signer;

/*
 * Reads the keys as c says, making a key file where there is none. Adds a note to c where a weak key was allowed. SESS_OK, or SESS_SETTINGS
 * or SESS_MEMORY with a sentence in why. End *ret with keys_close.
 */
int keys_open(struct keys **ret, struct config *c, struct sess_why *why) __attribute__((warn_unused_result));

/* As keys_open, but a missing key file is not made. */
int keys_open_existing(struct keys **ret, struct config *c, struct sess_why *why) __attribute__((warn_unused_result));

/* NULL does nothing. Nobody may be using the signer. */
void keys_close(struct keys *k);

/* Looks, once for each new now, whether the key file has changed. A broken one changes nothing but keys_trouble. */
void keys_look(struct keys *k, int64_t now);

/* The signer in force, until keys_end in the same thread. Keep it for no longer than one call takes. */
const struct signer *keys_begin(struct keys *k);
void keys_end(struct keys *k);

/* True, with a sentence in why, while the key file is one that cannot be used. */
bool keys_trouble(struct keys *k, struct sess_why *why);

#endif

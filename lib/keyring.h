/*
 * keyring.h - the secret keys: SECRET_KEY, and the key file.
 *
 * A key file has one key a line, the text itself being the key: "sign KEY", exactly once, and "verify KEY [until TIME]" for others that are
 * still believed (TIME in Unix seconds or as 2027-01-31T00:00:00Z). Blank lines and lines that begin with '#' are passed over. The file has
 * to be a regular one of this user or of root that nobody else can read. No message ever shows a key.
 */
#ifndef LIB_KEYRING_H
#define LIB_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYRING_MAX 32u       /* keys of a ring */
#define KEYRING_KEY_LEAST 16u /* octets of a key that is not weak */

struct sess_why;

struct keyring_key {
	char *text;
	size_t size;
	int64_t until; /* Unix seconds from which it is not believed; INT64_MAX: for ever */
};

/* The keys in force at one time. The first signs, all verify. */
struct keyring {
	size_t count;
	bool weak; /* one of them is weak and was allowed */
	struct keyring_key keys[KEYRING_MAX];
};

/* Where the keys come from. One thread at a time. */
struct keyring_source;

/*
 * secret signs unless it is NULL; it is copied. The keys of the file at path verify, and without secret its "sign" key signs. allow_weak:
 * short and published keys pass. NULL when out of memory.
 */
struct keyring_source *keyring_source_new(const char *secret, const char *path, bool allow_weak);

/* Wipes and frees. NULL does nothing. */
void keyring_source_free(struct keyring_source *source);

/*
 * Reads the ring as it is now. Where neither secret nor file is there and make is set, the file is made, with a fresh key of 256 bits and
 * mode 0600, in a folder of mode 0700; of processes that start at once, all get the same key. SESS_OK, or SESS_SETTINGS or SESS_MEMORY with
 * a sentence in why. The caller frees *ret with keyring_free.
 */
int keyring_source_read(struct keyring_source *source, bool make, struct keyring **ret, struct sess_why *why)
    __attribute__((warn_unused_result));

/* True if the file is another one than keyring_source_read met: one stat(2). */
bool keyring_source_changed(const struct keyring_source *source);

/* Makes keyring_source_changed true until the next reading, for a caller who could not use what it read. */
void keyring_source_forget(struct keyring_source *source);

/* What speaks against key, or NULL. *weak becomes true where it is short or published, and with allow_weak that passes. */
const char *keyring_key_fault(const char *key, bool allow_weak, bool *weak);

/* True if both hold the same keys in the same order with the same times. */
bool keyring_same(const struct keyring *a, const struct keyring *b);

/* Wipes and frees. NULL does nothing. */
void keyring_free(struct keyring *ring);

#endif

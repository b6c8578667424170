/*
 * keyring.h - the secret keys: SECRET_KEY, and the key file.
 *
 * A key file has one key a line, the text itself being the key: "sign KEY", exactly once, "verify KEY [until TIME]" for others that are
 * still believed (TIME in Unix seconds or as 2027-01-31T00:00:00Z), and "verify KEY next" for one that is to sign soon (rotation.h). Blank
 * lines and lines that begin with '#' are passed over. The file has to be a regular one of this user or of root that nobody else can read.
 * No message ever shows a key.
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
	bool next;     /* it is to sign soon: what it signed is no older than what the first one signs */
};

/* The keys in force at one time. The first signs, all verify. */
struct keyring {
	size_t count;
	bool weak; /* one of them is weak and was allowed */
	struct keyring_key keys[KEYRING_MAX];
};

/* One line of a key file. */
struct keyring_line {
	char *key; /* inside the text that was read */
	int64_t until;
	bool signs;
	bool next;
};

/* Reads a line that is neither blank nor a comment; changes text. NULL, or what is wrong with it, without the key. */
const char *keyring_line_read(char *text, struct keyring_line *ret);

/* Opens a key file as it is to be opened: never through a symbolic link. -1 with errno. */
int keyring_open_file(const char *path);

/* What speaks against a file of keys by its kind, owner and mode, or NULL. */
struct stat;
const char *keyring_file_fault(const struct stat *found);

/* Writes a fresh key of 256 bits, KEYRING_TEXT_SIZE octets, its NUL included. False when randomness is wanting. */
#define KEYRING_TEXT_SIZE 44u
bool keyring_make_key(char text[KEYRING_TEXT_SIZE]) __attribute__((warn_unused_result));

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

/*
 * rotation.h - puts another signing key in the place of the one in a key file, step by step, while programs read it.
 *
 * A program believes a key from the moment it has read the file, and several programs read it at different moments. So a key is announced
 * first ("verify KEY next"): when all of them believe it, it may sign, and the one before is believed until nothing that it signed is still
 * in use. Between the steps a file that is copied to other hosts has to have reached them.
 *
 * Each step replaces the file by another one, whole, on the disk, of the same owner; what ends it in the middle leaves the old one.
 * Comments stay. Of two at once, one is refused. SESS_OK, or SESS_SETTINGS or SESS_MEMORY with a sentence in why, which never shows a key.
 */
#ifndef LIB_ROTATION_H
#define LIB_ROTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sess_why;

struct rotation {
	const char *path; /* of the key file */
	bool allow_weak;  /* as for keyring_source_new */
	int64_t now;      /* Unix seconds */
};

/* Adds a fresh key as the next one. *added is false where one stands there already, which stays. */
int rotation_announce(const struct rotation *rotation, bool *added, struct sess_why *why) __attribute__((warn_unused_result));

/* The next key signs; the one that did is believed until then. */
int rotation_switch(const struct rotation *rotation, int64_t until, struct sess_why *why) __attribute__((warn_unused_result));

/* Takes out the keys that are not believed any more. *removed is their number. */
int rotation_retire(const struct rotation *rotation, unsigned *removed, struct sess_why *why) __attribute__((warn_unused_result));

#endif

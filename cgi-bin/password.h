/*
 * password.h - passwords, by crypt(3) with yescrypt: the only place that calls libcrypt; and the file of users.
 *
 * A line of the file is NAME:HASH; blank ones and those that begin with '#' are passed over. The hash carries its own method and cost, so
 * that files outlive a change of either. Any thread may call everything here.
 */
#ifndef CGI_BIN_PASSWORD_H
#define CGI_BIN_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#define PASSWORD_HASH_SIZE 384 /* octets of a hash, its NUL included */
#define PASSWORD_USER_MAX 64   /* octets of a user's name here */
#define PASSWORD_MAX 512       /* octets of a password, its NUL included; a longer one is wrong */

/* Hashes password with a fresh salt. False when there is no randomness or memory. */
bool password_hash(const char *password, char hash[PASSWORD_HASH_SIZE]);

/*
 * True if password is the one of hash. Without one (""), as for a user who is not there, it is false, and takes as long as with one of
 * password_hash.
 */
bool password_matches(const char *password, const char *hash);

/*
 * Looks user up in the file path. hash receives the hash, or "" where there is no such user. False with a sentence in why (size octets)
 * when the file cannot be used: not there, or other users of this machine may read or change it.
 */
bool password_find(const char *path, const char *user, char hash[PASSWORD_HASH_SIZE], char *why, size_t size);

/* True if name may stand in the file: 1 to PASSWORD_USER_MAX octets without ':' and control characters, and no '#' or blank at the begin.
 */
bool password_user_valid(const char *name);

#endif

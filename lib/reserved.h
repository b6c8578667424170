/*
 * reserved.h - what the library itself keeps in a store: fields of sessions whose names begin with '.', which programs cannot use, and
 * records that are no sessions (doc/record.md has the list).
 */
#ifndef LIB_RESERVED_H
#define LIB_RESERVED_H

#include <sesame.h>

#include "store/record.h"

/* Fields of a session in which somebody is logged in. */
#define RESERVED_USER ".user"     /* octets */
#define RESERVED_AUTH ".auth"     /* integer: when the user last proved who they are */
#define RESERVED_DEVICE ".device" /* octets: where from, in the program's words */

/* The field that says of a record that it is no session. */
#define RESERVED_INDEX ".index"     /* octets: the user whose sessions the record lists (user.h) */
#define RESERVED_COUNTER ".counter" /* integer: a counter that is no session's */

enum reserved_kind { RESERVED_IS_SESSION, RESERVED_IS_INDEX, RESERVED_IS_COUNTER };

/* What a live record is, by its fields: for who walks over a store. */
enum reserved_kind reserved_kind_of(const uint8_t *record);

/* The reserved octets called name of a live record, followed by a NUL; NULL if it has none. Valid as long as the record. */
const char *reserved_text(const uint8_t *record, const char *name);

/* The keys of a session, of a user's index, and of a counter: the first 16 octets of SHA-256(purpose, text). */
void reserved_session_key(const char *id, struct store_key *ret);
void reserved_index_key(const char *user, struct store_key *ret);
void reserved_counter_key(const char *name, struct store_key *ret);

/*
 * The handle of a session, by which its user and an operator name it: 64 bits of a hash of its key, as hex. It is no secret and opens
 * nothing. Nobody can choose a key, and a handle is looked for among one user's sessions only, of which there are hundreds at most: that
 * two of them are the same has a chance of 1 in 10^14.
 */
void reserved_handle(const struct store_key *key, char handle[SESS_HANDLE_SIZE]);

#endif

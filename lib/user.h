/*
 * user.h - the index of a user's sessions: a record of the same store (reserved_index_key) with a field for each session, named by its
 * handle and holding its key. It is changed by store_apply alone, so it works on every back end, and needs no lock.
 *
 * An entry is written before its session is, and forgotten after it: what is stored is listed, whoever dies in between. An entry that names
 * nothing is dropped when somebody looks: at its deadline by the store itself, or here when its session is gone. The record's own deadline
 * is that of the entry that stays longest, so an index never outlives its sessions. Statuses are the store's.
 */
#ifndef LIB_USER_H
#define LIB_USER_H

#include <sesame.h>

#include "lib/manager.h"
#include "store/record.h"

struct user_entry {
	char handle[SESS_HANDLE_SIZE];
	struct store_key key;
	int64_t created; /* when the user logged in */
	int64_t added;   /* when the entry was written: a moment before its session was */
	int64_t until;   /* the session's final deadline */
};

/* Oldest login first; of the same second, in the order in which they came. */
struct user_list {
	struct user_entry *entries;
	size_t count;
};

/* Fills an entry for the session of key, written now. */
void user_entry_init(struct user_entry *ret, const struct store_key *key, int64_t created, int64_t now, int64_t until);

/* Adds entry to the index of user. ret receives the whole as stored, entry included; end it with user_list_free. */
int user_enter(struct sess_manager *m, const char *user, const struct user_entry *entry, struct user_list *ret);

/* Reads the index; no entries where there is none. End ret with user_list_free, whatever the status. */
int user_list_load(struct sess_manager *m, const char *user, int64_t now, struct user_list *ret);
void user_list_free(struct user_list *list);

/* Takes the entries out of the index. An entry that stays all the same does no harm, so that a caller may pass over the status. */
int user_forget(struct sess_manager *m, const char *user, const struct user_entry *entries, size_t count, int64_t now);

/*
 * Looks whether there is still a session behind an entry, and loads it into ret. STORE_OK; STORE_GONE when there is none; STORE_ABSENT when
 * it may be about to be stored; else what the store said.
 */
int user_entry_load(struct sess_manager *m, const struct user_entry *entry, int64_t now, struct record *ret);

/* Drops the entries that have no session, from list and from the index. What cannot be looked at counts as there. */
void user_list_prune(struct sess_manager *m, const char *user, int64_t now, struct user_list *list);

/* Ends the session of an entry, and forgets it. STORE_OK, or why the store could not. */
int user_end(struct sess_manager *m, const char *user, const struct user_entry *entry, int64_t now);

/* Ends all sessions of user but that of key except (NULL: all). Adds their number to *ended. STORE_OK, or why the store could not. */
int user_end_all(struct sess_manager *m, const char *user, const struct store_key *except, int64_t now, size_t *ended);

/*
 * Removes the session of key, or the one to which rotations have led meanwhile, and leaves a tombstone. As store_remove.
 */
int user_bury(struct sess_manager *m, const struct store_key *key, int64_t now);

#endif

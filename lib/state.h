/* state.h - the folder where keys and sessions live, and the store that the settings name. */
#ifndef LIB_STATE_H
#define LIB_STATE_H

struct config;
struct sess_why;
struct store;

/* What a store is opened for: to serve requests for long, or a single one; or for an operator, who works on one that is there already. */
enum state_use { STATE_SERVE, STATE_BRIEF, STATE_OPERATE };

/*
 * Makes the folder path, mode 0700, with the folders above it, unless it is there. Either way it has to be a folder that belongs to this
 * user or to root and that nobody else can write to. SESS_OK, or SESS_SETTINGS with a sentence in why.
 */
int state_folder(const char *path, struct sess_why *why);

/* As state_folder, for the folder in which the file path stands. */
int state_folder_of(const char *path, struct sess_why *why);

/* Makes the state folder, as state_folder does, if the store that the settings name is in it. */
int state_prepare(const struct config *config, struct sess_why *why);

/*
 * Opens the store that the settings name. STORE_OK, and *ret is the caller's, for store_close; or a status of store_open, with a sentence
 * in why that begins with the setting and where it came from.
 */
int state_open_store(const struct config *config, enum state_use use, struct store **ret, struct sess_why *why);

#endif

/* state.h - the folder where keys and sessions live. */
#ifndef LIB_STATE_H
#define LIB_STATE_H

struct sess_why;

/*
 * Makes the folder path, mode 0700, with the folders above it, unless it is there. Either way it has to be a folder that belongs to this
 * user or to root and that nobody else can write to. SESS_OK, or SESS_SETTINGS with a sentence in why.
 */
int state_folder(const char *path, struct sess_why *why);

/* As state_folder, for the folder in which the file path stands. */
int state_folder_of(const char *path, struct sess_why *why);

#endif

/*
 * files.h - files that are opened only if they are what they should be.
 *
 * The state folder belongs to one user. A file in it is a regular one, with one name, of the folder's owner, and closed to others; whatever
 * else stands in its place is refused. Root may work on another user's store: what it creates is given to the folder's owner.
 */
#ifndef STORE_GDBM_FILES_H
#define STORE_GDBM_FILES_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct store_options;

/*
 * Opens the folder at path, creating it (mode 0700) and its parents if it is not there. STORE_OK, or why not, with a sentence; STORE_ABSENT
 * without one where only an existing store is wanted.
 */
int files_open_folder(const char *path, const struct store_options *options, int *ret);

/*
 * Opens name in folder with flags (O_RDWR, O_CREAT, …; O_NOFOLLOW and O_CLOEXEC are added) and checks it. A descriptor, or -1 with errno:
 * EPERM when the file is not one of ours.
 */
int files_open(int folder, const char *name, int flags);

/* Why files_open refused name with EPERM, as a sentence for a person; "" if nothing is wrong with it. */
void files_explain(int folder, const char *name, char *text, size_t size);

/*
 * Calls each with every name in folder that does not begin with '.', until it returns false. STORE_OK, or STORE_UNAVAILABLE with errno:
 * then names may be missing.
 */
int files_each(int folder, bool (*each)(void *context, int folder, const char *name), void *context);

/*
 * Looks at every file in folder that a store may have there. STORE_OK, or STORE_UNAVAILABLE with a sentence about the first that is not as
 * it should be.
 */
int files_check_all(int folder, const struct store_options *options);

/*
 * Between these two a write beyond RLIMIT_FSIZE is an error (EFBIG) and no SIGXFSZ to this thread, whatever the program does with that
 * signal. errno stays.
 */
struct files_shield {
	sigset_t mask;
	bool pending;
};
void files_shield(struct files_shield *shield);
void files_unshield(const struct files_shield *shield);

/* Writes all of it at offset, or -1 with errno. */
int files_write(int fd, const void *octets, size_t size, uint64_t offset);

/* Reads all of a file into memory that the caller frees. STORE_OK, UNAVAILABLE with errno, or NO_MEMORY. */
int files_read_whole(int fd, uint8_t **ret, size_t *size);

/* Copies size octets from one file's beginning to another's. 0, or -1 with errno. */
int files_copy(int from, int to, uint64_t size);

/* fsync of a folder, so that its names last. 0, or -1 with errno. */
int files_sync_folder(int folder);

#endif

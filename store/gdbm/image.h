/*
 * image.h - GDBM's file format, as far as it is ours to look at: whether a file is fit for GDBM to work on, and what records are left in
 * one that is not.
 *
 * GDBM believes much of what a file's header says: a damaged one makes it fill the disk, or loses all that stands behind one bad bucket.
 */
#ifndef STORE_GDBM_IMAGE_H
#define STORE_GDBM_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/record.h"

#define IMAGE_BLOCK 4096

/*
 * True if header, directory and table of free space of the GDBM file fd agree with each other and with its size; *end is then where the
 * file's own content ends. False for an error of the system too.
 */
bool image_sound(int fd, uint64_t *end);

/*
 * Calls each with every record of the file that checks and that was current when the file was whole; false from each ends it. Nothing in
 * the file is trusted: its buckets are searched for, the deepest of those for one part of the keys is the current one, and never one that
 * it was split from. *lost counts the records that buckets name and that do not check. STORE_OK, UNAVAILABLE with errno, or NO_MEMORY.
 */
int image_each(int fd, uint64_t seed, bool (*each)(void *context, const struct store_key *key, const uint8_t *record), void *context,
               uint64_t *lost);

#endif

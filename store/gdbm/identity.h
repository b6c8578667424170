/*
 * identity.h - the file "store", and its copy "store.copy": what a store is, for as long as it lives.
 *
 * It says version, byte order and number of shards, so that files of another make are refused and not misread, and the seed of all
 * checksums, so that records of another store are none of ours. Without the seed no session could be read, so it is there twice.
 */
#ifndef STORE_GDBM_IDENTITY_H
#define STORE_GDBM_IDENTITY_H

#include <stdint.h>

struct store_options;

/* Reads the identity of the store in folder: STORE_OK, STORE_ABSENT when there is none yet, or why it is refused, in a sentence. */
int identity_read(int folder, const struct store_options *options, uint64_t *seed);

/* As identity_read for who holds the folder's exclusive lock: of file and copy, the one that is missing or damaged is made from the other.
 */
int identity_keep(int folder, const struct store_options *options, uint64_t *seed);

/* Makes it, lastingly. The caller holds the folder's exclusive lock. STORE_OK or STORE_UNAVAILABLE with a sentence. */
int identity_make(int folder, const struct store_options *options, uint64_t *seed);

#endif

/* walk.h - a way through all records of the store, with progress. */
#ifndef SBIN_WALK_H
#define SBIN_WALK_H

#include "sbin/sesamectl.h"
#include "store/store.h"

/*
 * Visits every live record, as store_walk does; each may not call the store, and returns false to stop. CTL_DONE or CTL_STORE, and why was
 * told. prints: each writes to standard output, so that there is no bar where that is a terminal.
 */
int walk_all(struct ctl *ctl, bool (*each)(void *context, const struct store_key *key, const uint8_t *record), void *context, bool prints);

#endif

/*
 * census.h - counts the sessions of a store again and again, a little at a time, so that who looks does not disturb who works.
 */
#ifndef SBIN_CENSUS_H
#define SBIN_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/record.h"

#define CENSUS_RECENT 64u

struct store;

struct census_numbers {
	int64_t at; /* when it was finished, Unix seconds; 0: not yet */
	uint64_t sessions, logged_in;
	uint64_t new_minute, new_hour;   /* that began in the last 60 seconds, or 3600 */
	uint64_t used_minute, used_hour; /* and that were used */
	uint64_t changes;                /* of all of them together, since each began */
};

struct census_recent {
	struct store_key key;
	int64_t used;
};

struct census {
	struct store *store;
	uint64_t cursor;
	int64_t now;
	struct census_numbers counting, counted, before; /* under way, the last whole one, and the one before */
	struct census_recent found[CENSUS_RECENT], recent[CENSUS_RECENT];
	unsigned found_count, recent_count; /* used last, the latest first */
};

/* Counts on, for some milliseconds at least. A status of the store. */
int census_step(struct census *census, int64_t now);

/* Changes a second between the last two countings, at least: what ended sessions had is not in it. 0 where that is not known. */
double census_rate(const struct census *census);

#endif

/* ours.h - the store that bench/store measures, in a folder of the run's own. What fails ends the program with a message and 1. */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

#define MILLION 1000000u

/* The folder of this run; every store has a name in it. */
extern char folder[PATH_MAX];

/* Makes it below parent. */
void folder_make(const char *parent);

/* The octets that all in it takes on the disk. */
uint64_t disk_used(void);

/* The journal's first and last segment, as the control file has them; 0, 0 when nobody is in the store. */
struct segments {
	unsigned first, last;
};

struct segments segments_of(const char *store);

/* Until every full segment was merged. */
void await_merges(const char *store);

/* Opens or makes the store of this name; brief as for plain CGI (struct store_options). */
struct store *open_ours(const char *name, enum store_sync sync, bool brief);

/* The key of the session numbered n. */
struct store_key key_of(uint64_t n);

/* What a new session is made of; the first of them is what changes in it later. */
extern const struct store_change two_counters[2];

/* One change of the session numbered n, which must be there; record is the caller's, and has it afterwards. */
void change(struct store *store, uint64_t n, struct record *record);

/* Creates sessions from .. to - 1 that live for lifetime seconds if nobody uses them. */
void create(struct store *store, uint64_t from, uint64_t to, int64_t lifetime);

/* A store that holds this many sessions, orderly closed. */
void fill(const char *name, uint64_t sessions);

/* Changes random ones of the first `of` sessions until duration seconds are over; operations a second. */
double work(struct store *store, uint64_t of, double duration, uint64_t *state);

#endif

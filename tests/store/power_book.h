/* power_book.h - what the processes of power_cut have asked of the store and been answered, in memory that they share. */
#ifndef TESTS_STORE_POWER_BOOK_H
#define TESTS_STORE_POWER_BOOK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"
#include "tests/store/shim_trace.h"

#define PROCESSES 2u
#define THREADS 3u
#define BRIEF (PROCESSES * THREADS) /* the owner that the plain CGI programs are, one after the other */
#define OWNERS (BRIEF + 1)
#define KEYS_EACH 60u
#define KEYS (OWNERS * KEYS_EACH)
#define OLD_EACH 20u /* of them were there before the run */
#define VERSIONS 400u
#define SEEN_MAX 40000u
#define SHARDS 8u /* where the keys are */

/* What stands under a key at one time: a count (from 1 on), nothing, or a tombstone. */
enum { NOTHING = 0, GONE = -1 };

struct version {
	int32_t count;
	int32_t partner;          /* the other key of a rename, or -1 */
	uint32_t begun, answered; /* marks in the trace */
};

struct key {
	_Atomic uint32_t last; /* version */
	struct version versions[VERSIONS];
};

/* One thread met the work of another. */
struct seen {
	uint32_t begun, mark, key;
	int32_t count;
};

struct book {
	struct key keys[KEYS];
	struct seen seen[SEEN_MAX];
	_Atomic uint32_t seen_count, refused, changes;
	_Atomic uint32_t recent[OWNERS]; /* the key that each is at work on */
	_Atomic uint64_t late_us;        /* how long the machine let someone wait who wanted to run */
	_Atomic bool stop;
	uint32_t brief_next, brief_runs; /* what the owner BRIEF is at */
	uint32_t mode;
	int64_t now;
};

extern struct book *book;
extern struct trace *trace; /* of all that is done to the files meanwhile */

/* Empties the book: in each owner's keys the first OLD_EACH have a count of 1. */
void begin_book(void);

/* The store at path, with segments small enough for many of them; or NULL, and a comment says why. */
struct store *open_store(const char *path, enum store_sync sync, bool brief);

/* Key n's next version, asked for now. */
struct version *version_begin(uint32_t n, int32_t count, int32_t partner);

/* The count of its last one. */
int32_t count_now(uint32_t n);

/* Operations on the store alone; statuses of the store. */
int add(struct store *store, uint32_t n, enum store_condition condition);

/* *ret as in a version; -2 when it cannot be so. STORE_OK also where there is nothing. */
int look(struct store *store, uint32_t n, int32_t *ret);

/* brief: the tombstone has expired before it is merged, so that nothing is left of the key. */
int do_remove(struct store *store, uint32_t n, bool brief);

int do_rename(struct store *store, uint32_t from, uint32_t to);

#endif

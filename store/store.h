/*
 * store.h - the contract of a session store.
 *
 * A store keeps records (record.h) under keys until their deadlines. It knows nothing of cookies or HTTP. Every back end passes the
 * one suite in tests/store/contract.c. The promises:
 *
 *  - Each call is one atomic operation. However many threads, processes or hosts work on one store, no change that was answered
 *    STORE_OK is lost, doubled or half there, although any of them is killed at any moment.
 *  - A record past its deadline is not there. now is the caller's clock, Unix seconds.
 *  - A key that was removed stays removed: until its tombstone's final deadline nothing can be stored under it.
 *  - Every call ends within the store's deadline (wait_ms), with STORE_BUSY if it must.
 *  - Bad news is handed up: whatever is not STORE_OK has changed nothing. One exception: with STORE_SYNC_ALWAYS a change whose sync fails
 *    or takes too long is answered STORE_UNAVAILABLE or STORE_BUSY and may be there all the same, once.
 *
 * Any thread may use a store at any time, and a process that forked may go on using it in parent and child, as long as no call was
 * under way in another thread at the fork.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "store/record.h"

enum store_status {
	STORE_OK = 0,
	STORE_ABSENT,      /* no record, or past its deadline */
	STORE_GONE,        /* removed: a tombstone is there (ret holds it where the call has a ret) */
	STORE_EXISTS,      /* STORE_IF_ABSENT, and a record is there */
	STORE_TYPE,        /* STORE_ADD to a field that holds octets */
	STORE_RANGE,       /* STORE_ADD beyond what an int64_t holds */
	STORE_TOO_LARGE,   /* the record would pass RECORD_MAX */
	STORE_DAMAGED,     /* something is there that does not check; it is not served */
	STORE_BUSY,        /* not within the deadline */
	STORE_UNAVAILABLE, /* the system refused: full, read-only, broken, out of reach (errno says which, or is 0) */
	STORE_NO_MEMORY,
	STORE_UNSUPPORTED /* this back end or this build cannot */
};

enum store_sync { STORE_SYNC_NO, STORE_SYNC_EVERY_SECOND, STORE_SYNC_ALWAYS };

/* How a store is opened. Zero is a usable default for all but location. */
struct store_options {
	const char *location; /* "gdbm:/path", "memory:", "fault:N:LOCATION", … */
	unsigned wait_ms;     /* longest time one operation may take; 0: 250 */
	enum store_sync sync; /* what a power cut may cost */
	bool brief;           /* a process of one request (plain CGI): no thread of its own, no long work at the close */
	bool existing;        /* a store that is there already: STORE_ABSENT rather than make one */
	size_t journal_size;  /* gdbm: octets of one journal segment; 0: chosen by the store. Tests make it tiny */
	char *why;            /* receives a sentence when opening fails; may be NULL */
	size_t why_size;
};

enum store_condition { STORE_IF_PRESENT, STORE_IF_ABSENT };

/*
 * One atomic change of a record. A new record (STORE_IF_ABSENT) takes its deadlines from idle_deadline and final_deadline. An existing one
 * keeps its final deadline (unless restart is set: then created and both deadlines are as for a new one), and gets idle_deadline when its
 * own lies before extend_before (INT64_MIN: never extended).
 */
struct store_update {
	enum store_condition condition;
	bool restart;
	int64_t now;
	int64_t idle_deadline;
	int64_t final_deadline;
	int64_t extend_before;
	const struct store_change *changes; /* applied in order */
	size_t count;
};

/*
 * What is left where a record was. Until grace it answers STORE_GONE to a request that is late; until final_deadline nothing can be stored
 * there. forward: until grace, load and apply on the old key go on to the new one (store_rename only), without extending it.
 */
struct store_tombstone {
	int64_t grace;
	int64_t final_deadline;
	bool forward;
	struct store_key forward_key; /* filled by store_rename */
};

struct store_walk {
	/* Called for each live record once; returns false to stop. The record is valid only during the call. */
	bool (*each)(void *context, const struct store_key *key, const uint8_t *record);
	void *context;
	int64_t now;
};

struct store_swept {
	uint64_t removed;     /* records that this step removed */
	bool more;            /* another step would find more */
	unsigned step, steps; /* this one's number, from 1, and how many there are */
};

struct store_examination {
	/* Called with a sentence for each file that is not as it should be. It is valid only during the call. */
	void (*report)(void *context, const char *sentence);
	void *context;
	int64_t now;
};

/* What is there. Each record is counted once, as its newest version is. */
struct store_findings {
	uint64_t live;
	uint64_t gone;          /* tombstones within their deadlines */
	uint64_t expired;       /* past their deadlines, not swept yet */
	uint64_t damaged;       /* places that do not check; what stood there is not served */
	uint64_t files;         /* that hold records */
	uint64_t damaged_files; /* of these, those with damaged places */
	uint64_t set_aside;     /* files that store_salvage will work on */
	unsigned step, steps;   /* as in struct store_swept */
};

/* What became of the records of one file that was set aside. */
struct store_salvaged {
	char file[64];     /* its name; "" when there was none */
	uint64_t put_back; /* in the store again */
	uint64_t known;    /* the store has them, or newer ones */
	uint64_t expired;
	uint64_t lost; /* named in the file and not whole, at the least; or what the store has may have been newer */
	bool more;     /* another call would find another file */
};

/* How much is there. */
struct store_measures {
	uint64_t records;        /* at most: expired ones and tombstones too, and those of the journal a second time */
	uint64_t files, octets;  /* of the whole store, as they are on the disk; 0 files where it is in memory */
	uint64_t journals;       /* journal segments: files whose records are not merged yet */
	uint64_t journal_octets; /* of these */
	uint64_t unmerged;       /* records in them */
};

/* What an operator should know of. */
struct store_trouble {
	uint64_t damaged;   /* places met that did not check, since the store was first opened by those who have it open now */
	uint64_t set_aside; /* files that wait for store_salvage */
};

struct store;

/* Opens the store that options->location names. STORE_OK, or why it cannot be had, in a sentence that says what to do. */
int store_open(struct store **ret, const struct store_options *options) __attribute__((nonnull, warn_unused_result));

/* Ends the use of a store: what this process held back is written. NULL does nothing. No other call may be under way. */
void store_close(struct store *store);

/* Reads the record of key. STORE_OK, ABSENT, GONE (ret holds the tombstone), DAMAGED, BUSY, UNAVAILABLE, NO_MEMORY. */
int store_load(struct store *store, const struct store_key *key, int64_t now, struct record *ret)
    __attribute__((nonnull, warn_unused_result));

/*
 * Applies update to whatever is stored under key now; ret receives the record as stored. Besides those of store_load: EXISTS, TYPE, RANGE,
 * TOO_LARGE.
 */
int store_apply(struct store *store, const struct store_key *key, const struct store_update *update, struct record *ret)
    __attribute__((nonnull, warn_unused_result));

/* Removes the record of key (or the one that its forward leads to) and leaves tombstone. STORE_OK, ABSENT (a tombstone is left all the
 * same), GONE, … */
int store_remove(struct store *store, const struct store_key *key, int64_t now, const struct store_tombstone *tombstone)
    __attribute__((nonnull, warn_unused_result));

/*
 * In one operation: applies update to the record of from, stores the result under to, and leaves tombstone at from. STORE_OK with the
 * record now under to in ret; ABSENT or GONE when from is; EXISTS when to is taken. After a crash at most one of the two ids that anyone
 * knows is valid.
 */
int store_rename(struct store *store, const struct store_key *from, const struct store_key *to, const struct store_update *update,
                 const struct store_tombstone *tombstone, struct record *ret) __attribute__((nonnull, warn_unused_result));

/*
 * Visits one page of the live records: *cursor is 0 at first, and 0 again after the last page. A record that is there throughout is visited
 * exactly once; one that comes or goes meanwhile may or may not be.
 */
int store_walk(struct store *store, uint64_t *cursor, const struct store_walk *walk) __attribute__((nonnull, warn_unused_result));

/* Removes expired records, one bounded step. Running programs do this by themselves; an operator may hurry it. */
int store_sweep(struct store *store, int64_t now, struct store_swept *ret) __attribute__((nonnull, warn_unused_result));

/*
 * Looks at everything that is stored, one bounded step a call, and changes nothing: *cursor is 0 at first, and 0 again after the last step.
 * What is found is added to *ret, which the caller zeroes before the first. STORE_OK, BUSY, UNAVAILABLE, NO_MEMORY.
 */
int store_examine(struct store *store, uint64_t *cursor, const struct store_examination *examination, struct store_findings *ret)
    __attribute__((nonnull, warn_unused_result));

/*
 * Salvages one of the files that were set aside since something in them was damaged: each record there that checks, has not expired, and is
 * newer than what the store has under its key is stored again, lastingly. Then the file is removed, or, if something in it was lost,
 * renamed to NAME.salvaged, which means nothing to the store. Doing it twice, or ending in the middle, does no harm. STORE_OK, BUSY,
 * UNAVAILABLE, NO_MEMORY.
 */
int store_salvage(struct store *store, int64_t now, struct store_salvaged *ret) __attribute__((nonnull, warn_unused_result));

/* How much is there, without looking at each record. STORE_OK, UNAVAILABLE, NO_MEMORY. */
int store_measure(struct store *store, struct store_measures *ret) __attribute__((nonnull, warn_unused_result));

/* What an operator should know of; cheap enough for once a second. STORE_OK or UNAVAILABLE. */
int store_trouble(struct store *store, struct store_trouble *ret) __attribute__((nonnull, warn_unused_result));

/* A word for a status, never NULL. */
const char *store_status_name(int status);

/* ---- for back ends ------------------------------------------------------------------------------------------------ */

/* One back end: a constant table of its functions, each as its namesake above. */
struct store_backend {
	const char *scheme; /* what stands before the ':' of a location */
	int (*open)(struct store **ret, const char *where, const struct store_options *options);
	void (*close)(struct store *store);
	int (*load)(struct store *store, const struct store_key *key, int64_t now, struct record *ret);
	int (*apply)(struct store *store, const struct store_key *key, const struct store_update *update, struct record *ret);
	int (*remove)(struct store *store, const struct store_key *key, int64_t now, const struct store_tombstone *tombstone);
	int (*rename)(struct store *store, const struct store_key *from, const struct store_key *to, const struct store_update *update,
	              const struct store_tombstone *tombstone, struct record *ret);
	int (*walk)(struct store *store, uint64_t *cursor, const struct store_walk *walk);
	int (*sweep)(struct store *store, int64_t now, struct store_swept *ret);
	int (*examine)(struct store *store, uint64_t *cursor, const struct store_examination *examination, struct store_findings *ret);
	int (*salvage)(struct store *store, int64_t now, struct store_salvaged *ret);
	int (*measure)(struct store *store, struct store_measures *ret);
	int (*trouble)(struct store *store, struct store_trouble *ret);
};

/* The first member of every back end's own struct. */
struct store {
	const struct store_backend *backend;
};

extern const struct store_backend store_memory;
extern const struct store_backend store_fault;
extern const struct store_backend store_gdbm;

/* Writes the sentence for options->why and returns status, so that a failure is one line: return store_refuse(…). */
int store_refuse(const struct store_options *options, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif

/*
 * held.h - how long the store's locks are held by what is no request: a merge, a sweep, a sync, making room in the journal.
 *
 * The program is linked with -Wl,--wrap for the locking calls, so it sees every lock of the store without the store knowing.
 */
#ifndef BENCH_HELD_H
#define BENCH_HELD_H

/* The longest times in one process, or in several. */
struct held {
	double longest_ms;   /* of the locks that a request may wait for */
	double processor_ms; /* that its holder had meanwhile: much less where others had it, or the holder waited in the kernel */
	double asleep_ms;    /* the longest in which the holder did wait there */
	double merging_ms;   /* of the two that none waits for */
	double syncing_ms;
	int longest_kind;
};

/* Begins to measure in this process; the thread that calls this is the one with the requests. The store is open. */
void held_begin(void);

/* Ends it, and puts into ret what was found. */
void held_end(struct held *ret);

/* Makes sum the longer of both. */
void held_sum(struct held *sum, const struct held *held);

/* Which lock the longest was, in words. */
const char *held_name(const struct held *held);

#endif

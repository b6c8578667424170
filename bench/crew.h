/* crew.h - processes that live from round to round, and change sessions when it is their turn. What fails ends the program. */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/held.h"

#define CREW_MAX 8u
#define TIMES_PARTS 16u /* of each power of two */

/* How long operations took, in nanoseconds. */
struct times {
	uint64_t counts[64 * TIMES_PARTS];
	uint64_t total;
	int64_t longest;
};

/* Adds times to sum. */
void times_sum(struct times *sum, const struct times *times);

/* In milliseconds, the upper end of where it lies; beyond is the share of those that took longer. */
double times_beyond(const struct times *times, double beyond);

struct seat {
	pid_t process;
	_Atomic uint32_t turn, ended; /* begun and ended turns */
	double rate;                  /* operations a second in the last one */
	uint64_t anonymous, shared;   /* KiB, after it */
	struct times times;           /* of all that were timed */
	struct held held;
};

/* In memory that all of them share. */
struct crew {
	unsigned size;
	uint64_t of; /* what the next turn is about */
	double duration;
	bool timed;
	struct seat seats[CREW_MAX];
};

/* Starts size (1 to CREW_MAX) processes, each with the store of this name open. */
struct crew *crew_begin(unsigned size, const char *name);

/* A turn of duration seconds on random ones of the first `of` sessions begins; timed: each operation is. */
void crew_start(struct crew *crew, uint64_t of, double duration, bool timed);

/* Waits for its end. What they did together, operations a second. */
double crew_await(struct crew *crew);

/* Both, not timed. */
double crew_work(struct crew *crew, uint64_t of, double duration);

/* The processes close the store and end, and crew with them. */
void crew_end(struct crew *crew);

#endif

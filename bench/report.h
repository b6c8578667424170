/* report.h - what bench/store measures and prints with. Where something cannot be done, the program says so and ends with 1. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>

/* Nanoseconds of the monotonic clock; and the seconds since such a moment. */
int64_t now_ns(void);
double since(int64_t begin);

/* Sleeps so many seconds. */
void rest(double time);

/* The next of a row of random numbers; *state must not be 0. */
uint64_t chance(uint64_t *state);

/* Prints what, and the text of errno, and ends the program. */
__attribute__((noreturn)) void fail(const char *what);

/* What several rounds gave, in order of size; 256 at most. */
struct series {
	double values[256];
	unsigned count;
};

/* Gives value back. */
double series_add(struct series *series, double value);

/* Of a series that is not empty: the median, the least, the greatest value. */
double middle(const struct series *series);
double least(const struct series *series);
double most(const struct series *series);

/* A line to stderr for who waits. */
__attribute__((format(printf, 1, 2))) void progress(const char *format, ...);

/* aim 0: there is none. */
struct target {
	bool at_least;
	double floor, aim;
	const char *unit;
};

struct target at_least(double floor, double aim);
struct target at_most(double floor, const char *unit);

/* A row of the table, to stdout. The format and what follows is what stands behind the value, in words. */
__attribute__((format(printf, 4, 5))) void row(const char *name, double value, struct target target, const char *format, ...);

#endif

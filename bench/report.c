/* report.c - clocks, chance, and the lines of a report. */

#include "bench/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- clocks and chance --------------------------------------------------------------------------------------------- */

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

double since(int64_t begin)
{
	return (double)(now_ns() - begin) / 1e9;
}

void rest(double time)
{
	usleep((useconds_t)(time * 1e6));
}

uint64_t chance(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

void fail(const char *what)
{
	fprintf(stderr, "bench/store: %s: %s\n", what, strerror(errno));
	exit(1);
}

double series_add(struct series *series, double value)
{
	unsigned at = series->count++;

	for (; at > 0 && series->values[at - 1] > value; at--)
		series->values[at] = series->values[at - 1];
	series->values[at] = value;
	return value;
}

double middle(const struct series *series)
{
	return series->values[series->count / 2];
}

double least(const struct series *series)
{
	return series->values[0];
}

double most(const struct series *series)
{
	return series->values[series->count - 1];
}

/* ---- what is printed ------------------------------------------------------------------------------------------------ */

void progress(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("# ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
}

static bool reached(const struct target *target, double value, double bound)
{
	return target->at_least ? value >= bound : value <= bound;
}

void row(const char *name, double value, struct target target, const char *format, ...)
{
	va_list arguments;

	printf("| %s | %.3g %s | ", name, value, target.unit);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf(" | %s %g%s", target.at_least ? ">=" : "<=", target.floor, target.unit[0] == 'x' ? "" : " ");
	printf("%s", target.unit[0] == 'x' ? " x" : target.unit);
	if (target.aim > 0)
		printf(", aim %g x", target.aim);
	printf(" | %s |\n", !reached(&target, value, target.floor)                  ? "MISSED"
	                    : target.aim > 0 && reached(&target, value, target.aim) ? "passed, the aim too"
	                                                                            : "passed");
	fflush(stdout);
}

struct target at_least(double floor, double aim)
{
	return (struct target){ .at_least = true, .floor = floor, .aim = aim, .unit = "x" };
}

struct target at_most(double floor, const char *unit)
{
	return (struct target){ .floor = floor, .unit = unit };
}

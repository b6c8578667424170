/*
 * progress.h - how far a long work has come, on standard error: a bar with rate and time left where that is a terminal, else a plain line
 * now and then.
 */
#ifndef SBIN_PROGRESS_H
#define SBIN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *name;
	bool terminal;
	bool shown;     /* a bar stands in the terminal's last line */
	int64_t began;  /* milliseconds, a clock that only goes forward */
	int64_t spoken; /* when it last showed something */
};

void progress_begin(struct progress *p, const char *name);

/* step of steps are done, and count things (called what) were worked on so far. */
void progress_at(struct progress *p, unsigned step, unsigned steps, uint64_t count, const char *what);

/* Takes the bar away. Call it before anything else is written to the terminal. */
void progress_end(struct progress *p);

#endif

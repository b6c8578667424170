/* progress.c - a bar, or lines. */

#include "sbin/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WIDTH 30u        /* of the bar, columns */
#define BAR_EVERY 100    /* milliseconds */
#define LINE_EVERY 10000 /* milliseconds: what ends sooner says nothing */

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_begin(struct progress *p, const char *name)
{
	*p = (struct progress){ .name = name, .terminal = isatty(STDERR_FILENO) == 1, .began = milliseconds() };
	p->spoken = p->terminal ? p->began - BAR_EVERY : p->began;
}

void progress_at(struct progress *p, unsigned step, unsigned steps, uint64_t count, const char *what)
{
	int64_t now = milliseconds(), passed = now - p->began;
	uint64_t rate = passed > 0 ? count * 1000 / (uint64_t)passed : 0;
	int64_t left = step > 0 && step <= steps ? passed * (steps - step) / step / 1000 : 0;
	char bar[WIDTH + 1];

	if (now - p->spoken < (p->terminal ? BAR_EVERY : LINE_EVERY) || steps == 0)
		return;
	p->spoken = now;
	if (!p->terminal) {
		fprintf(stderr, "%s: %u of %u steps, %" PRIu64 " %s, %" PRIu64 " a second, %" PRId64 " seconds left\n", p->name, step,
		        steps, count, what, rate, left);
		return;
	}
	memset(bar, '.', WIDTH);
	memset(bar, '#', step <= steps ? WIDTH * step / steps : WIDTH);
	bar[WIDTH] = '\0';
	fprintf(stderr, "\r%s [%s] %3u %%  %" PRIu64 " %s, %" PRIu64 " a second, %" PRId64 ":%02d left\033[K", p->name, bar,
	        100 * step / steps, count, what, rate, left / 60, (int)(left % 60));
	p->shown = true;
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

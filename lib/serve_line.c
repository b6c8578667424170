#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "serve.h"

/* The record lock belongs to the process and ends with it, and needs no file but the socket that all of them have. */
static int serve_line_lock(int command, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	return fcntl(SERVE_LISTENER, command, &lock);
}

bool serve_line_engaged(const struct serve *serve)
{
	return atomic_load(&serve->line.engaged);
}

void serve_line_wait(struct serve *serve)
{
	if (serve_line_lock(F_SETLKW, F_WRLCK) == 0)
		atomic_store(&serve->line.has_lock, true);
	else if (errno == EINTR)
		return;
	else
		atomic_store(&serve->line.alone, true); /* a system without such locks: then all take part */
	atomic_store(&serve->line.engaged, true);
}

void serve_line_call(struct serve *serve)
{
	if (atomic_exchange(&serve->line.has_lock, false))
		(void)serve_line_lock(F_SETLK, F_UNLCK);
}

/* The thread that waits for connections, or in line, finds out. */
static void serve_line_change(struct serve *serve, bool engaged)
{
	atomic_store(&serve->line.engaged, engaged);
	if (!engaged)
		serve_rota_empty(serve);
	watchdog_interrupt(&serve->watchdog);
}

/* Processor time of the process that has the lock, in nanoseconds; -1 if none has or it is out of sight. */
static int64_t serve_line_progress(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct timespec used;
	clockid_t clock;

	if (fcntl(SERVE_LISTENER, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK || lock.l_pid <= 0 ||
	    clock_getcpuclockid(lock.l_pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
		return -1;
	return used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
}

/* True if connections wait at several looks in a row, and who has the lock did nothing meanwhile: it is stopped. */
static bool serve_line_stands(struct serve_line *line)
{
	struct pollfd queue = { .fd = SERVE_LISTENER, .events = POLLIN };
	int64_t progress;

	if (poll(&queue, 1, 0) <= 0) {
		line->seen_waiting = 0;
		return false;
	}
	if (line->seen_waiting++ > 0 && line->seen_waiting < SERVE_LINE_LOOKS)
		return false;
	progress = serve_line_progress();
	if (line->seen_waiting >= SERVE_LINE_LOOKS && progress == line->progress)
		return true;
	line->progress = progress;
	line->seen_waiting = 1;
	return false;
}

/* Who takes part for one that stands stays the longer the more often it happens, since the next connections would wait as long. */
static void serve_line_look(struct serve *serve, int64_t now)
{
	struct serve_line *line = &serve->line;

	if (!serve_line_stands(line))
		return;
	line->seen_waiting = 0;
	line->needed = now;
	line->stay = line->stay < SERVE_LINE_STAY ? 2 * line->stay : line->stay;
	serve_line_change(serve, true);
}

void serve_line_tick(struct serve *serve, int64_t now, bool crowded)
{
	struct serve_line *line = &serve->line;

	if (!serve_line_engaged(serve)) {
		serve_line_look(serve, now);
		return;
	}
	if (crowded)
		serve_line_call(serve);
	if (crowded || atomic_load(&line->has_lock))
		line->needed = now;
	if (atomic_load(&line->has_lock))
		line->stay = SERVE_LINE_LULL;
	if (!atomic_load(&line->alone) && now - line->needed >= line->stay)
		serve_line_change(serve, false);
}

int serve_line_pause(const struct serve *serve)
{
	const struct serve_line *line = &serve->line;

	if (atomic_load(&line->has_lock) || atomic_load(&line->alone))
		return -1;
	return line->seen_waiting > 0 ? WATCHDOG_TICK : SERVE_LINE_TICK;
}

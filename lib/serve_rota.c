#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "serve.h"

bool serve_rota_init(struct serve *serve)
{
	struct serve_rota *rota = &serve->rota;

	rota->wake = calloc((size_t)serve->workers_number, sizeof *rota->wake);
	if (!rota->wake)
		return false;
	for (int i = 0; i < serve->workers_number; i++)
		sem_init(&rota->wake[i], 0, 0);
	rota->size = serve->workers_number;
	atomic_store(&rota->wanted, SERVE_FEW);
	return true;
}

void serve_rota_free(struct serve *serve)
{
	for (int i = 0; i < serve->rota.size; i++)
		sem_destroy(&serve->rota.wake[i]);
	free(serve->rota.wake);
}

bool serve_rota_has(const struct serve *serve, int i)
{
	return i < atomic_load(&serve->rota.wanted);
}

void serve_rota_rest(struct serve *serve, int i)
{
	/* A wake that came too early or too often does no harm: it is asked again. */
	while (!serve_rota_has(serve, i) && !atomic_load(&serve->stopping))
		if (sem_wait(&serve->rota.wake[i]) < 0 && errno != EINTR)
			return;
}

/* Sets how many take part, within what there is; those that were not there before wake up. */
static void serve_rota_set(struct serve *serve, int wanted)
{
	struct serve_rota *rota = &serve->rota;
	int before;

	if (wanted > rota->size)
		wanted = rota->size;
	before = atomic_exchange(&rota->wanted, wanted);
	for (int i = before; i < wanted; i++)
		sem_post(&rota->wake[i]);
}

void serve_rota_call(struct serve *serve)
{
	serve_rota_set(serve, atomic_load(&serve->rota.wanted) + 1);
}

/* Connections wait, and nobody is free to take them: some ticks on end give threads more, each time twice as many. */
static void serve_rota_crowd(struct serve *serve, bool waiting)
{
	struct serve_rota *rota = &serve->rota;

	rota->crowded = waiting && !watchdog_any(&serve->watchdog, serve->workers_number, WATCHDOG_FREE) ? rota->crowded + 1 : 0;
	if (rota->crowded < SERVE_CROWDED)
		return;
	rota->crowded = 0;
	rota->extra += rota->extra > 0 ? rota->extra : 1;
	if (rota->extra > rota->size)
		rota->extra = rota->size;
}

/* How many are wanted now. Where connections wait and none was taken since the last tick, it is one more than there are. */
static int serve_rota_target(struct serve *serve)
{
	struct serve_rota *rota = &serve->rota;
	struct pollfd queue = { .fd = SERVE_LISTENER, .events = POLLIN };
	bool waiting = poll(&queue, 1, 0) > 0;
	uint64_t begun = watchdog_begun(&serve->watchdog);
	int target;

	rota->stuck = waiting && begun == rota->begun ? rota->stuck + 1 : 0;
	rota->begun = begun;
	serve_rota_crowd(serve, waiting);
	target = SERVE_FEW + serve->watchdog.slow + serve->watchdog.parked + rota->extra;
	if (rota->stuck >= SERVE_STUCK && target <= atomic_load(&rota->wanted) && target < rota->size)
		target = atomic_load(&rota->wanted) + 1;
	return target;
}

bool serve_rota_tick(struct serve *serve, int64_t now)
{
	struct serve_rota *rota = &serve->rota;
	int now_wanted = atomic_load(&rota->wanted);
	int target = serve_line_engaged(serve) ? serve_rota_target(serve) : SERVE_FEW;

	if (target >= now_wanted) {
		rota->lowered = now;
		serve_rota_set(serve, target);
	} else if (now - rota->lowered >= SERVE_LULL) {
		rota->lowered = now;
		serve_rota_set(serve, now_wanted - 1);
	}
	if (now - rota->relieved >= 10 * SERVE_LULL) {
		rota->relieved = now;
		rota->extra -= rota->extra > 0;
	}
	return target > rota->size || rota->stuck >= 2 * SERVE_STUCK;
}

void serve_rota_empty(struct serve *serve)
{
	serve->rota.extra = 0;
	serve->rota.crowded = 0;
	serve->rota.stuck = 0;
	serve_rota_set(serve, SERVE_FEW);
}

void serve_rota_end(struct serve *serve)
{
	for (int i = 0; i < serve->rota.size; i++)
		sem_post(&serve->rota.wake[i]);
}

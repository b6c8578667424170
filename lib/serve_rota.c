#include <poll.h>

#include "serve.h"

void serve_rota_init(struct serve *serve)
{
	struct serve_rota *rota = &serve->rota;

	pthread_mutex_init(&rota->mutex, NULL);
	pthread_cond_init(&rota->changed, NULL);
	atomic_store(&rota->wanted, serve->workers_number < SERVE_FEW ? serve->workers_number : SERVE_FEW);
}

bool serve_rota_has(const struct serve *serve, int i)
{
	return i < atomic_load(&serve->rota.wanted);
}

void serve_rota_rest(struct serve *serve, int i)
{
	struct serve_rota *rota = &serve->rota;

	pthread_mutex_lock(&rota->mutex);
	while (!serve_rota_has(serve, i) && !atomic_load(&serve->stopping))
		pthread_cond_wait(&rota->changed, &rota->mutex);
	pthread_mutex_unlock(&rota->mutex);
}

/* Sets how many take part, within what there is; those that were not there before wake up. */
static void serve_rota_set(struct serve *serve, int wanted)
{
	struct serve_rota *rota = &serve->rota;
	int before;

	if (wanted > serve->watchdog.slots_number)
		wanted = serve->watchdog.slots_number;
	if (wanted == atomic_load(&rota->wanted))
		return;
	pthread_mutex_lock(&rota->mutex);
	before = atomic_exchange(&rota->wanted, wanted);
	if (wanted > before)
		pthread_cond_broadcast(&rota->changed);
	pthread_mutex_unlock(&rota->mutex);
}

void serve_rota_call(struct serve *serve)
{
	serve_rota_set(serve, atomic_load(&serve->rota.wanted) + 1);
}

void serve_rota_tick(struct serve *serve, int64_t now)
{
	struct serve_rota *rota = &serve->rota;
	const struct watchdog *w = &serve->watchdog;
	struct pollfd queue = { .fd = SERVE_LISTENER, .events = POLLIN };

	rota->crowded = poll(&queue, 1, 0) > 0 ? rota->crowded + 1 : 0;
	if (rota->crowded >= SERVE_CROWDED && rota->extra < w->slots_number) {
		rota->crowded = 0;
		rota->extra++;
		rota->lowered = now;
	}
	if (now - rota->lowered >= SERVE_LULL) {
		rota->extra -= rota->extra > 0;
		rota->lowered = now;
	}
	serve_rota_set(serve, SERVE_FEW + w->slow + w->parked + rota->extra);
}

void serve_rota_end(struct serve *serve)
{
	pthread_mutex_lock(&serve->rota.mutex);
	pthread_cond_broadcast(&serve->rota.changed);
	pthread_mutex_unlock(&serve->rota.mutex);
}

#include <sched.h>
#include <sys/socket.h>
#include <time.h>

#include "serve_log.h"

#include "watchdog.h"

static enum watchdog_phase watchdog_phase_of(uint64_t state)
{
	return (enum watchdog_phase)(state & 7);
}

static bool watchdog_under_way(uint64_t state)
{
	return watchdog_phase_of(state) >= WATCHDOG_RECEIVING;
}

int64_t watchdog_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Replaces the state by one in phase, waiting while the watchdog holds it; request is added to the number of the request. */
static void watchdog_change(struct watchdog_slot *slot, enum watchdog_phase phase, uint64_t request)
{
	uint64_t old = atomic_load(&slot->state);

	for (;;) {
		if (watchdog_phase_of(old) == WATCHDOG_HELD) {
			sched_yield();
			old = atomic_load(&slot->state);
			continue;
		}
		if (atomic_compare_exchange_weak(&slot->state, &old, (((old >> 3) + request) << 3) | phase))
			return;
	}
}

void watchdog_move(struct watchdog_slot *slot, enum watchdog_phase phase)
{
	watchdog_change(slot, phase, 0);
}

void watchdog_receive(struct watchdog *w, struct watchdog_slot *slot, int descriptor)
{
	slot->descriptor = descriptor;
	watchdog_change(slot, WATCHDOG_RECEIVING, 1);
	/* Both sides write first and then read what the other one wrote (watchdog_may_sleep): one of them notices. */
	if (atomic_load(&w->asleep) && atomic_exchange(&w->asleep, false))
		pthread_kill(w->thread, WATCHDOG_SIGNAL);
}

bool watchdog_may_sleep(struct watchdog *w)
{
	atomic_store(&w->asleep, true);
	for (int i = 0; i < w->slots_number; i++) {
		if (watchdog_under_way(atomic_load(&w->slots[i].state))) {
			atomic_store(&w->asleep, false);
			return false;
		}
	}
	return true;
}

bool watchdog_any(const struct watchdog *w, int number, enum watchdog_phase phase)
{
	for (int i = 0; i < number; i++)
		if (watchdog_phase_of(atomic_load(&w->slots[i].state)) == phase)
			return true;
	return false;
}

uint64_t watchdog_begun(const struct watchdog *w)
{
	uint64_t begun = 0;

	for (int i = 0; i < w->slots_number; i++)
		begun += atomic_load(&w->slots[i].state) >> 3;
	return begun;
}

int watchdog_present(const struct watchdog *w)
{
	int present = 0;

	for (int i = 0; i < w->slots_number; i++)
		present += watchdog_phase_of(atomic_load(&w->slots[i].state)) != WATCHDOG_GONE;
	return present;
}

/* Holds the slot if it still is in the state seen; its worker cannot change phase until watchdog_release. */
static bool watchdog_hold(struct watchdog_slot *slot, uint64_t state)
{
	return atomic_compare_exchange_strong(&slot->state, &state, (state & ~(uint64_t)7) | WATCHDOG_HELD);
}

static void watchdog_release(struct watchdog_slot *slot, uint64_t state)
{
	atomic_store(&slot->state, state);
}

/* Ends the request that was seen as state, unless its worker has gone on meanwhile. */
static void watchdog_end(struct watchdog_slot *slot, uint64_t state)
{
	bool serving = watchdog_phase_of(state) == WATCHDOG_SERVING;

	if (!watchdog_hold(slot, state))
		return;
	if (serving)
		shutdown(slot->descriptor, SHUT_RDWR);
	else
		pthread_kill(slot->thread, WATCHDOG_SIGNAL);
	watchdog_release(slot, state);
	if (!slot->reported)
		serve_log("a request was cut at its deadline: its %s",
		          serving ? "body or answer was under way" : "parameters had not come");
	slot->reported = true;
}

/* Looks at one request that is under way; true if it has been for more than a tick. */
static bool watchdog_look_at(struct watchdog *w, struct watchdog_slot *slot, uint64_t state, int64_t now, int64_t latest)
{
	if (slot->noted != state >> 3) {
		slot->noted = state >> 3;
		slot->since = now;
		slot->reported = false;
	}
	if (now - slot->since >= w->timeout || now >= latest)
		watchdog_end(slot, state);
	return now - slot->since > WATCHDOG_TICK;
}

bool watchdog_look(struct watchdog *w, int64_t now, int64_t latest)
{
	bool any = false;

	w->slow = 0;
	w->parked = 0;
	for (int i = 0; i < w->slots_number; i++) {
		uint64_t state = atomic_load(&w->slots[i].state);

		w->parked += watchdog_phase_of(state) == WATCHDOG_PARKED;
		if (!watchdog_under_way(state))
			continue;
		any = true;
		w->slow += watchdog_look_at(w, &w->slots[i], state, now, latest);
	}
	return any;
}

void watchdog_interrupt(struct watchdog *w)
{
	for (int i = 0; i < w->slots_number; i++) {
		struct watchdog_slot *slot = &w->slots[i];
		uint64_t state = atomic_load(&slot->state);
		enum watchdog_phase phase = watchdog_phase_of(state);

		if ((phase != WATCHDOG_FREE && phase != WATCHDOG_PARKED) || !watchdog_hold(slot, state))
			continue;
		atomic_store(&slot->interrupted, true);
		pthread_kill(slot->thread, WATCHDOG_SIGNAL);
		watchdog_release(slot, state);
	}
}

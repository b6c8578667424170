/* crew.c - processes that work on the store, and how long each of their operations takes. */

#include "bench/crew.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/ours.h"
#include "bench/report.h"

/* ---- how long each one takes ---------------------------------------------------------------------------------------- */

static void times_add(struct times *times, int64_t ns)
{
	uint64_t n = ns > TIMES_PARTS ? (uint64_t)ns : TIMES_PARTS;
	unsigned power = 63 - (unsigned)__builtin_clzll(n);

	times->counts[power * TIMES_PARTS + ((n >> (power - 4)) % TIMES_PARTS)]++;
	times->total++;
	times->longest = ns > times->longest ? ns : times->longest;
}

void times_sum(struct times *sum, const struct times *times)
{
	for (unsigned i = 0; i < 64 * TIMES_PARTS; i++)
		sum->counts[i] += times->counts[i];
	sum->total += times->total;
	sum->longest = times->longest > sum->longest ? times->longest : sum->longest;
}

double times_beyond(const struct times *times, double beyond)
{
	uint64_t left = (uint64_t)((double)times->total * beyond), at = 64 * TIMES_PARTS;

	while (at > 0 && times->counts[at - 1] <= left)
		left -= times->counts[--at];
	return at == 0 ? 0 : (double)(TIMES_PARTS + at % TIMES_PARTS) * (double)(UINT64_C(1) << (at / TIMES_PARTS)) / TIMES_PARTS / 1e6;
}

static double work_timed(struct store *store, uint64_t of, double duration, uint64_t *state, struct times *times)
{
	int64_t begin = now_ns(), end = begin + (int64_t)(duration * 1e9), at = begin;
	struct record record;
	uint64_t done = 0;

	record_init(&record);
	for (; at < end; done++) {
		int64_t before = at;

		change(store, chance(state) % of, &record);
		at = now_ns();
		times_add(times, at - before);
	}
	record_free(&record);
	return (double)done / since(begin);
}

/* ---- crews: processes that live from round to round, and work when it is their turn ---------------------------------- */

#define TURN_HOME UINT32_MAX

static uint64_t memory_of_process(const char *name)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	size_t length = strlen(name);
	uint64_t kib = 0;

	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, name, length) == 0 && line[length] == ':')
			kib = strtoull(line + length + 1, NULL, 10);
	if (status)
		fclose(status);
	return kib;
}

static void seat_work(struct crew *crew, struct seat *seat, struct store *store, uint64_t *state)
{
	held_begin();
	if (crew->timed)
		seat->rate = work_timed(store, crew->of, crew->duration, state, &seat->times);
	else
		seat->rate = work(store, crew->of, crew->duration, state);
	held_end(&seat->held);
	seat->anonymous = memory_of_process("RssAnon");
	seat->shared = memory_of_process("RssShmem");
}

static void seat_run(struct crew *crew, struct seat *seat, const char *name)
{
	struct store *store;
	uint64_t state = UINT64_C(88172645463325252) + 977 * (uint64_t)(seat - crew->seats);
	uint32_t turn;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* where the program ends early, so do they */
	store = open_ours(name, STORE_SYNC_EVERY_SECOND, false);
	atomic_store(&seat->ended, 0);
	for (;;) {
		while ((turn = atomic_load(&seat->turn)) == atomic_load(&seat->ended))
			usleep(5000); /* seldom, so that who measures is not disturbed */
		if (turn == TURN_HOME)
			break;
		seat_work(crew, seat, store, &state);
		atomic_store(&seat->ended, turn);
	}
	store_close(store);
	_exit(0);
}

static void seat_await(const struct seat *seat, uint32_t turn)
{
	int status;

	while (atomic_load(&seat->ended) != turn) {
		if (waitpid(seat->process, &status, WNOHANG) == seat->process) {
			fprintf(stderr, "bench/store: a worker ended early (status %04x)\n", (unsigned)status);
			exit(1);
		}
		usleep(1000);
	}
}

struct crew *crew_begin(unsigned size, const char *name)
{
	struct crew *crew = mmap(NULL, sizeof(*crew), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t process;

	if (crew == MAP_FAILED)
		fail("mmap");
	crew->size = size;
	for (unsigned i = 0; i < size; i++) {
		atomic_store(&crew->seats[i].ended, TURN_HOME);
		fflush(NULL);
		process = fork();
		if (process < 0)
			fail("fork");
		if (process == 0)
			seat_run(crew, &crew->seats[i], name);
		crew->seats[i].process = process;
	}
	for (unsigned i = 0; i < size; i++)
		seat_await(&crew->seats[i], 0);
	return crew;
}

void crew_start(struct crew *crew, uint64_t of, double duration, bool timed)
{
	crew->of = of;
	crew->duration = duration;
	crew->timed = timed;
	for (unsigned i = 0; i < crew->size; i++)
		atomic_fetch_add(&crew->seats[i].turn, 1);
}

double crew_await(struct crew *crew)
{
	double sum = 0;

	for (unsigned i = 0; i < crew->size; i++) {
		seat_await(&crew->seats[i], atomic_load(&crew->seats[i].turn));
		sum += crew->seats[i].rate;
	}
	return sum;
}

double crew_work(struct crew *crew, uint64_t of, double duration)
{
	crew_start(crew, of, duration, false);
	return crew_await(crew);
}

void crew_end(struct crew *crew)
{
	for (unsigned i = 0; i < crew->size; i++)
		atomic_store(&crew->seats[i].turn, TURN_HOME);
	for (unsigned i = 0; i < crew->size; i++)
		waitpid(crew->seats[i].process, NULL, 0);
	munmap(crew, sizeof(*crew));
}

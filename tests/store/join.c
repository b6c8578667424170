/*
 * join.c - a store that is not there yet is opened by several processes at once, which then stay: one makes it, and nobody waits for the
 * others to leave. The store is made anew in each round, with or without a store that its last user has left.
 */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/store/folder.h"
#include "tests/tap.h"

enum { PROCESSES = 5, ROUNDS = 40 };

static struct board {
	pthread_barrier_t barrier;
	atomic_uint refused;
} * board;

static char folder[64], location[128];

static void name_store(int round)
{
	/* Each second round finds what the one before it has left. */
	snprintf(location, sizeof(location), "gdbm:%s/%d", folder, round / 2);
}

/* Opens when all do, and closes when all have opened, so that a refused one has not merely come late. */
static void open_together(void)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct store_options options = { .location = location, .wait_ms = 20000 };
		struct store *store = NULL;

		name_store(round);
		pthread_barrier_wait(&board->barrier);
		if (store_open(&store, &options) != STORE_OK)
			atomic_fetch_add(&board->refused, 1);
		pthread_barrier_wait(&board->barrier);
		store_close(store);
		if (atomic_load(&board->refused) > 0)
			_exit(1); /* the others see it at the same place */
	}
}

static bool prepare(void)
{
	pthread_barrierattr_t shared;

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED || !test_folder_make(folder))
		return false;
	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	return pthread_barrier_init(&board->barrier, &shared, PROCESSES) == 0;
}

int main(void)
{
	bool all = true;

	if (!prepare()) {
		printf("Bail out! no room for the stores\n");
		return 1;
	}
	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			open_together();
			_exit(0);
		}
	for (int i = 0, status; i < PROCESSES; i++)
		all = wait(&status) > 0 && status == 0 && all;
	tap_ok(all && atomic_load(&board->refused) == 0, "%d processes open a store at once, %d times: nobody is refused", PROCESSES,
	       ROUNDS);
	test_folder_remove(folder);
	return tap_done();
}

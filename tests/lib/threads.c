/* Many threads on one manager, one session and a key ring that changes under way: every answered change is counted, nobody is refused. */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "tests/lib/visitor.h"
#include "tests/store/folder.h"

enum { THREADS = 8, VIEWS = 2000, ROTATIONS = 40 };

static struct sess_manager *m;
static struct browser shared = { "" };
static atomic_uint failed, views[THREADS];
static atomic_bool stop;
static char folder[64], path[128];

static void *view(void *argument)
{
	struct browser own = shared;

	for (int i = 0; i < VIEWS; i++) {
		if (page_view(m, &own) < 0)
			atomic_fetch_add(&failed, 1);
		atomic_fetch_add((atomic_uint *)argument, 1);
	}
	return NULL;
}

/* The new key signs, the one before it verifies: as an operator rotates. */
static void rotate(int number)
{
	char other[140];
	FILE *file;

	snprintf(other, sizeof(other), "%s.new", path);
	file = fopen(other, "w");
	fprintf(file, "sign the-key-number-%d-of-them\n", number);
	for (int i = 1; i <= 20 && i <= number; i++)
		fprintf(file, "verify the-key-number-%d-of-them\n", number - i);
	fclose(file);
	chmod(other, 0600);
	rename(other, path);
	__atomic_fetch_add(&site_now, 1, __ATOMIC_RELAXED);
}

/* As view, for as long as the key ring is being rotated. */
static void *view_on(void *argument)
{
	struct browser own = shared;

	while (!atomic_load(&stop)) {
		if (page_view(m, &own) < 0)
			atomic_fetch_add(&failed, 1);
		atomic_fetch_add((atomic_uint *)argument, 1);
	}
	return NULL;
}

/* Waits until each thread has had a page under the last ring, so that nobody comes with a key that is long retired. */
static void let_all_view(void)
{
	unsigned before[THREADS];

	for (int i = 0; i < THREADS; i++)
		before[i] = atomic_load(&views[i]);
	for (int i = 0; i < THREADS; i++)
		while (atomic_load(&views[i]) < before[i] + 2)
			sched_yield();
}

static void start(pthread_t *threads, void *(*task)(void *argument))
{
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, task, &views[i]);
}

static void join(const pthread_t *threads)
{
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void under_rotation(void)
{
	pthread_t threads[THREADS];
	struct browser last = { "" };
	struct sess_why why;
	char setting[160];
	int rotations = 0;

	snprintf(setting, sizeof(setting), "SECRET_KEY_FILE=%s", path);
	settings("SECRET_KEY", "SESSION_STORE=memory:", setting, NULL);
	rotate(0);
	m = site_open();
	page_view(m, &shared);
	start(threads, view_on);
	while (rotations < ROTATIONS) {
		rotate(++rotations);
		let_all_view();
	}
	atomic_store(&stop, true);
	join(threads);
	tap_ok(atomic_load(&failed) == 0, "while the key ring was rotated %d times, not one request was refused", rotations);
	rotate(++rotations);
	tap_ok(!sess_manager_trouble(m, &why), "the key ring gave no trouble");
	page_view(m, &last);
	tap_ok(page_view(m, &last) == 2, "the last ring signs and verifies");
	sess_manager_close(m);
}

static void exact(void)
{
	pthread_t threads[THREADS];

	settings("SESSION_STORE=memory:", NULL);
	m = site_open();
	shared.cookie[0] = '\0';
	page_view(m, &shared);
	start(threads, view);
	join(threads);
	tap_ok(page_view(m, &shared) == THREADS * VIEWS + 2, "%d threads on one session: every answered change is counted", THREADS);
	sess_manager_close(m);
}

int main(void)
{
	if (!test_folder_make(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/secret.key", folder);
	under_rotation();
	exact();
	test_folder_remove(folder);
	return tap_done();
}

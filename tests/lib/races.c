/*
 * races.c - everything at once: a logout against requests that change, read and rotate the session, by threads on each store and by
 * processes on the one that they can share; logins against the cap; counters. Logout stays logout, the cap and the counters are exact.
 */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/visitor.h"
#include "tests/store/folder.h"

enum { RACES = 2000, ROUNDS = 60, LOGINS = 6, CAP = 3, ADDERS = 8, ADDITIONS = 500 };

/* Who takes part in a race. The first logs out, and is the one that looks afterwards. */
enum role { LOGS_OUT, CHANGES, ROTATES, READS, ROLES };

/* In memory that all of them share. */
static struct board {
	pthread_barrier_t barrier;
	struct browser browsers[ROLES];
	int results[ROLES];
	int64_t values[ROLES];
	unsigned races;
} * board;

static struct sess_manager *m;
static char folder[64];

static bool share_board(void)
{
	pthread_barrierattr_t shared;

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		return false;
	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	return pthread_barrier_init(&board->barrier, &shared, ROLES) == 0;
}

static int log_in(struct browser *b, const char *user)
{
	struct visit v;
	int result;

	visit_by(&v, m, b);
	sess_login(v.s, user, NULL);
	sess_add(v.s, "visits", 1);
	visit_commit(&v, b);
	result = v.result;
	visit_end(&v);
	return result;
}

/* ---- logout --------------------------------------------------------------------------------------------------------- */

static void act(enum role role)
{
	struct browser *b = &board->browsers[role];
	struct visit v;

	visit_by(&v, m, b);
	if (role == LOGS_OUT)
		sess_logout(v.s);
	if (role == CHANGES)
		sess_add(v.s, "visits", 1);
	if (role == ROTATES)
		sess_rotate(v.s);
	if (role == READS)
		board->values[role] = sess_int(v.s, "visits", -1);
	visit_commit(&v, b);
	board->results[role] = v.result;
	visit_end(&v);
}

/* Three rotations, one after the other, with each new cookie: more than a store follows by itself. */
static void act_often(enum role role)
{
	for (int i = 0; i < (role == ROTATES ? 3 : 1); i++)
		act(role);
}

/* One side of all races. Each begins a little later or earlier than the last time. */
static void race(enum role role)
{
	for (unsigned i = 0; i < board->races; i++) {
		pthread_barrier_wait(&board->barrier); /* the session is there */
		for (unsigned wait = (i * (2 * role + 1)) % 7; wait > 0; wait--)
			sched_yield();
		act_often(role);
		pthread_barrier_wait(&board->barrier); /* all have answered */
	}
}

static void *race_in_thread(void *role)
{
	race((enum role)(intptr_t)role);
	return NULL;
}

/* A cookie that still opens something, or a session that begins where the old one was. */
static bool lives(struct browser *b)
{
	struct visit v;
	bool is;

	visit_by(&v, m, b);
	is = sess_user(v.s) || sess_int(v.s, "visits", -1) != -1;
	visit_end(&v);
	return is;
}

struct outcome {
	unsigned resurrected, not_answered, changed, rotated;
};

/* The first role's side: begins a session for each race, and looks what is left. */
static struct outcome hold_races(void)
{
	struct outcome o = { 0 };

	for (unsigned i = 0; i < board->races; i++) {
		struct browser begun = { "" };
		char user[16];

		snprintf(user, sizeof(user), "user%u", i % 10);
		o.not_answered += log_in(&begun, user) != SESS_OK;
		for (int role = 0; role < ROLES; role++)
			board->browsers[role] = begun;
		pthread_barrier_wait(&board->barrier);
		for (unsigned wait = i % 5; wait > 0; wait--)
			sched_yield();
		act(LOGS_OUT);
		pthread_barrier_wait(&board->barrier);
		o.not_answered += board->results[LOGS_OUT] != SESS_OK;
		o.changed += board->results[CHANGES] == SESS_OK;
		o.rotated += strcmp(board->browsers[ROTATES].cookie, begun.cookie) != 0;
		for (int role = 0; role < ROLES; role++)
			o.resurrected += *board->browsers[role].cookie && lives(&board->browsers[role]);
		o.resurrected += lives(&begun);
	}
	return o;
}

/* An index holds nothing of sessions that were logged out, whatever was in flight. */
static size_t listed(void)
{
	size_t total = 0;

	for (unsigned i = 0; i < 10; i++) {
		struct sess_device *devices;
		size_t count;
		char user[16];

		snprintf(user, sizeof(user), "user%u", i);
		if (sess_manager_devices(m, user, &devices, &count) == SESS_OK)
			free(devices);
		else
			count = 1000;
		total += count;
	}
	return total;
}

static void judge(const char *claim, const struct outcome *o)
{
	printf("# %s: %u changes and %u rotations came before the logout, of %u\n", claim, o->changed, o->rotated, board->races);
	tap_ok(o->resurrected == 0 && o->not_answered == 0, "%s: %u races of a logout, %u resurrected, %u without an answer", claim,
	       board->races, o->resurrected, o->not_answered);
	tap_ok(listed() == 0, "%s: and no session is listed", claim);
}

static void by_threads(const char *claim)
{
	pthread_t threads[ROLES];
	struct outcome o;

	for (intptr_t role = 1; role < ROLES; role++)
		pthread_create(&threads[role], NULL, race_in_thread, (void *)role);
	o = hold_races();
	for (int role = 1; role < ROLES; role++)
		pthread_join(threads[role], NULL);
	judge(claim, &o);
}

/* Each process opens a manager of its own, on a store that is there. They die with us, so that nobody waits for one who has gone. */
static void by_processes(const char *claim)
{
	pid_t children[ROLES];
	struct outcome o;

	sess_manager_close(site_open());
	fflush(stdout);
	for (int role = 1; role < ROLES; role++) {
		children[role] = fork();
		if (children[role] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			m = site_open();
			race((enum role)role);
			sess_manager_close(m);
			_exit(0);
		}
	}
	m = site_open();
	o = hold_races();
	for (int role = 1; role < ROLES; role++)
		waitpid(children[role], NULL, 0);
	judge(claim, &o);
	sess_manager_close(m);
}

/* ---- the cap -------------------------------------------------------------------------------------------------------- */

static pthread_barrier_t together;
static struct browser logged[LOGINS];
static int results[LOGINS];

static void *log_in_once(void *number)
{
	intptr_t i = (intptr_t)number;

	pthread_barrier_wait(&together);
	results[i] = log_in(&logged[i], "ada");
	return NULL;
}

/* Logins of one user, all at once. How many are in afterwards, how many were told so. */
static void log_in_together(unsigned *in, unsigned *told)
{
	pthread_t threads[LOGINS];

	memset(logged, 0, sizeof(logged));
	pthread_barrier_init(&together, NULL, LOGINS);
	for (intptr_t i = 0; i < LOGINS; i++)
		pthread_create(&threads[i], NULL, log_in_once, (void *)i);
	*in = *told = 0;
	for (int i = 0; i < LOGINS; i++) {
		pthread_join(threads[i], NULL);
		*told += results[i] == SESS_OK;
	}
	for (int i = 0; i < LOGINS; i++)
		*in += lives(&logged[i]);
	pthread_barrier_destroy(&together);
}

static void capped(const char *claim, bool refuses)
{
	unsigned wrong = 0, most = 0, in, told;
	struct sess_device *devices;
	size_t count;

	for (int i = 0; i < ROUNDS; i++) {
		log_in_together(&in, &told);
		if (sess_manager_devices(m, "ada", &devices, &count) != SESS_OK)
			count = 1000;
		else
			free(devices);
		most = told > most ? told : most;
		wrong += in != CAP || count != CAP || told < CAP || (refuses && told != CAP);
		sess_manager_end_user(m, "ada", NULL);
	}
	tap_ok(wrong == 0, "%s: of %d logins at once exactly %d are in afterwards, in each of %d rounds", claim, LOGINS, CAP, ROUNDS);
	if (!refuses)
		printf("# %s: at most %u logins were answered OK\n", claim, most);
}

/* ---- counters ------------------------------------------------------------------------------------------------------- */

static atomic_uint passed;

/* Each addition tells the sum: with a limit of n, exactly n come below it. */
static void *add(void *unused)
{
	int64_t value;

	for (int i = 0; i < ADDITIONS; i++)
		if (sess_counter_add(m, "failed:ada", 1, 60, &value) != SESS_OK)
			atomic_fetch_add(&passed, 1000);
		else if (value <= 100)
			atomic_fetch_add(&passed, 1);
	return unused;
}

static void counted(const char *claim)
{
	pthread_t threads[ADDERS];
	int64_t value;

	atomic_store(&passed, 0);
	for (int i = 0; i < ADDERS; i++)
		pthread_create(&threads[i], NULL, add, NULL);
	for (int i = 0; i < ADDERS; i++)
		pthread_join(threads[i], NULL);
	tap_ok(sess_counter_add(m, "failed:ada", 0, 60, &value) == SESS_OK && value == ADDERS * ADDITIONS,
	       "%s: %d threads add to one counter, and nothing is lost", claim, ADDERS);
	tap_ok(atomic_load(&passed) == 100, "%s: of a hundred that may pass exactly a hundred do", claim);
}

/* ---- all of it on one store ----------------------------------------------------------------------------------------- */

static void on(const char *claim, const char *location)
{
	char setting[128], cap[32];

	snprintf(setting, sizeof(setting), "SESSION_STORE=%s", location);
	snprintf(cap, sizeof(cap), "USER_SESSIONS_MAX=%d", CAP);
	settings(setting, "SESSION_STORE_WAIT_MS=20000", NULL);
	m = site_open();
	by_threads(claim);
	counted(claim);
	sess_manager_close(m);
	settings(setting, cap, "SESSION_STORE_WAIT_MS=20000", NULL);
	m = site_open();
	capped(claim, false);
	sess_manager_close(m);
	settings(setting, cap, "USER_SESSIONS_POLICY=refuse", "SESSION_STORE_WAIT_MS=20000", NULL);
	m = site_open();
	capped(claim, true);
	sess_manager_close(m);
}

int main(void)
{
	if (!test_folder_make(folder) || !share_board()) {
		printf("Bail out! no room for the races\n");
		return 1;
	}
	board->races = getenv("SESAME_LONG") ? 10 * RACES : RACES;
	on("memory", "memory:");
#if HAVE_GDBM
	char location[96];

	snprintf(location, sizeof(location), "gdbm:%s/threads", folder);
	on("gdbm", location);
	snprintf(location, sizeof(location), "SESSION_STORE=gdbm:%s/processes", folder);
	settings(location, "SESSION_STORE_WAIT_MS=20000", NULL);
	by_processes("gdbm, processes");
#endif
	test_folder_remove(folder);
	return tap_done();
}

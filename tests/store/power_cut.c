/*
 * power_cut.c - several processes with several threads each, and plain CGI programs that come and go, work on one store; all that they do
 * to its files is written down; then the files are made again as they may be after a power cut at any moment, the store is opened on them,
 * and compared with what had been answered by then. Some of the states get a second power cut while they are being put in order.
 *
 *     power_cut [SEED [STATES]]         2,000 states, 50,000 with SESAME_LONG, in five runs
 *     power_cut TRACE STATE             one state of a run that was kept because it failed
 */

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/gdbm/control.h"
#include "store/store.h"
#include "tests/store/folder.h"
#include "tests/store/power_book.h"
#include "tests/store/shim_calls.h"
#include "tests/store/shim_trace.h"
#include "tests/tap.h"

#define SECOND 1000000u
#define BRIEF_PAUSE_MS 40u
#define WORKERS 2u

struct mode {
	const char *name, *claim;
	enum store_sync sync;
	unsigned processes, milliseconds, think_us, copy_pause_us, sync_pause_us;
	bool brief; /* plain CGI programs, too; each syncs when it leaves, whoever else should have */
};

static const struct mode modes[] = {
	{ .name = "always",
	  .claim = "SESSION_SYNC=always loses nothing that was answered or shown",
	  .sync = STORE_SYNC_ALWAYS,
	  .processes = 2,
	  .milliseconds = 2500,
	  .sync_pause_us = 1000,
	  .brief = true },
	{ .name = "everysec",
	  .claim = "SESSION_SYNC=everysec loses the last second at most",
	  .sync = STORE_SYNC_EVERY_SECOND,
	  .processes = 2,
	  .milliseconds = 3000,
	  .think_us = 1500 },
	{ .name = "everysec, slow merges",
	  .claim = "SESSION_SYNC=everysec loses no more while a merge takes longer than that",
	  .sync = STORE_SYNC_EVERY_SECOND,
	  .processes = 1,
	  .milliseconds = 4000,
	  .think_us = 8000,
	  .copy_pause_us = 250000 },
	{ .name = "everysec, slow disk",
	  .claim = "SESSION_SYNC=everysec loses two rounds' time at most where a round of syncs takes longer than half a second",
	  .sync = STORE_SYNC_EVERY_SECOND,
	  .processes = 1,
	  .milliseconds = 5000,
	  .think_us = 8000,
	  .sync_pause_us = 700000,
	  .brief = true },
	{ .name = "no",
	  .claim = "SESSION_SYNC=no: the store opens, and serves what was so at some time",
	  .sync = STORE_SYNC_NO,
	  .processes = 2,
	  .milliseconds = 1500,
	  .think_us = 300,
	  .brief = true },
};

#define MODES (sizeof(modes) / sizeof(modes[0]))

static char top[64], template[96], folder[96], states[96], stale_control[160];

/* ---- the run ------------------------------------------------------------------------------------------------------- */

struct owner {
	struct store *store;
	uint32_t first, next; /* of its keys; the next that was never used */
	uint64_t state;
	unsigned think_us;
};

/* A key of one's own that stands there, or the first one. */
static uint32_t some_live(struct owner *owner)
{
	for (unsigned tries = 0; tries < 100; tries++) {
		uint32_t n = owner->first + (uint32_t)(trace_chance(&owner->state) % (owner->next - owner->first));

		if (count_now(n) > 0 && book->keys[n].last < VERSIONS - 2)
			return n;
	}
	return owner->first;
}

static void look_at_others(struct owner *owner)
{
	uint32_t n = book->recent[trace_chance(&owner->state) % OWNERS], at, begun = trace_mark(trace);
	int32_t count;

	if (look(owner->store, n, &count) != STORE_OK || (count <= 0 && count != GONE))
		return;
	at = atomic_fetch_add(&book->seen_count, 1);
	if (at < SEEN_MAX)
		book->seen[at] = (struct seen){ .begun = begun, .mark = trace_mark(trace), .key = n, .count = count };
}

/* A key that was removed for good may come again, as one that another program issued. */
static uint32_t some_absent(struct owner *owner)
{
	uint32_t n = owner->first + (uint32_t)(trace_chance(&owner->state) % (owner->next - owner->first));

	if (count_now(n) == NOTHING && book->keys[n].last < VERSIONS - 4)
		return n;
	return owner->next < owner->first + KEYS_EACH ? owner->next++ : UINT32_MAX;
}

static void do_one(struct owner *owner)
{
	uint32_t what = (uint32_t)(trace_chance(&owner->state) % 100), n = some_live(owner);
	bool room = owner->next < owner->first + KEYS_EACH;
	struct version *a, *b = NULL;
	int status;

	if (count_now(n) <= 0 || book->keys[n].last >= VERSIONS - 2 || what < 4)
		n = some_absent(owner);
	if (n == UINT32_MAX)
		return;
	book->recent[owner->first / KEYS_EACH] = n;
	if (count_now(n) <= 0) {
		a = version_begin(n, 1, -1);
		status = add(owner->store, n, STORE_IF_ABSENT);
	} else if (what < 8) {
		bool brief = what % 2;

		a = version_begin(n, brief ? NOTHING : GONE, -1);
		status = do_remove(owner->store, n, brief);
	} else if (what < 12 && room) {
		b = version_begin(owner->next, count_now(n), (int32_t)n);
		a = version_begin(n, GONE, (int32_t)owner->next);
		status = do_rename(owner->store, n, owner->next++);
	} else {
		a = version_begin(n, count_now(n) + 1, -1);
		status = add(owner->store, n, STORE_IF_PRESENT);
	}
	if (status != STORE_OK) {
		atomic_fetch_add(&book->refused, 1);
		return;
	}
	a->answered = trace_mark(trace);
	if (b)
		b->answered = a->answered;
	atomic_fetch_add(&book->changes, 1);
}

static bool count_one(void *context, const struct store_key *key, const uint8_t *record)
{
	(void)key;
	(void)record;
	++*(uint32_t *)context;
	return true;
}

/* What an operator does meanwhile. */
static void look_after(struct owner *owner)
{
	uint32_t walked = 0;
	struct store_walk walk = { .each = count_one, .context = &walked, .now = book->now };
	uint64_t cursor = trace_chance(&owner->state) % SHARDS;
	struct store_swept swept;

	if (store_sweep(owner->store, time(NULL), &swept) != STORE_OK || store_walk(owner->store, &cursor, &walk) != STORE_OK)
		atomic_fetch_add(&book->refused, 1);
}

static void *work(void *context)
{
	struct owner *owner = context;

	while (!atomic_load(&book->stop)) {
		do_one(owner);
		if (owner->first == 0 && trace_chance(&owner->state) % 16 == 0)
			look_after(owner);
		if (trace_chance(&owner->state) % 2 == 0)
			look_at_others(owner);
		if (owner->think_us)
			usleep(owner->think_us);
	}
	return NULL;
}

static void run_process(const struct mode *mode, unsigned number, uint64_t seed)
{
	struct store *store = open_store(folder, mode->sync, false);
	struct owner owners[THREADS];
	pthread_t threads[THREADS];

	if (!store)
		_exit(1);
	shim.copy_pause_us = mode->copy_pause_us;
	shim.sync_pause_us = mode->sync_pause_us;
	shim.unlock_pause_us = 40;
	for (unsigned i = 0; i < THREADS; i++) {
		uint32_t first = (number * THREADS + i) * KEYS_EACH;

		owners[i] = (struct owner){ .store = store,
			                    .first = first,
			                    .next = first + OLD_EACH,
			                    .state = (seed + first + 1) * 88172645463325252u | 1,
			                    .think_us = mode->think_us };
		pthread_create(&threads[i], NULL, work, &owners[i]);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	shim.copy_pause_us = 0;
	shim.sync_pause_us = 0;
	store_close(store);
	_exit(0);
}

/* A plain CGI program: it opens, changes something, and leaves. */
static void run_brief(const struct mode *mode, uint64_t seed)
{
	struct owner owner = { .first = BRIEF * KEYS_EACH,
		               .next = book->brief_next,
		               .state = (seed + ++book->brief_runs) * 88172645463325252u | 1 };
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		owner.store = open_store(folder, mode->sync, true);
		for (unsigned i = 0; owner.store && i < 3; i++)
			do_one(&owner);
		book->brief_next = owner.next;
		store_close(owner.store);
		_exit(owner.store ? 0 : 1);
	}
	if (waitpid(child, NULL, 0) != child)
		abort();
}

static uint64_t microseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Lets brief processes run, and sees how far from on time one gets to run on this machine now. */
static void watch(const struct mode *mode, uint64_t seed)
{
	uint64_t until = microseconds() + mode->milliseconds * 1000u, before;

	for (unsigned turn = 0; (before = microseconds()) < until; turn++) {
		usleep(5000);
		if (microseconds() - before > 5000 + book->late_us)
			book->late_us = microseconds() - before - 5000;
		if (mode->brief && turn % (BRIEF_PAUSE_MS / 5) == 0)
			run_brief(mode, seed);
	}
}

static void keep_control(void)
{
	char command[400];

	snprintf(command, sizeof(command), "cp %s/control %s", folder, stale_control);
	(void)!system(command);
}

static void remove_folder(const char *path)
{
	test_folder_remove(path);
}

static bool make_template(void)
{
	struct store *store = open_store(folder, STORE_SYNC_NO, false);
	bool made = store != NULL;

	for (uint32_t n = 0; n < KEYS && made; n++)
		if (n % KEYS_EACH < OLD_EACH)
			made = add(store, n, STORE_IF_ABSENT) == STORE_OK;
	store_close(store);
	return made;
}

/* True if all went well and the trace is complete. */
static bool record_run(const struct mode *mode, uint64_t seed)
{
	pid_t processes[PROCESSES];
	const char *differs;
	int status, failed = 0;
	bool whole;

	remove_folder(folder);
	begin_book();
	book->mode = (uint32_t)(mode - modes);
	if (!make_template())
		return false;
	trace_begin(trace, folder);
	fflush(stdout);
	for (unsigned i = 0; i < mode->processes; i++) {
		processes[i] = fork();
		if (processes[i] == 0)
			run_process(mode, i, seed);
	}
	watch(mode, seed);
	keep_control();
	book->stop = true;
	for (unsigned i = 0; i < mode->processes; i++) {
		waitpid(processes[i], &status, 0);
		failed |= status;
	}
	whole = trace_end(trace);
	differs = whole ? trace_differs(trace, folder) : "its room";
	if (differs)
		printf("# the trace is not complete: %s\n", differs);
	printf("# %s: %" PRIu32 " changes, %" PRIu32 " refused, %" PRIu32 " looks at others', %" PRIu32 " events, %" PRIu32
	       " syncs of files, the longest %.1f ms; late %.1f ms\n",
	       mode->name, book->changes, book->refused, book->seen_count, trace_count(trace), trace_syncs(trace),
	       (double)trace_longest_sync(trace, trace_count(trace)) / 1e3, (double)book->late_us / 1e3);
	return !failed && !differs && book->changes > 100;
}

/* ---- judging ------------------------------------------------------------------------------------------------------- */

/* Between these versions a key must be after a cut. */
struct bounds {
	uint32_t low[KEYS], high[KEYS];
};

static void bounds_at(struct bounds *bounds, const struct mode *mode, uint32_t cut)
{
	uint64_t moment = trace_event(trace, cut)->time_us, spared = 0;
	/* Two rounds, each of which syncs the segment that has just filled, and the one after it. */
	uint64_t rounds = 2 * 2 * trace_longest_sync(trace, cut);

	if (mode->sync == STORE_SYNC_EVERY_SECOND)
		spared = (rounds > SECOND ? rounds : SECOND) + 2 * book->late_us;
	for (uint32_t n = 0; n < KEYS; n++) {
		const struct key *key = &book->keys[n];

		bounds->low[n] = bounds->high[n] = 0;
		for (uint32_t v = 1; v <= key->last; v++) {
			const struct version *version = &key->versions[v];

			if (version->begun < cut)
				bounds->high[n] = v;
			if (mode->sync != STORE_SYNC_NO && version->answered < cut &&
			    trace_event(trace, version->answered)->time_us + spared <= moment)
				bounds->low[n] = v;
		}
	}
}

/* The earliest version that it can have been. */
static uint32_t version_seen(const struct seen *seen)
{
	const struct key *key = &book->keys[seen->key];
	uint32_t v = 0;

	while (v < key->last && (key->versions[v].count != seen->count || key->versions[v + 1].answered < seen->begun))
		v++;
	return v;
}

/* What one was shown is as safe as what one was answered. */
static void bounds_add_seen(struct bounds *bounds, const struct mode *mode, uint32_t cut)
{
	uint32_t count = book->seen_count < SEEN_MAX ? book->seen_count : SEEN_MAX;

	if (mode->sync != STORE_SYNC_ALWAYS)
		return;
	for (uint32_t i = 0; i < count; i++) {
		const struct seen *seen = &book->seen[i];
		uint32_t v = seen->mark < cut ? version_seen(seen) : 0;

		if (v > bounds->low[seen->key])
			bounds->low[seen->key] = v;
	}
}

static char verdict[400];

static const char *wrong_key(const char *when, uint32_t n, int32_t count, const struct bounds *bounds)
{
	const struct version *versions = book->keys[n].versions;

	snprintf(verdict, sizeof(verdict), "%s, key %u has %d, should be %d (version %u) to %d (version %u)", when, n, count,
	         versions[bounds->low[n]].count, bounds->low[n], versions[bounds->high[n]].count, bounds->high[n]);
	return verdict;
}

/* Compares every key; where it is well, its bounds shrink to the version that it has. */
static const char *compare(struct store *store, struct bounds *bounds, const char *when)
{
	for (uint32_t n = 0; n < KEYS; n++) {
		uint32_t v = bounds->high[n];
		int32_t count;
		int status = look(store, n, &count);

		if (status != STORE_OK) {
			snprintf(verdict, sizeof(verdict), "%s, key %u: %s", when, n, store_status_name(status));
			return verdict;
		}
		while (v > bounds->low[n] && book->keys[n].versions[v].count != count)
			v--;
		if (book->keys[n].versions[v].count != count)
			return wrong_key(when, n, count, bounds);
		bounds->low[n] = bounds->high[n] = v;
	}
	return NULL;
}

/* Both halves of a rename have happened, or none. */
static const char *compare_renames(const struct bounds *bounds)
{
	for (uint32_t n = 0; n < KEYS; n++) {
		const struct version *version = &book->keys[n].versions[bounds->low[n]];

		if (bounds->low[n] == 0 || version->partner < 0)
			continue;
		if (version->count == GONE ? bounds->low[version->partner] == 0
		                           : book->keys[version->partner].versions[bounds->low[version->partner]].count != GONE) {
			snprintf(verdict, sizeof(verdict), "half a rename: key %u and key %d", n, version->partner);
			return verdict;
		}
	}
	return NULL;
}

static const char *compare_walk(struct store *store, const struct bounds *bounds)
{
	uint32_t walked = 0, expected = 0;
	struct store_walk walk = { .each = count_one, .context = &walked, .now = book->now };
	uint64_t cursor = 0;

	for (uint32_t n = 0; n < KEYS; n++)
		expected += book->keys[n].versions[bounds->low[n]].count > 0;
	do
		if (store_walk(store, &cursor, &walk) != STORE_OK)
			return "a walk fails";
	while (cursor != 0);
	if (walked == expected)
		return NULL;
	snprintf(verdict, sizeof(verdict), "a walk meets %u sessions, not %u", walked, expected);
	return verdict;
}

/* A life after the cut: all is compared, some changed, closed in order, and compared again. */
static const char *live_on(const char *path, struct bounds *bounds, uint64_t seed)
{
	struct store *store = open_store(path, STORE_SYNC_ALWAYS, seed % 2);
	const char *wrong;

	if (!store)
		return "it does not open";
	wrong = compare(store, bounds, "after the cut");
	if (!wrong)
		wrong = compare_renames(bounds);
	if (!wrong)
		wrong = compare_walk(store, bounds);
	if (!wrong && (add(store, KEYS + 1, STORE_IF_ABSENT) != STORE_OK || do_remove(store, KEYS + 1, false) != STORE_OK))
		wrong = "a new session cannot be made and removed";
	store_close(store);
	if (wrong || seed % 3 == 0)
		return wrong;
	store = open_store(path, STORE_SYNC_ALWAYS, true);
	if (!store)
		return "it does not open a second time";
	wrong = compare(store, bounds, "opened again");
	store_close(store);
	return wrong;
}

/* Files of the boot before stand there too, and the control file would be this boot's but for the boot. */
static void put_stale(const char *path, uint64_t seed)
{
	struct control control;
	char name[128];
	struct stat st;
	int fd = open(stale_control, O_RDONLY), to;

	snprintf(name, sizeof(name), "%s/control", path);
	to = open(name, O_RDWR | O_CREAT, 0600);
	if (fd >= 0 && to >= 0 && pread(fd, &control, sizeof(control), 0) == (ssize_t)sizeof(control) && fstat(to, &st) == 0) {
		control.boot[0] = control.boot[0] == '0' ? '1' : '0';
		control.device = st.st_dev;
		control.inode = st.st_ino;
		(void)!pwrite(to, &control, sizeof(control), 0);
	}
	close(fd);
	close(to);
	snprintf(name, sizeof(name), "%s/hot.%08x", path, (unsigned)(seed % 40));
	close(open(name, O_RDWR | O_CREAT, 0600));
}

static uint32_t any_cut(const struct trace *of, uint64_t *state)
{
	return trace_first(of) + (uint32_t)(trace_chance(state) % (trace_count(of) - trace_first(of)));
}

/* The next life's work is cut too: what it showed of a key, from then on stays. */
static const char *cut_again(struct trace *second, const char *path, const struct bounds *before, uint64_t seed)
{
	struct bounds bounds = *before, shown = *before;
	const char *wrong;
	char again[128];
	struct store *store;
	uint32_t looked, cut;

	snprintf(again, sizeof(again), "%s-again", path);
	trace_begin(second, path);
	store = open_store(path, STORE_SYNC_ALWAYS, false);
	wrong = store ? compare(store, &shown, "after the first cut") : "it does not open";
	looked = trace_mark(second);
	store_close(store);
	if (!trace_end(second) || wrong)
		return wrong ? wrong : "the second trace is not complete";
	cut = any_cut(second, &seed);
	if (!trace_rebuild(second, cut, seed, again))
		return "the second state cannot be made";
	wrong = live_on(again, cut > looked ? &shown : &bounds, seed);
	remove_folder(again);
	return wrong;
}

/* Half of the cuts are close to where names change: there segments begin, and files are put in place; some come just when somebody was
 * shown another one's change. */
static uint32_t choose_cut(uint64_t *state)
{
	uint32_t cut = any_cut(trace, state), seen = book->seen_count < SEEN_MAX ? book->seen_count : SEEN_MAX;

	if (trace_chance(state) % 4 == 0 && seen > 0)
		return book->seen[trace_chance(state) % seen].mark + 1;
	if (trace_chance(state) % 3 == 0)
		return cut;
	while (cut + 8 < trace_count(trace) && trace_event(trace, cut)->kind != TRACE_RENAME &&
	       trace_event(trace, cut)->kind != TRACE_UNLINK)
		cut++;
	return cut + (uint32_t)(trace_chance(state) % 6);
}

static const char *judge(const struct mode *mode, struct trace *second, uint64_t seed, const char *path)
{
	uint64_t state = seed * 2654435761u + 88172645463325252u;
	uint32_t cut = choose_cut(&state);
	struct bounds *bounds = calloc(1, sizeof(*bounds));
	const char *wrong;

	if (!bounds)
		abort();
	bounds_at(bounds, mode, cut);
	bounds_add_seen(bounds, mode, cut);
	remove_folder(path);
	if (!trace_rebuild(trace, cut, trace_chance(&state), path))
		wrong = "the state cannot be made";
	else if (seed % 8 == 0)
		wrong = cut_again(second, path, bounds, trace_chance(&state));
	else {
		if (seed % 8 == 1)
			put_stale(path, seed);
		wrong = live_on(path, bounds, seed);
	}
	free(bounds);
	if (wrong)
		printf("# state %" PRIu64 ", cut before event %u of %u: %s\n", seed, cut, trace_count(trace), wrong);
	return wrong;
}

/* ---- many states --------------------------------------------------------------------------------------------------- */

static unsigned work_through(const struct mode *mode, uint64_t seed, unsigned count, unsigned worker)
{
	struct trace *second = trace_new(100000, 64u << 20);
	unsigned wrong = 0;
	char path[128];

	snprintf(path, sizeof(path), "%s-%u", states, worker);
	for (unsigned i = worker; i < count && wrong < 5 && second; i += WORKERS)
		wrong += judge(mode, second, seed + i, path) != NULL;
	remove_folder(path);
	fflush(stdout);
	return second ? wrong : 1;
}

static void keep_trace(const struct mode *mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s-power-XXXXXX", top);
	fd = mkstemp(path);
	if (fd < 0)
		return;
	close(fd);
	if (trace_save(trace, path, book, sizeof(*book)))
		printf("# kept (%s): power_cut %s STATE\n", mode->name, path);
}

static void try_states(const struct mode *mode, uint64_t seed, unsigned count)
{
	pid_t workers[WORKERS];
	unsigned wrong = 0;
	int status;

	fflush(stdout);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = fork();
		if (workers[i] == 0)
			_exit((int)work_through(mode, seed, count, i));
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		waitpid(workers[i], &status, 0);
		wrong += WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : 1;
		if (!WIFEXITED(status))
			printf("# a state ended the program, signal %d\n", WTERMSIG(status));
	}
	printf("# %s: %u states, seeds from %" PRIu64 ", %u wrong\n", mode->name, count, seed, wrong);
	if (!tap_ok(wrong == 0, "%s", mode->claim))
		keep_trace(mode);
}

/* One state of a kept run. */
static int look_again(const char *path, uint64_t seed)
{
	struct trace *second = trace_new(100000, 64u << 20);

	if (!second || !trace_load(trace, path, book, sizeof(*book)))
		return 99;
	printf("# %s: %s\n", modes[book->mode].name, judge(&modes[book->mode], second, seed, states) ? "wrong" : "right");
	return 0;
}

int main(int argc, char **argv)
{
	bool again = argc > 2 && argv[1][0] == '/';
	uint64_t seed = argc > 1 && !again ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
	unsigned count = argc > 2 ? (unsigned)atoi(argv[2]) : getenv("SESAME_LONG") ? 50000 : 2000;

	book = mmap(NULL, sizeof(*book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	trace = trace_new(400000, (size_t)1 << 30);
	if (book == MAP_FAILED || !trace || !test_folder_make(top))
		return 99;
	snprintf(template, sizeof(template), "%s/template", top);
	snprintf(folder, sizeof(folder), "%s/store", top);
	snprintf(stale_control, sizeof(stale_control), "%s/control", top);
	snprintf(states, sizeof(states), "%s/state", top);
	if (access("/dev/shm", W_OK) == 0)
		snprintf(states, sizeof(states), "/dev/shm/%s", strrchr(top, '/') + 1);
	if (again) {
		test_folder_remove(top);
		return look_again(argv[1], strtoull(argv[2], NULL, 10));
	}
	for (size_t i = 0; i < MODES; i++) {
		if (!tap_ok(record_run(&modes[i], seed), "a crowd is recorded (%s)", modes[i].name))
			continue;
		if (modes[i].sync == STORE_SYNC_ALWAYS)
			tap_ok(trace_syncs(trace) < book->changes, "those who wait at the same time share a sync");
		try_states(&modes[i], seed + i * count, count / MODES);
	}
	test_folder_remove(top);
	return tap_done();
}

/*
 * prepare.c - the segments that are made before they are needed: whoever makes them may be killed after each step of it, or a reboot may
 * come, and nothing is lost; they take no room before their turn. And changes that come while merges fall behind wait a little, each.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/gdbm/control.h"
#include "store/gdbm/journal.h"
#include "store/gdbm/membership.h"
#include "store/store.h"
#include "tests/store/folder.h"
#include "tests/store/steps.h"
#include "tests/tap.h"

#define SESSIONS 64u
#define ROUNDS 40         /* changes of each, that fill some segments */
#define SMALL (32u << 10) /* octets of a segment */
#define LARGE (4u << 20)  /* and of one whose index is not small */
#define PAUSE_NS 50000    /* what a change waits at least where five segments are to be merged */
#define LIMIT 60          /* seconds that one process may take */
#define FALLEN_BEHIND (CONTROL_SEGMENTS_MAX / 2 + 1)

static char top[64], path[96];
static size_t segment = SMALL;
static bool one_shard; /* all sessions are of it */

/* In memory that all processes of the test share. */
struct found {
	unsigned long steps;
	unsigned wrong, refused, slow, quick;
	char last[STEPS_NAME];
	char first[STEPS_NAME]; /* of the changes to a file that were written down */
};

static struct found *found;

static struct store *open_store(bool brief)
{
	char location[128];
	struct store_options options = {
		.location = location, .wait_ms = 5000, .sync = STORE_SYNC_ALWAYS, .brief = brief, .journal_size = segment
	};
	struct store *store;

	snprintf(location, sizeof(location), "gdbm:%s", path);
	if (store_open(&store, &options) != STORE_OK)
		_exit(1);
	return store;
}

static struct store_key key_of(uint64_t n)
{
	struct store_key key;

	for (uint64_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
		uint64_t sum = record_sum(&n, sizeof(n), i + 1);

		memcpy(key.octets + 8 * i, &sum, 8);
	}
	if (one_shard)
		key.octets[0] = CONTROL_SHARDS - 1;
	return key;
}

/* Counts a visit; *visits is what the session then has. */
static int visit(struct store *store, uint64_t n, int64_t *visits)
{
	struct store_change one = { .what = STORE_ADD, .name = "visits", .name_size = 6, .number = 1, .until = RECORD_NEVER };
	int64_t now = time(NULL);
	struct store_update update = { .condition = STORE_IF_PRESENT,
		                       .now = now,
		                       .idle_deadline = now + 3600,
		                       .final_deadline = now + 7200,
		                       .extend_before = INT64_MIN,
		                       .changes = &one,
		                       .count = 1 };
	struct store_key key = key_of(n);
	struct record_field field;
	struct record record;
	int status;

	record_init(&record);
	status = store_apply(store, &key, &update, &record);
	if (status == STORE_ABSENT) {
		update.condition = STORE_IF_ABSENT;
		status = store_apply(store, &key, &update, &record);
	}
	*visits = status == STORE_OK && record_find(record.octets, "visits", 6, now, &field) ? field.number : 0;
	record_free(&record);
	return status;
}

/* ---- the processes --------------------------------------------------------------------------------------------------- */

/* In a process of its own; its status as waitpid gives it. */
static int run(void (*work)(unsigned long), unsigned long argument)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		alarm(LIMIT);
		work(argument);
		_exit(0);
	}
	return waitpid(child, &status, 0) == child ? status : -1;
}

static bool join(struct membership *membership, struct journal *journal)
{
	struct store_options options = { .location = path, .wait_ms = 5000 };

	if (membership_join(path, &options, membership) != STORE_OK)
		return false;
	journal_init(journal, membership->folder, membership->control, membership->seed, segment, 5000);
	return true;
}

/* Visits each session so often; before, each had `before` visits. */
static void visit_all(struct store *store, int64_t before, int64_t times)
{
	int64_t visits;

	for (int64_t i = 1; i <= times; i++)
		for (uint64_t n = 0; n < SESSIONS; n++)
			found->wrong += visit(store, n, &visits) != STORE_OK || visits != before + i;
}

static void begin(unsigned long unused)
{
	struct store *store = open_store(true);

	(void)unused;
	visit_all(store, 0, 1);
	store_close(store);
}

/* Killed after this step; 0: not at all. */
static void prepare(unsigned long kill_at)
{
	struct membership membership;
	struct journal journal;

	if (!join(&membership, &journal))
		_exit(1);
	steps_reset();
	steps.last = found->last;
	steps.kill_at = kill_at;
	journal_prepare(&journal);
	found->steps = steps.count;
	steps.kill_at = 0;
}

static void fill(unsigned long unused)
{
	struct store *store = open_store(true);

	(void)unused;
	visit_all(store, 1, ROUNDS);
	store_close(store);
}

static void visit_again(unsigned long rounds)
{
	struct store *store = open_store(false);

	visit_all(store, 1 + (int64_t)rounds, 1);
	store_close(store);
}

/* ---- kills and reboots ------------------------------------------------------------------------------------------------ */

static int is_of_this_boot(const char *file, const struct stat *st, int kind, struct FTW *at)
{
	const char *name = file + at->base;

	(void)st;
	(void)kind;
	if (strcmp(name, "control") == 0 || strncmp(name, "hot.", 4) == 0)
		unlink(file);
	return 0;
}

static void reboot(void)
{
	nftw(path, is_of_this_boot, 16, FTW_PHYS);
}

static unsigned journals;

static int is_journal(const char *file, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	journals += strncmp(file + at->base, "journal.", 8) == 0 || strncmp(file + at->base, "hot.", 4) == 0;
	return 0;
}

static bool tidy(void)
{
	journals = 0;
	nftw(path, is_journal, 16, FTW_PHYS);
	return journals == 0;
}

static void new_folder(void)
{
	snprintf(path, sizeof(path), "%s/store", top);
	test_folder_remove(path);
	mkdir(path, 0700);
	found->wrong = 0;
}

/* True if the preparing process was killed and all is well; *ended when it took fewer steps. */
static bool killed_at(unsigned long step, bool rebooted, bool *ended)
{
	unsigned long rounds = rebooted ? 0 : ROUNDS;
	int status;

	new_folder();
	if (run(begin, 0) != 0)
		return false;
	status = run(prepare, step);
	*ended = status == 0;
	if (!*ended && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		return false;
	if (rebooted)
		reboot();
	else if (run(fill, 0) != 0)
		return false;
	if (run(visit_again, rounds) == 0 && found->wrong == 0 && tidy())
		return true;
	printf("# step %lu (%s)%s: %u wrong answers, %u files left\n", step, found->last, rebooted ? ", then a reboot" : "", found->wrong,
	       journals);
	return false;
}

static void sweep(bool rebooted, const char *claim)
{
	unsigned long step = 1, wrong = 0;
	bool ended = false;

	for (; !ended && step < 1000; step++)
		wrong += !killed_at(step, rebooted, &ended);
	tap_ok(wrong == 0 && ended && step > 20, "%s: %lu of %lu steps", claim, step - 1 - wrong, step - 1);
}

static void note_first(const char *call, int folder_or_fd, const char *name, const char *to, const void *octets, size_t size,
                       uint64_t offset)
{
	(void)folder_or_fd;
	(void)name;
	(void)to;
	(void)octets;
	(void)size;
	(void)offset;
	if (!found->first[0] && strcmp(call, "allocate") != 0)
		snprintf(found->first, sizeof(found->first), "%s", call);
}

static void prepare_after(unsigned long unused)
{
	struct membership membership;
	struct journal journal;

	(void)unused;
	if (!join(&membership, &journal))
		_exit(1);
	steps_reset();
	steps.record = note_first;
	journal_prepare(&journal);
}

/* Killed between the rename and the sync of the folder. */
static void name_not_lasting(void)
{
	bool begun = true;

	found->last[0] = found->first[0] = '\0';
	for (unsigned long step = 1; begun && strcmp(found->last, "renameat") != 0 && step < 1000; step++) {
		new_folder();
		begun = run(begin, 0) == 0 && run(prepare, step) != 0;
	}
	tap_ok(begun && run(prepare_after, 0) == 0 && strcmp(found->first, "sync") == 0,
	       "a segment that was named by one who was killed then is synced before anything else is done");
}

/* ---- room ------------------------------------------------------------------------------------------------------------- */

static uint64_t room_of(const char *kind, unsigned number)
{
	char file[128];
	struct stat st;

	snprintf(file, sizeof(file), "%s/%s.%08x", path, kind, number);
	return stat(file, &st) == 0 ? (uint64_t)st.st_blocks * 512 : UINT64_MAX;
}

static void room(void)
{
	uint64_t index = LARGE / 64 * 8;

	segment = LARGE;
	new_folder();
	tap_ok(run(begin, 0) == 0 && run(prepare, 0) == 0 && room_of("hot", 2) >= index && room_of("hot", 2) < LARGE,
	       "the next segment has room on the disk for its index, and not more");
	tap_ok(room_of("hot", 3) < index / 4 && room_of("journal", 3) < index / 4 && room_of("journal", 2) < index / 4,
	       "and the one after it takes next to none");
	segment = SMALL;
}

/* ---- merges fall behind ----------------------------------------------------------------------------------------------- */

static uint32_t waiting(const struct control *control)
{
	uint64_t segments = atomic_load(&control->segments);

	return control_last(segments) - control_first(segments);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Nobody can merge: changes come until the last segment that there may be is begun. Then it goes on. */
static void fall_behind(unsigned long unused)
{
	struct membership membership;
	struct timespec deadline;
	struct journal journal;
	struct store *store = open_store(false);
	int64_t visits;

	(void)unused;
	if (!join(&membership, &journal))
		_exit(1);
	control_deadline(5000, &deadline);
	if (control_lock(&membership.control->merging, &deadline) != STORE_OK)
		_exit(1);
	for (uint64_t n = 0; waiting(membership.control) < CONTROL_SEGMENTS_MAX - 1; n++) {
		bool slow = waiting(membership.control) >= FALLEN_BEHIND;
		int64_t begun = now_ns();

		found->refused += visit(store, n % SESSIONS, &visits) != STORE_OK;
		found->slow += slow;
		found->quick += slow && now_ns() - begun < PAUSE_NS;
	}
	control_unlock(&membership.control->merging);
	for (uint64_t n = 0; n < ROUNDS * SESSIONS; n++)
		found->refused += visit(store, n % SESSIONS, &visits) != STORE_OK;
	journal_free(&journal);
	membership_leave(&membership);
	store_close(store);
}

static void behind(void)
{
	new_folder();
	tap_ok(run(fall_behind, 0) == 0 && found->refused == 0,
	       "changes that come while merges fall behind, and after, are not refused as long as there is a segment left");
	tap_ok(found->slow > 100 && found->quick == 0, "but each of them waits a little: %u of %u", found->slow - found->quick,
	       found->slow);
}

/* Eight slots of the index are theirs; the others spill over its end. */
static void fill_one_shard(unsigned long unused)
{
	int64_t visits;

	(void)unused;
	for (int64_t round = 1; round <= 2; round++) {
		struct store *store = open_store(false);

		for (uint64_t n = 0; n < SESSIONS; n++)
			found->wrong += visit(store, n, &visits) != STORE_OK || visits != round;
		store_close(store);
	}
}

static void spilled(void)
{
	new_folder();
	one_shard = true;
	found->wrong = 0;
	tap_ok(run(fill_one_shard, 0) == 0 && found->wrong == 0,
	       "sessions of one shard that fill more than its part of a segment's index are found, and merged");
	one_shard = false;
}

int main(void)
{
	found = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1); /* a sync after each change takes long on a disk */
	if (found == MAP_FAILED || !test_folder_make(top))
		return 99;
	sweep(false, "whoever makes the next segments is killed after any step, and others fill these or make them again");
	sweep(true, "as well where a reboot comes then: nothing is lost, and an orderly stop leaves no segment behind");
	name_not_lasting();
	room();
	behind();
	spilled();
	test_folder_remove(top);
	return tap_done();
}

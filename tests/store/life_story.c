/* life_story.c - the script, its run and its judge. */

#include "tests/store/life_story.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL (16u << 10) /* so that the run goes through several segments */
#define OLD_KEYS 100u       /* were there before the story */

enum { CREATE, ADD, REMOVE, RENAME, SWEEP };

struct step {
	int what;
	uint32_t key, to;
	uint32_t count; /* of steps like this one, with the next keys */
};

static const struct step script[] = {
	{ ADD, 0, 0, 2 },       { CREATE, 200, 0, 1 },  { RENAME, 2, 201, 1 }, { REMOVE, 3, 0, 1 },   { ADD, 200, 0, 2 },
	{ CREATE, 202, 0, 59 }, { SWEEP, 0, 0, 1 },     { ADD, 0, 0, 1 },      { REMOVE, 202, 0, 1 }, { RENAME, 203, 300, 1 },
	{ ADD, 300, 0, 1 },     { CREATE, 261, 0, 30 }, { ADD, 5, 0, 16 },     { ADD, 205, 0, 40 },   { REMOVE, 30, 0, 3 },
	{ RENAME, 40, 310, 2 }, { ADD, 50, 0, 20 },
};

#define SCRIPT (sizeof(script) / sizeof(script[0]))

unsigned story_length(void)
{
	unsigned length = 0;

	for (size_t i = 0; i < SCRIPT; i++)
		length += script[i].count;
	return length;
}

static struct step step_at(unsigned number)
{
	for (size_t i = 0; i < SCRIPT; i++) {
		struct step step = script[i];

		if (number < step.count) {
			step.key += number;
			step.to += number;
			return step;
		}
		number -= step.count;
	}
	return (struct step){ SWEEP, 0, 0, 1 };
}

/* All in two shards, so that a merge has few files to write. */
static struct store_key key_of(uint32_t n)
{
	struct store_key key;

	for (uint64_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
		uint64_t sum = record_sum(&n, sizeof(n), i + 1);

		memcpy(key.octets + 8 * i, &sum, 8);
	}
	key.octets[0] &= 1;
	return key;
}

struct story *story_new(void)
{
	struct story *story = mmap(NULL, sizeof(*story), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (story == MAP_FAILED)
		abort();
	story->now = time(NULL);
	story->certain = UINT32_MAX;
	return story;
}

/* ---- the run ------------------------------------------------------------------------------------------------------- */

static struct store *open_in(const struct story *story, const char *folder, bool brief, char why[256])
{
	char location[256];
	struct store_options options = { .location = location,
		                         .wait_ms = 2000,
		                         .sync = story->always_syncs ? STORE_SYNC_ALWAYS : STORE_SYNC_EVERY_SECOND,
		                         .brief = brief,
		                         .journal_size = JOURNAL,
		                         .why = why,
		                         .why_size = 256 };
	struct store *store;

	snprintf(location, sizeof(location), "gdbm:%s", folder);
	return store_open(&store, &options) == STORE_OK ? store : NULL;
}

static int change(struct store *store, const struct story *story, enum store_condition condition, uint32_t key)
{
	struct store_change one = { .what = STORE_ADD, .name = "n", .name_size = 1, .number = 1, .until = RECORD_NEVER };
	struct store_update update = { .condition = condition,
		                       .now = story->now,
		                       .idle_deadline = story->now + 86400,
		                       .final_deadline = story->now + 864000,
		                       .extend_before = INT64_MIN,
		                       .changes = &one,
		                       .count = 1 };
	struct store_key k = key_of(key);
	struct record record;
	int status;

	record_init(&record);
	status = store_apply(store, &k, &update, &record);
	record_free(&record);
	return status;
}

bool story_prepare(const struct story *story, const char *folder)
{
	char why[256];
	struct store *store = open_in(story, folder, false, why);
	int status = STORE_OK;

	for (uint32_t key = 0; store && key < OLD_KEYS && status == STORE_OK; key++)
		status = change(store, story, STORE_IF_ABSENT, key);
	store_close(store);
	return store && status == STORE_OK;
}

static int rename_step(struct store *store, const struct story *story, const struct step *step)
{
	struct store_tombstone grave = { .grace = story->now + 600, .final_deadline = story->now + 600 };
	struct store_update update = { .condition = STORE_IF_PRESENT, .now = story->now, .extend_before = INT64_MIN };
	struct store_key from = key_of(step->key), to = key_of(step->to);
	struct record record;
	int status;

	record_init(&record);
	status = store_rename(store, &from, &to, &update, &grave, &record);
	record_free(&record);
	return status;
}

static int sweep_all(struct store *store, const struct story *story)
{
	struct store_swept swept;
	int status;

	do
		status = store_sweep(store, story->now, &swept);
	while (status == STORE_OK && swept.more);
	return status;
}

static int do_step(struct store *store, const struct story *story, const struct step *step)
{
	struct store_tombstone grave = { .grace = story->now + 600, .final_deadline = story->now + 600 };
	struct store_key key = key_of(step->key);

	switch (step->what) {
	case CREATE:
		return change(store, story, STORE_IF_ABSENT, step->key);
	case ADD:
		return change(store, story, STORE_IF_PRESENT, step->key);
	case REMOVE:
		return store_remove(store, &key, story->now, &grave);
	case RENAME:
		return rename_step(store, story, step);
	default:
		return sweep_all(store, story);
	}
}

static uint64_t microseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int do_steps(struct store *store, struct story *story)
{
	for (unsigned n = story->begun; n < story_length(); n++) {
		struct step step = step_at(n);
		uint64_t begin = microseconds(), took;
		int status;

		story->begun = n + 1;
		status = do_step(store, story, &step);
		took = microseconds() - begin;
		if (took > story->longest_us)
			story->longest_us = took;
		if (status != STORE_OK) {
			story->refused++;
			return status;
		}
		story->answered = n + 1;
		if (story->moment)
			story->moment(story);
		if (story->pause_us > 0)
			usleep(story->pause_us);
	}
	return STORE_OK;
}

/* The changes as a plain CGI program makes them, so that nothing happens at its own time; then the orderly stop of a long-running one. */
int story_run(struct story *story, const char *folder)
{
	char why[256];
	struct store *store = open_in(story, folder, story->pause_us == 0, why);
	int status;

	if (!store)
		return STORE_UNAVAILABLE;
	status = do_steps(store, story);
	store_close(store);
	if (status != STORE_OK)
		return status;
	store = open_in(story, folder, false, why);
	if (!store)
		return STORE_UNAVAILABLE;
	store_close(store);
	return STORE_OK;
}

/* ---- the judge ----------------------------------------------------------------------------------------------------- */

#define NONE (-1)
#define GONE (-2)

static void expect(unsigned steps, int64_t counts[STORY_KEYS])
{
	for (uint32_t key = 0; key < STORY_KEYS; key++)
		counts[key] = key < OLD_KEYS ? 1 : NONE;
	for (unsigned n = 0; n < steps; n++) {
		struct step step = step_at(n);

		if (step.what == CREATE)
			counts[step.key] = 1;
		else if (step.what == ADD)
			counts[step.key]++;
		else if (step.what == RENAME)
			counts[step.to] = counts[step.key];
		if (step.what == REMOVE || step.what == RENAME)
			counts[step.key] = GONE;
	}
}

static int64_t count_in(struct store *store, const struct story *story, uint32_t key, int *status)
{
	struct store_key k = key_of(key);
	struct record_field field;
	struct record record;
	int64_t count = NONE;

	record_init(&record);
	*status = store_load(store, &k, story->now, &record);
	if (*status == STORE_GONE)
		count = GONE;
	else if (*status == STORE_OK)
		count = record_find(record.octets, "n", 1, story->now, &field) ? field.number : -3;
	record_free(&record);
	return count;
}

/* A rename that was cut between its two records leaves both ids valid, of which nobody knows the new one. */
static bool half_renamed(const struct story *story, uint32_t key, int64_t count, const int64_t *before)
{
	struct step step = step_at(story->answered);

	return story->begun > story->answered && step.what == RENAME && key == step.to && count == before[step.key];
}

static char verdict[512];

/* What was lost may leave any state that there was since. */
static bool was_so(const struct story *story, uint32_t key, int64_t count)
{
	int64_t counts[STORY_KEYS];

	for (uint32_t steps = story->certain; steps <= story->begun; steps++) {
		expect(steps, counts);
		if (counts[key] == count)
			return true;
	}
	return false;
}

static const char *compare(struct store *store, const struct story *story, bool reboot)
{
	int64_t before[STORY_KEYS], after[STORY_KEYS];
	int status;

	expect(story->answered, before);
	expect(story->begun, after);
	for (uint32_t key = 0; key < STORY_KEYS; key++) {
		int64_t count = count_in(store, story, key, &status);

		if (count == before[key] || count == after[key] || (!reboot && half_renamed(story, key, count, before)))
			continue;
		if (story->certain != UINT32_MAX && was_so(story, key, count))
			continue;
		snprintf(verdict, sizeof(verdict), "key %u is %lld (%s), should be %lld or %lld; %u steps begun, %u answered", key,
		         (long long)count, store_status_name(status), (long long)before[key], (long long)after[key], story->begun,
		         story->answered);
		return verdict;
	}
	return NULL;
}

const char *story_check(const struct story *story, const char *folder, bool reboot)
{
	char why[256];
	struct store *store = open_in(story, folder, true, why);
	const char *wrong;
	int status;

	if (!store) {
		snprintf(verdict, sizeof(verdict), "it does not open: %s", why);
		return verdict;
	}
	wrong = compare(store, story, reboot);
	status = change(store, story, STORE_IF_ABSENT, STORY_KEYS + 1);
	if (!wrong && status != STORE_OK && status != STORE_EXISTS) {
		snprintf(verdict, sizeof(verdict), "a new session cannot be made: %s", store_status_name(status));
		wrong = verdict;
	}
	store_close(store);
	return wrong;
}

const char *story_works(const struct story *story, const char *folder)
{
	char why[256];
	struct store *store = open_in(story, folder, true, why);
	int status;

	if (!store)
		return "it does not open";
	status = change(store, story, STORE_IF_ABSENT, STORY_KEYS + 2);
	if (status == STORE_OK || status == STORE_EXISTS)
		status = change(store, story, STORE_IF_PRESENT, STORY_KEYS + 2);
	store_close(store);
	return status == STORE_OK ? NULL : store_status_name(status);
}

/* ---- folders ------------------------------------------------------------------------------------------------------- */

static void each_file(const char *folder, bool (*chosen)(const char *name), void (*act)(const char *path))
{
	DIR *entries = opendir(folder);
	struct dirent *entry;
	char path[512];

	while (entries && (entry = readdir(entries))) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] != '.' && chosen(entry->d_name))
			act(path);
	}
	if (entries)
		closedir(entries);
}

static bool of_this_boot(const char *name)
{
	return strcmp(name, "control") == 0 || strncmp(name, "hot.", 4) == 0;
}

static bool any(const char *name)
{
	return name[0] != '\0';
}

static void remove_file(const char *path)
{
	(void)unlink(path);
}

void story_reboot(const char *folder)
{
	each_file(folder, of_this_boot, remove_file);
}

void story_remove(const char *folder)
{
	each_file(folder, any, remove_file);
	(void)rmdir(folder);
}

static bool copy_file(const char *from, const char *to)
{
	char octets[65536];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n = -1;

	while (in >= 0 && out >= 0 && (n = read(in, octets, sizeof(octets))) > 0)
		if (write(out, octets, (size_t)n) != n)
			break;
	close(in);
	close(out);
	return n == 0;
}

bool story_copy(const char *from, const char *to)
{
	DIR *entries = opendir(from);
	struct dirent *entry;
	char source[512], target[512];
	bool whole = entries && mkdir(to, 0700) == 0;

	while (whole && (entry = readdir(entries))) {
		snprintf(source, sizeof(source), "%s/%s", from, entry->d_name);
		snprintf(target, sizeof(target), "%s/%s", to, entry->d_name);
		whole = entry->d_name[0] == '.' || copy_file(source, target);
	}
	if (entries)
		closedir(entries);
	return whole;
}

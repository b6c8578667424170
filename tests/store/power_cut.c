/*
 * power_cut.c - every change of the store's files in a run is written down; then the files are made again as they may be after a power cut
 * at any moment: what was synced is there; each write that was not is there, or not, or torn at 512 octets; each change of names that was
 * not synced is there or not. The store is opened on each such state.
 *
 *     power_cut [SEED [STATES]]
 *
 * always: nothing that was answered is lost. everysec: at most the last second. no: what is served was so at some time.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/store/folder.h"
#include "tests/store/life_story.h"
#include "tests/store/steps.h"
#include "tests/tap.h"

#define FILES_MAX 4096u
#define SECTOR 512u
#define SECOND 1000000u

enum kind { WRITE, TRUNCATE, ALLOCATE, SYNC, CREATE, RENAME, UNLINK };

struct event {
	enum kind kind;
	unsigned file; /* its number here; 0 is the folder */
	char name[24], to[24];
	uint8_t *octets;
	size_t size;
	uint64_t offset;
	uint64_t time_us;
	uint32_t begun, answered;
};

static struct event *events;
static size_t event_count, event_room;
static ino_t inodes[FILES_MAX];
static unsigned inode_count;
static pthread_mutex_t recording = PTHREAD_MUTEX_INITIALIZER;
static struct story *story;
static uint64_t answered_at[2048];
static char top[64], template[96], folder[96], state_folder[96];

static uint64_t microseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t chance(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* ---- writing down -------------------------------------------------------------------------------------------------- */

/* 0 for the folder. A file that is made under the inode of a removed one is a new file. */
static unsigned number_of(int fd, bool created)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode))
		return 0;
	for (unsigned i = inode_count; i > 0 && !created; i--)
		if (inodes[i - 1] == st.st_ino)
			return i;
	if (inode_count == FILES_MAX)
		abort();
	inodes[inode_count++] = st.st_ino;
	return inode_count;
}

static bool is_ours(int fd)
{
	struct stat st, ours;

	return fstat(fd, &st) == 0 && stat(folder, &ours) == 0 && st.st_dev == ours.st_dev;
}

static struct event *event_new(enum kind kind)
{
	struct event *event;

	if (event_count == event_room) {
		event_room = event_room ? 2 * event_room : 1024;
		events = reallocarray(events, event_room, sizeof(*events));
		if (!events)
			abort();
	}
	event = &events[event_count++];
	memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->time_us = microseconds();
	event->begun = story->begun;
	event->answered = story->answered;
	return event;
}

static void take_octets(struct event *event, int fd, const void *octets, size_t size, uint64_t offset)
{
	event->octets = malloc(size);
	event->size = size;
	event->offset = offset;
	if (!event->octets)
		abort();
	if (octets)
		memcpy(event->octets, octets, size);
	else if (pread(fd, event->octets, size, (off_t)offset) != (ssize_t)size)
		abort();
}

static enum kind kind_of(const char *call)
{
	static const struct {
		const char *call;
		enum kind kind;
	} kinds[] = { { "write", WRITE }, { "copied", WRITE },  { "truncate", TRUNCATE }, { "allocate", ALLOCATE },
		      { "sync", SYNC },   { "create", CREATE }, { "rename", RENAME },     { "unlink", UNLINK } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].call, call) == 0)
			return kinds[i].kind;
	abort();
}

static void write_down(const char *call, int fd, const char *name, const char *to, const void *octets, size_t size, uint64_t offset)
{
	enum kind kind = kind_of(call);
	struct event *event;
	void (*record)(const char *, int, const char *, const char *, const void *, size_t, uint64_t) = steps.record;

	if (!is_ours(fd))
		return;
	pthread_mutex_lock(&recording);
	steps.record = NULL;
	event = event_new(kind);
	event->file = kind == RENAME || kind == UNLINK ? 0 : number_of(fd, kind == CREATE);
	snprintf(event->name, sizeof(event->name), "%s", name ? name : "");
	snprintf(event->to, sizeof(event->to), "%s", to ? to : "");
	if (kind == WRITE)
		take_octets(event, fd, octets, size, offset);
	else
		event->offset = offset;
	steps.record = record;
	pthread_mutex_unlock(&recording);
}

static void note_answer(const struct story *told)
{
	answered_at[told->answered] = microseconds();
}

/* ---- making again -------------------------------------------------------------------------------------------------- */

struct file {
	uint8_t *octets;
	size_t size;
};

struct name {
	char name[24];
	unsigned file; /* 0: no such name */
};

struct disk {
	struct file files[FILES_MAX + 1];
	struct name names[256];
	unsigned name_count;
};

static void grow(struct file *file, size_t size)
{
	uint8_t *octets;

	if (size <= file->size)
		return;
	octets = realloc(file->octets, size);
	if (!octets)
		abort();
	memset(octets + file->size, 0, size - file->size);
	file->octets = octets;
	file->size = size;
}

static void apply_data(struct disk *disk, const struct event *event, size_t from, size_t to)
{
	struct file *file = &disk->files[event->file];

	if (event->kind == TRUNCATE && event->offset < file->size)
		file->size = event->offset;
	else if (event->kind != WRITE)
		grow(file, event->offset);
	if (event->kind != WRITE || from >= to)
		return;
	grow(file, event->offset + to);
	memcpy(file->octets + event->offset + from, event->octets + from, to - from);
}

static struct name *name_of(struct disk *disk, const char *name)
{
	for (unsigned i = 0; i < disk->name_count; i++)
		if (strcmp(disk->names[i].name, name) == 0)
			return &disk->names[i];
	if (disk->name_count == 256)
		abort();
	snprintf(disk->names[disk->name_count].name, sizeof(disk->names[0].name), "%s", name);
	disk->names[disk->name_count].file = 0;
	return &disk->names[disk->name_count++];
}

static void apply_name(struct disk *disk, const struct event *event)
{
	struct name *name = name_of(disk, event->name);

	if (event->kind == CREATE) {
		name->file = event->file;
	} else if (event->kind == RENAME && name->file) {
		name_of(disk, event->to)->file = name->file;
		name_of(disk, event->name)->file = 0;
	} else if (event->kind == UNLINK) {
		name->file = 0;
	}
}

static bool of_names(enum kind kind)
{
	return kind == CREATE || kind == RENAME || kind == UNLINK;
}

/* True if something synced event i by moment cut. */
static bool is_synced(size_t i, size_t cut)
{
	for (size_t j = i + 1; j < cut; j++)
		if (events[j].kind == SYNC && events[j].file == (of_names(events[i].kind) ? 0 : events[i].file))
			return true;
	return false;
}

/* What the disk may have made of a write that was not waited for: nothing, all, or some of its sectors. */
static void apply_unsynced(struct disk *disk, const struct event *event, uint64_t *seed)
{
	uint64_t fate = chance(seed) % 4;

	if (fate == 0)
		return;
	if (fate < 3 || event->kind != WRITE) {
		apply_data(disk, event, 0, event->size);
		return;
	}
	for (uint64_t at = event->offset / SECTOR * SECTOR; at < event->offset + event->size; at += SECTOR) {
		size_t from = at > event->offset ? (size_t)(at - event->offset) : 0, to = (size_t)(at + SECTOR - event->offset);

		if (chance(seed) % 2)
			apply_data(disk, event, from, to < event->size ? to : event->size);
	}
}

/* Names change in the order in which they were changed, as far as they went; seldom any of them without the others. */
static void cut_power(struct disk *disk, size_t cut, uint64_t *seed)
{
	bool any_names = chance(seed) % 4 == 0;
	size_t names_until = chance(seed) % (cut + 1);

	for (size_t i = 0; i < cut; i++) {
		const struct event *event = &events[i];
		bool synced = event->kind != SYNC && is_synced(i, cut);

		if (event->kind == SYNC)
			continue;
		if (of_names(event->kind)) {
			if (synced || (any_names ? chance(seed) % 2 == 0 : i < names_until))
				apply_name(disk, event);
		} else if (synced) {
			apply_data(disk, event, 0, event->size);
		} else {
			apply_unsynced(disk, event, seed);
		}
	}
}

static void load_template(struct disk *disk);

static void write_state(const struct disk *disk)
{
	char path[160];

	story_remove(state_folder);
	mkdir(state_folder, 0700);
	for (unsigned i = 0; i < disk->name_count; i++) {
		const struct name *name = &disk->names[i];
		int fd;

		if (!name->file || strncmp(name->name, "hot.", 4) == 0 || strncmp(name->name, "control", 7) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", state_folder, name->name);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 ||
		    (disk->files[name->file].size > 0 &&
		     write(fd, disk->files[name->file].octets, disk->files[name->file].size) != (ssize_t)disk->files[name->file].size))
			abort();
		close(fd);
	}
}

static void disk_free(struct disk *disk)
{
	for (unsigned i = 0; i <= FILES_MAX; i++)
		free(disk->files[i].octets);
	free(disk);
}

/* ---- the files that were there before ------------------------------------------------------------------------------- */

static struct event *template_events;
static size_t template_count;

static void load_template(struct disk *disk)
{
	for (size_t i = 0; i < template_count; i++) {
		apply_name(disk, &template_events[i]);
		apply_data(disk,
		           &(struct event){ .kind = WRITE,
		                            .file = template_events[i].file,
		                            .octets = template_events[i].octets,
		                            .size = template_events[i].size },
		           0, template_events[i].size);
	}
}

static void note_template_file(const char *name)
{
	struct event *event;
	char path[160];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	template_events = reallocarray(template_events, template_count + 1, sizeof(*template_events));
	if (!template_events || fstat(fd, &st) != 0)
		abort();
	event = &template_events[template_count++];
	memset(event, 0, sizeof(*event));
	event->kind = CREATE;
	event->file = number_of(fd, true);
	snprintf(event->name, sizeof(event->name), "%s", name);
	take_octets(event, fd, NULL, (size_t)st.st_size, 0);
	close(fd);
}

static void note_template(void)
{
	char name[16];

	note_template_file("store");
	for (unsigned i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "%02u.gdbm", i);
		note_template_file(name);
	}
}

static void forget_run(void)
{
	for (size_t i = 0; i < event_count; i++)
		free(events[i].octets);
	for (size_t i = 0; i < template_count; i++)
		free(template_events[i].octets);
	event_count = 0;
	template_count = 0;
	inode_count = 0;
}

/* ---- judging ------------------------------------------------------------------------------------------------------- */

static bool record_run(bool always, unsigned pause_us)
{
	int status;

	story_remove(folder);
	if (!story_copy(template, folder))
		return false;
	forget_run();
	note_template();
	story->begun = story->answered = 0;
	story->always_syncs = always;
	story->pause_us = pause_us;
	story->moment = note_answer;
	steps_reset();
	steps.record = write_down;
	status = story_run(story, folder);
	steps.record = NULL;
	return status == STORE_OK;
}

/* Of the steps answered, those that must have survived a cut at this moment. */
static uint32_t certain_at(const struct event *last, bool always, bool every_second)
{
	uint32_t certain = last->answered;

	if (always)
		return UINT32_MAX;
	if (!every_second)
		return 0;
	while (certain > 0 && answered_at[certain] + SECOND > last->time_us)
		certain--;
	return certain;
}

static const char *judge(uint64_t seed, bool always, bool every_second)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	uint64_t state = seed * 2654435761u + 88172645463325252u;
	size_t cut = 1 + chance(&state) % event_count;
	struct story told = { .begun = events[cut - 1].begun, .answered = events[cut - 1].answered, .now = story->now };
	const char *wrong;

	if (!disk)
		abort();
	load_template(disk);
	cut_power(disk, cut, &state);
	write_state(disk);
	disk_free(disk);
	told.certain = certain_at(&events[cut - 1], always, every_second);
	wrong = story_check(&told, state_folder, true);
	if (wrong)
		printf("# seed %" PRIu64 ", cut after event %zu of %zu: %s\n", seed, cut, event_count, wrong);
	return wrong;
}

static void try_states(const char *mode, uint64_t seed, unsigned states, bool always, bool every_second)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < states && wrong < 10; i++)
		wrong += judge(seed + i, always, every_second) != NULL;
	printf("# %s: %u states of %zu events, seeds from %" PRIu64 ", %u wrong\n", mode, states, event_count, seed, wrong);
	tap_ok(wrong == 0, "%s keeps its promise in a power cut", mode);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
	unsigned states = argc > 2 ? (unsigned)atoi(argv[2]) : getenv("SESAME_LONG") ? 20000 : 700;

	if (!test_folder_make(top))
		return 99;
	story = story_new();
	snprintf(template, sizeof(template), "%s/template", top);
	snprintf(folder, sizeof(folder), "%s/store", top);
	snprintf(state_folder, sizeof(state_folder), "%s/state", top);
	if (access("/dev/shm", W_OK) == 0)
		snprintf(state_folder, sizeof(state_folder), "/dev/shm/%s", strrchr(top, '/') + 1);
	tap_ok(story_prepare(story, template), "a store is made");
	if (tap_ok(record_run(true, 0), "a run is recorded, each change synced"))
		try_states("SESSION_SYNC=always", seed, states, true, false);
	if (tap_ok(record_run(false, 12000), "a run is recorded, beside a keeper that syncs")) {
		try_states("SESSION_SYNC=everysec", seed, states, false, true);
		try_states("what is served", seed + 1000000, states, false, false);
	}
	forget_run();
	free(events);
	free(template_events);
	story_remove(state_folder);
	test_folder_remove(top);
	return tap_done();
}

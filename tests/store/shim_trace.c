/* shim_trace.c - writing down, and making again. */

#include "tests/store/shim_trace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/store/shim_calls.h"

#define SECTOR 512u
#define PAGE 4096u

struct trace {
	pthread_mutex_t lock;
	uint32_t count, room, files;
	uint32_t first; /* event of the run */
	size_t used, size;
	uint64_t device, folder;
	bool full;
	struct trace_event *events;
	uint8_t *octets;
};

static struct trace *recorder;
static _Thread_local uint32_t sync_begun;

uint64_t trace_chance(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

bool trace_of_boot(const char *name)
{
	return strncmp(name, "hot.", 4) == 0 || strncmp(name, "control", 7) == 0;
}

/* ---- writing down -------------------------------------------------------------------------------------------------- */

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

struct trace *trace_new(uint32_t events, size_t octets)
{
	struct trace *trace = shared(sizeof(*trace));
	pthread_mutexattr_t kind;

	if (!trace)
		return NULL;
	trace->room = events;
	trace->size = octets;
	trace->events = shared(events * sizeof(*trace->events));
	trace->octets = shared(octets);
	if (!trace->events || !trace->octets) {
		trace_free(trace);
		return NULL;
	}
	pthread_mutexattr_init(&kind);
	pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&trace->lock, &kind);
	pthread_mutexattr_destroy(&kind);
	return trace;
}

void trace_free(struct trace *trace)
{
	if (!trace)
		return;
	if (trace->events)
		munmap(trace->events, trace->room * sizeof(*trace->events));
	if (trace->octets)
		munmap(trace->octets, trace->size);
	munmap(trace, sizeof(*trace));
}

static uint64_t microseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* With the lock held. When there is no more room the last event is written over, and the trace is of no use. */
static struct trace_event *add(struct trace *trace, enum trace_kind kind)
{
	struct trace_event *event;

	if (trace->count == trace->room) {
		trace->full = true;
		trace->count--;
	}
	event = &trace->events[trace->count++];
	memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->time_us = microseconds();
	event->safe_at = TRACE_NONE;
	return event;
}

static void keep_octets(struct trace *trace, struct trace_event *event, int fd, const void *octets, size_t size)
{
	if (size > trace->size - trace->used) {
		trace->full = true;
		return;
	}
	event->octets = trace->used;
	event->size = size;
	trace->used += size;
	if (octets)
		memcpy(trace->octets + event->octets, octets, size);
	else if (pread(fd, trace->octets + event->octets, size, (off_t)event->offset) != (ssize_t)size)
		trace->full = true;
}

static bool is_ours(const struct trace *trace, int fd, uint64_t *inode)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	*inode = st.st_ino;
	return st.st_dev == trace->device && (S_ISREG(st.st_mode) || st.st_ino == trace->folder);
}

static enum trace_kind kind_of(enum shim_what what)
{
	static const enum trace_kind kinds[] = {
		[SHIM_WRITE] = TRACE_WRITE,   [SHIM_TRUNCATE] = TRACE_TRUNCATE, [SHIM_ALLOCATE] = TRACE_ALLOCATE,
		[SHIM_SYNC] = TRACE_SYNC_END, [SHIM_CREATE] = TRACE_CREATE,     [SHIM_RENAME] = TRACE_RENAME,
		[SHIM_UNLINK] = TRACE_UNLINK
	};

	return kinds[what];
}

/* The lock is held from before a change until after it, so that the order here is the order there; but not while a sync goes on. */
static void before(const struct shim_call *call)
{
	struct trace_event *event;
	uint64_t inode;

	pthread_mutex_lock(&recorder->lock);
	if (call->what != SHIM_SYNC)
		return;
	if (is_ours(recorder, call->fd, &inode)) {
		event = add(recorder, TRACE_SYNC_BEGIN);
		event->inode = inode;
		sync_begun = recorder->count - 1;
	}
	pthread_mutex_unlock(&recorder->lock);
}

static void after(const struct shim_call *call, bool done)
{
	struct trace_event *event;
	uint64_t inode;

	if (call->what == SHIM_SYNC)
		pthread_mutex_lock(&recorder->lock);
	if (done && is_ours(recorder, call->fd, &inode)) {
		event = add(recorder, kind_of(call->what));
		event->inode = inode;
		event->begin = sync_begun;
		event->offset = call->offset;
		snprintf(event->name, sizeof(event->name), "%.23s", call->name ? call->name : "");
		snprintf(event->to, sizeof(event->to), "%.23s", call->to ? call->to : "");
		if (call->what == SHIM_WRITE)
			keep_octets(recorder, event, call->fd, call->octets, call->size);
	}
	pthread_mutex_unlock(&recorder->lock);
}

static void note_file(struct trace *trace, const char *folder, const char *name)
{
	struct trace_event *event;
	char path[320];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) != 0)
		abort();
	event = add(trace, TRACE_CREATE);
	snprintf(event->name, sizeof(event->name), "%.23s", name);
	event->inode = st.st_ino;
	event->safe_at = 0;
	event = add(trace, TRACE_WRITE);
	event->inode = st.st_ino;
	event->safe_at = 0;
	keep_octets(trace, event, fd, NULL, (size_t)st.st_size);
	close(fd);
}

void trace_begin(struct trace *trace, const char *folder)
{
	DIR *entries = opendir(folder);
	struct dirent *entry;
	struct stat st;

	trace->count = 0;
	trace->used = 0;
	trace->full = false;
	if (!entries || stat(folder, &st) != 0)
		abort();
	trace->device = st.st_dev;
	trace->folder = st.st_ino;
	while ((entry = readdir(entries)))
		if (entry->d_name[0] != '.' && !trace_of_boot(entry->d_name))
			note_file(trace, folder, entry->d_name);
	closedir(entries);
	trace->first = trace->count;
	recorder = trace;
	shim.before = before;
	shim.after = after;
}

uint32_t trace_mark(struct trace *trace)
{
	uint32_t number;

	pthread_mutex_lock(&trace->lock);
	(void)add(trace, TRACE_MARK);
	number = trace->count - 1;
	pthread_mutex_unlock(&trace->lock);
	return number;
}

/* ---- working out --------------------------------------------------------------------------------------------------- */

/* A file that is made under the inode of a removed one is a new file. */
static void number_files(struct trace *trace)
{
	uint64_t *inodes = calloc(trace->count + 1, sizeof(*inodes));
	uint32_t files = 0;

	if (!inodes)
		abort();
	for (uint32_t i = 0; i < trace->count; i++) {
		struct trace_event *event = &trace->events[i];

		event->file = 0;
		if (event->kind == TRACE_MARK || event->kind == TRACE_RENAME || event->kind == TRACE_UNLINK ||
		    event->inode == trace->folder)
			continue;
		if (event->kind == TRACE_CREATE)
			inodes[++files] = event->inode;
		for (uint32_t file = files; file > 0 && event->file == 0; file--)
			if (inodes[file] == event->inode)
				event->file = file;
		if (event->file == 0)
			abort();
	}
	trace->files = files;
	free(inodes);
}

static bool of_names(const struct trace_event *event)
{
	return event->kind == TRACE_CREATE || event->kind == TRACE_RENAME || event->kind == TRACE_UNLINK;
}

/* Which sync makes which change safe: for the changes of names, that of the folder. */
static void find_safe(struct trace *trace)
{
	uint32_t *done = calloc(trace->files + 1, sizeof(*done)); /* of each file: where the last sync left off */

	if (!done)
		abort();
	for (uint32_t i = 0; i < trace->count; i++) {
		const struct trace_event *end = &trace->events[i];

		if (end->kind != TRACE_SYNC_END)
			continue;
		for (uint32_t j = done[end->file]; j < end->begin; j++) {
			struct trace_event *event = &trace->events[j];
			uint32_t of = of_names(event) ? 0 : event->file;

			if (event->kind != TRACE_MARK && of == end->file && event->safe_at == TRACE_NONE)
				event->safe_at = i;
		}
		if (end->begin > done[end->file])
			done[end->file] = end->begin;
	}
	free(done);
}

bool trace_end(struct trace *trace)
{
	shim.before = NULL;
	shim.after = NULL;
	if (trace->full)
		return false;
	number_files(trace);
	find_safe(trace);
	return true;
}

uint32_t trace_count(const struct trace *trace)
{
	return trace->count;
}

uint32_t trace_first(const struct trace *trace)
{
	return trace->first;
}

const struct trace_event *trace_event(const struct trace *trace, uint32_t number)
{
	return &trace->events[number];
}

uint32_t trace_syncs(const struct trace *trace)
{
	uint32_t syncs = 0;

	for (uint32_t i = 0; i < trace->count; i++)
		syncs += trace->events[i].kind == TRACE_SYNC_END && trace->events[i].file != 0;
	return syncs;
}

uint64_t trace_longest_sync(const struct trace *trace, uint32_t before_event)
{
	uint64_t longest = 0;

	for (uint32_t i = 0; i < before_event; i++) {
		const struct trace_event *event = &trace->events[i];

		if (event->kind == TRACE_SYNC_END && event->time_us - trace->events[event->begin].time_us > longest)
			longest = event->time_us - trace->events[event->begin].time_us;
	}
	return longest;
}

/* ---- making again -------------------------------------------------------------------------------------------------- */

/* How the disk treats what it was not told to keep. */
enum fate { LOSE_ALL, KEEP_ALL, IN_ORDER, SECTORS, SECTORS_AT, PAGES, FILES, FATES };

struct choice {
	const struct trace *trace;
	uint32_t cut;
	uint32_t order; /* IN_ORDER: what comes before this event has happened */
	uint64_t seed;
	enum fate fate;
	bool names_any; /* changes of names may happen in any order, not only in theirs */
	uint32_t names_until;
};

/* A number that depends on the seed and these two alone. */
static uint64_t draw(const struct choice *choice, uint64_t a, uint64_t b)
{
	uint64_t state = choice->seed ^ (a + 1) * 0x9e3779b97f4a7c15u ^ (b + 1) * 0xc2b2ae3d27d4eb4fu;

	state |= state == 0;
	for (unsigned i = 0; i < 4; i++)
		(void)trace_chance(&state);
	return state;
}

/* Up to which event a place of a file has come to the disk, of what was not synced. */
static uint32_t reached(const struct choice *choice, uint32_t file, uint64_t offset)
{
	switch (choice->fate) {
	case LOSE_ALL:
		return 0;
	case KEEP_ALL:
		return choice->cut;
	case IN_ORDER:
		return choice->order;
	case SECTORS:
		return draw(choice, file, offset / SECTOR) % 2 ? choice->cut : 0;
	case SECTORS_AT:
		return (uint32_t)(draw(choice, file, offset / SECTOR) % (choice->cut + 1));
	case PAGES:
		return draw(choice, file, offset / PAGE) % 2 ? choice->cut : 0;
	default:
		return draw(choice, file, 0) % 2 ? choice->cut : 0;
	}
}

static bool is_safe(const struct choice *choice, const struct trace_event *event)
{
	return event->safe_at < choice->cut;
}

struct file {
	uint8_t *octets;
	size_t size, room;
};

static void make_room(struct file *file, size_t size)
{
	size_t room = 2 * size;

	if (size <= file->room)
		return;
	file->octets = realloc(file->octets, room);
	if (!file->octets)
		abort();
	memset(file->octets + file->room, 0, room - file->room);
	file->room = room;
}

static void put(struct file *file, const struct choice *choice, const struct trace_event *event, uint32_t number)
{
	make_room(file, event->offset + event->size);
	for (size_t done = 0, step; done < event->size; done += step) {
		uint64_t at = event->offset + done;

		step = SECTOR - at % SECTOR;
		if (is_safe(choice, event))
			step = event->size;
		if (step > event->size - done)
			step = event->size - done;
		if (is_safe(choice, event) || number < reached(choice, event->file, at))
			memcpy(file->octets + at, choice->trace->octets + event->octets + done, step);
	}
}

static void set_size(struct file *file, const struct trace_event *event)
{
	size_t size = event->kind == TRACE_WRITE ? event->offset + event->size : event->offset;

	make_room(file, size);
	if (event->kind == TRACE_TRUNCATE && size < file->size)
		memset(file->octets + size, 0, file->size - size);
	if (event->kind == TRACE_TRUNCATE || size > file->size)
		file->size = size;
}

/* The file's octets, each sector as far as it has come; and its size, which has come so far as its own chance says. */
static void fill_file(struct file *file, const struct choice *choice, uint32_t number)
{
	uint32_t size_reached = reached(choice, number, UINT64_MAX - PAGE);

	for (uint32_t i = 0; i < choice->cut; i++) {
		const struct trace_event *event = &choice->trace->events[i];

		if (event->file != number || event->kind > TRACE_ALLOCATE)
			continue;
		if (event->kind == TRACE_WRITE)
			put(file, choice, event, i);
		if (is_safe(choice, event) || i < size_reached)
			set_size(file, event);
	}
}

#define NAMES_MAX 256u

struct names {
	char name[NAMES_MAX][24];
	uint32_t file[NAMES_MAX]; /* 0: no such name */
	unsigned count;
};

static uint32_t *file_of(struct names *names, const char *name)
{
	for (unsigned i = 0; i < names->count; i++)
		if (strcmp(names->name[i], name) == 0)
			return &names->file[i];
	if (names->count == NAMES_MAX)
		abort();
	snprintf(names->name[names->count], sizeof(names->name[0]), "%s", name);
	names->file[names->count] = 0;
	return &names->file[names->count++];
}

/* truth: the names as they were in the run, which say what file a rename was of. */
static void change_name(struct names *names, const struct trace_event *event, const struct names *truth)
{
	struct names known = *truth;
	uint32_t *file = file_of(names, event->name), renamed;

	if (event->kind == TRACE_CREATE) {
		*file = event->file;
	} else if (event->kind == TRACE_UNLINK) {
		*file = 0;
	} else {
		renamed = *file_of(&known, event->name);
		if (*file == renamed)
			*file = 0;
		*file_of(names, event->to) = renamed;
	}
}

static void fill_names(struct names *names, const struct choice *choice)
{
	struct names *truth = calloc(1, sizeof(*truth));

	if (!truth)
		abort();
	for (uint32_t i = 0; i < choice->cut; i++) {
		const struct trace_event *event = &choice->trace->events[i];
		bool happened = is_safe(choice, event) || choice->fate == KEEP_ALL;

		if (!of_names(event))
			continue;
		if (!happened && choice->fate != LOSE_ALL)
			happened = choice->names_any ? draw(choice, UINT32_MAX, i) % 2 : i < choice->names_until;
		if (happened)
			change_name(names, event, truth);
		change_name(truth, event, truth);
	}
	free(truth);
}

static bool write_file(const char *folder, const char *name, const struct file *file)
{
	char path[320];
	bool written;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return false;
	written = (file->size == 0 || pwrite(fd, file->octets, file->size, 0) == (ssize_t)file->size);
	close(fd);
	return written;
}

static struct choice choose(const struct trace *trace, uint32_t cut, uint64_t seed)
{
	struct choice choice = { .trace = trace, .cut = cut, .seed = seed };

	choice.fate = (enum fate)(draw(&choice, 0, 1) % FATES);
	choice.order = (uint32_t)(draw(&choice, 0, 2) % (cut + 1));
	choice.names_any = draw(&choice, 0, 3) % 2;
	choice.names_until = choice.fate == IN_ORDER ? choice.order : (uint32_t)(draw(&choice, 0, 4) % (cut + 1));
	/* Most of what is not synced is recent. */
	if (draw(&choice, 0, 5) % 2 && cut > 64) {
		choice.order = cut - (uint32_t)(draw(&choice, 0, 2) % 64);
		choice.names_until = choice.order;
	}
	if (choice.fate == IN_ORDER)
		choice.names_any = false;
	return choice;
}

bool trace_rebuild(const struct trace *trace, uint32_t cut, uint64_t seed, const char *folder)
{
	struct choice choice = choose(trace, cut, seed);
	struct names *names = calloc(1, sizeof(*names));
	bool made = names && mkdir(folder, 0700) == 0;

	if (made)
		fill_names(names, &choice);
	for (unsigned i = 0; made && i < names->count; i++) {
		struct file file = { NULL, 0, 0 };

		if (names->file[i] == 0 || trace_of_boot(names->name[i]))
			continue;
		fill_file(&file, &choice, names->file[i]);
		made = write_file(folder, names->name[i], &file);
		free(file.octets);
	}
	free(names);
	return made;
}

/* ---- is it complete? ------------------------------------------------------------------------------------------------ */

static bool same(const char *folder, const char *name, const struct file *file)
{
	uint8_t *octets = malloc(file->size + 1);
	char path[320];
	bool equal;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY);
	equal = octets && fd >= 0 && pread(fd, octets, file->size + 1, 0) == (ssize_t)file->size &&
	        (file->size == 0 || memcmp(octets, file->octets, file->size) == 0);
	if (fd >= 0)
		close(fd);
	free(octets);
	return equal;
}

static unsigned count_files(const char *folder)
{
	DIR *entries = opendir(folder);
	struct dirent *entry;
	unsigned count = 0;

	while (entries && (entry = readdir(entries)))
		count += entry->d_name[0] != '.' && !trace_of_boot(entry->d_name);
	if (entries)
		closedir(entries);
	return count;
}

const char *trace_differs(const struct trace *trace, const char *folder)
{
	struct choice choice = { .trace = trace, .cut = trace->count, .fate = KEEP_ALL };
	static struct names names;
	const char *differs = NULL;
	unsigned count = 0;

	memset(&names, 0, sizeof(names));
	fill_names(&names, &choice);
	for (unsigned i = 0; i < names.count && !differs; i++) {
		struct file file = { NULL, 0, 0 };

		if (names.file[i] == 0 || trace_of_boot(names.name[i]))
			continue;
		fill_file(&file, &choice, names.file[i]);
		if (!same(folder, names.name[i], &file))
			differs = names.name[i];
		count++;
		free(file.octets);
	}
	return differs ? differs : count == count_files(folder) ? NULL : "the number of files";
}

/* ---- keeping ------------------------------------------------------------------------------------------------------- */

bool trace_save(const struct trace *trace, const char *path, const void *more, size_t more_size)
{
	FILE *out = fopen(path, "w");
	bool saved;

	if (!out)
		return false;
	saved = fwrite(trace, sizeof(*trace), 1, out) == 1 && fwrite(more, more_size, 1, out) == 1 &&
	        fwrite(trace->events, sizeof(*trace->events), trace->count, out) == trace->count &&
	        fwrite(trace->octets, 1, trace->used, out) == trace->used;
	return fclose(out) == 0 && saved;
}

bool trace_load(struct trace *trace, const char *path, void *more, size_t more_size)
{
	FILE *in = fopen(path, "r");
	struct trace head;
	bool loaded;

	if (!in)
		return false;
	loaded = fread(&head, sizeof(head), 1, in) == 1 && fread(more, more_size, 1, in) == 1 && head.count <= trace->room &&
	         head.used <= trace->size && fread(trace->events, sizeof(*trace->events), head.count, in) == head.count &&
	         fread(trace->octets, 1, head.used, in) == head.used;
	trace->count = head.count;
	trace->files = head.files;
	trace->first = head.first;
	trace->used = head.used;
	fclose(in);
	return loaded;
}

/* membership.c - joining and leaving a store, and making the control file anew from the journal. */

#include "store/gdbm/membership.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "store/gdbm/control.h"
#include "store/gdbm/files.h"
#include "store/gdbm/identity.h"
#include "store/gdbm/journal.h"
#include "store/gdbm/segment.h"
#include "store/store.h"

#define JOIN_WAIT_MS 10000 /* another one's recovery, or its merging when it leaves, may take that long */

/* ---- the folder's lock --------------------------------------------------------------------------------------------- */

static void pause_a_little(void)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	nanosleep(&pause, NULL);
}

/* flock has no time limit of its own. */
static int lock_shared(int folder, const struct timespec *deadline)
{
	while (flock(folder, LOCK_SH | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return STORE_UNAVAILABLE;
		if (control_past(deadline))
			return STORE_BUSY;
		pause_a_little();
	}
	return STORE_OK;
}

/* Gives up the shared lock either way. STORE_BUSY when somebody else is there. */
static int lock_alone(int folder)
{
	if (flock(folder, LOCK_EX | LOCK_NB) == 0)
		return STORE_OK;
	return errno == EWOULDBLOCK || errno == EINTR ? STORE_BUSY : STORE_UNAVAILABLE;
}

/* ---- the folder's names -------------------------------------------------------------------------------------------- */

static bool remove_stale(void *context, int folder, const char *name)
{
	const char *end = strrchr(name, '.');

	(void)context;
	if (strncmp(name, "hot.", 4) == 0 || (end && strcmp(end, ".new") == 0))
		(void)unlinkat(folder, name, 0);
	return true;
}

/* While nobody else is in the store: what is mapped is of no meaning without a control file, nor what was begun and not put in place. */
static void clear_folder(int folder)
{
	(void)files_each(folder, remove_stale, NULL);
}

/* ---- making the control file anew ---------------------------------------------------------------------------------- */

struct numbers {
	uint32_t *list;
	size_t count, capacity;
	bool full; /* out of memory */
};

static bool numbers_add(struct numbers *numbers, uint32_t number)
{
	if (numbers->count == numbers->capacity) {
		size_t capacity = numbers->capacity ? 2 * numbers->capacity : 16;
		uint32_t *list = realloc(numbers->list, capacity * sizeof(*list));

		if (!list)
			return false;
		numbers->list = list;
		numbers->capacity = capacity;
	}
	numbers->list[numbers->count++] = number;
	return true;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool add_segment(void *context, int folder, const char *name)
{
	struct numbers *numbers = context;
	unsigned number;
	int end = 0;

	(void)folder;
	if (sscanf(name, "journal.%8x%n", &number, &end) == 1 && end == 16 && name[end] == '\0')
		numbers->full = !numbers_add(numbers, number);
	return !numbers->full;
}

/* The numbers of the segments in folder, in order. */
static int list_segments(int folder, struct numbers *ret)
{
	int status = files_each(folder, add_segment, ret);

	if (status != STORE_OK || ret->full)
		return ret->full ? STORE_NO_MEMORY : status;
	if (ret->count > 1)
		qsort(ret->list, ret->count, sizeof(ret->list[0]), by_number);
	return STORE_OK;
}

/* A segment that has no place among the others is kept for sesamectl repair. */
static int set_aside(int folder, uint32_t number)
{
	char name[32], aside[48];

	snprintf(name, sizeof(name), "journal.%08x", number);
	snprintf(aside, sizeof(aside), "%s.damaged", name);
	return renameat(folder, name, folder, aside) == 0 ? STORE_OK : STORE_UNAVAILABLE;
}

/* How many of the numbers are no more than a store's segments can be apart from the ith. */
static size_t together(const struct numbers *numbers, size_t i)
{
	size_t end = i;

	while (end < numbers->count && numbers->list[end] - numbers->list[i] < CONTROL_RANGE - 1)
		end++;
	return end - i;
}

/* A file that came under a number far from the others is not one of them. */
static int drop_strays(int folder, struct numbers *numbers)
{
	size_t best = 0, kept = 0;
	int status = STORE_OK;

	for (size_t i = 1; i < numbers->count; i++)
		if (together(numbers, i) > together(numbers, best))
			best = i;
	kept = together(numbers, best);
	for (size_t i = 0; i < numbers->count && status == STORE_OK; i++)
		if (i < best || i >= best + kept || numbers->list[i] > UINT32_MAX - CONTROL_RANGE)
			status = set_aside(folder, numbers->list[i]);
	memmove(numbers->list, numbers->list + best, kept * sizeof(numbers->list[0]));
	numbers->count = kept > 0 && numbers->list[kept - 1] > UINT32_MAX - CONTROL_RANGE ? 0 : kept;
	return status;
}

static int recover(int folder, uint32_t number, uint64_t seed)
{
	struct segment *segment;
	int status = segment_recover(folder, number, seed, &segment);

	if (status == STORE_OK)
		segment_unmap(segment);
	return status;
}

/* All that was left becomes frozen, to be merged; a new segment is the active one. */
static int make_from(int folder, const struct store_options *options, uint64_t seed, struct numbers *numbers)
{
	uint32_t first = 1, last = 1;
	struct control *control;
	struct segment *active;
	int status = numbers->count > 0 ? drop_strays(folder, numbers) : STORE_OK, error;

	for (size_t i = 0; i < numbers->count && status == STORE_OK; i++)
		status = recover(folder, numbers->list[i], seed);
	if (numbers->count > 0) {
		first = numbers->list[0];
		last = numbers->list[numbers->count - 1] + 1;
	}
	if (status == STORE_OK)
		status = segment_create(folder, last, options->journal_size ? options->journal_size : SEGMENT_SIZE_MIN, &active);
	if (status == STORE_OK) {
		status = segment_furnish(active, folder);
		error = errno;
		segment_unmap(active);
		errno = error;
	}
	if (status != STORE_OK)
		return store_refuse(options, status, "the journal in %s cannot be opened: %s", options->location, strerror(errno));
	status = control_make(folder, options, first, last, &control);
	if (status == STORE_OK)
		control_leave(control);
	return status;
}

static int no_store(const struct store_options *options)
{
	return store_refuse(options, STORE_ABSENT, "there is no store in %s: programs make it when they first use it", options->location);
}

static int make_anew(int folder, const struct store_options *options, uint64_t *seed)
{
	struct numbers numbers = { 0 };
	int status = identity_keep(folder, options, seed);

	if (status == STORE_ABSENT)
		status = options->existing ? no_store(options) : identity_make(folder, options, seed);
	if (status != STORE_OK)
		return status;
	clear_folder(folder);
	status = list_segments(folder, &numbers);
	if (status == STORE_OK)
		status = make_from(folder, options, *seed, &numbers);
	else
		store_refuse(options, status, "the folder %s cannot be read: %s", options->location, strerror(errno));
	free(numbers.list);
	return status;
}

/* ---- joining ------------------------------------------------------------------------------------------------------- */

static int busy(const struct store_options *options, int status)
{
	if (options->why && options->why[0])
		return status;
	return store_refuse(options, status, "%s is being put in order by another process, or is locked from elsewhere: %s",
	                    options->location, status == STORE_BUSY ? "waited 10 seconds" : strerror(errno));
}

/*
 * Somebody may have removed or cut mapped files. Then they are made again from the journal files, as after a reboot, by one who is alone:
 * those that work with them now will be ended by a signal, or go on with what has no name any more.
 */
static int check_segments(int folder, const struct store_options *options, const struct control *control)
{
	uint64_t segments = atomic_load(&control->segments);

	for (uint32_t n = control_first(segments); n <= control_last(segments); n++) {
		struct segment *segment;
		int status = segment_map(folder, n, &segment);

		if (status == STORE_OK)
			segment_unmap(segment);
		if (status == STORE_OK || n < control_first(atomic_load(&control->segments)))
			continue;
		if (status == STORE_UNAVAILABLE)
			return store_refuse(options, status, "%s: the journal cannot be read: %s", options->location, strerror(errno));
		return store_refuse(options, STORE_ABSENT,
		                    "%s: the mapped file hot.%08x is damaged, cut short or not there: end all programs that use the store, "
		                    "and start them again",
		                    options->location, n);
	}
	return STORE_OK;
}

/* With the shared lock held: joins if there is a control file of this boot, and what belongs to it. */
static int try_join(int folder, const struct store_options *options, struct membership *ret)
{
	int status = identity_read(folder, options, &ret->seed);

	if (status == STORE_OK)
		status = control_join(folder, options, &ret->control);
	if (status != STORE_OK)
		return status;
	status = check_segments(folder, options, ret->control);
	if (status != STORE_OK) {
		control_leave(ret->control);
		ret->control = NULL;
	}
	return status;
}

/*
 * Nobody may be in the store while the control file is made; somebody else may have made it meanwhile. STORE_BUSY when somebody is there:
 * one who makes it stays when it is made, so that to wait for being alone would be to wait for ever.
 */
static int make_if_needed(int folder, const struct store_options *options)
{
	struct membership found = { 0 };
	int status = lock_alone(folder);

	if (status != STORE_OK)
		return status;
	status = try_join(folder, options, &found);
	if (status == STORE_OK)
		control_leave(found.control);
	else if (status == STORE_ABSENT)
		status = make_anew(folder, options, &found.seed);
	return status;
}

static int join_folder(int folder, const struct store_options *options, struct membership *ret)
{
	struct timespec deadline;
	int status;

	control_deadline(JOIN_WAIT_MS, &deadline);
	for (;;) {
		status = lock_shared(folder, &deadline);
		if (status != STORE_OK)
			return busy(options, status);
		status = try_join(folder, options, ret);
		if (status != STORE_ABSENT)
			return status;
		status = make_if_needed(folder, options);
		if (status == STORE_BUSY && !control_past(&deadline))
			pause_a_little();
		else if (status != STORE_OK)
			return busy(options, status);
	}
}

int membership_join(const char *path, const struct store_options *options, struct membership *ret)
{
	struct files_shield shield;
	int status = files_open_folder(path, options, &ret->folder);

	if (status != STORE_OK)
		return status == STORE_ABSENT ? no_store(options) : status;
	files_shield(&shield);
	if (!options->brief)
		status = files_check_all(ret->folder, options);
	if (status == STORE_OK)
		status = join_folder(ret->folder, options, ret);
	files_unshield(&shield);
	if (status != STORE_OK) {
		close(ret->folder);
		ret->folder = -1;
	}
	return status;
}

/* ---- leaving ------------------------------------------------------------------------------------------------------- */

int membership_alone(const struct membership *membership)
{
	return flock(membership->folder, LOCK_EX | LOCK_NB) == 0;
}

void membership_tidy(const struct membership *membership)
{
	const struct control *control = membership->control;
	uint32_t last = control_last(atomic_load(&control->segments));

	(void)unlinkat(membership->folder, "control", 0);
	for (uint32_t n = control_retired(control); n <= last + JOURNAL_AHEAD; n++)
		(void)segment_unlink(membership->folder, n);
	clear_folder(membership->folder);
	(void)files_sync_folder(membership->folder);
}

void membership_leave(struct membership *membership)
{
	control_leave(membership->control);
	close(membership->folder);
	membership->control = NULL;
	membership->folder = -1;
}

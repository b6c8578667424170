/* behind.c - writing behind: what the hot file has and the journal file has not yet. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/gdbm/files.h"
#include "store/gdbm/frame.h"
#include "store/gdbm/hook.h"
#include "store/store.h"

#define RUN_EXTENTS 8u /* few: while they are written nobody can make room in the file */

/* Neighbouring extents with something new, which one write brings to the journal file. */
struct run {
	uint64_t from, to;
	unsigned count;
	struct {
		uint64_t at;
		uint32_t octets;
	} extents[RUN_EXTENTS];
};

/*
 * Between the extents of a run others are writing frames that are not counted as used yet: those octets are copied as they are, and again
 * when they count. And a page may be looked at for an extent's head while it is filled as another's inner one. The thread sanitizer is told
 * that this is meant.
 */
#ifdef __SANITIZE_THREAD__
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
#else
#define AnnotateIgnoreReadsBegin(file, line) ((void)0)
#define AnnotateIgnoreReadsEnd(file, line) ((void)0)
#endif

/* What is noted as logged is in the file: so a process that dies on the way leaves it to be written again. */
static int run_write(struct segment *segment, struct run *run)
{
	int failed;

	if (run->count == 0)
		return STORE_OK;
	atomic_store(&segment->hot->unsynced, 1);
	STORE_HOOK("hot unsynced", &segment->hot->unsynced, sizeof(segment->hot->unsynced));
	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
	failed = files_write(segment->journal_fd, segment->map + run->from, run->to - run->from, run->from);
	AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
	if (failed)
		return STORE_UNAVAILABLE;
	for (unsigned i = 0; i < run->count; i++)
		atomic_store(&segment->logged[run->extents[i].at / FRAME_PAGE], run->extents[i].octets);
	STORE_HOOK("hot logged", segment->logged, 0);
	run->count = 0;
	return STORE_OK;
}

static int run_add(struct segment *segment, struct run *run, uint64_t at, uint32_t logged, uint32_t octets)
{
	int status = STORE_OK;

	if (run->count == RUN_EXTENTS || (run->count > 0 && at > run->to + FRAME_PAGE))
		status = run_write(segment, run);
	if (status != STORE_OK)
		return status;
	if (run->count == 0)
		run->from = at + logged;
	run->to = at + octets;
	run->extents[run->count].at = at;
	run->extents[run->count++].octets = octets;
	return STORE_OK;
}

/* The octets used in the extent at a page, or 0: none begins there, its writer has not come so far, or died before it did. */
static uint32_t extent_used(const struct segment *segment, uint64_t at, uint64_t seed, uint32_t *pages)
{
	const struct extent *extent = extent_at(segment, at);
	uint64_t tag;
	uint32_t used;

	*pages = 1;
	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
	tag = atomic_load_explicit(&extent->tag, memory_order_acquire);
	AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
	if (tag != extent_tag(segment, at, seed))
		return 0;
	used = atomic_load_explicit(&extent->used, memory_order_acquire);
	if (extent->pages == 0 || (uint64_t)extent->pages * FRAME_PAGE > segment->hot->end - at ||
	    (used & ~EXTENT_FULL) > (uint64_t)extent->pages * FRAME_PAGE)
		return 0;
	*pages = extent->pages;
	return used;
}

static int write_behind(struct segment *segment, uint64_t seed)
{
	struct segment_hot *hot = segment->hot;
	uint64_t at = atomic_load(&hot->settled), end = atomic_load(&hot->tail), settled;
	struct run run = { .count = 0 };
	uint32_t pages;
	int status = STORE_OK;

	if (!extent_place(hot, end))
		end = hot->end;
	if (!extent_place(hot, at) || at > end)
		at = FRAME_DATA;
	settled = at;
	for (; at < end && status == STORE_OK; at += (uint64_t)pages * FRAME_PAGE) {
		uint32_t used = extent_used(segment, at, seed, &pages), logged = atomic_load(&segment->logged[at / FRAME_PAGE]);

		if (logged > pages * FRAME_PAGE) /* a damaged word */
			logged = 0;
		if ((used & ~EXTENT_FULL) > logged)
			status = run_add(segment, &run, at, logged, used & ~EXTENT_FULL);
		if ((used & EXTENT_FULL) && settled == at)
			settled += (uint64_t)pages * FRAME_PAGE;
	}
	if (status == STORE_OK)
		status = run_write(segment, &run);
	if (status == STORE_OK) {
		atomic_store(&hot->settled, settled);
		STORE_HOOK("hot settled", &hot->settled, sizeof(hot->settled));
	}
	return status;
}

/* The kernel takes what it could not write for written: so all of it is written again. */
static void begin_again(struct segment *segment)
{
	atomic_store(&segment->hot->settled, FRAME_DATA);
	for (uint64_t at = FRAME_DATA; at < segment->hot->end; at += FRAME_PAGE)
		atomic_store(&segment->logged[at / FRAME_PAGE], 0);
	STORE_HOOK("hot begun again", segment->logged, 0);
}

int segment_log(struct segment *segment, uint64_t seed, bool sync)
{
	struct segment_hot *hot = segment->hot;
	int status = write_behind(segment, seed), error;

	if (status == STORE_OK && sync && atomic_load(&hot->unsynced)) {
		while (fdatasync(segment->journal_fd) != 0 && status == STORE_OK)
			status = errno == EINTR ? STORE_OK : STORE_UNAVAILABLE;
		if (status == STORE_OK) {
			atomic_store(&hot->unsynced, 0);
			STORE_HOOK("hot unsynced", &hot->unsynced, sizeof(hot->unsynced));
		}
	}
	if (status != STORE_OK) {
		error = errno;
		begin_again(segment);
		errno = error;
	}
	return status;
}

/* ---- reading back -------------------------------------------------------------------------------------------------- */

static bool read_entry(const struct segment *segment, uint64_t position, uint64_t seed, uint8_t *entry, size_t size)
{
	return pread(segment->journal_fd, entry, size, (off_t)position) == (ssize_t)size &&
	       record_valid(entry + STORE_KEY_SIZE, size - STORE_KEY_SIZE, (const struct store_key *)(const void *)entry, seed);
}

bool segment_mend(const struct segment *segment, uint64_t position, uint64_t seed)
{
	uint8_t head[STORE_KEY_SIZE + RECORD_HEADER_SIZE], *entry;
	uint64_t end = segment->hot->end;
	size_t size;
	bool whole;

	if (position < FRAME_DATA || position > end - sizeof(head) ||
	    pread(segment->journal_fd, head, sizeof(head), (off_t)position) != (ssize_t)sizeof(head))
		return false;
	size = STORE_KEY_SIZE + record_size(head + STORE_KEY_SIZE);
	if (size < sizeof(head) || size > STORE_KEY_SIZE + RECORD_MAX || size > end - position)
		return false;
	entry = malloc(size);
	whole = entry && read_entry(segment, position, seed, entry, size);
	if (whole)
		memcpy(segment->map + position, entry, size);
	free(entry);
	return whole;
}

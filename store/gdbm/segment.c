/* segment.c - the files of a segment: made, mapped, read back after a reboot. */

#include "store/gdbm/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/gdbm/files.h"
#include "store/gdbm/frame.h"
#include "store/gdbm/hook.h"
#include "store/store.h"

#define MAGIC "sesame journal\n"
#define HOT_MAGIC "sesame hot\n"
#define FORMAT 1u

/* ---- the files ----------------------------------------------------------------------------------------------------- */

static void file_name(const char *kind, uint32_t number, char name[32])
{
	snprintf(name, 32, "%s.%08x", kind, number);
}

static void *map_shared(int fd, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

static void close_keeping_errno(int fd)
{
	int error = errno;

	close(fd);
	errno = error;
}

/* An empty file of this size; only the first octets get their room on the disk at once, so that a store into those cannot fail. */
static int make_file(int folder, const char *name, uint64_t allocated, uint64_t size)
{
	int fd;

	(void)unlinkat(folder, name, 0);
	fd = files_open(folder, name, O_RDWR | O_CREAT | O_EXCL);
	if (fd < 0)
		return -1;
	do
		errno = posix_fallocate(fd, 0, (off_t)allocated);
	while (errno == EINTR);
	if (errno == 0 && ftruncate(fd, (off_t)size) == 0)
		return fd;
	close_keeping_errno(fd);
	(void)unlinkat(folder, name, 0);
	return -1;
}

/* Takes over the descriptors. */
static int segment_new(int hot_fd, int journal_fd, uint32_t number, struct segment **ret)
{
	struct segment *segment = calloc(1, sizeof(*segment));

	if (!segment) {
		close(hot_fd);
		close(journal_fd);
		errno = ENOMEM;
		return STORE_UNAVAILABLE;
	}
	segment->hot_fd = hot_fd;
	segment->journal_fd = journal_fd;
	segment->number = number;
	*ret = segment;
	return STORE_OK;
}

void segment_unmap(struct segment *segment)
{
	if (!segment)
		return;
	if (segment->map)
		munmap(segment->map, segment->size);
	close(segment->hot_fd);
	close(segment->journal_fd);
	free(segment);
}

static int failed(struct segment *segment, int status)
{
	int error = errno;

	segment_unmap(segment);
	errno = error;
	return status;
}

static int map_hot(struct segment *segment, size_t size)
{
	segment->map = map_shared(segment->hot_fd, size);
	if (!segment->map)
		return STORE_UNAVAILABLE;
	segment->size = size;
	segment->hot = (struct segment_hot *)(void *)segment->map;
	return STORE_OK;
}

static void set_slots(struct segment *segment)
{
	segment->slots = (_Atomic uint64_t *)(void *)(segment->map + segment->hot->end);
	segment->slot_mask = segment->hot->slots - 1;
	segment->logged = (_Atomic uint32_t *)(void *)(segment->slots + segment->hot->slots);
}

static uint64_t slots_for(uint64_t end)
{
	uint64_t slots = FRAME_PAGE / sizeof(uint64_t);

	while (slots * FRAME_OCTETS_PER_SLOT < end - FRAME_DATA)
		slots *= 2;
	return slots;
}

/* The size of a hot file whose frames end at end. */
static uint64_t hot_size(uint64_t end)
{
	return end + slots_for(end) * sizeof(uint64_t) + frame_align(end / FRAME_PAGE * sizeof(uint32_t), FRAME_PAGE);
}

/* A hot file is of use only with its journal file, so it may stand under its name before that one does. */
static int make_hot(int folder, uint32_t number, uint64_t end)
{
	char name[32];

	file_name("hot", number, name);
	return make_file(folder, name, FRAME_DATA, hot_size(end));
}

static void hot_fill(struct segment *segment, uint64_t end)
{
	struct segment_hot *hot = segment->hot;

	memcpy(hot->magic, HOT_MAGIC, sizeof(HOT_MAGIC));
	hot->version = FORMAT;
	hot->number = segment->number;
	hot->end = end;
	hot->slots = slots_for(end);
	atomic_store(&hot->tail, FRAME_DATA);
	atomic_store(&hot->allocated, FRAME_DATA);
	atomic_store(&hot->settled, FRAME_DATA);
	STORE_HOOK("hot head", hot, sizeof(*hot));
	set_slots(segment);
}

/* Makes and maps the hot file for a journal file that is there. Takes over journal_fd. */
static int hot_new(int folder, int journal_fd, uint32_t number, uint64_t end, struct segment **ret)
{
	struct segment *segment;
	int fd = make_hot(folder, number, end), status;

	if (fd < 0) {
		close_keeping_errno(journal_fd);
		return STORE_UNAVAILABLE;
	}
	status = segment_new(fd, journal_fd, number, &segment);
	if (status != STORE_OK)
		return status;
	status = map_hot(segment, hot_size(end));
	if (status != STORE_OK)
		return failed(segment, status);
	hot_fill(segment, end);
	*ret = segment;
	return STORE_OK;
}

/* A change is only as lasting as the name of the file that it is in. */
int segment_furnish(struct segment *segment, int folder)
{
	struct segment_hot *hot = segment->hot;

	if (atomic_load(&hot->furnished))
		return STORE_OK;
	do
		errno = posix_fallocate(segment->hot_fd, (off_t)hot->end, (off_t)(segment->size - hot->end));
	while (errno == EINTR);
	if (errno != 0 || files_sync_folder(folder) != 0)
		return STORE_UNAVAILABLE;
	atomic_store(&hot->furnished, 1);
	STORE_HOOK("hot furnished", &hot->furnished, sizeof(hot->furnished));
	return STORE_OK;
}

bool segment_furnished(const struct segment *segment)
{
	return atomic_load(&segment->hot->furnished);
}

static int write_header(int fd, uint32_t number, uint64_t end)
{
	struct segment_header header = { .magic = MAGIC, .version = FORMAT, .number = number, .end = end };

	header.sum = record_sum(&header, offsetof(struct segment_header, sum), 0);
	return files_write(fd, &header, sizeof(header), 0);
}

/* The journal file gets its name when both are whole, so that whoever opens it finds what belongs there. */
int segment_create(int folder, uint32_t number, size_t size, struct segment **ret)
{
	uint64_t end = FRAME_DATA + frame_align(size, FRAME_PAGE);
	struct segment *segment;
	char name[32];
	int fd = make_file(folder, "journal.new", FRAME_DATA, FRAME_DATA), status;

	if (fd < 0)
		return STORE_UNAVAILABLE;
	if (write_header(fd, number, end) != 0 || fdatasync(fd) != 0) {
		close_keeping_errno(fd);
		return STORE_UNAVAILABLE;
	}
	status = hot_new(folder, fd, number, end, &segment);
	if (status != STORE_OK)
		return status;
	file_name("journal", number, name);
	if (renameat(folder, "journal.new", folder, name) != 0)
		return failed(segment, STORE_UNAVAILABLE);
	*ret = segment;
	return STORE_OK;
}

/* A journal file and where its frames end at the latest. STORE_DAMAGED when its header does not check: fd is open all the same. */
static int open_journal(int folder, uint32_t number, int *fd, uint64_t *end)
{
	struct segment_header header;
	char name[32];

	file_name("journal", number, name);
	*fd = files_open(folder, name, O_RDWR);
	if (*fd < 0)
		return errno == ENOENT ? STORE_ABSENT : STORE_UNAVAILABLE;
	if (pread(*fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) && memcmp(header.magic, MAGIC, sizeof(MAGIC)) == 0 &&
	    header.version == FORMAT && header.number == number && header.end % FRAME_PAGE == 0 && header.end >= 2 * FRAME_PAGE &&
	    header.sum == record_sum(&header, offsetof(struct segment_header, sum), 0)) {
		*end = header.end;
		return STORE_OK;
	}
	return STORE_DAMAGED;
}

static bool hot_valid(const struct segment *segment, uint64_t end)
{
	const struct segment_hot *hot = segment->hot;

	return memcmp(hot->magic, HOT_MAGIC, sizeof(HOT_MAGIC)) == 0 && hot->version == FORMAT && hot->number == segment->number &&
	       hot->end == end && hot->slots == slots_for(end);
}

/* Where the frames end in a hot file of this size: 0 if there is no such. */
static uint64_t end_of(uint64_t size)
{
	uint64_t low = 2, high = size / FRAME_PAGE;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (hot_size(middle * FRAME_PAGE) < size)
			low = middle + 1;
		else
			high = middle;
	}
	return hot_size(low * FRAME_PAGE) == size ? low * FRAME_PAGE : 0;
}

/* The words of the head that never change follow from the file's name and size: damaged ones are put right. */
static void hot_mend(struct segment *segment, uint64_t end)
{
	struct segment_hot *hot = segment->hot;

	memcpy(hot->magic, HOT_MAGIC, sizeof(HOT_MAGIC));
	hot->version = FORMAT;
	hot->number = segment->number;
	hot->end = end;
	hot->slots = slots_for(end);
}

/* Takes over the descriptors. end is what the journal file's header says, 0 if it is damaged. */
static int map_files(int fd, int journal_fd, uint32_t number, uint64_t end, struct segment **ret)
{
	struct segment *segment;
	struct stat st;
	int status = segment_new(fd, journal_fd, number, &segment);

	if (status != STORE_OK)
		return status;
	if (fstat(fd, &st) != 0)
		return failed(segment, STORE_UNAVAILABLE);
	if (end == 0) {
		end = end_of((uint64_t)st.st_size);
		if (end > 0 && write_header(journal_fd, number, end) != 0)
			return failed(segment, STORE_UNAVAILABLE);
	}
	if (end == 0 || (uint64_t)st.st_size != hot_size(end))
		return failed(segment, STORE_DAMAGED);
	status = map_hot(segment, (size_t)st.st_size);
	if (status != STORE_OK)
		return failed(segment, status);
	if (!hot_valid(segment, end))
		hot_mend(segment, end);
	set_slots(segment);
	*ret = segment;
	return STORE_OK;
}

int segment_map(int folder, uint32_t number, struct segment **ret)
{
	uint64_t end = 0;
	char name[32];
	int journal_fd, fd, status = open_journal(folder, number, &journal_fd, &end);

	if (status != STORE_OK && status != STORE_DAMAGED)
		return status;
	file_name("hot", number, name);
	fd = files_open(folder, name, O_RDWR);
	if (fd < 0) {
		close_keeping_errno(journal_fd);
		return errno == ENOENT ? STORE_ABSENT : STORE_UNAVAILABLE;
	}
	return map_files(fd, journal_fd, number, end, ret);
}

int segment_unlink(int folder, uint32_t number)
{
	char name[32];

	file_name("journal", number, name);
	if (unlinkat(folder, name, 0) != 0 && errno != ENOENT)
		return -1;
	file_name("hot", number, name);
	return unlinkat(folder, name, 0) != 0 && errno != ENOENT ? -1 : 0;
}

bool segment_used(const struct segment *segment)
{
	return atomic_load(&segment->hot->tail) != FRAME_DATA;
}

/* ---- after a reboot ------------------------------------------------------------------------------------------------ */

bool frame_valid(const struct segment *segment, uint64_t at, uint64_t seed, uint64_t positions[2], struct frame *ret)
{
	uint64_t position = at + sizeof(*ret);
	const uint8_t *records[2];
	const struct store_key *key;

	memcpy(ret, segment->map + at, sizeof(*ret));
	if (ret->count < 1 || ret->count > 2 || ret->size % FRAME_ALIGNMENT != 0 || ret->size > segment->hot->end - at)
		return false;
	for (unsigned i = 0; i < ret->count; i++) {
		if (!entry_at(segment, position, &key, &records[i]))
			return false;
		positions[i] = position;
		position += entry_size(records[i]);
	}
	if (position != at + ret->size || ret->mark != frame_mark(segment, at, ret->size, ret->count, records, seed))
		return false;
	for (unsigned i = 0; i < ret->count; i++)
		if (!entry_valid(segment, positions[i], seed, &key, &records[i]))
			return false;
	return true;
}

/* Where a frame stands says nothing of when it was written: of two records of a key the one that was changed more often is the newer. */
static void publish_newest(struct segment *segment, uint64_t position, uint64_t seed)
{
	const struct store_key *key = (const struct store_key *)(const void *)(segment->map + position);
	const uint8_t *known;

	if (segment_find(segment, key, seed, &known) != STORE_OK ||
	    record_changes(known) < record_changes(segment->map + position + STORE_KEY_SIZE))
		index_publish(segment, key, position);
}

static void reindex(struct segment *segment, uint64_t end, uint64_t seed)
{
	uint64_t at = FRAME_DATA, positions[2];
	struct frame frame;

	while (at + sizeof(frame) <= end) {
		if (!frame_valid(segment, at, seed, positions, &frame)) {
			at += FRAME_ALIGNMENT;
			continue;
		}
		for (unsigned i = 0; i < frame.count; i++)
			publish_newest(segment, positions[i], seed);
		at += frame.size;
	}
}

/* Brings the journal file's frames into the hot file. */
static int read_back(struct segment *segment, uint64_t *end)
{
	struct segment_hot *hot = segment->hot;
	struct stat st;
	uint64_t at = FRAME_DATA;

	if (fstat(segment->journal_fd, &st) != 0)
		return STORE_UNAVAILABLE;
	*end = (uint64_t)st.st_size < hot->end ? (uint64_t)st.st_size : hot->end;
	if (*end <= FRAME_DATA)
		return STORE_OK;
	errno = posix_fallocate(segment->hot_fd, FRAME_DATA, (off_t)(*end - FRAME_DATA));
	if (errno != 0)
		return STORE_UNAVAILABLE;
	while (at < *end) {
		ssize_t n = pread(segment->journal_fd, segment->map + at, *end - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return STORE_UNAVAILABLE;
		at += (uint64_t)n;
	}
	return STORE_OK;
}

/*
 * A journal file whose header does not check is read all the same: each frame says by itself whether it is one. Its header is made anew,
 * since the segment is mapped by it until it is merged.
 */
static int make_header(int fd, uint32_t number, uint64_t *end)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return STORE_UNAVAILABLE;
	*end = frame_align((uint64_t)st.st_size, FRAME_PAGE);
	if (*end < 2 * FRAME_PAGE)
		*end = 2 * FRAME_PAGE;
	return write_header(fd, number, *end) == 0 ? STORE_OK : STORE_UNAVAILABLE;
}

int segment_recover(int folder, uint32_t number, uint64_t seed, struct segment **ret)
{
	struct segment *segment;
	uint64_t end;
	int fd, status = open_journal(folder, number, &fd, &end);

	if (status == STORE_DAMAGED) {
		status = make_header(fd, number, &end);
		if (status != STORE_OK)
			close_keeping_errno(fd);
	}
	if (status == STORE_OK)
		status = hot_new(folder, fd, number, end, &segment);
	if (status != STORE_OK)
		return status;
	status = segment_furnish(segment, folder);
	if (status == STORE_OK)
		status = read_back(segment, &end);
	if (status != STORE_OK)
		return failed(segment, status);
	reindex(segment, end, seed);
	end = frame_align(end, FRAME_PAGE);
	segment->hot->recovered = 1;
	atomic_store(&segment->hot->tail, end);
	atomic_store(&segment->hot->allocated, end);
	atomic_store(&segment->hot->settled, end);
	atomic_store(&segment->hot->unsynced, 1); /* what was read may be the kernel's alone */
	STORE_HOOK("hot read back", segment->hot, sizeof(*segment->hot));
	*ret = segment;
	return STORE_OK;
}

/* ---- set aside ----------------------------------------------------------------------------------------------------- */

static bool each_entry(const struct segment *segment, const uint64_t positions[2], unsigned count,
                       bool (*each)(void *context, const struct store_key *key, const uint8_t *record), void *context)
{
	for (unsigned i = 0; i < count; i++) {
		const struct store_key *key;
		const uint8_t *record;

		if (!entry_at(segment, positions[i], &key, &record) || !each(context, key, record))
			return false;
	}
	return true;
}

int segment_salvage(int fd, uint32_t number, uint64_t seed, bool (*each)(void *context, const struct store_key *key, const uint8_t *record),
                    void *context)
{
	struct segment_hot hot = { .end = 0 };
	struct segment segment = { .hot = &hot, .number = number };
	uint64_t at = FRAME_DATA, positions[2];
	struct frame frame;
	int status = files_read_whole(fd, &segment.map, &segment.size);

	if (status != STORE_OK)
		return status;
	hot.end = segment.size;
	while (at + sizeof(frame) <= hot.end) {
		if (!frame_valid(&segment, at, seed, positions, &frame))
			at += FRAME_ALIGNMENT;
		else if (each_entry(&segment, positions, frame.count, each, context))
			at += frame.size;
		else
			break;
	}
	free(segment.map);
	return STORE_OK;
}

/* segment.c - one segment of the journal: its file, its frames, its index. */

#include "store/gdbm/segment.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/gdbm/control.h"
#include "store/gdbm/files.h"
#include "store/gdbm/hook.h"
#include "store/store.h"

#define MAGIC "sesame journal\n"
#define HOT_MAGIC "sesame hot\n"
#define FORMAT 1u
#define PAGE 4096u
#define DATA PAGE           /* where the frames begin */
#define ALIGNMENT 16u       /* of frames and of the entries in them; positions in slots count in these */
#define OCTETS_PER_SLOT 64u /* no record is shorter, so the index is never full */
#define GROWTH_STEP (1u << 20)
#define PREPARE_STEP (1u << 20)
#define PREPARE_AFTER 256u /* changes, so that a process of one request does not pay for many */
#define PROBES_MAX 4096u
#define QUIET_MS 20 /* how long a sync waits for writers that are half done */

/* Before the entries of a frame. The size is written first, the mark last: a frame with a mark is whole. */
struct frame {
	_Atomic uint32_t size;
	uint32_t count;
	_Atomic uint64_t mark; /* never 0 */
};

/* What a mark is the checksum of. */
struct marked {
	uint64_t position;
	uint32_t number;
	uint32_t size;
	uint64_t records[2];
};

/* A slot: the low half is the position of the entry, the high half the first octets of its key. 0 is an empty one. */
static uint64_t slot_make(uint64_t position, uint32_t tag)
{
	return (uint64_t)tag << 32 | position / ALIGNMENT;
}

static uint64_t slot_position(uint64_t slot)
{
	return (slot & UINT32_MAX) * ALIGNMENT;
}

static uint32_t tag_of(const struct store_key *key)
{
	uint32_t tag;

	memcpy(&tag, key->octets, sizeof(tag));
	return le32toh(tag);
}

static uint64_t probe_start(const struct store_key *key)
{
	uint64_t start;

	memcpy(&start, key->octets + 8, sizeof(start));
	return start;
}

static size_t align(size_t size, size_t to)
{
	return (size + to - 1) / to * to;
}

static size_t entry_size(const uint8_t *record)
{
	return align(STORE_KEY_SIZE + record_size(record), ALIGNMENT);
}

size_t segment_frame_size(const struct segment_entry *entries, unsigned count)
{
	size_t size = sizeof(struct frame);

	for (unsigned i = 0; i < count; i++)
		size += entry_size(entries[i].record);
	return size;
}

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
	atomic_store(&segment->prepared, DATA);
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
}

static uint64_t slots_for(uint64_t end)
{
	uint64_t slots = PAGE / sizeof(uint64_t);

	while (slots * OCTETS_PER_SLOT < end - DATA)
		slots *= 2;
	return slots;
}

/* A hot file is of use only with its journal file, so it may stand under its name before that one does. */
static int make_hot(int folder, uint32_t number, uint64_t end)
{
	uint64_t slots = slots_for(end) * sizeof(uint64_t);
	char name[32];
	int fd;

	file_name("hot", number, name);
	fd = make_file(folder, name, DATA, end + slots);
	if (fd < 0)
		return -1;
	do
		errno = posix_fallocate(fd, (off_t)end, (off_t)slots);
	while (errno == EINTR);
	if (errno == 0)
		return fd;
	close_keeping_errno(fd);
	(void)unlinkat(folder, name, 0);
	return -1;
}

static void hot_fill(struct segment *segment, uint64_t end)
{
	struct segment_hot *hot = segment->hot;

	memcpy(hot->magic, HOT_MAGIC, sizeof(HOT_MAGIC));
	hot->version = FORMAT;
	hot->number = segment->number;
	hot->end = end;
	hot->slots = slots_for(end);
	atomic_store(&hot->tail, DATA);
	atomic_store(&hot->allocated, DATA);
	atomic_store(&hot->logged, DATA);
	atomic_store(&hot->synced, DATA);
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
	status = map_hot(segment, end + slots_for(end) * sizeof(uint64_t));
	if (status != STORE_OK)
		return failed(segment, status);
	hot_fill(segment, end);
	*ret = segment;
	return STORE_OK;
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
	uint64_t end = DATA + align(size, PAGE);
	struct segment *segment;
	char name[32];
	int fd = make_file(folder, "journal.new", DATA, DATA), status;

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
	/* A change is only as lasting as the name of the file that it is in. */
	if (renameat(folder, "journal.new", folder, name) != 0 || files_sync_folder(folder) != 0)
		return failed(segment, STORE_UNAVAILABLE);
	*ret = segment;
	return STORE_OK;
}

/* The descriptor of a journal file whose header checks, and where its frames end at the latest. */
static int open_journal(int folder, uint32_t number, int *fd, uint64_t *end)
{
	struct segment_header header;
	char name[32];

	file_name("journal", number, name);
	*fd = files_open(folder, name, O_RDWR);
	if (*fd < 0)
		return errno == ENOENT ? STORE_ABSENT : STORE_UNAVAILABLE;
	if (pread(*fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) && memcmp(header.magic, MAGIC, sizeof(MAGIC)) == 0 &&
	    header.version == FORMAT && header.number == number && header.end % PAGE == 0 && header.end >= 2 * PAGE &&
	    header.sum == record_sum(&header, offsetof(struct segment_header, sum), 0)) {
		*end = header.end;
		return STORE_OK;
	}
	close(*fd);
	return STORE_DAMAGED;
}

static bool hot_valid(const struct segment *segment, uint64_t end)
{
	const struct segment_hot *hot = segment->hot;

	return memcmp(hot->magic, HOT_MAGIC, sizeof(HOT_MAGIC)) == 0 && hot->version == FORMAT && hot->number == segment->number &&
	       hot->end == end && hot->slots == slots_for(end);
}

int segment_map(int folder, uint32_t number, struct segment **ret)
{
	struct segment *segment;
	struct stat st;
	uint64_t end;
	char name[32];
	int journal_fd, fd, status = open_journal(folder, number, &journal_fd, &end);

	if (status != STORE_OK)
		return status;
	file_name("hot", number, name);
	fd = files_open(folder, name, O_RDWR);
	if (fd < 0) {
		close_keeping_errno(journal_fd);
		return errno == ENOENT ? STORE_ABSENT : STORE_UNAVAILABLE;
	}
	status = segment_new(fd, journal_fd, number, &segment);
	if (status != STORE_OK)
		return status;
	if (fstat(fd, &st) != 0 || (uint64_t)st.st_size != end + slots_for(end) * sizeof(uint64_t))
		return failed(segment, STORE_DAMAGED);
	status = map_hot(segment, (size_t)st.st_size);
	if (status != STORE_OK || !hot_valid(segment, end))
		return failed(segment, status != STORE_OK ? status : STORE_DAMAGED);
	set_slots(segment);
	*ret = segment;
	return STORE_OK;
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
	return atomic_load(&segment->hot->tail) > DATA;
}

/* ---- finding ------------------------------------------------------------------------------------------------------- */

/* The entry at position, if it lies inside the frames and its record's size does too. */
static bool entry_at(const struct segment *segment, uint64_t position, const struct store_key **key, const uint8_t **record)
{
	const uint8_t *p = segment->map + position;

	if (position < DATA || position + STORE_KEY_SIZE + RECORD_HEADER_SIZE > segment->hot->end)
		return false;
	*key = (const struct store_key *)(const void *)p;
	*record = p + STORE_KEY_SIZE;
	return record_size(*record) <= segment->hot->end - position - STORE_KEY_SIZE;
}

static bool entry_valid(const struct segment *segment, uint64_t position, uint64_t seed, const struct store_key **key,
                        const uint8_t **record)
{
	return entry_at(segment, position, key, record) && record_valid(*record, record_size(*record), *key, seed);
}

static bool same_key(const struct store_key *a, const struct store_key *b)
{
	return memcmp(a->octets, b->octets, STORE_KEY_SIZE) == 0;
}

/*
 * A slot whose tag is the key's but whose entry does not check may have been this key's newest record: then nothing older is served in its
 * place.
 */
int segment_find(const struct segment *segment, const struct store_key *key, uint64_t seed, const uint8_t **ret)
{
	uint64_t at = probe_start(key);
	uint32_t tag = tag_of(key);

	for (unsigned i = 0; i < PROBES_MAX; i++) {
		uint64_t slot = atomic_load_explicit(&segment->slots[(at + i) & segment->slot_mask], memory_order_acquire);
		const struct store_key *found;

		if (slot == 0)
			return STORE_ABSENT;
		if (slot >> 32 != tag)
			continue;
		if (!entry_valid(segment, slot_position(slot), seed, &found, ret))
			return STORE_DAMAGED;
		if (same_key(found, key))
			return STORE_OK;
	}
	return STORE_ABSENT;
}

bool segment_next(const struct segment *segment, uint64_t *slot, unsigned shard, uint64_t seed, const struct store_key **key,
                  const uint8_t **record, uint64_t *damaged)
{
	while (*slot <= segment->slot_mask) {
		uint64_t is = atomic_load_explicit(&segment->slots[(*slot)++], memory_order_acquire);

		if (is == 0 || (is >> 32) % CONTROL_SHARDS != shard)
			continue;
		if (entry_valid(segment, slot_position(is), seed, key, record))
			return true;
		(*damaged)++;
		if (entry_at(segment, slot_position(is), key, record) && tag_of(*key) == is >> 32) {
			*record = NULL;
			return true;
		}
	}
	return false;
}

/* ---- appending ----------------------------------------------------------------------------------------------------- */

/* A slot that this key may use: its own, or an empty one; NULL when the index is too crowded. */
static _Atomic uint64_t *slot_for(const struct segment *segment, const struct store_key *key)
{
	uint64_t at = probe_start(key);
	uint32_t tag = tag_of(key);

	for (unsigned i = 0; i < PROBES_MAX; i++) {
		_Atomic uint64_t *slot = &segment->slots[(at + i) & segment->slot_mask];
		uint64_t is = atomic_load_explicit(slot, memory_order_acquire);
		const struct store_key *found;
		const uint8_t *record;

		if (is == 0)
			return slot;
		if (is >> 32 == tag && entry_at(segment, slot_position(is), &found, &record) && same_key(found, key))
			return slot;
	}
	return NULL;
}

/* Another key's writer may take the empty slot first: then the next one is looked for. */
static bool publish(struct segment *segment, const struct store_key *key, uint64_t position)
{
	uint64_t mine = slot_make(position, tag_of(key));

	for (;;) {
		_Atomic uint64_t *slot = slot_for(segment, key);
		uint64_t is;

		if (!slot)
			return false;
		is = atomic_load_explicit(slot, memory_order_acquire);
		if (is != 0 && is >> 32 != tag_of(key))
			continue;
		if (atomic_compare_exchange_strong(slot, &is, mine)) {
			STORE_HOOK("hot slot", slot, sizeof(*slot));
			return true;
		}
	}
}

/*
 * A page that this process has not written to yet costs a fault; many at once cost little more. An old kernel that cannot do this leaves
 * the faults as they are.
 */
static void prepare(struct segment *segment, uint64_t end)
{
#ifdef MADV_POPULATE_WRITE
	uint64_t from = atomic_load_explicit(&segment->prepared, memory_order_relaxed), to;
	uint32_t published = atomic_load_explicit(&segment->published, memory_order_relaxed);

	if (published <= PREPARE_AFTER) {
		atomic_store_explicit(&segment->published, published + 1, memory_order_relaxed);
		if (published == PREPARE_AFTER)
			(void)madvise(segment->map + segment->hot->end, segment->size - segment->hot->end, MADV_POPULATE_WRITE);
		return;
	}
	if (end <= from)
		return;
	from = (end > from + PREPARE_STEP ? end : from) / PAGE * PAGE;
	to = from + PREPARE_STEP;
	if (to > atomic_load(&segment->hot->allocated))
		to = atomic_load(&segment->hot->allocated);
	atomic_store_explicit(&segment->prepared, to, memory_order_relaxed);
	if (to > from)
		(void)madvise(segment->map + from, to - from, MADV_POPULATE_WRITE);
#else
	(void)segment;
	(void)end;
#endif
}

static int reserve(struct segment *segment, size_t size, uint64_t *ret)
{
	struct segment_hot *hot = segment->hot;
	uint64_t at = atomic_load(&hot->tail);

	do {
		if (at + size > hot->end)
			return STORE_TOO_LARGE;
		if (at + size > atomic_load(&hot->allocated))
			return STORE_BUSY;
	} while (!atomic_compare_exchange_weak(&hot->tail, &at, at + size));
	STORE_HOOK("hot tail", &hot->tail, sizeof(hot->tail));
	prepare(segment, at + size);
	*ret = at;
	return STORE_OK;
}

static uint64_t mark_of(const struct segment *segment, uint64_t position, uint32_t size, uint32_t count, const uint8_t *const *records,
                        uint64_t seed)
{
	struct marked marked = { .position = htole64(position), .number = htole32(segment->number), .size = htole32(size) };
	uint64_t mark;

	for (unsigned i = 0; i < count; i++)
		marked.records[i] = htole64(record_checksum(records[i]));
	mark = record_sum(&marked, sizeof(marked), seed);
	return mark ? mark : 1;
}

static void write_frame(struct segment *segment, uint64_t at, size_t size, const struct segment_entry *entries, unsigned count,
                        uint64_t seed)
{
	struct frame *frame = (struct frame *)(void *)(segment->map + at);
	const uint8_t *records[2] = { entries[0].record, entries[count - 1].record };
	uint8_t *p = segment->map + at + sizeof(*frame);

	atomic_store_explicit(&frame->size, (uint32_t)size, memory_order_release);
	STORE_HOOK("hot size", frame, sizeof(frame->size));
	for (unsigned i = 0; i < count; i++) {
		memcpy(p, entries[i].key->octets, STORE_KEY_SIZE);
		memcpy(p + STORE_KEY_SIZE, entries[i].record, record_size(entries[i].record));
		STORE_HOOK("hot entry", p, entry_size(entries[i].record));
		p += entry_size(entries[i].record);
	}
	frame->count = count;
	atomic_store_explicit(&frame->mark, mark_of(segment, at, (uint32_t)size, count, records, seed), memory_order_release);
	STORE_HOOK("hot frame", frame, sizeof(*frame));
}

int segment_append(struct segment *segment, const struct segment_entry *entries, unsigned count, uint64_t seed)
{
	size_t size = segment_frame_size(entries, count);
	uint64_t at, position;
	int status;

	for (unsigned i = 0; i < count; i++)
		if (!slot_for(segment, entries[i].key))
			return STORE_TOO_LARGE;
	status = reserve(segment, size, &at);
	if (status != STORE_OK)
		return status;
	write_frame(segment, at, size, entries, count, seed);
	position = at + sizeof(struct frame);
	for (unsigned i = 0; i < count; i++) {
		if (!publish(segment, entries[i].key, position))
			return STORE_UNAVAILABLE;
		position += entry_size(entries[i].record);
	}
	return STORE_OK;
}

int segment_grow(struct segment *segment, size_t size)
{
	struct segment_hot *hot = segment->hot;
	uint64_t from = atomic_load(&hot->allocated), to = align(atomic_load(&hot->tail) + size, GROWTH_STEP);
	int error;

	to = to < hot->end ? to : hot->end;
	if (to <= from)
		return STORE_OK;
	do
		error = posix_fallocate(segment->journal_fd, (off_t)from, (off_t)(to - from));
	while (error == EINTR);
	while (error == 0 && (error = posix_fallocate(segment->hot_fd, (off_t)from, (off_t)(to - from))) == EINTR)
		error = 0;
	if (error != 0) {
		errno = error;
		return STORE_UNAVAILABLE;
	}
	atomic_store(&hot->allocated, to);
	STORE_HOOK("hot room", &hot->allocated, sizeof(hot->allocated));
	return STORE_OK;
}

/* ---- the journal file ---------------------------------------------------------------------------------------------- */

static const struct frame *frame_at(const struct segment *segment, uint64_t at)
{
	return (const struct frame *)(const void *)(segment->map + at);
}

/* From here on to the first frame that is not whole, or to end. */
static uint64_t whole_until(const struct segment *segment, uint64_t at, uint64_t end)
{
	while (at < end) {
		const struct frame *frame = frame_at(segment, at);
		uint32_t size = atomic_load_explicit(&frame->size, memory_order_acquire);

		if (size < sizeof(*frame) || size % ALIGNMENT != 0 || size > end - at ||
		    atomic_load_explicit(&frame->mark, memory_order_acquire) == 0)
			return at;
		at += size;
	}
	return at;
}

/* Past a frame whose writer died before it was whole. Before its size was written, too, the next frame is found by its form. */
static uint64_t past_dead(const struct segment *segment, uint64_t at, uint64_t end)
{
	uint32_t size = atomic_load(&frame_at(segment, at)->size);

	if (size >= sizeof(struct frame) && size % ALIGNMENT == 0 && size <= end - at)
		return at + size;
	do
		at += ALIGNMENT;
	while (at < end && atomic_load(&frame_at(segment, at)->size) == 0);
	return at;
}

/*
 * How far the frames need not be written again. One that is not whole may be about to be; when all who were writing have ended and it still
 * is not, its writer is dead.
 */
static uint64_t settled_until(const struct segment *segment, struct control *control, uint64_t from, uint64_t end)
{
	uint64_t at = whole_until(segment, from, end);

	if (at == end || control_quiesce(control, QUIET_MS) != STORE_OK)
		return at;
	while ((at = whole_until(segment, at, end)) < end)
		at = past_dead(segment, at, end);
	return end;
}

int segment_log(struct segment *segment, struct control *control, bool sync)
{
	struct segment_hot *hot = segment->hot;
	uint64_t from = atomic_load(&hot->logged), end = atomic_load(&hot->tail), settled;

	if (from < end) {
		settled = settled_until(segment, control, from, end);
		if (files_write(segment->journal_fd, segment->map + from, end - from, from) != 0)
			return STORE_UNAVAILABLE;
		atomic_store(&hot->logged, settled);
	}
	if (!sync || atomic_load(&hot->synced) == end)
		return STORE_OK;
	while (fdatasync(segment->journal_fd) != 0)
		if (errno != EINTR) {
			atomic_store(&hot->logged, atomic_load(&hot->synced)); /* the kernel takes what it could not write for written */
			return STORE_UNAVAILABLE;
		}
	atomic_store(&hot->synced, atomic_load(&hot->logged));
	return STORE_OK;
}

/* ---- after a reboot ------------------------------------------------------------------------------------------------ */

/* The frame at position, if it checks; its entries' places go to positions. */
static bool frame_valid(const struct segment *segment, uint64_t at, uint64_t seed, uint64_t positions[2], uint32_t *size, uint32_t *count)
{
	const struct frame *frame = frame_at(segment, at);
	uint64_t position = at + sizeof(*frame);
	const uint8_t *records[2];
	const struct store_key *key;

	*size = atomic_load(&frame->size);
	*count = frame->count;
	if (*count < 1 || *count > 2 || *size % ALIGNMENT != 0 || *size > segment->hot->end - at)
		return false;
	for (unsigned i = 0; i < *count; i++) {
		if (!entry_at(segment, position, &key, &records[i]))
			return false;
		positions[i] = position;
		position += entry_size(records[i]);
	}
	if (position != at + *size || atomic_load(&frame->mark) != mark_of(segment, at, *size, *count, records, seed))
		return false;
	for (unsigned i = 0; i < *count; i++)
		if (!entry_valid(segment, positions[i], seed, &key, &records[i]))
			return false;
	return true;
}

static void reindex(struct segment *segment, uint64_t end, uint64_t seed)
{
	uint64_t at = DATA, positions[2];
	uint32_t size, count;

	while (at + sizeof(struct frame) <= end) {
		if (!frame_valid(segment, at, seed, positions, &size, &count)) {
			at += ALIGNMENT;
			continue;
		}
		for (unsigned i = 0; i < count; i++)
			publish(segment, (const struct store_key *)(const void *)(segment->map + positions[i]), positions[i]);
		at += size;
	}
}

/* Brings the journal file's frames into the hot file. */
static int read_back(struct segment *segment, uint64_t *end)
{
	struct segment_hot *hot = segment->hot;
	struct stat st;
	uint64_t at = DATA;

	if (fstat(segment->journal_fd, &st) != 0)
		return STORE_UNAVAILABLE;
	*end = (uint64_t)st.st_size < hot->end ? (uint64_t)st.st_size : hot->end;
	if (*end <= DATA)
		return STORE_OK;
	errno = posix_fallocate(segment->hot_fd, DATA, (off_t)(*end - DATA));
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

int segment_recover(int folder, uint32_t number, uint64_t seed, struct segment **ret)
{
	struct segment *segment;
	uint64_t end;
	int fd, status = open_journal(folder, number, &fd, &end);

	if (status == STORE_OK)
		status = hot_new(folder, fd, number, end, &segment);
	if (status != STORE_OK)
		return status;
	status = read_back(segment, &end);
	if (status != STORE_OK)
		return failed(segment, status);
	reindex(segment, end, seed);
	segment->hot->recovered = 1;
	atomic_store(&segment->hot->tail, end);
	atomic_store(&segment->hot->allocated, end);
	atomic_store(&segment->hot->logged, end); /* but not synced: what was read may be the kernel's alone */
	*ret = segment;
	return STORE_OK;
}

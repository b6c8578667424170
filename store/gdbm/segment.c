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
#define VERSION 1u
#define PAGE 4096u
#define ALIGNMENT 16u       /* of frames and of the entries in them; positions in slots count in these */
#define OCTETS_PER_SLOT 64u /* no record is shorter, so the index is never full */
#define GROWTH_STEP (1u << 20)
#define PROBES_MAX 4096u

/* Before the entries of a frame. */
struct frame {
	uint32_t size;
	uint32_t count;
	uint64_t mark;
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

/* ---- the file ------------------------------------------------------------------------------------------------------ */

static void file_name(uint32_t number, char name[32])
{
	snprintf(name, 32, "journal.%08x", number);
}

/* Takes over fd. */
static int map_file(int fd, size_t size, uint32_t number, struct segment **ret)
{
	struct segment *segment = calloc(1, sizeof(*segment));
	void *map = MAP_FAILED;

	if (segment)
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		int error = segment ? errno : ENOMEM;

		free(segment);
		close(fd);
		errno = error;
		return STORE_UNAVAILABLE;
	}
	segment->fd = fd;
	segment->map = map;
	segment->size = size;
	segment->number = number;
	segment->header = map;
	*ret = segment;
	return STORE_OK;
}

static void set_slots(struct segment *segment)
{
	segment->slots = (_Atomic uint64_t *)(void *)(segment->map + PAGE);
	segment->slot_mask = segment->header->slots - 1;
}

static void header_fill(struct segment_header *header, uint32_t number, uint64_t slots, uint64_t data, uint64_t end)
{
	memcpy(header->magic, MAGIC, sizeof(MAGIC));
	header->version = VERSION;
	header->number = number;
	header->slots = slots;
	header->data = data;
	header->end = end;
	atomic_store(&header->tail, data);
	atomic_store(&header->allocated, data);
}

/* Header and index get their room at once, so that a store into them cannot fail; the frames' comes step by step. */
static int make_file(int folder, const char *name, uint64_t data, uint64_t end)
{
	int fd = files_open(folder, name, O_RDWR | O_CREAT | O_EXCL);

	if (fd < 0)
		return -1;
	errno = posix_fallocate(fd, 0, (off_t)data);
	if (errno != 0 || ftruncate(fd, (off_t)end) != 0) {
		int error = errno;

		close(fd);
		(void)unlinkat(folder, name, 0);
		errno = error;
		return -1;
	}
	return fd;
}

/* Made under another name and renamed when whole, so that whoever maps it finds a header. */
int segment_create(int folder, uint32_t number, size_t size, struct segment **ret)
{
	uint64_t frames = align(size, PAGE), slots = PAGE / sizeof(uint64_t), data, end;
	struct segment *segment;
	char name[32];
	int fd, status;

	while (slots * OCTETS_PER_SLOT < frames)
		slots *= 2;
	data = PAGE + slots * sizeof(uint64_t);
	end = data + frames;
	(void)unlinkat(folder, "journal.new", 0);
	fd = make_file(folder, "journal.new", data, end);
	if (fd < 0)
		return STORE_UNAVAILABLE;
	status = map_file(fd, end, number, &segment);
	if (status != STORE_OK)
		return status;
	header_fill(segment->header, number, slots, data, end);
	STORE_HOOK("journal header", segment->header, sizeof(*segment->header));
	set_slots(segment);
	file_name(number, name);
	if (renameat(folder, "journal.new", folder, name) != 0) {
		int error = errno;

		segment_unmap(segment);
		errno = error;
		return STORE_UNAVAILABLE;
	}
	*ret = segment;
	return STORE_OK;
}

static bool header_valid(const struct segment_header *header, uint32_t number, size_t size)
{
	return memcmp(header->magic, MAGIC, sizeof(MAGIC)) == 0 && header->version == VERSION && header->number == number &&
	       header->slots >= PAGE / sizeof(uint64_t) && (header->slots & (header->slots - 1)) == 0 && header->slots <= size / 8 &&
	       header->data == PAGE + header->slots * sizeof(uint64_t) && header->data <= size && header->end == size;
}

int segment_map(int folder, uint32_t number, struct segment **ret)
{
	char name[32];
	struct segment *segment;
	struct stat st;
	int fd, status;

	file_name(number, name);
	fd = files_open(folder, name, O_RDWR);
	if (fd < 0)
		return errno == ENOENT ? STORE_ABSENT : STORE_UNAVAILABLE;
	if (fstat(fd, &st) != 0 || st.st_size < (off_t)(2 * PAGE)) {
		close(fd);
		return STORE_DAMAGED;
	}
	status = map_file(fd, (size_t)st.st_size, number, &segment);
	if (status != STORE_OK)
		return status;
	if (!header_valid(segment->header, number, segment->size)) {
		segment_unmap(segment);
		return STORE_DAMAGED;
	}
	set_slots(segment);
	*ret = segment;
	return STORE_OK;
}

void segment_unmap(struct segment *segment)
{
	if (!segment)
		return;
	munmap(segment->map, segment->size);
	close(segment->fd);
	free(segment);
}

int segment_unlink(int folder, uint32_t number)
{
	char name[32];

	file_name(number, name);
	return unlinkat(folder, name, 0);
}

int segment_sync(int fd)
{
	while (fdatasync(fd) != 0)
		if (errno != EINTR)
			return STORE_UNAVAILABLE;
	STORE_HOOK("journal synced", NULL, (size_t)fd);
	return STORE_OK;
}

void segment_taint(struct segment *segment)
{
	uint64_t tail = atomic_load(&segment->header->tail);

	for (uint64_t at = 0; at < tail; at += PAGE)
		atomic_fetch_or((_Atomic uint8_t *)(void *)(segment->map + at), 0);
}

bool segment_used(const struct segment *segment)
{
	return atomic_load(&segment->header->tail) > segment->header->data;
}

/* ---- finding ------------------------------------------------------------------------------------------------------- */

/* The entry at position, if it lies inside the frames and its record's size does too. */
static bool entry_at(const struct segment *segment, uint64_t position, const struct store_key **key, const uint8_t **record)
{
	const uint8_t *p = segment->map + position;

	if (position < segment->header->data || position + STORE_KEY_SIZE + RECORD_HEADER_SIZE > segment->size)
		return false;
	*key = (const struct store_key *)(const void *)p;
	*record = p + STORE_KEY_SIZE;
	return record_size(*record) <= segment->size - position - STORE_KEY_SIZE;
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
			STORE_HOOK("journal slot", slot, sizeof(*slot));
			return true;
		}
	}
}

static int reserve(struct segment *segment, size_t size, uint64_t *ret)
{
	struct segment_header *header = segment->header;
	uint64_t at = atomic_load(&header->tail);

	do {
		if (at + size > segment->size)
			return STORE_TOO_LARGE;
		if (at + size > atomic_load(&header->allocated))
			return STORE_BUSY;
	} while (!atomic_compare_exchange_weak(&header->tail, &at, at + size));
	STORE_HOOK("journal tail", &header->tail, sizeof(header->tail));
	*ret = at;
	return STORE_OK;
}

static uint64_t mark_of(const struct segment *segment, uint64_t position, const struct frame *frame, const uint8_t *const *records,
                        uint64_t seed)
{
	struct marked marked = { .position = htole64(position), .number = htole32(segment->number), .size = htole32(frame->size) };

	for (unsigned i = 0; i < frame->count; i++)
		marked.records[i] = htole64(record_checksum(records[i]));
	return record_sum(&marked, sizeof(marked), seed);
}

static void write_frame(struct segment *segment, uint64_t at, size_t size, const struct segment_entry *entries, unsigned count,
                        uint64_t seed)
{
	struct frame *frame = (struct frame *)(void *)(segment->map + at);
	const uint8_t *records[2] = { entries[0].record, entries[count - 1].record };
	uint8_t *p = segment->map + at + sizeof(*frame);

	for (unsigned i = 0; i < count; i++) {
		memcpy(p, entries[i].key->octets, STORE_KEY_SIZE);
		memcpy(p + STORE_KEY_SIZE, entries[i].record, record_size(entries[i].record));
		STORE_HOOK("journal entry", p, entry_size(entries[i].record));
		p += entry_size(entries[i].record);
	}
	frame->size = (uint32_t)size;
	frame->count = count;
	frame->mark = mark_of(segment, at, frame, records, seed);
	STORE_HOOK("journal frame", frame, sizeof(*frame));
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
	struct segment_header *header = segment->header;
	uint64_t from = atomic_load(&header->allocated), to = atomic_load(&header->tail) + size;
	int error;

	if (to <= from)
		return STORE_OK;
	to = align(to, GROWTH_STEP);
	to = to < segment->size ? to : segment->size;
	do
		error = posix_fallocate(segment->fd, (off_t)from, (off_t)(to - from));
	while (error == EINTR);
	if (error != 0) {
		errno = error;
		return STORE_UNAVAILABLE;
	}
	atomic_store(&header->allocated, to);
	STORE_HOOK("journal room", &header->allocated, sizeof(header->allocated));
	return STORE_OK;
}

/* ---- after a reboot ------------------------------------------------------------------------------------------------ */

/* The frame at position, if it checks; its entries' places go to positions. */
static bool frame_valid(const struct segment *segment, uint64_t at, uint64_t seed, uint64_t positions[2], struct frame *ret)
{
	uint64_t position = at + sizeof(struct frame);
	const uint8_t *records[2];
	const struct store_key *key;

	memcpy(ret, segment->map + at, sizeof(*ret));
	if (ret->count < 1 || ret->count > 2 || ret->size % ALIGNMENT != 0 || ret->size > segment->size - at)
		return false;
	for (unsigned i = 0; i < ret->count; i++) {
		if (!entry_at(segment, position, &key, &records[i]))
			return false;
		positions[i] = position;
		position += entry_size(records[i]);
	}
	if (position != at + ret->size || ret->mark != mark_of(segment, at, ret, records, seed))
		return false;
	for (unsigned i = 0; i < ret->count; i++)
		if (!entry_valid(segment, positions[i], seed, &key, &records[i]))
			return false;
	return true;
}

uint64_t segment_reindex(struct segment *segment, uint64_t seed)
{
	uint64_t at = segment->header->data, found = 0, positions[2];
	struct frame frame;

	memset(segment->map + PAGE, 0, (segment->slot_mask + 1) * sizeof(uint64_t));
	while (at + sizeof(frame) <= segment->size) {
		if (!frame_valid(segment, at, seed, positions, &frame)) {
			at += ALIGNMENT;
			continue;
		}
		for (unsigned i = 0; i < frame.count; i++)
			publish(segment, (const struct store_key *)(const void *)(segment->map + positions[i]), positions[i]);
		at += frame.size;
		found++;
	}
	return found;
}

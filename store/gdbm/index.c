/* index.c - the slots of a segment: from a key to its newest record here. */

#include <endian.h>
#include <string.h>

#include "store/gdbm/control.h"
#include "store/gdbm/frame.h"
#include "store/gdbm/hook.h"
#include "store/store.h"

#define PROBES_MAX 4096u

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
	return (uint64_t)tag << 32 | position / FRAME_ALIGNMENT;
}

static uint64_t slot_position(uint64_t slot)
{
	return (slot & UINT32_MAX) * FRAME_ALIGNMENT;
}

static uint32_t tag_of(const struct store_key *key)
{
	uint32_t tag;

	memcpy(&tag, key->octets, sizeof(tag));
	return le32toh(tag);
}

/* The slots that belong to each shard first: side by side, so that a merge passes them alone. */
static uint64_t region_size(const struct segment *segment)
{
	uint64_t slots = segment->slot_mask + 1;

	return slots < CONTROL_SHARDS ? 1 : slots / CONTROL_SHARDS;
}

static uint64_t probe_start(const struct segment *segment, const struct store_key *key)
{
	uint64_t start, region = region_size(segment);

	memcpy(&start, key->octets + 8, sizeof(start));
	return control_shard_of(key) * region + (start & (region - 1));
}

/* ---- what is bound to its place ------------------------------------------------------------------------------------- */

uint64_t extent_tag(const struct segment *segment, uint64_t at, uint64_t seed)
{
	struct marked marked = { .position = htole64(at), .number = htole32(segment->number) };
	uint64_t tag = record_sum(&marked, sizeof(marked), ~seed);

	return tag ? tag : 1;
}

uint64_t frame_mark(const struct segment *segment, uint64_t position, uint32_t size, uint32_t count, const uint8_t *const *records,
                    uint64_t seed)
{
	struct marked marked = { .position = htole64(position), .number = htole32(segment->number), .size = htole32(size) };
	uint64_t mark;

	for (unsigned i = 0; i < count; i++)
		marked.records[i] = htole64(record_checksum(records[i]));
	mark = record_sum(&marked, sizeof(marked), seed);
	return mark ? mark : 1;
}

/* ---- finding ------------------------------------------------------------------------------------------------------- */

bool entry_at(const struct segment *segment, uint64_t position, const struct store_key **key, const uint8_t **record)
{
	const uint8_t *p = segment->map + position;

	if (position < FRAME_DATA || position + STORE_KEY_SIZE + RECORD_HEADER_SIZE > segment->hot->end)
		return false;
	*key = (const struct store_key *)(const void *)p;
	*record = p + STORE_KEY_SIZE;
	return record_size(*record) <= segment->hot->end - position - STORE_KEY_SIZE;
}

bool entry_valid(const struct segment *segment, uint64_t position, uint64_t seed, const struct store_key **key, const uint8_t **record)
{
	return entry_at(segment, position, key, record) && record_valid(*record, record_size(*record), *key, seed);
}

static bool same_key(const struct store_key *a, const struct store_key *b)
{
	return memcmp(a->octets, b->octets, STORE_KEY_SIZE) == 0;
}

static bool entry_of_slot(const struct segment *segment, uint64_t slot, uint64_t seed, const struct store_key **key, const uint8_t **record)
{
	return entry_valid(segment, slot_position(slot), seed, key, record) && tag_of(*key) == slot >> 32;
}

/* What was damaged in memory may be whole in the journal file, at the same place. */
static bool entry_mended(const struct segment *segment, uint64_t slot, uint64_t seed, const struct store_key **key, const uint8_t **record)
{
	return entry_of_slot(segment, slot, seed, key, record) ||
	       (segment_mend(segment, slot_position(slot), seed) && entry_of_slot(segment, slot, seed, key, record));
}

/*
 * A slot whose tag is the key's but whose entry does not check may have been this key's newest record: then nothing older is served in its
 * place.
 */
int segment_find(const struct segment *segment, const struct store_key *key, uint64_t seed, const uint8_t **ret)
{
	uint64_t at = probe_start(segment, key);
	uint32_t tag = tag_of(key);

	for (unsigned i = 0; i < PROBES_MAX; i++) {
		uint64_t slot = atomic_load_explicit(&segment->slots[(at + i) & segment->slot_mask], memory_order_acquire);
		const struct store_key *found;

		if (slot == 0)
			return STORE_ABSENT;
		if (slot >> 32 != tag)
			continue;
		if (!entry_mended(segment, slot, seed, &found, ret))
			return STORE_DAMAGED;
		if (same_key(found, key))
			return STORE_OK;
	}
	return STORE_ABSENT;
}

bool segment_next(const struct segment *segment, uint64_t *slot, unsigned shard, uint64_t seed, const struct store_key **key,
                  const uint8_t **record, uint64_t *damaged)
{
	uint64_t region = region_size(segment), first = shard * region;

	while (*slot <= segment->slot_mask) {
		uint64_t is = atomic_load_explicit(&segment->slots[(first + *slot) & segment->slot_mask], memory_order_acquire);

		/* What found its region full stands behind it, with no empty slot before it. */
		if (is == 0 && *slot >= region)
			return false;
		(*slot)++;
		if (is == 0 || (is >> 32) % CONTROL_SHARDS != shard)
			continue;
		if (entry_mended(segment, is, seed, key, record))
			return true;
		(*damaged)++;
		if (entry_at(segment, slot_position(is), key, record) && tag_of(*key) == is >> 32) {
			*record = NULL;
			return true;
		}
	}
	return false;
}

uint64_t segment_count(const struct segment *segment)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i <= segment->slot_mask; i++)
		count += atomic_load_explicit(&segment->slots[i], memory_order_relaxed) != 0;
	return count;
}

/* A slot that this key may use: its own, or an empty one; NULL when the index is too crowded. */
static _Atomic uint64_t *slot_for(const struct segment *segment, const struct store_key *key)
{
	uint64_t at = probe_start(segment, key);
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

bool index_has_room(const struct segment *segment, const struct store_key *key)
{
	return slot_for(segment, key) != NULL;
}

/* Another key's writer may take the empty slot first: then the next one is looked for. */
bool index_publish(struct segment *segment, const struct store_key *key, uint64_t position)
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

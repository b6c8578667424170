/*
 * frame.h - how a segment is laid out inside: extents, frames, entries, and the slots that lead to entries. For the files of the segment
 * only (segment.c, index.c, append.c, behind.c).
 */
#ifndef STORE_GDBM_FRAME_H
#define STORE_GDBM_FRAME_H

#include "store/gdbm/segment.h"

#define FRAME_PAGE 4096u
#define FRAME_DATA FRAME_PAGE     /* where the frames begin */
#define FRAME_ALIGNMENT 16u       /* of frames and of the entries in them; positions in slots count in these */
#define FRAME_OCTETS_PER_SLOT 64u /* no record is shorter, so the index is never full */
#define EXTENT_PAGES_MAX 16u      /* of a busy writer; a process of one change takes one page */
#define EXTENT_FULL 0x80000000u

/* At the head of an extent. The tag tells it from a frame's octets that stand at a page's beginning. */
struct extent {
	_Atomic uint32_t used; /* octets, these included; with EXTENT_FULL when its writer has gone on */
	uint32_t pages;
	_Atomic uint64_t tag;
};

/* Before the entries of a frame. */
struct frame {
	uint32_t size;
	uint32_t count;
	_Atomic uint64_t mark; /* with it, it is one */
};

static inline uint64_t frame_align(uint64_t size, uint64_t to)
{
	return (size + to - 1) / to * to;
}

/* True if a hot file's word may be where an extent begins or the frames end; damage may have made it anything. */
static inline bool extent_place(const struct segment_hot *hot, uint64_t at)
{
	return at % FRAME_PAGE == 0 && at >= FRAME_DATA && at <= hot->end;
}

/* The octets that a record takes as an entry, with its key. */
static inline size_t entry_size(const uint8_t *record)
{
	return frame_align(STORE_KEY_SIZE + record_size(record), FRAME_ALIGNMENT);
}

static inline struct extent *extent_at(const struct segment *segment, uint64_t at)
{
	return (struct extent *)(void *)(segment->map + at);
}

/* What an extent at this place of this segment carries. Never 0. */
uint64_t extent_tag(const struct segment *segment, uint64_t at, uint64_t seed);

/* And a frame with these records. Never 0. */
uint64_t frame_mark(const struct segment *segment, uint64_t position, uint32_t size, uint32_t count, const uint8_t *const *records,
                    uint64_t seed);

/* The key and record of the entry at position, if it lies inside the frames and its record's size does too. */
bool entry_at(const struct segment *segment, uint64_t position, const struct store_key **key, const uint8_t **record);

/* As entry_at, and the record checks. */
bool entry_valid(const struct segment *segment, uint64_t position, uint64_t seed, const struct store_key **key, const uint8_t **record);

/* The frame at position, if it checks; its entries' places go to positions. */
bool frame_valid(const struct segment *segment, uint64_t at, uint64_t seed, uint64_t positions[2], struct frame *ret);

/* Brings the entry at position back from the journal file, if it is whole there. */
bool segment_mend(const struct segment *segment, uint64_t position, uint64_t seed);

/* True if the index has a slot that key may use. */
bool index_has_room(const struct segment *segment, const struct store_key *key);

/* Makes the slot of key lead to the entry at position. False when the index is too crowded. */
bool index_publish(struct segment *segment, const struct store_key *key, uint64_t position);

#endif

/*
 * segment.h - one segment of the journal: complete records, appended, and an index that finds the newest of each key.
 *
 * A segment is two files. "hot.NNNNNNNN" is mapped by every process and holds the frames and the slots that lead to them; it outlives any
 * process, but not the boot. "journal.NNNNNNNN" is what a reboot needs: the same frames at the same places, written behind, many at once,
 * by whoever syncs (journal.h). Only so does a change cost no system call, and a sync no page that others have mapped.
 *
 * A frame holds one record with its key, or two that belong together (a rename), and a mark that binds it to this segment, this place and
 * this store. Frames stand in *extents* of some pages, each of which one thread of one process fills, so that writers do not share pages.
 * The order of a change is: write the frame behind the others of the extent, its mark last, raise the extent's count of used octets (one
 * store), publish the slot of its key (one store). A process that dies before the mark has changed nothing; one that dies after it has made
 * the change, and whoever takes its stripe does the rest (segment_end_begun) before anything else: so that of two frames of one key the
 * newer one always has the higher count of changes, on the disk too. Slots are never emptied.
 *
 * After a reboot the hot file is built again from the journal file, and a frame that does not check is passed over, alone.
 *
 * Appending and finding need the stripe of the key (control.h), so that one key has one writer; different keys need nothing.
 */
#ifndef STORE_GDBM_SEGMENT_H
#define STORE_GDBM_SEGMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/record.h"

/* At the head of the journal file; never changed. */
struct segment_header {
	char magic[16];
	uint32_t version;
	uint32_t number;
	uint64_t end; /* where the frames end at the latest */
	uint64_t sum; /* of all before it */
};

/* At the head of the hot file, in a page of its own; then the frames; then the slots; then for each page how much of it is in the journal
 * file. */
struct segment_hot {
	char magic[16];
	uint32_t version;
	uint32_t number;
	uint64_t end;                            /* of the frames */
	uint64_t slots;                          /* a power of two */
	_Atomic uint32_t furnished;              /* room for all behind the frames is promised, and the files' names are lasting */
	uint32_t recovered;                      /* built from the journal file: a GDBM file may have newer records (a restored backup) */
	_Alignas(64) _Atomic uint64_t tail;      /* where the next extent goes */
	_Alignas(64) _Atomic uint64_t allocated; /* up to here the disk has promised room, in both files */
	_Alignas(64) _Atomic uint64_t
	    settled;               /* before here every extent is full and logged; the syncing lock guards this, the next, and the array */
	_Atomic uint32_t unsynced; /* the journal file has something that may not be on the disk */
};

#define SEGMENT_PENS 16u

/* Where a thread of this process is writing: whoever has busy may use the rest. */
struct segment_pen {
	_Alignas(64) _Atomic uint32_t busy;
	uint32_t pages;  /* that its next extent gets */
	uint64_t extent; /* 0: none yet */
	uint64_t at, end;
};

/* One process's view of a segment. */
struct segment {
	struct segment_hot *hot;
	uint8_t *map; /* the hot file */
	size_t size;
	_Atomic uint64_t *slots;
	uint64_t slot_mask;
	_Atomic uint32_t *logged;   /* for the first page of each extent: octets of the extent that the journal file has */
	_Atomic uint32_t published; /* slots that this process wrote to, up to the number that makes it fetch the index whole */
	_Atomic uint32_t narrow;    /* the room is soon at its end: segment_widen should be called */
	uint32_t number;
	int hot_fd, journal_fd;
	struct segment *next; /* journal.c's, when it is no view any more */
	struct segment_pen pens[SEGMENT_PENS];
};

struct segment_entry {
	const struct store_key *key;
	const uint8_t *record;   /* sealed for key */
	_Atomic uint64_t *begun; /* told where the frame goes before it is one (control.h) */
};

/* Octets of frames in a segment unless the store was opened with a journal_size. */
#define SEGMENT_SIZE_MIN (32u << 20)
#define SEGMENT_SIZE_MAX (1u << 30)

/* The octets that a frame of these entries takes. */
size_t segment_frame_size(const struct segment_entry *entries, unsigned count);

/*
 * Makes segment number in folder, for size octets of frames, and maps it. Until it is furnished its files take a page each, their names may
 * not outlive a power cut, and nothing may be appended. STORE_OK or STORE_UNAVAILABLE with errno.
 */
int segment_create(int folder, uint32_t number, size_t size, struct segment **ret);

/* Makes sure that there is disk room for the index, and that the names last; only one at a time. STORE_OK or STORE_UNAVAILABLE with errno.
 */
int segment_furnish(struct segment *segment, int folder);

/* True if it is: then it stays as it is until it is used. */
bool segment_furnished(const struct segment *segment);

/*
 * Maps segment number; damaged heads are put right where the sizes are. STORE_OK; STORE_ABSENT if there is no such file; STORE_DAMAGED if
 * it is none; STORE_UNAVAILABLE with errno.
 */
int segment_map(int folder, uint32_t number, struct segment **ret);

/* As segment_map after a reboot: with an index built from the frames. Nobody else may be in the segment. */
int segment_recover(int folder, uint32_t number, uint64_t seed, struct segment **ret);

/* Ends the use. NULL does nothing. */
void segment_unmap(struct segment *segment);

/* Removes the files of segment number; its mappings stay good. 0, or -1 with errno. */
int segment_unlink(int folder, uint32_t number);

/* Finds the newest record of key here: STORE_OK and *ret into the mapping, STORE_ABSENT, or STORE_DAMAGED. */
int segment_find(const struct segment *segment, const struct store_key *key, uint64_t seed, const uint8_t **ret);

/*
 * Appends the entries (1 or 2) as one frame and publishes them in the order given. STORE_OK; STORE_TOO_LARGE when the segment is full;
 * STORE_BUSY when segment_grow must be called first. pens, up to SEGMENT_PENS: so many threads of this process write at once.
 */
int segment_append(struct segment *segment, const struct segment_entry *entries, unsigned count, uint64_t seed, unsigned pens);

/*
 * Ends what a dead process may have begun: if there is a frame at begun, which an entry was told, then it counts, and the entries of this
 * stripe are published. Once more does no harm as long as nothing newer was published for the stripe; the caller holds it.
 */
void segment_end_begun(struct segment *segment, uint64_t begun, unsigned stripe, uint64_t seed);

/* Promises disk room for at least one more extent with a frame of size octets. STORE_OK or STORE_UNAVAILABLE, errno. */
int segment_grow(struct segment *segment, size_t size);

/* As segment_grow, before the room is at its end, for a thread in the background. */
void segment_widen(struct segment *segment);

/*
 * The key and newest record of the next slot in use, from *slot on (0 at first), whose key belongs to shard; false at the end. *record is
 * NULL where it does not check, which is counted in *damaged; where even the key is lost the slot is passed over. Slots that are filled
 * meanwhile may or may not be met.
 */
bool segment_next(const struct segment *segment, uint64_t *slot, unsigned shard, uint64_t seed, const struct store_key **key,
                  const uint8_t **record, uint64_t *damaged);

/* The number of keys here. */
uint64_t segment_count(const struct segment *segment);

/*
 * Writes to the journal file what it does not have yet, and, if sync, waits until it is on the disk. The caller holds the syncing lock, and
 * keeps the segment mapped. STORE_OK or STORE_UNAVAILABLE with errno; then the next call writes all of it again.
 */
int segment_log(struct segment *segment, uint64_t seed, bool sync);

/*
 * Calls each with every record of the journal file fd that checks in place number, in the order of places; false from each ends it. Nothing
 * else of the file is trusted. STORE_OK, UNAVAILABLE with errno, or NO_MEMORY.
 */
int segment_salvage(int fd, uint32_t number, uint64_t seed, bool (*each)(void *context, const struct store_key *key, const uint8_t *record),
                    void *context);

/* True if any frame was ever begun here. */
bool segment_used(const struct segment *segment);

#endif

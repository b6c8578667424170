/* append.c - writing frames: pens, extents, and room for more of them. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "store/gdbm/control.h"
#include "store/gdbm/frame.h"
#include "store/gdbm/hook.h"
#include "store/store.h"

#define GROWTH_STEP (1u << 20)
#define GROWTH_MAX (8u << 20)
#define INDEX_AFTER 256u /* changes, after which a process fetches the pages of the index at once and not one by one */

size_t segment_frame_size(const struct segment_entry *entries, unsigned count)
{
	size_t size = sizeof(struct frame);

	for (unsigned i = 0; i < count; i++)
		size += entry_size(entries[i].record);
	return size;
}

/* A page that this process has not touched yet costs a fault; many at once cost little more. Where the kernel cannot do it, they just do.
 */
static void fetch_pages(const struct segment *segment, uint64_t from, uint64_t to)
{
#ifdef MADV_POPULATE_WRITE
	(void)madvise(segment->map + from, to - from, MADV_POPULATE_WRITE);
#else
	(void)segment;
	(void)from;
	(void)to;
#endif
}

static void note_published(struct segment *segment)
{
	uint32_t published = atomic_load_explicit(&segment->published, memory_order_relaxed);

	if (published > INDEX_AFTER)
		return;
	atomic_store_explicit(&segment->published, published + 1, memory_order_relaxed);
	if (published == INDEX_AFTER)
		fetch_pages(segment, segment->hot->end, segment->size);
}

static uint64_t growth_of(uint64_t allocated)
{
	return allocated < GROWTH_MAX ? allocated : GROWTH_MAX;
}

/* True if less than half a growth is left, and more can be had. */
static bool narrow(const struct segment *segment, uint64_t tail)
{
	uint64_t allocated = atomic_load(&segment->hot->allocated);

	return allocated < segment->hot->end && tail + growth_of(allocated) / 2 > allocated;
}

/* A segment whose tail is damaged takes no more, as one that is full. */
static int reserve(struct segment *segment, size_t size, uint64_t *ret)
{
	struct segment_hot *hot = segment->hot;
	uint64_t at = atomic_load(&hot->tail);

	do {
		if (!extent_place(hot, at) || size > hot->end - at)
			return STORE_TOO_LARGE;
		if (at + size > atomic_load(&hot->allocated))
			return STORE_BUSY;
	} while (!atomic_compare_exchange_weak(&hot->tail, &at, at + size));
	STORE_HOOK("hot tail", &hot->tail, sizeof(hot->tail));
	*ret = at;
	if (narrow(segment, at + size))
		atomic_store_explicit(&segment->narrow, 1, memory_order_relaxed);
	return STORE_OK;
}

/* ---- extents ------------------------------------------------------------------------------------------------------- */

/* Threads begin at different pens, so that none waits as long as there are enough. */
static struct segment_pen *pen_take(struct segment *segment, unsigned pens)
{
	static _Atomic unsigned threads;
	static _Thread_local unsigned mine;

	if (mine == 0)
		mine = atomic_fetch_add(&threads, 1) + 1;
	for (unsigned i = 0;; i++) {
		struct segment_pen *pen = &segment->pens[(mine + i) % pens];

		if (atomic_exchange_explicit(&pen->busy, 1, memory_order_acquire) == 0)
			return pen;
		if (i % pens == pens - 1)
			sched_yield();
	}
}

static void pen_give(struct segment_pen *pen)
{
	atomic_store_explicit(&pen->busy, 0, memory_order_release);
}

static uint32_t pages_max(const struct segment *segment)
{
	uint64_t share = (segment->hot->end - FRAME_DATA) / FRAME_PAGE / (2 * SEGMENT_PENS);

	return share < 1 ? 1 : share < EXTENT_PAGES_MAX ? (uint32_t)share : EXTENT_PAGES_MAX;
}

static void extent_begin(struct segment *segment, struct segment_pen *pen, uint64_t at, uint32_t pages, uint64_t seed)
{
	struct extent *extent = extent_at(segment, at);

	if (pages > 1)
		fetch_pages(segment, at, at + (uint64_t)pages * FRAME_PAGE);
	extent->pages = pages;
	atomic_store_explicit(&extent->used, sizeof(*extent), memory_order_relaxed);
	atomic_store_explicit(&extent->tag, extent_tag(segment, at, seed), memory_order_release);
	STORE_HOOK("hot extent", extent, sizeof(*extent));
	pen->extent = at;
	pen->at = at + sizeof(*extent);
	pen->end = at + (uint64_t)pages * FRAME_PAGE;
	pen->pages = 2 * pages < pages_max(segment) ? 2 * pages : pages_max(segment);
}

static void extent_end(struct segment *segment, struct segment_pen *pen)
{
	struct extent *extent = extent_at(segment, pen->extent);

	atomic_store_explicit(&extent->used, (uint32_t)(pen->at - pen->extent) | EXTENT_FULL, memory_order_release);
	STORE_HOOK("hot full", extent, sizeof(*extent));
	pen->extent = 0;
}

/* Makes sure that the pen has room for a frame of size octets. */
static int pen_room(struct segment *segment, struct segment_pen *pen, size_t size, uint64_t seed)
{
	uint32_t least = (uint32_t)((sizeof(struct extent) + size + FRAME_PAGE - 1) / FRAME_PAGE), pages;
	uint64_t at;
	int status;

	if (pen->extent && pen->at + size <= pen->end)
		return STORE_OK;
	pages = pen->pages > least ? pen->pages : least;
	status = reserve(segment, (size_t)pages * FRAME_PAGE, &at);
	if (status == STORE_TOO_LARGE && pages > least) {
		pages = least;
		status = reserve(segment, (size_t)pages * FRAME_PAGE, &at);
	}
	if (status != STORE_OK)
		return status;
	if (pen->extent)
		extent_end(segment, pen);
	extent_begin(segment, pen, at, pages, seed);
	return STORE_OK;
}

/* ---- frames -------------------------------------------------------------------------------------------------------- */

static uint64_t begun_make(const struct segment *segment, uint64_t at)
{
	return (uint64_t)segment->number << 32 | at / FRAME_ALIGNMENT;
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
		STORE_HOOK("hot entry", p, entry_size(entries[i].record));
		p += entry_size(entries[i].record);
	}
	frame->size = (uint32_t)size;
	frame->count = count;
	for (unsigned i = 0; i < count; i++) {
		atomic_store_explicit(entries[i].begun, begun_make(segment, at), memory_order_relaxed);
		STORE_HOOK("control begun", entries[i].begun, sizeof(*entries[i].begun));
	}
	atomic_store_explicit(&frame->mark, frame_mark(segment, at, (uint32_t)size, count, records, seed), memory_order_release);
	STORE_HOOK("hot frame", frame, sizeof(*frame));
}

/* Writes the frame where the pen is; from the last store on it is in the journal. */
static int pen_write(struct segment *segment, struct segment_pen *pen, const struct segment_entry *entries, unsigned count, uint64_t seed,
                     uint64_t *ret)
{
	size_t size = segment_frame_size(entries, count);
	int status = pen_room(segment, pen, size, seed);
	struct extent *extent;

	if (status != STORE_OK)
		return status;
	write_frame(segment, pen->at, size, entries, count, seed);
	*ret = pen->at;
	pen->at += size;
	extent = extent_at(segment, pen->extent);
	atomic_store_explicit(&extent->used, (uint32_t)(pen->at - pen->extent), memory_order_release);
	STORE_HOOK("hot used", extent, sizeof(*extent));
	return STORE_OK;
}

int segment_append(struct segment *segment, const struct segment_entry *entries, unsigned count, uint64_t seed, unsigned pens)
{
	struct segment_pen *pen;
	uint64_t at, position;
	int status;

	for (unsigned i = 0; i < count; i++)
		if (!index_has_room(segment, entries[i].key))
			return STORE_TOO_LARGE;
	pen = pen_take(segment, pens);
	status = pen_write(segment, pen, entries, count, seed, &at);
	pen_give(pen);
	if (status != STORE_OK)
		return status;
	position = at + sizeof(struct frame);
	for (unsigned i = 0; i < count; i++) {
		if (!index_publish(segment, entries[i].key, position))
			return STORE_UNAVAILABLE;
		position += entry_size(entries[i].record);
	}
	note_published(segment);
	return STORE_OK;
}

/* ---- what a dead process had begun ---------------------------------------------------------------------------------- */

/* The place of the extent that the frame at this place is in; it has a tag, for it came first. 0: none has. */
static uint64_t extent_around(const struct segment *segment, uint64_t at, uint64_t seed)
{
	for (at -= at % FRAME_PAGE; at >= FRAME_DATA; at -= FRAME_PAGE)
		if (atomic_load_explicit(&extent_at(segment, at)->tag, memory_order_acquire) == extent_tag(segment, at, seed))
			return at;
	return 0;
}

/* Two who come after one dead process may do this for two frames in one extent. */
static void count_used(struct extent *extent, uint32_t octets)
{
	uint32_t used = atomic_load(&extent->used);

	while ((used & ~EXTENT_FULL) < octets && !atomic_compare_exchange_weak(&extent->used, &used, octets | (used & EXTENT_FULL)))
		;
	STORE_HOOK("hot used", extent, sizeof(*extent));
}

void segment_end_begun(struct segment *segment, uint64_t begun, unsigned stripe, uint64_t seed)
{
	uint64_t at = (begun & UINT32_MAX) * FRAME_ALIGNMENT, extent, positions[2];
	struct frame frame;

	if (at < FRAME_DATA || at + sizeof(frame) > segment->hot->end || !frame_valid(segment, at, seed, positions, &frame))
		return;
	extent = extent_around(segment, at, seed);
	if (extent == 0)
		return;
	count_used(extent_at(segment, extent), (uint32_t)(at + frame.size - extent));
	for (unsigned i = 0; i < frame.count; i++) {
		const struct store_key *key = (const struct store_key *)(const void *)(segment->map + positions[i]);

		if (control_stripe_of(key) == stripe)
			(void)index_publish(segment, key, positions[i]);
	}
}

/* ---- room ---------------------------------------------------------------------------------------------------------- */

int segment_grow(struct segment *segment, size_t size)
{
	struct segment_hot *hot = segment->hot;
	uint64_t from = atomic_load(&hot->allocated), most = growth_of(from), to;
	int error;

	to = atomic_load(&hot->tail) + frame_align(size + sizeof(struct extent), FRAME_PAGE) + EXTENT_PAGES_MAX * FRAME_PAGE;
	to = frame_align(to > from + most ? to : from + most, GROWTH_STEP);
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
	while (from < to && !atomic_compare_exchange_weak(&hot->allocated, &from, to))
		;
	STORE_HOOK("hot room", &hot->allocated, sizeof(hot->allocated));
	return STORE_OK;
}

void segment_widen(struct segment *segment)
{
	if (narrow(segment, atomic_load(&segment->hot->tail)))
		(void)segment_grow(segment, 0);
}

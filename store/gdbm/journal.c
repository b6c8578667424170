/* journal.c - the segments of the journal together: finding, appending, beginning a new one, group commit. */

#include "store/gdbm/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/gdbm/files.h"
#include "store/gdbm/hook.h"
#include "store/store.h"

#define FRAME_SPACE 4096u  /* what a segment of one frame needs besides it */
#define SYNC_WAIT_MS 5000u /* a sync can take long on a busy disk; the operation is done, so the wait is generous */
#define SYNC_NAP_MS 20u
#define QUIESCE_RUN 64u /* stripes that are passed without a rest */

void journal_init(struct journal *journal, int folder, struct control *control, uint64_t seed, size_t segment_size, unsigned wait_ms)
{
	journal->folder = folder;
	journal->control = control;
	journal->seed = seed;
	journal->segment_size = segment_size;
	journal->wait_ms = wait_ms;
	journal->pens = SEGMENT_PENS;
	atomic_store(&journal->syncing, NULL);
	atomic_store(&journal->gone, NULL);
	atomic_store(&journal->prepared, 0);
	atomic_store(&journal->furnished, 0);
	atomic_store(&journal->retired, 0);
	atomic_store(&journal->narrow, 0);
	for (unsigned i = 0; i < JOURNAL_VIEWS; i++) {
		atomic_store(&journal->views[i], NULL);
		atomic_store(&journal->numbers[i], 0);
	}
}

/* ---- views --------------------------------------------------------------------------------------------------------- */

/* Views come and go without a lock: a thread that lost the processor with it, a merge's, would be in the way of requests. */
static void let_go(struct journal *journal, struct segment *segment)
{
	segment->next = atomic_load(&journal->gone);
	while (!atomic_compare_exchange_weak(&journal->gone, &segment->next, segment))
		;
}

/* A sync that begins meanwhile finds that its segment is no view (sync_begin). */
static void unmap_gone(struct journal *journal)
{
	struct segment *next, *segment = atomic_exchange(&journal->gone, NULL);

	for (; segment; segment = next) {
		next = segment->next;
		if (segment == atomic_load(&journal->syncing))
			let_go(journal, segment);
		else
			segment_unmap(segment);
	}
}

void journal_free(struct journal *journal)
{
	for (unsigned i = 0; i < JOURNAL_VIEWS; i++)
		segment_unmap(atomic_exchange(&journal->views[i], NULL));
	unmap_gone(journal);
}

/* Takes the view in this place out, if it is the one of this number. */
static void take_view(struct journal *journal, unsigned place, uint32_t number)
{
	struct segment *segment = atomic_load(&journal->views[place]);

	if (segment && atomic_load(&journal->numbers[place]) == number &&
	    atomic_compare_exchange_strong(&journal->views[place], &segment, NULL))
		let_go(journal, segment);
}

/*
 * Makes segment the view of its number, unless another thread's is; returns the one that is, and the other goes. A view whose place is
 * wanted is of a segment that was retired long ago: fewer than JOURNAL_VIEWS are ever in use.
 */
static struct segment *set_view(struct journal *journal, struct segment *segment)
{
	unsigned place = segment->number % JOURNAL_VIEWS;
	uint32_t before = atomic_load(&journal->numbers[place]);
	struct segment *view = NULL;

	if (before != segment->number) {
		take_view(journal, place, before);
		atomic_compare_exchange_strong(&journal->numbers[place], &before, segment->number);
	}
	if (atomic_compare_exchange_strong(&journal->views[place], &view, segment))
		view = segment;
	else
		let_go(journal, segment);
	unmap_gone(journal);
	return view;
}

/* A segment's files go when it has left the list; if they go before, somebody else took them, and what they hold must not be passed over.
 */
static int absent(const struct journal *journal, uint32_t number)
{
	if (number < control_first(atomic_load(&journal->control->segments)))
		return STORE_ABSENT;
	errno = ENOENT;
	return STORE_UNAVAILABLE;
}

static int map_view(struct journal *journal, uint32_t number, struct segment **ret)
{
	struct segment *segment;
	int status = segment_map(journal->folder, number, &segment);

	if (status == STORE_OK)
		*ret = set_view(journal, segment);
	return status == STORE_ABSENT ? absent(journal, number) : status;
}

int journal_segment(struct journal *journal, uint32_t number, struct segment **ret)
{
	unsigned place = number % JOURNAL_VIEWS;

	if (atomic_load_explicit(&journal->numbers[place], memory_order_acquire) == number &&
	    (*ret = atomic_load_explicit(&journal->views[place], memory_order_acquire)))
		return STORE_OK;
	return map_view(journal, number, ret);
}

void journal_retire(struct journal *journal)
{
	uint32_t retired = control_retired(journal->control);

	unmap_gone(journal);
	if (atomic_exchange(&journal->retired, retired) == retired)
		return;
	for (unsigned i = 0; i < JOURNAL_VIEWS; i++) {
		uint32_t number = atomic_load(&journal->numbers[i]);

		if (number < retired)
			take_view(journal, i, number);
	}
	unmap_gone(journal);
}

/* ---- stripes ------------------------------------------------------------------------------------------------------- */

/*
 * A frame that is whole is a change that was made: it may be on the disk already, so it must not be forgotten here and come back after a
 * reboot. What is seen of it is also what others answer, so it gets a ticket. A segment that was merged has no unfinished frames.
 */
static int end_begun(struct journal *journal, unsigned number)
{
	struct control_stripe *stripe = &journal->control->stripes[number];
	uint64_t begun = atomic_load(&stripe->begun);
	struct segment *segment;
	int status;

	if (begun >> 32 >= control_first(atomic_load(&journal->control->segments))) {
		status = journal_segment(journal, (uint32_t)(begun >> 32), &segment);
		if (status != STORE_OK)
			return status == STORE_ABSENT ? STORE_UNAVAILABLE : status;
		/* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): journal_segment has set it where it is STORE_OK */
		segment_end_begun(segment, begun, number, journal->seed);
	}
	(void)journal_ticket(journal);
	atomic_store(&stripe->orphaned, 0);
	STORE_HOOK("control orphaned", &stripe->orphaned, sizeof(stripe->orphaned));
	return STORE_OK;
}

int journal_lock(struct journal *journal, unsigned number, const struct timespec *deadline)
{
	struct control_stripe *stripe = &journal->control->stripes[number];
	int status = control_lock_stripe(stripe, deadline);

	if (status != STORE_OK || !atomic_load_explicit(&stripe->orphaned, memory_order_relaxed))
		return status;
	status = end_begun(journal, number);
	if (status != STORE_OK)
		control_unlock(&stripe->lock);
	return status;
}

int journal_quiesce(struct journal *journal, unsigned wait_ms)
{
	struct timespec deadline;

	control_deadline(wait_ms, &deadline);
	for (unsigned i = 0; i < CONTROL_STRIPES; i++) {
		int status;

		if (i % QUIESCE_RUN == 0)
			control_rest();
		status = journal_lock(journal, i, &deadline);
		if (status != STORE_OK)
			return status;
		control_unlock(&journal->control->stripes[i].lock);
	}
	return STORE_OK;
}

/* ---- finding and appending ----------------------------------------------------------------------------------------- */

int journal_find(struct journal *journal, const struct store_key *key, const uint8_t **ret, bool *recovered)
{
	uint64_t segments = atomic_load(&journal->control->segments);

	for (uint32_t n = control_last(segments);; n--) {
		struct segment *segment;
		int status = journal_segment(journal, n, &segment);

		if (status == STORE_DAMAGED) { /* nobody knows what was there: that is no answer about this key */
			errno = EIO;
			return STORE_UNAVAILABLE;
		}
		if (status == STORE_OK)
			status = segment_find(segment, key, journal->seed, ret);
		*recovered = status == STORE_OK && segment->hot->recovered;
		if (status != STORE_ABSENT)
			return status;
		if (n == control_first(segments))
			return STORE_ABSENT;
	}
}

/* A quarter of what is stored: then a merge, which copies all of it, is paid for by enough changes. */
static size_t next_size(const struct journal *journal, size_t frame)
{
	uint64_t size = 0;
	struct stat st;
	char name[32];

	if (journal->segment_size > 0)
		return journal->segment_size > frame + FRAME_SPACE ? journal->segment_size : frame + FRAME_SPACE;
	for (unsigned i = 0; i < CONTROL_SHARDS; i++) {
		snprintf(name, sizeof(name), "%02u.gdbm", i);
		if (fstatat(journal->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			size += (uint64_t)st.st_size;
	}
	size /= 4;
	return size < SEGMENT_SIZE_MIN ? SEGMENT_SIZE_MIN : size > SEGMENT_SIZE_MAX ? SEGMENT_SIZE_MAX : (size_t)size;
}

/* True if nothing was ever written to the segment, and the frame has room in it. */
static bool fresh(const struct segment *segment, size_t frame)
{
	return !segment_used(segment) && !segment->hot->recovered && segment->hot->end >= frame + FRAME_SPACE;
}

/* The prepared segment of this number, if the frame has room in it. */
static int prepared_segment(struct journal *journal, uint32_t number, size_t frame, struct segment **ret)
{
	int status = segment_map(journal->folder, number, ret);

	if (status == STORE_OK && !fresh(*ret, frame)) {
		segment_unmap(*ret);
		status = STORE_ABSENT;
	}
	return status;
}

/*
 * The segment of this number, of prepared files or of new ones. The caller holds the preparing lock. Another one may use the segment
 * meanwhile, be through with it, and remove it: so it is asked whether that has begun when it is known that the files are to be made.
 */
static int new_segment(struct journal *journal, uint32_t number, size_t frame, struct segment **ret)
{
	int status = prepared_segment(journal, number, frame, ret);

	if ((status == STORE_ABSENT || status == STORE_DAMAGED) && control_last(atomic_load(&journal->control->segments)) < number)
		status = segment_create(journal->folder, number, next_size(journal, frame), ret);
	return status;
}

static int furnished_segment(struct journal *journal, uint32_t number, size_t frame, struct segment **ret)
{
	int status = new_segment(journal, number, frame, ret), error;

	if (status != STORE_OK)
		return status;
	status = segment_furnish(*ret, journal->folder);
	if (status != STORE_OK) {
		error = errno;
		segment_unmap(*ret);
		errno = error;
	}
	return status;
}

static int make_locked(struct journal *journal, uint32_t number, size_t frame, struct segment **ret)
{
	struct timespec deadline;
	int status;

	control_deadline(journal->wait_ms, &deadline);
	status = control_lock(&journal->control->preparing, &deadline);
	if (status != STORE_OK)
		return status;
	status = furnished_segment(journal, number, frame, ret);
	control_unlock(&journal->control->preparing);
	return status;
}

/*
 * The next segment, if its files are ready, else NULL. One that is furnished is not made anew by anyone but who holds the growth lock and
 * finds it wanting; and it takes its time to map it: so neither that lock nor the preparing lock is held here.
 */
static struct segment *ready_segment(struct journal *journal, uint32_t number, size_t frame)
{
	struct segment *segment;

	if (prepared_segment(journal, number, frame, &segment) != STORE_OK)
		return NULL;
	if (segment_furnished(segment))
		return segment;
	segment_unmap(segment);
	return NULL;
}

/* No view of it is kept: until it is furnished its files may be made anew. */
static void prepare(struct journal *journal, uint32_t number, _Atomic uint32_t *done,
                    int (*make)(struct journal *journal, uint32_t number, size_t frame, struct segment **ret))
{
	struct segment *segment;

	if (atomic_load(done) == number || control_try(&journal->control->preparing) != STORE_OK)
		return;
	if (make(journal, number, 0, &segment) == STORE_OK) {
		segment_unmap(segment);
		atomic_store(done, number);
	}
	control_unlock(&journal->control->preparing);
}

/* Whoever runs out of room before this has made more waits for the disk, and the others for him. */
static void widen(struct journal *journal)
{
	uint32_t last = control_last(atomic_load(&journal->control->segments));
	struct segment *segment;

	if (!atomic_exchange(&journal->narrow, 0) || control_try(&journal->control->preparing) != STORE_OK)
		return;
	if (segment_map(journal->folder, last, &segment) == STORE_OK) {
		segment_widen(segment);
		segment_unmap(segment);
	}
	control_unlock(&journal->control->preparing);
}

/* In this order, so that no power cut can leave a gap between the names: the segment after the next is begun when the next one's last. */
void journal_prepare(struct journal *journal)
{
	uint32_t last;

	widen(journal);
	last = control_last(atomic_load(&journal->control->segments));
	prepare(journal, last + 1, &journal->furnished, furnished_segment);
	if (atomic_load(&journal->furnished) == last + 1)
		prepare(journal, last + JOURNAL_AHEAD, &journal->prepared, new_segment);
}

/* Begins segment last + 1, which is *next if there is one; it becomes NULL when it is used. The caller holds the growth lock. */
static int begin_next(struct journal *journal, uint32_t last, size_t frame, struct segment **next)
{
	uint64_t segments = atomic_load(&journal->control->segments);
	int status = STORE_OK;

	if (control_last(segments) != last)
		return STORE_OK;
	if (last - control_first(segments) + 1 >= CONTROL_SEGMENTS_MAX)
		return STORE_BUSY;
	if (!*next)
		status = make_locked(journal, last + 1, frame, next);
	if (status != STORE_OK) {
		*next = NULL; /* it may have been made, and let go */
		return status;
	}
	(void)set_view(journal, *next);
	*next = NULL;
	/* A merge may raise the first meanwhile; the last is ours alone. */
	while (!atomic_compare_exchange_weak(&journal->control->segments, &segments, (segments & ~(uint64_t)UINT32_MAX) | (last + 1)))
		;
	STORE_HOOK("control segments", &journal->control->segments, sizeof(journal->control->segments));
	return STORE_OK;
}

/* As make_room, with the segment after the active one, or NULL. */
static int make_room_locked(struct journal *journal, struct segment *active, int status, size_t frame, struct segment **next)
{
	struct timespec deadline;
	int locked;

	control_deadline(journal->wait_ms, &deadline);
	locked = control_lock(&journal->control->growth, &deadline);
	if (locked != STORE_OK)
		return locked;
	if (status == STORE_BUSY)
		status = segment_grow(active, frame);
	else
		status = begin_next(journal, active->number, frame, next);
	control_unlock(&journal->control->growth);
	return status;
}

/* Makes room for a frame: more of the active segment when status is STORE_BUSY, the next segment when it is STORE_TOO_LARGE. */
static int make_room(struct journal *journal, struct segment *active, int status, size_t frame)
{
	struct segment *next = NULL;
	struct files_shield shield;
	int error;

	files_shield(&shield);
	if (status == STORE_TOO_LARGE)
		next = ready_segment(journal, active->number + 1, frame);
	status = make_room_locked(journal, active, status, frame, &next);
	error = errno;
	segment_unmap(next);
	files_unshield(&shield);
	errno = error;
	return status;
}

int journal_append(struct journal *journal, const struct segment_entry *entries, unsigned count)
{
	for (;;) {
		uint32_t last = control_last(atomic_load(&journal->control->segments));
		struct segment *active;
		int status = journal_segment(journal, last, &active);

		if (status != STORE_OK)
			return status == STORE_ABSENT || status == STORE_DAMAGED ? STORE_UNAVAILABLE : status;
		status = segment_append(active, entries, count, journal->seed, journal->pens);
		if (atomic_load_explicit(&active->narrow, memory_order_relaxed) && atomic_exchange(&active->narrow, 0))
			atomic_store(&journal->narrow, 1);
		if (status != STORE_BUSY && status != STORE_TOO_LARGE)
			return status;
		status = make_room(journal, active, status, segment_frame_size(entries, count));
		if (status != STORE_OK)
			return status;
	}
}

int journal_freeze(struct journal *journal)
{
	uint32_t last = control_last(atomic_load(&journal->control->segments));
	struct segment *active;
	int status = journal_segment(journal, last, &active);

	if (status != STORE_OK || !segment_used(active))
		return status;
	return make_room(journal, active, STORE_TOO_LARGE, 0);
}

/* ---- group commit -------------------------------------------------------------------------------------------------- */

uint64_t journal_ticket(struct journal *journal)
{
	uint64_t ticket = atomic_fetch_add(&journal->control->written, 1) + 1;

	STORE_HOOK("control written", &journal->control->written, sizeof(journal->control->written));
	return ticket;
}

/*
 * The view of a segment, kept until sync_end, or NULL if there is none. It is not made: who syncs holds nothing that keeps a segment from
 * being retired. One at a time: the caller holds the syncing lock.
 */
static struct segment *sync_begin(struct journal *journal, uint32_t number)
{
	_Atomic(struct segment *) *view = &journal->views[number % JOURNAL_VIEWS];
	struct segment *segment;

	do
		atomic_store(&journal->syncing, segment = atomic_load(view));
	while (segment != atomic_load(view));
	return segment && segment->number == number ? segment : NULL;
}

static void sync_end(struct journal *journal)
{
	atomic_store(&journal->syncing, NULL);
	unmap_gone(journal);
}

/* A segment that is gone was merged, and the GDBM files are synced. */
static int log_unseen(struct journal *journal, uint32_t number, bool sync)
{
	struct segment *segment;
	int status = segment_map(journal->folder, number, &segment), error;

	if (status != STORE_OK)
		return status == STORE_ABSENT && absent(journal, number) == STORE_ABSENT ? STORE_OK : STORE_UNAVAILABLE;
	status = segment_log(segment, journal->seed, sync);
	error = errno;
	segment_unmap(segment);
	errno = error;
	return status;
}

static int log_segment(struct journal *journal, uint32_t number, bool sync)
{
	struct segment *segment = sync_begin(journal, number);
	int status = segment ? segment_log(segment, journal->seed, sync) : log_unseen(journal, number, sync), error = errno;

	sync_end(journal);
	errno = error;
	return status;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* The caller holds the syncing lock. */
static int log_live(struct journal *journal, bool sync)
{
	struct control *control = journal->control;
	uint64_t ticket = atomic_load(&control->written), segments = atomic_load(&control->segments);
	int64_t began = now_ms();
	int status = STORE_OK;

	for (uint32_t n = control_first(segments); n <= control_last(segments) && status == STORE_OK; n++)
		status = log_segment(journal, n, sync);
	atomic_store(&control->sync_error, status == STORE_OK ? 0 : errno ? errno : EIO);
	STORE_HOOK("control sync error", &control->sync_error, sizeof(control->sync_error));
	if (status == STORE_OK && sync) {
		atomic_store(&control->sync_began, began);
		STORE_HOOK("control sync began", &control->sync_began, sizeof(control->sync_began));
		atomic_store(&control->synced, ticket);
		STORE_HOOK("control synced", &control->synced, sizeof(control->synced));
	}
	return status;
}

/* The caller has the syncing lock; whoever waits for this sync looks again. */
static int lead(struct journal *journal, bool sync)
{
	struct files_shield shield;
	int status, error;

	files_shield(&shield);
	status = log_live(journal, sync);
	error = errno;
	files_unshield(&shield);
	control_unlock(&journal->control->syncing);
	control_wake(&journal->control->sync_turn);
	STORE_HOOK("control sync turn", &journal->control->sync_turn, sizeof(journal->control->sync_turn));
	errno = error;
	return status;
}

/*
 * Whoever gets the lock syncs for all; the others sleep until that has ended, and not on the lock itself, which would let them pass one by
 * one. A leader that is killed wakes nobody, so no one sleeps for long.
 */
int journal_sync(struct journal *journal, uint64_t ticket)
{
	struct control *control = journal->control;
	struct timespec deadline;

	control_deadline(journal->wait_ms + SYNC_WAIT_MS, &deadline);
	while (atomic_load(&control->synced) < ticket) {
		uint32_t turn = atomic_load(&control->sync_turn);
		int status = control_try(&control->syncing);

		if (status == STORE_OK) {
			sched_yield(); /* those whom the last sync woke may have their next change ready */
			status = lead(journal, true);
		} else if (status == STORE_BUSY && control_past(&deadline))
			return STORE_BUSY;
		else if (status == STORE_BUSY && atomic_load(&control->synced) < ticket)
			control_sleep(&control->sync_turn, turn, SYNC_NAP_MS);
		if (status != STORE_OK && status != STORE_BUSY)
			return status;
	}
	return STORE_OK;
}

int journal_log(struct journal *journal)
{
	int status = control_try(&journal->control->syncing);

	if (status != STORE_OK)
		return status;
	return lead(journal, false);
}

int journal_sync_all(struct journal *journal)
{
	struct timespec deadline;
	int status;

	control_deadline(journal->wait_ms + SYNC_WAIT_MS, &deadline);
	status = control_lock(&journal->control->syncing, &deadline);
	if (status != STORE_OK)
		return status;
	return lead(journal, true);
}

int journal_sync_older(struct journal *journal, unsigned age_ms)
{
	if (atomic_load(&journal->control->sync_error) == 0 && now_ms() - atomic_load(&journal->control->sync_began) < age_ms)
		return STORE_OK;
	return journal_sync_all(journal);
}

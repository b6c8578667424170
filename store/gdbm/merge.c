/* merge.c - moves records from the journal into the GDBM files. */

#include "store/gdbm/merge.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "store/gdbm/base.h"
#include "store/gdbm/control.h"
#include "store/gdbm/files.h"
#include "store/gdbm/hook.h"
#include "store/gdbm/journal.h"
#include "store/store.h"

#define RECORD_SPACE 256u     /* octets that one more record makes a GDBM file grow besides its own, generously */
#define FILE_SPACE (1u << 20) /* and for buckets and a directory */
#define WASTE 5u              /* halves: a file of this many times its records' octets is written anew; a fresh one has three or so */
#define BATCH 8u              /* shards whose new files are put in place together */
#define SWEEP_PAUSE 60        /* seconds at least between two looks through one shard */
#define DEADLINES_MAX 4096u   /* sampled in one look */

/* ---- what is to go into one shard ----------------------------------------------------------------------------------- */

/* A place in the frozen segments, newest first, that gives each key of a shard once. */
struct source {
	const struct merge *merge;
	uint32_t first, last; /* the frozen ones; last + 1 is the active one at the beginning */
	unsigned shard;
	uint32_t at;
	uint64_t slot;
	uint64_t damaged;
};

static void source_begin(struct source *source, const struct merge *merge, uint32_t first, uint32_t last, unsigned shard)
{
	*source = (struct source){ .merge = merge, .first = first, .last = last, .shard = shard, .at = last };
}

/* A newer record of key is in the journal (though it be damaged: nothing older is served in its place): then that one is to be merged, now
 * or when its segment is. */
static bool superseded(const struct source *source, const struct store_key *key)
{
	struct journal *journal = source->merge->journal;
	uint32_t newest = control_last(atomic_load(&journal->control->segments));
	struct segment *segment;
	const uint8_t *record;

	for (uint32_t n = newest; n > source->at; n--)
		if (journal_segment(journal, n, &segment) == STORE_OK && segment_find(segment, key, journal->seed, &record) != STORE_ABSENT)
			return true;
	return false;
}

/* STORE_OK with the next record, STORE_ABSENT at the end, or why a segment cannot be read. */
static int source_next(struct source *source, const struct store_key **key, const uint8_t **record)
{
	struct journal *journal = source->merge->journal;

	while (source->at >= source->first) {
		struct segment *segment;
		int status = journal_segment(journal, source->at, &segment);

		if (status != STORE_OK && status != STORE_ABSENT)
			return status;
		while (status == STORE_OK &&
		       segment_next(segment, &source->slot, source->shard, journal->seed, key, record, &source->damaged))
			if (!superseded(source, *key))
				return STORE_OK;
		source->slot = 0;
		if (source->at-- == 0)
			break;
	}
	return STORE_ABSENT;
}

/* How many records there are, and the room that they may need. */
static int source_count(const struct source *begun, uint64_t *ret, size_t *space)
{
	struct source source = *begun;
	const struct store_key *key;
	const uint8_t *record;
	int status;

	*ret = 0;
	*space = FILE_SPACE;
	while ((status = source_next(&source, &key, &record)) == STORE_OK) {
		(*ret)++;
		*space += RECORD_SPACE + (record ? 2 * record_size(record) : 0);
	}
	return status == STORE_ABSENT ? STORE_OK : status;
}

/* ---- one shard ----------------------------------------------------------------------------------------------------- */

/* Carries the living records of the old file over into an empty new one. */
struct survivors {
	struct base_merge *to;
	int64_t now;
	uint64_t dead;
	int status;
};

static bool carry_over(void *context, const struct store_key *key, const uint8_t *record)
{
	struct survivors *survivors = context;

	if (survivors->now >= record_deadline(record)) {
		survivors->dead++;
		return true;
	}
	survivors->status = base_merge_put(survivors->to, key, record);
	return survivors->status == STORE_OK;
}

static void count_damage(const struct merge *merge, uint64_t damaged)
{
	if (damaged > 0)
		atomic_fetch_add(&merge->journal->control->damaged, damaged);
}

/* What GDBM reads of a damaged file is not to be relied on: all of it is read again, without GDBM. The file itself is kept. */
static int rescue(const struct merge *merge, unsigned shard, size_t space, struct survivors *survivors)
{
	uint64_t lost = 0;
	int status = base_set_aside(merge->base, shard);

	base_merge_abandon(survivors->to);
	survivors->to = NULL;
	if (status == STORE_OK)
		status = base_merge_begin(merge->base, shard, true, 2 * base_shard_size(merge->base, shard) + space, &survivors->to);
	if (status != STORE_OK)
		return status;
	survivors->dead = 0;
	survivors->status = STORE_OK;
	status = base_rescue(merge->base, shard, "", carry_over, survivors, &lost);
	return status == STORE_ABSENT ? STORE_OK : status;
}

/* Begins a new file with only what lives; damaged: the old one is known to be. */
static int begin_anew(const struct merge *merge, unsigned shard, bool damaged, size_t space, int64_t now, struct base_merge **ret,
                      uint64_t *dead)
{
	struct survivors survivors = { .now = now, .status = STORE_OK };
	uint64_t places = damaged;
	int status = base_merge_begin(merge->base, shard, true, 2 * base_shard_size(merge->base, shard) + space, &survivors.to);

	if (status != STORE_OK)
		return status;
	if (!damaged)
		status = base_each(merge->base, shard, carry_over, &survivors, &places);
	count_damage(merge, places + (status == STORE_DAMAGED));
	if (places > 0 || status == STORE_DAMAGED)
		status = rescue(merge, shard, space, &survivors);
	if (status == STORE_OK)
		status = survivors.status;
	if (status != STORE_OK) {
		base_merge_abandon(survivors.to);
		return status;
	}
	*ret = survivors.to;
	*dead = survivors.dead;
	return STORE_OK;
}

/* A record that was read back after a reboot is older than the GDBM file's, where that one was copied later. */
static bool outdated(const struct source *source, const struct store_key *key, const uint8_t *record)
{
	const struct merge *merge = source->merge;
	struct segment *segment;
	struct record stored;
	bool older;

	if (!record || journal_segment(merge->journal, source->at, &segment) != STORE_OK || !segment->hot->recovered)
		return false;
	record_init(&stored);
	older = base_fetch(merge->base, source->shard, atomic_load(&merge->journal->control->generations[source->shard]), key, &stored) ==
	            STORE_OK &&
	        record_changes(stored.octets) > record_changes(record);
	record_free(&stored);
	return older;
}

static int put_all(struct source *source, struct base_merge *to, int64_t now, int64_t *earliest)
{
	const struct store_key *key;
	const uint8_t *record;
	int status;

	while ((status = source_next(source, &key, &record)) == STORE_OK) {
		if (outdated(source, key, record))
			continue;
		if (!record || now >= record_deadline(record)) {
			status = base_merge_drop(to, key);
		} else {
			status = base_merge_put(to, key, record);
			*earliest = record_deadline(record) < *earliest ? record_deadline(record) : *earliest;
		}
		if (status != STORE_OK)
			return status;
	}
	return status == STORE_ABSENT ? STORE_OK : status;
}

/* The first of the new records expires at earliest: no look is worth while before an eighth of the time until then has passed beyond it. */
static void note_sweep(const struct merge *merge, unsigned shard, int64_t now, int64_t earliest)
{
	_Atomic int64_t *due = &merge->journal->control->sweep_due[shard];
	int64_t known = atomic_load(due), slack = (earliest - now) / 8, next;

	if (earliest == INT64_MAX)
		return;
	next = earliest + (slack > SWEEP_PAUSE ? slack : SWEEP_PAUSE);
	if (known == 0 || next < known) {
		atomic_store(due, next);
		STORE_HOOK("control sweep due", due, sizeof(*due));
	}
}

/* New files that are put in place together: so that a merge waits for the disk a few times and not for each shard, and needs room for a
 * few. */
struct batch {
	const struct merge *merge;
	struct base_merge *files[BATCH];
	unsigned shards[BATCH];
	unsigned count;
};

static int batch_publish(struct batch *batch)
{
	int status = base_merge_end(batch->files, batch->count);

	for (unsigned i = 0; i < batch->count && status == STORE_OK; i++) {
		atomic_fetch_add(&batch->merge->journal->control->generations[batch->shards[i]], 1);
		STORE_HOOK("control generation", &batch->merge->journal->control->generations[batch->shards[i]], sizeof(uint64_t));
	}
	batch->count = 0;
	return status;
}

static void batch_abandon(struct batch *batch)
{
	for (unsigned i = 0; i < batch->count; i++)
		base_merge_abandon(batch->files[i]);
	batch->count = 0;
}

/* Takes over file, whatever the answer. */
static int batch_add(struct batch *batch, unsigned shard, struct base_merge *file)
{
	int status = base_merge_write(file);

	if (status != STORE_OK) {
		base_merge_abandon(file);
		return status;
	}
	batch->files[batch->count] = file;
	batch->shards[batch->count++] = shard;
	return batch->count < BATCH ? STORE_OK : batch_publish(batch);
}

static int merge_shard(struct batch *batch, const struct source *begun, int64_t now, bool anew)
{
	const struct merge *merge = batch->merge;
	struct source source = *begun;
	struct base_merge *to;
	int64_t earliest = INT64_MAX;
	uint64_t count, dead;
	size_t space;
	int status = source_count(&source, &count, &space);

	if (status != STORE_OK || count == 0)
		return status;
	if (anew)
		status = begin_anew(merge, source.shard, true, space, now, &to, &dead);
	else
		status = base_merge_begin(merge->base, source.shard, false, space, &to);
	if (status != STORE_OK)
		return status;
	status = put_all(&source, to, now, &earliest);
	count_damage(merge, source.damaged);
	if (status != STORE_OK) {
		base_merge_abandon(to);
		return status;
	}
	note_sweep(merge, source.shard, now, earliest);
	return batch_add(batch, source.shard, to);
}

/* ---- all of them --------------------------------------------------------------------------------------------------- */

static int merge_shards(const struct merge *merge, uint32_t first, uint32_t last, int64_t now)
{
	struct batch batch = { .merge = merge };
	int status = STORE_OK;

	for (unsigned shard = 0; shard < CONTROL_SHARDS && status == STORE_OK; shard++) {
		struct source source;

		source_begin(&source, merge, first, last, shard);
		status = merge_shard(&batch, &source, now, false);
		if (status == STORE_DAMAGED)
			status = merge_shard(&batch, &source, now, true);
	}
	if (status == STORE_OK)
		return batch_publish(&batch);
	batch_abandon(&batch);
	return status;
}

/* The oldest goes first, and lastingly: else a power cut may bring back a record without the tombstone that came after it. */
static int unlink_segments(int folder, uint32_t first, uint32_t last)
{
	for (uint32_t n = first; n <= last; n++)
		if (segment_unlink(folder, n) != 0 || (n < last && files_sync_folder(folder) != 0))
			return STORE_UNAVAILABLE;
	return STORE_OK;
}

/*
 * Segments that have left the list leave the disk, and when nobody can be reading them any more they are retired. Who merged them may have
 * died before that, or the disk refused; until it is done nothing more is merged, and no tombstone goes: what an old journal file holds
 * must never come back.
 */
static int finish_drop(const struct merge *merge)
{
	struct control *control = merge->journal->control;
	uint32_t from = control_retired(control), to = control_first(atomic_load(&control->segments));
	int status;

	if (from >= to)
		return STORE_OK;
	status = unlink_segments(merge->journal->folder, from, to - 1);
	if (status == STORE_OK)
		status = journal_quiesce(merge->journal, merge->wait_ms);
	if (status == STORE_OK) {
		atomic_store(&control->retired, to);
		STORE_HOOK("control retired", &control->retired, sizeof(control->retired));
	}
	return status;
}

/*
 * A record was passed over where a newer one is in the active segment; so that one must be on the disk before the older is gone. Then the
 * segments leave the list.
 */
static int drop_segments(const struct merge *merge, uint32_t last)
{
	struct journal *journal = merge->journal;
	struct control *control = journal->control;
	uint64_t segments = atomic_load(&control->segments);
	int status = journal_sync(journal, journal_ticket(journal)); /* maybe another one's, if it begins now */

	if (status != STORE_OK)
		return status;
	while (!atomic_compare_exchange_weak(&control->segments, &segments, (uint64_t)(last + 1) << 32 | control_last(segments)))
		;
	STORE_HOOK("control segments", &control->segments, sizeof(control->segments));
	return finish_drop(merge);
}

static int lock_merging(const struct merge *merge, unsigned wait_ms)
{
	struct timespec deadline;

	if (wait_ms == 0)
		return control_try(&merge->journal->control->merging);
	control_deadline(wait_ms, &deadline);
	return control_lock(&merge->journal->control->merging, &deadline);
}

/*
 * Whoever began to append before the segment was frozen has ended. And what is merged is on the disk in the journal first: the shards'
 * files are put in place one after the other, and of a rename one half must not last without the other.
 */
static int merge_frozen(const struct merge *merge, uint32_t first, uint32_t last, int64_t now)
{
	int status = journal_quiesce(merge->journal, merge->wait_ms);

	if (status == STORE_OK)
		status = journal_sync(merge->journal, journal_ticket(merge->journal));
	if (status == STORE_OK)
		status = merge_shards(merge, first, last, now);
	return status == STORE_OK ? drop_segments(merge, last) : status;
}

int merge_run(const struct merge *merge, unsigned keep, int64_t now, unsigned wait_ms)
{
	struct control *control = merge->journal->control;
	struct files_shield shield;
	uint64_t segments;
	int status = lock_merging(merge, wait_ms);

	if (status != STORE_OK)
		return status;
	files_shield(&shield);
	status = finish_drop(merge);
	segments = atomic_load(&control->segments);
	if (status == STORE_OK && control_first(segments) + keep < control_last(segments))
		status = merge_frozen(merge, control_first(segments), control_last(segments) - 1 - keep, now);
	files_unshield(&shield);
	control_unlock(&control->merging);
	return status;
}

/* ---- expiry -------------------------------------------------------------------------------------------------------- */

/* What a look through one shard's file finds. */
struct look {
	int64_t now;
	uint64_t records, dead, octets;
	int64_t deadlines[DEADLINES_MAX]; /* a sample, every strideth */
	size_t sampled;
	uint64_t stride;
};

static bool look_at(void *context, const struct store_key *key, const uint8_t *record)
{
	struct look *look = context;

	(void)key;
	if (look->records++ % look->stride == 0) {
		if (look->sampled == DEADLINES_MAX) { /* keep every second one, and take half as many from here on */
			for (size_t i = 0; i < DEADLINES_MAX / 2; i++)
				look->deadlines[i] = look->deadlines[2 * i];
			look->sampled = DEADLINES_MAX / 2;
			look->stride *= 2;
		}
		look->deadlines[look->sampled++] = record_deadline(record);
	}
	look->dead += look->now >= record_deadline(record);
	look->octets += STORE_KEY_SIZE + record_size(record);
	return true;
}

static int earlier(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* When an eighth of what was seen will have expired. */
static int64_t next_look(struct look *look)
{
	int64_t soonest = look->now + SWEEP_PAUSE, due;

	if (look->sampled == 0)
		return 0;
	qsort(look->deadlines, look->sampled, sizeof(look->deadlines[0]), earlier);
	due = look->deadlines[look->sampled / 8];
	return due > soonest ? due : soonest;
}

static int rewrite(const struct merge *merge, unsigned shard, bool damaged, int64_t now, uint64_t *dead)
{
	struct batch batch = { .merge = merge };
	struct base_merge *to;
	int status = begin_anew(merge, shard, damaged, FILE_SPACE, now, &to, dead);

	if (status == STORE_OK)
		status = batch_add(&batch, shard, to);
	return status == STORE_OK ? batch_publish(&batch) : status;
}

static int sweep_locked(const struct merge *merge, unsigned shard, unsigned share, struct look *look, struct store_swept *ret)
{
	_Atomic int64_t *due = &merge->journal->control->sweep_due[shard];
	uint64_t places = 0, size;
	int status = finish_drop(merge);
	bool damaged;

	if (status == STORE_OK)
		status = base_each(merge->base, shard, look_at, look, &places);
	if (status != STORE_OK && status != STORE_DAMAGED)
		return status;
	damaged = places > 0 || status == STORE_DAMAGED || atomic_load(due) == CONTROL_SWEEP_NOW;
	status = STORE_OK;
	size = base_shard_size(merge->base, shard);
	if (damaged || (look->dead > 0 && look->dead * share >= look->records) || size > WASTE * look->octets / 2 + (64u << 10))
		status = rewrite(merge, shard, damaged, look->now, &ret->removed);
	if (status == STORE_OK) {
		atomic_store(due, next_look(look));
		STORE_HOOK("control sweep due", due, sizeof(*due));
	}
	return status;
}

int merge_sweep(const struct merge *merge, unsigned shard, unsigned share, int64_t now, unsigned wait_ms, struct store_swept *ret)
{
	struct look *look = malloc(sizeof(*look));
	struct files_shield shield;
	int status;

	if (!look)
		return STORE_NO_MEMORY;
	memset(look, 0, sizeof(*look));
	look->now = now;
	look->stride = 1;
	status = lock_merging(merge, wait_ms);
	if (status == STORE_OK) {
		files_shield(&shield);
		status = sweep_locked(merge, shard, share, look, ret);
		files_unshield(&shield);
		control_unlock(&merge->journal->control->merging);
	}
	free(look);
	return status;
}

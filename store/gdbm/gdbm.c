/*
 * gdbm.c - the embedded store: a journal that all processes share, and GDBM files that it is merged into. doc/store.md tells how it works.
 *
 * One operation: take the stripe of the key, find the newest record (in the journal, newest segment first, else in the shard's GDBM file),
 * make the next one from it, append it, let go of the stripe. Nothing else is locked.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/gdbm/base.h"
#include "store/gdbm/gdbm.h"
#include "store/gdbm/hook.h"

#define SLOW_NS 50000 /* the first pause of a change where merges fall behind; doubled with each further segment */

#ifdef STORE_HOOKS
void (*store_hook)(const char *point, const void *address, size_t size);
#endif

/* ---- forks --------------------------------------------------------------------------------------------------------- */

/* How many forks this process descends from: whoever joined before the last one must join again. */
static atomic_uint forks;
static pthread_once_t forks_counted = PTHREAD_ONCE_INIT;
static pthread_mutex_t rejoining = PTHREAD_MUTEX_INITIALIZER;

static void child_of_fork(void)
{
	atomic_fetch_add(&forks, 1);
	pthread_mutex_init(&rejoining, NULL);
}

static void count_forks(void)
{
	pthread_atfork(NULL, NULL, child_of_fork);
}

/* ---- opening and closing ------------------------------------------------------------------------------------------- */

struct merge gdbm_merge_of(struct gdbm *g)
{
	return (struct merge){ .journal = &g->journal, .base = g->base, .wait_ms = g->options.wait_ms };
}

static int join(struct gdbm *g, const struct store_options *options)
{
	struct merge merge;
	int status = membership_join(g->path, options, &g->membership);

	if (status != STORE_OK)
		return status;
	g->base = base_new(g->membership.folder, g->membership.seed);
	if (!g->base) {
		membership_leave(&g->membership);
		return store_refuse(options, STORE_NO_MEMORY, "out of memory");
	}
	g->control = g->membership.control;
	journal_init(&g->journal, g->membership.folder, g->control, g->membership.seed, options->journal_size, options->wait_ms);
	if (options->sync == STORE_SYNC_ALWAYS)
		g->journal.pens = 1; /* each sync costs by the page, so the frames of all stand together */
	merge = gdbm_merge_of(g);
	keeper_init(&g->keeper, &merge, options->sync != STORE_SYNC_NO);
	g->born = atomic_load(&forks);
	return STORE_OK;
}

static void leave(struct gdbm *g)
{
	journal_free(&g->journal);
	base_free(g->base);
	membership_leave(&g->membership);
	g->base = NULL;
	g->control = NULL;
}

static int gdbm_open_store(struct store **ret, const char *where, const struct store_options *options)
{
	struct gdbm *g;
	int status;

	if (where[0] != '/')
		return store_refuse(options, STORE_UNSUPPORTED, "'gdbm:%s': the folder must be given from the root (gdbm:/...)", where);
	pthread_once(&forks_counted, count_forks);
	g = calloc(1, sizeof(*g));
	if (g)
		g->path = strdup(where);
	if (!g || !g->path) {
		free(g);
		return store_refuse(options, STORE_NO_MEMORY, "out of memory");
	}
	g->store.backend = &store_gdbm;
	g->options = *options;
	g->options.location = g->path;
	status = join(g, &g->options);
	g->options.why = NULL;
	if (status != STORE_OK) {
		free(g->path);
		free(g);
		return status;
	}
	*ret = &g->store;
	return STORE_OK;
}

/* What a process of one request does at its end, when the answer is out: what nobody else may do in time. */
static void end_brief(struct gdbm *g)
{
	uint64_t segments = atomic_load(&g->control->segments);
	struct merge merge = gdbm_merge_of(g);

	(void)(g->options.sync == STORE_SYNC_NO ? journal_log(&g->journal) : journal_sync_all(&g->journal));
	if (control_first(segments) < control_last(segments))
		(void)merge_run(&merge, 0, time(NULL), 0);
}

/* The last one puts everything into the GDBM files. Whatever fails is still in the journal, for the next to open. */
static void end_last(struct gdbm *g)
{
	struct merge merge = gdbm_merge_of(g);
	int status = journal_freeze(&g->journal);

	if (status == STORE_BUSY) {
		status = merge_run(&merge, 0, time(NULL), 0);
		if (status == STORE_OK)
			status = journal_freeze(&g->journal);
	}
	if (status == STORE_OK)
		status = merge_run(&merge, 0, time(NULL), 0);
	if (status == STORE_OK)
		membership_tidy(&g->membership);
}

static void gdbm_close_store(struct store *store)
{
	struct gdbm *g = gdbm_of(store);

	if (g->born == atomic_load(&forks)) {
		keeper_stop(&g->keeper);
		if (g->options.brief)
			end_brief(g);
		else if (membership_alone(&g->membership))
			end_last(g);
		else
			(void)(g->options.sync == STORE_SYNC_NO ? journal_log(&g->journal) : journal_sync_all(&g->journal));
	}
	leave(g);
	free(g->path);
	free(g);
}

/*
 * The child of a fork shares the parent's descriptors, and with them its lock and its file offsets: it joins on its own. The parent's
 * threads, the keeper among them, are not there.
 */
static int rejoin(struct gdbm *g)
{
	int status = STORE_OK;

	pthread_mutex_lock(&rejoining);
	if (g->born != atomic_load(&forks)) {
		if (g->base)
			leave(g);
		status = join(g, &g->options);
	}
	pthread_mutex_unlock(&rejoining);
	return status;
}

int gdbm_enter(struct gdbm *g)
{
	return g->born == atomic_load_explicit(&forks, memory_order_relaxed) ? STORE_OK : rejoin(g);
}

/*
 * While the journal cannot be written to the disk nothing more is accepted, rather than answered and then lost; the keeper, or else this
 * caller, finds out when it can be again.
 */
static int enter_to_change(struct gdbm *g)
{
	int status = gdbm_enter(g), error;

	if (status != STORE_OK || g->options.sync == STORE_SYNC_NO)
		return status;
	error = atomic_load_explicit(&g->control->sync_error, memory_order_relaxed);
	if (error == 0 || journal_sync_all(&g->journal) == STORE_OK)
		return STORE_OK;
	errno = error;
	return STORE_UNAVAILABLE;
}

/* ---- one operation ------------------------------------------------------------------------------------------------- */

static pthread_mutex_t *stripe(struct gdbm *g, unsigned number)
{
	return &g->control->stripes[number].lock;
}

static int lock_stripe(struct gdbm *g, unsigned number)
{
	struct timespec deadline;
	int status = journal_lock(&g->journal, number, NULL);

	if (status != STORE_BUSY)
		return status;
	control_deadline(g->options.wait_ms, &deadline);
	return journal_lock(&g->journal, number, &deadline);
}

/* Both, the lower number first, so that no two operations wait for each other. */
static int lock_stripes(struct gdbm *g, unsigned a, unsigned b)
{
	unsigned low = a < b ? a : b, high = a < b ? b : a;
	int status = lock_stripe(g, low);

	if (status != STORE_OK || low == high)
		return status;
	status = lock_stripe(g, high);
	if (status != STORE_OK)
		control_unlock(stripe(g, low));
	return status;
}

static void unlock_stripes(struct gdbm *g, unsigned a, unsigned b)
{
	control_unlock(stripe(g, a));
	if (a != b)
		control_unlock(stripe(g, b));
}

/* What is stored under a key: in the journal's mapping, or fetched. */
struct found {
	const uint8_t *octets; /* NULL: nothing */
	struct record fetched;
};

/*
 * The order matters: the journal first, the generation after it. A merge raises the generation before it drops a segment, so who misses the
 * record in the journal is sure to meet a file that has it.
 */
static int find(struct gdbm *g, const struct store_key *key, struct found *ret)
{
	unsigned shard = control_shard_of(key);
	bool recovered;
	int status = journal_find(&g->journal, key, &ret->octets, &recovered);

	if (status != STORE_ABSENT && !(status == STORE_OK && recovered))
		return status;
	if (status == STORE_ABSENT)
		ret->octets = NULL;
	status = base_fetch(g->base, shard, atomic_load(&g->control->generations[shard]), key, &ret->fetched);
	if (status == STORE_DAMAGED || status == STORE_BUSY)
		atomic_store(&g->control->sweep_due[shard], CONTROL_SWEEP_NOW);
	if (status == STORE_OK && (!ret->octets || record_changes(ret->fetched.octets) > record_changes(ret->octets)))
		ret->octets = ret->fetched.octets;
	if (status == STORE_BUSY)
		return status;
	return status == STORE_ABSENT || ret->octets ? STORE_OK : status;
}

static uint64_t changes_of(const struct found *found)
{
	return found->octets ? record_changes(found->octets) : 0;
}

static int note_damage(struct gdbm *g, int status)
{
	if (status == STORE_DAMAGED)
		atomic_fetch_add(&g->control->damaged, 1);
	return status;
}

/* What is answered is as safe as SESSION_SYNC says, be it one's own change or what another one has changed just now. */
static int settle_answer(struct gdbm *g, int status)
{
	int synced;

	if (g->options.sync != STORE_SYNC_ALWAYS || (status != STORE_OK && status != STORE_GONE && status != STORE_EXISTS))
		return status;
	synced = journal_sync(&g->journal, atomic_load(&g->control->written));
	return synced == STORE_OK ? status : synced;
}

/*
 * Where changes come faster than they can be merged, each waits a little before all must wait for long; that leaves the processor to the
 * merge, too.
 */
static void slow_down(const struct gdbm *g)
{
	uint64_t segments = atomic_load_explicit(&g->control->segments, memory_order_relaxed);
	uint32_t waiting = control_last(segments) - control_first(segments);
	struct timespec pause = { .tv_nsec = SLOW_NS };

	if (waiting <= CONTROL_SEGMENTS_MAX / 2)
		return;
	for (; waiting > CONTROL_SEGMENTS_MAX / 2 + 1; waiting--)
		pause.tv_nsec *= 2;
	nanosleep(&pause, NULL);
}

/* Where there can be no thread to sync every second, the caller does. */
static int settle(struct gdbm *g, int status)
{
	if (status == STORE_OK && !g->options.brief) {
		keeper_start(&g->keeper);
		keeper_notice(&g->keeper);
		slow_down(g);
		if (g->options.sync == STORE_SYNC_EVERY_SECOND && !keeper_runs(&g->keeper))
			return journal_sync_all(&g->journal);
	}
	return settle_answer(g, status);
}

bool gdbm_mend(struct gdbm *g)
{
	struct merge merge = gdbm_merge_of(g);
	struct store_swept swept;
	bool mended = false;

	for (unsigned shard = 0; shard < CONTROL_SHARDS; shard++)
		if (atomic_load(&g->control->sweep_due[shard]) == CONTROL_SWEEP_NOW)
			mended |= merge_sweep(&merge, shard, UINT32_MAX, time(NULL), g->options.wait_ms, &swept) == STORE_OK;
	return mended;
}

/*
 * An operation was told that the store is busy: a lock could not be had in time, a file must be put in order, or the journal has no room
 * until something is merged. Then help, or wait for who is at it. False when the time is up.
 */
static bool make_way(struct gdbm *g, const struct timespec *deadline)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	struct merge merge = gdbm_merge_of(g);

	if (control_past(deadline))
		return false;
	if (gdbm_mend(g))
		return true;
	if (merge_run(&merge, 0, time(NULL), 0) == STORE_BUSY)
		nanosleep(&pause, NULL);
	return !control_past(deadline);
}

/* ---- load ---------------------------------------------------------------------------------------------------------- */

int gdbm_load_once(struct gdbm *g, const struct store_key *key, int64_t now, struct record *ret)
{
	unsigned number = control_stripe_of(key);
	struct found found;
	int status = lock_stripe(g, number), copied;

	if (status != STORE_OK)
		return status;
	record_init(&found.fetched);
	status = note_damage(g, find(g, key, &found));
	if (status == STORE_OK)
		status = record_status(found.octets, now);
	if (status == STORE_OK || status == STORE_GONE) {
		copied = record_copy(ret, found.octets, record_size(found.octets));
		status = copied == STORE_OK ? status : copied;
	}
	control_unlock(stripe(g, number));
	record_free(&found.fetched);
	return status;
}

int gdbm_load_mended(struct gdbm *g, const struct store_key *key, int64_t now, struct record *ret)
{
	int status = gdbm_load_once(g, key, now, ret);

	if (status == STORE_BUSY && gdbm_mend(g))
		status = gdbm_load_once(g, key, now, ret);
	return status;
}

static int gdbm_load(struct store *store, const struct store_key *key, int64_t now, struct record *ret)
{
	struct gdbm *g = gdbm_of(store);
	struct store_key to;
	int status = gdbm_enter(g);

	if (status == STORE_OK)
		status = gdbm_load_mended(g, key, now, ret);
	if (status == STORE_GONE && record_leads_on(ret->octets, now)) {
		record_forward_key(ret->octets, &to);
		status = gdbm_load_mended(g, &to, now, ret);
		ret->forwarded = true;
	}
	return settle_answer(g, status);
}

/* ---- apply --------------------------------------------------------------------------------------------------------- */

/* The ticket is taken while the stripes are held: whoever sees the change then knows what to wait for. */
static int append_entries(struct gdbm *g, const struct segment_entry *entries, unsigned count)
{
	int status = journal_append(&g->journal, entries, count);

	if (status == STORE_OK && g->options.sync == STORE_SYNC_ALWAYS)
		(void)journal_ticket(&g->journal);
	return status;
}

static struct segment_entry entry_of(struct gdbm *g, const struct store_key *key, const struct record *record)
{
	return (struct segment_entry){ .key = key, .record = record->octets, .begun = &g->control->stripes[control_stripe_of(key)].begun };
}

static int append(struct gdbm *g, const struct store_key *key, const struct record *record)
{
	struct segment_entry entry = entry_of(g, key, record);

	return append_entries(g, &entry, 1);
}

/* With the stripe held. A damaged record is no session: it may be replaced, not changed. */
static int apply_found(struct gdbm *g, const struct store_key *key, const struct store_update *update, struct record *ret)
{
	struct found found = { .octets = NULL };
	int status, met;

	record_init(&found.fetched);
	status = note_damage(g, find(g, key, &found));
	if (status == STORE_DAMAGED && update->condition == STORE_IF_ABSENT) {
		found.octets = NULL;
		status = STORE_OK;
	}
	if (status == STORE_OK) {
		met = record_status(found.octets, update->now);
		status = record_admit(met, update);
		if (status == STORE_OK)
			status =
			    record_apply(met == STORE_OK ? found.octets : NULL, changes_of(&found), key, update, g->membership.seed, ret);
		else if (status == STORE_GONE && record_copy(ret, found.octets, record_size(found.octets)) != STORE_OK)
			status = STORE_NO_MEMORY;
		if (status == STORE_OK)
			status = append(g, key, ret);
	}
	record_free(&found.fetched);
	return status;
}

static int apply_once(struct gdbm *g, const struct store_key *key, const struct store_update *update, struct record *ret)
{
	unsigned number = control_stripe_of(key);
	int status = lock_stripe(g, number);

	if (status != STORE_OK)
		return status;
	status = apply_found(g, key, update, ret);
	control_unlock(stripe(g, number));
	return status;
}

/* Where the journal is full until a merge has ended, once more until the deadline. */
static int apply_in_time(struct gdbm *g, const struct store_key *key, const struct store_update *update, struct record *ret)
{
	struct timespec deadline;
	int status;

	control_deadline_coarse(g->options.wait_ms, &deadline);
	status = apply_once(g, key, update, ret);
	while (status == STORE_BUSY && make_way(g, &deadline))
		status = apply_once(g, key, update, ret);
	return status;
}

static int gdbm_apply(struct store *store, const struct store_key *key, const struct store_update *update, struct record *ret)
{
	struct gdbm *g = gdbm_of(store);
	struct store_update unextended = *update;
	struct store_key to;
	int status = enter_to_change(g);

	if (status == STORE_OK)
		status = apply_in_time(g, key, update, ret);
	if (status == STORE_GONE && record_leads_on(ret->octets, update->now)) {
		record_forward_key(ret->octets, &to);
		unextended.extend_before = INT64_MIN;
		status = apply_in_time(g, &to, &unextended, ret);
		ret->forwarded = true;
	}
	status = settle(g, status);
	if (status != STORE_OK && status != STORE_GONE)
		ret->size = 0;
	return status;
}

/* ---- remove -------------------------------------------------------------------------------------------------------- */

static int bury(struct gdbm *g, const struct found *found, const struct store_key *key, int64_t now,
                const struct store_tombstone *tombstone)
{
	struct record grave;
	int status;

	record_init(&grave);
	status = record_bury(changes_of(found), key, now, tombstone, g->membership.seed, &grave);
	if (status == STORE_OK)
		status = append(g, key, &grave);
	record_free(&grave);
	return status;
}

/* *to is the key that a forward leads to, when the answer is STORE_EXISTS. */
static int remove_once(struct gdbm *g, const struct store_key *key, int64_t now, const struct store_tombstone *tombstone, int *met,
                       struct store_key *to)
{
	unsigned number = control_stripe_of(key);
	struct found found = { .octets = NULL };
	int status = lock_stripe(g, number);

	if (status != STORE_OK)
		return status;
	record_init(&found.fetched);
	status = note_damage(g, find(g, key, &found));
	if (status == STORE_DAMAGED) {
		found.octets = NULL;
		status = STORE_OK;
	}
	if (status == STORE_OK) {
		*met = record_status(found.octets, now);
		if (record_leads_on(found.octets, now)) {
			record_forward_key(found.octets, to);
			status = STORE_EXISTS;
		} else if (*met != STORE_GONE) {
			status = bury(g, &found, key, now, tombstone);
		}
	}
	control_unlock(stripe(g, number));
	record_free(&found.fetched);
	return status;
}

static int remove_in_time(struct gdbm *g, const struct store_key *key, int64_t now, const struct store_tombstone *tombstone, int *met,
                          struct store_key *to)
{
	struct timespec deadline;
	int status;

	control_deadline_coarse(g->options.wait_ms, &deadline);
	status = remove_once(g, key, now, tombstone, met, to);
	while (status == STORE_BUSY && make_way(g, &deadline))
		status = remove_once(g, key, now, tombstone, met, to);
	return status;
}

static int gdbm_remove(struct store *store, const struct store_key *key, int64_t now, const struct store_tombstone *tombstone)
{
	struct gdbm *g = gdbm_of(store);
	struct store_key to, further;
	int met = STORE_ABSENT, status = enter_to_change(g);

	if (status == STORE_OK)
		status = remove_in_time(g, key, now, tombstone, &met, &to);
	if (status == STORE_EXISTS)
		status = remove_in_time(g, &to, now, tombstone, &met, &further);
	status = settle(g, status);
	return status == STORE_OK ? met : status == STORE_EXISTS ? STORE_GONE : status;
}

/* ---- rename -------------------------------------------------------------------------------------------------------- */

/* The new record first: one who meets the tombstone may follow it to the new id. */
static int append_renamed(struct gdbm *g, const struct store_key *from, const struct store_key *to, int64_t now,
                          const struct store_tombstone *tombstone, const struct record *renamed)
{
	struct store_tombstone leading = *tombstone;
	struct record grave;
	int status;

	leading.forward_key = *to;
	record_init(&grave);
	status = record_bury(record_changes(renamed->octets), from, now, &leading, g->membership.seed, &grave);
	if (status == STORE_OK) {
		struct segment_entry entries[2] = { entry_of(g, to, renamed), entry_of(g, from, &grave) };

		status = append_entries(g, entries, 2);
	}
	record_free(&grave);
	return status;
}

static int taken(struct gdbm *g, const struct store_key *to, int64_t now)
{
	struct found found = { .octets = NULL };
	int status;

	record_init(&found.fetched);
	status = note_damage(g, find(g, to, &found));
	if (status == STORE_OK && record_status(found.octets, now) != STORE_ABSENT)
		status = STORE_EXISTS;
	record_free(&found.fetched);
	return status;
}

static int rename_found(struct gdbm *g, const struct store_key *from, const struct store_key *to, const struct store_update *update,
                        const struct store_tombstone *tombstone, struct record *ret)
{
	struct found found = { .octets = NULL };
	int status;

	record_init(&found.fetched);
	status = note_damage(g, find(g, from, &found));
	if (status == STORE_OK)
		status = record_status(found.octets, update->now);
	if (status == STORE_GONE && record_copy(ret, found.octets, record_size(found.octets)) != STORE_OK)
		status = STORE_NO_MEMORY;
	if (status == STORE_OK)
		status = taken(g, to, update->now);
	if (status == STORE_OK)
		status = record_apply(found.octets, changes_of(&found), to, update, g->membership.seed, ret);
	if (status == STORE_OK)
		status = append_renamed(g, from, to, update->now, tombstone, ret);
	record_free(&found.fetched);
	return status;
}

static int rename_once(struct gdbm *g, const struct store_key *from, const struct store_key *to, const struct store_update *update,
                       const struct store_tombstone *tombstone, struct record *ret)
{
	unsigned a = control_stripe_of(from), b = control_stripe_of(to);
	int status = lock_stripes(g, a, b);

	if (status != STORE_OK)
		return status;
	status = rename_found(g, from, to, update, tombstone, ret);
	unlock_stripes(g, a, b);
	return status;
}

static int gdbm_rename(struct store *store, const struct store_key *from, const struct store_key *to, const struct store_update *update,
                       const struct store_tombstone *tombstone, struct record *ret)
{
	struct gdbm *g = gdbm_of(store);
	struct timespec deadline;
	int status = enter_to_change(g);

	control_deadline_coarse(g->options.wait_ms, &deadline);
	if (status == STORE_OK)
		status = rename_once(g, from, to, update, tombstone, ret);
	while (status == STORE_BUSY && make_way(g, &deadline))
		status = rename_once(g, from, to, update, tombstone, ret);
	status = settle(g, status);
	if (status != STORE_OK && status != STORE_GONE)
		ret->size = 0;
	return status;
}

/* ---- putting back --------------------------------------------------------------------------------------------------- */

/*
 * True if record is a later version of what is there. One that was removed, or begun anew after it had been lost, was changed less often
 * and is newer all the same.
 */
static bool succeeds(const uint8_t *record, const struct found *there)
{
	return !there->octets || (record_kind(there->octets) == RECORD_LIVE && record_created(record) >= record_created(there->octets) &&
	                          record_changes(record) > record_changes(there->octets));
}

static int put_back_once(struct gdbm *g, const struct store_key *key, const uint8_t *record)
{
	unsigned number = control_stripe_of(key);
	struct segment_entry entry = { .key = key, .record = record, .begun = &g->control->stripes[control_stripe_of(key)].begun };
	struct found found = { .octets = NULL };
	int status = lock_stripe(g, number);

	if (status != STORE_OK)
		return status;
	record_init(&found.fetched);
	status = note_damage(g, find(g, key, &found));
	if (status == STORE_OK && !succeeds(record, &found))
		status = STORE_EXISTS;
	if (status == STORE_OK)
		status = append_entries(g, &entry, 1);
	control_unlock(stripe(g, number));
	record_free(&found.fetched);
	return status;
}

int gdbm_put_back(struct gdbm *g, const struct store_key *key, const uint8_t *record)
{
	struct timespec deadline;
	int status = put_back_once(g, key, record);

	if (status != STORE_BUSY)
		return status;
	control_deadline(GDBM_PATIENCE_MS, &deadline);
	while (status == STORE_BUSY && make_way(g, &deadline))
		status = put_back_once(g, key, record);
	return status;
}

const struct store_backend store_gdbm = {
	.scheme = "gdbm",
	.open = gdbm_open_store,
	.close = gdbm_close_store,
	.load = gdbm_load,
	.apply = gdbm_apply,
	.remove = gdbm_remove,
	.rename = gdbm_rename,
	.walk = gdbm_walk,
	.sweep = gdbm_sweep,
	.examine = gdbm_examine,
	.salvage = gdbm_salvage,
	.measure = gdbm_measure,
	.trouble = gdbm_trouble,
};

/*
 * contract.c - what every store promises (store/store.h), claim by claim, over each back end of this build.
 *
 *     contract [LOCATION]...    default: memory, gdbm in a folder of its own, and both behind a fault store that never fails
 */

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/store/folder.h"
#include "tests/tap.h"

#define DAY 86400
#define THREADS 8
#define ADDS 2000

static struct store *store;
static int64_t now; /* true time: a store may drop what has truly expired by itself */

static struct store_key key_of(const char *name)
{
	struct store_key key;

	for (size_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
		uint64_t sum = record_sum(name, strlen(name), i + 1);

		memcpy(key.octets + 8 * i, &sum, 8);
	}
	return key;
}

static struct store_change adding(const char *name, int64_t number)
{
	return (struct store_change){
		.what = STORE_ADD, .name = name, .name_size = (uint8_t)strlen(name), .number = number, .until = RECORD_NEVER
	};
}

static struct store_change setting(const char *name, const char *value)
{
	return (struct store_change){ .what = STORE_SET_OCTETS,
		                      .name = name,
		                      .name_size = (uint8_t)strlen(name),
		                      .octets = value,
		                      .size = (uint32_t)strlen(value),
		                      .until = RECORD_NEVER };
}

static struct store_update update_of(enum store_condition condition, const struct store_change *changes, size_t count)
{
	return (struct store_update){ .condition = condition,
		                      .now = now,
		                      .idle_deadline = now + DAY,
		                      .final_deadline = now + 30 * DAY,
		                      .extend_before = INT64_MIN,
		                      .changes = changes,
		                      .count = count };
}

static int change(const char *key, enum store_condition condition, struct store_change what, struct record *ret)
{
	struct store_update update = update_of(condition, &what, 1);
	struct store_key k = key_of(key);

	return store_apply(store, &k, &update, ret);
}

static int change_only(const char *key, enum store_condition condition, struct store_change what)
{
	struct record record;
	int status;

	record_init(&record);
	status = change(key, condition, what, &record);
	record_free(&record);
	return status;
}

static int load(const char *key, int64_t at, struct record *ret)
{
	struct store_key k = key_of(key);

	return store_load(store, &k, at, ret);
}

static int status_of(const char *key, int64_t at)
{
	struct record record;
	int status;

	record_init(&record);
	status = load(key, at, &record);
	record_free(&record);
	return status;
}

static int64_t number_in(const struct record *record, const char *name)
{
	struct record_field field;

	if (record->size == 0 || !record_find(record->octets, name, strlen(name), now, &field) || field.type != RECORD_INTEGER)
		return INT64_MIN;
	return field.number;
}

static int64_t number_of(const char *key, const char *name)
{
	struct record record;
	int64_t number = INT64_MIN;

	record_init(&record);
	if (load(key, now, &record) == STORE_OK)
		number = number_in(&record, name);
	record_free(&record);
	return number;
}

static bool text_is(const struct record *record, const char *name, const char *text)
{
	struct record_field field;

	return record->size > 0 && record_find(record->octets, name, strlen(name), now, &field) && field.type == RECORD_OCTETS &&
	       strcmp(field.octets, text) == 0;
}

static struct store_tombstone grave(int64_t grace, int64_t until, bool forward)
{
	return (struct store_tombstone){ .grace = now + grace, .final_deadline = now + until, .forward = forward };
}

static int bury(const char *key, struct store_tombstone tombstone)
{
	struct store_key k = key_of(key);

	return store_remove(store, &k, now, &tombstone);
}

/* ---- one record ---------------------------------------------------------------------------------------------------- */

static void creating(void)
{
	struct record record;

	record_init(&record);
	tap_ok(status_of("create", now) == STORE_ABSENT, "what was never stored is absent");
	tap_ok(change_only("create", STORE_IF_PRESENT, adding("n", 1)) == STORE_ABSENT, "a change of what is not there is refused");
	tap_ok(status_of("create", now) == STORE_ABSENT, "and brings nothing into being");
	tap_ok(change("create", STORE_IF_ABSENT, adding("n", 7), &record) == STORE_OK && number_in(&record, "n") == 7,
	       "a new record is answered as stored");
	tap_ok(number_of("create", "n") == 7, "and is there afterwards");
	tap_ok(change_only("create", STORE_IF_ABSENT, adding("n", 1)) == STORE_EXISTS, "a second creation is refused");
	tap_ok(number_of("create", "n") == 7, "and changes nothing");
	tap_ok(record_created(record.octets) == now && record_changes(record.octets) == 1,
	       "a record tells when it was made and how often changed");
	record_free(&record);
}

static void changing(void)
{
	const struct store_change several[] = { adding("n", 2), setting("text", "two"), setting("text", "three"), adding("new", -5) };
	struct store_update update = update_of(STORE_IF_PRESENT, several, 4);
	struct store_change unset = { .what = STORE_UNSET, .name = "text", .name_size = 4 };
	struct store_key key = key_of("change");
	struct record record;

	record_init(&record);
	change_only("change", STORE_IF_ABSENT, adding("n", 40));
	tap_ok(store_apply(store, &key, &update, &record) == STORE_OK, "several changes are one operation");
	tap_ok(number_in(&record, "n") == 42 && number_in(&record, "new") == -5, "numbers are added to what was there, and to nothing");
	tap_ok(text_is(&record, "text", "three"), "the last of two changes of a field counts");
	tap_ok(change("change", STORE_IF_PRESENT, unset, &record) == STORE_OK && !text_is(&record, "text", "three"), "a field is unset");
	tap_ok(number_in(&record, "n") == 42, "and the others stay");
	tap_ok(record_changes(record.octets) == 3, "each operation is counted once");
	record_free(&record);
}

static void refusing(void)
{
	struct store_change two[] = { setting("other", "x"), adding("n", INT64_MAX) };
	struct store_update update = update_of(STORE_IF_PRESENT, two, 2);
	struct store_key key = key_of("refuse");
	struct record record;
	static char large[RECORD_MAX];

	record_init(&record);
	change_only("refuse", STORE_IF_ABSENT, adding("n", 1));
	change_only("refuse", STORE_IF_PRESENT, setting("text", "t"));
	tap_ok(change_only("refuse", STORE_IF_PRESENT, adding("text", 1)) == STORE_TYPE, "a number is not added to a text");
	tap_ok(store_apply(store, &key, &update, &record) == STORE_RANGE, "a counter does not run over");
	memset(large, 'x', sizeof(large) - 1);
	tap_ok(change_only("refuse", STORE_IF_PRESENT, setting("large", large)) == STORE_TOO_LARGE, "a record has a largest size");
	tap_ok(load("refuse", now, &record) == STORE_OK && number_in(&record, "n") == 1 && text_is(&record, "text", "t") &&
	           !text_is(&record, "other", "x") && record_changes(record.octets) == 2,
	       "and what was refused has changed nothing, in part or whole");
	large[RECORD_MAX - 200] = '\0';
	tap_ok(change_only("refuse", STORE_IF_PRESENT, setting("large", large)) == STORE_OK && load("refuse", now, &record) == STORE_OK &&
	           text_is(&record, "large", large),
	       "nearly the largest size is stored whole");
	record_free(&record);
}

static void expiring(void)
{
	struct store_change one = adding("n", 1);
	struct store_update update = update_of(STORE_IF_ABSENT, &one, 1);
	struct store_key idle = key_of("idle"), final = key_of("final");
	struct record record;

	record_init(&record);
	tap_ok(store_apply(store, &idle, &update, &record) == STORE_OK && status_of("idle", now + DAY - 1) == STORE_OK,
	       "a record is there until the second before its idle deadline");
	tap_ok(status_of("idle", now + DAY) == STORE_ABSENT, "and not at the deadline");
	update.idle_deadline = now + 40 * DAY;
	tap_ok(store_apply(store, &final, &update, &record) == STORE_OK && status_of("final", now + 30 * DAY - 1) == STORE_OK &&
	           status_of("final", now + 30 * DAY) == STORE_ABSENT,
	       "the final deadline counts when it is the earlier one");
	update.now = now + DAY;
	update.condition = STORE_IF_PRESENT;
	tap_ok(store_apply(store, &idle, &update, &record) == STORE_ABSENT, "what has expired is not changed");
	update.condition = STORE_IF_ABSENT;
	update.idle_deadline = update.now + DAY;
	update.final_deadline = update.now + DAY;
	tap_ok(store_apply(store, &idle, &update, &record) == STORE_OK && number_in(&record, "n") == 1,
	       "in its place a new record begins from nothing");
	record_free(&record);
}

static void extending(void)
{
	struct store_update touch = update_of(STORE_IF_PRESENT, NULL, 0);
	struct store_key key = key_of("extend");
	struct record record;

	record_init(&record);
	change_only("extend", STORE_IF_ABSENT, adding("n", 1));
	touch.idle_deadline = now + 2 * DAY;
	tap_ok(store_apply(store, &key, &touch, &record) == STORE_OK && record_idle_deadline(record.octets) == now + DAY,
	       "a deadline stays where nothing is said");
	touch.extend_before = now + DAY;
	tap_ok(store_apply(store, &key, &touch, &record) == STORE_OK && record_idle_deadline(record.octets) == now + DAY,
	       "and where it lies late enough");
	touch.extend_before = now + DAY + 1;
	tap_ok(store_apply(store, &key, &touch, &record) == STORE_OK && record_idle_deadline(record.octets) == now + 2 * DAY &&
	           number_in(&record, "n") == 1,
	       "a touch moves the idle deadline and no data");
	tap_ok(record_final_deadline(record.octets) == now + 30 * DAY, "and never the final one");
	touch.restart = true;
	touch.final_deadline = now + 60 * DAY;
	tap_ok(store_apply(store, &key, &touch, &record) == STORE_OK && record_final_deadline(record.octets) == now + 60 * DAY,
	       "a restart gives both deadlines anew");
	record_free(&record);
}

static void field_deadlines(void)
{
	struct store_change entry = setting("entry", "e");
	struct record record;
	struct record_field field;

	record_init(&record);
	entry.until = now + 10;
	tap_ok(change("fields", STORE_IF_ABSENT, entry, &record) == STORE_OK && record_find(record.octets, "entry", 5, now + 9, &field) &&
	           !record_find(record.octets, "entry", 5, now + 10, &field),
	       "a field may have a deadline of its own");
	struct store_change later = adding("n", 1);
	struct store_update update = update_of(STORE_IF_PRESENT, &later, 1);
	struct store_key key = key_of("fields");
	size_t position = 0, fields = 0;

	update.now = now + 10;
	tap_ok(store_apply(store, &key, &update, &record) == STORE_OK, "a record with such a field is changed after it");
	while (record_next(record.octets, &position, &field))
		fields++;
	tap_ok(fields == 1, "and the change drops the field");
	record_free(&record);
}

/* ---- removing and renaming ----------------------------------------------------------------------------------------- */

static void removing(void)
{
	struct store_change one = adding("n", 1);
	struct store_update late = update_of(STORE_IF_ABSENT, &one, 1);
	struct store_key key = key_of("remove");
	struct record record;

	record_init(&record);
	change_only("remove", STORE_IF_ABSENT, adding("n", 1));
	tap_ok(bury("remove", grave(60, 100, false)) == STORE_OK, "a record is removed");
	tap_ok(load("remove", now, &record) == STORE_GONE && record_kind(record.octets) == RECORD_TOMBSTONE &&
	           record_idle_deadline(record.octets) == now + 60,
	       "who comes late meets its tombstone, and learns until when it is fresh");
	tap_ok(change_only("remove", STORE_IF_PRESENT, adding("n", 1)) == STORE_GONE, "a late change is told that it is gone");
	tap_ok(change_only("remove", STORE_IF_ABSENT, adding("n", 1)) == STORE_GONE, "nothing is stored under a removed key");
	tap_ok(bury("remove", grave(60, 1000, false)) == STORE_GONE, "a second removal is told so too");
	tap_ok(status_of("remove", now + 100) == STORE_ABSENT, "the tombstone itself expires");
	late.now = now + 100;
	late.idle_deadline = now + 200;
	tap_ok(store_apply(store, &key, &late, &record) == STORE_OK, "and then the key is free");
	tap_ok(bury("never there", grave(60, 100, false)) == STORE_ABSENT, "removing what is not there is told");
	tap_ok(status_of("never there", now) == STORE_GONE, "and leaves a tombstone all the same");
	record_free(&record);
}

static int rename_to(const char *from, const char *to, struct store_tombstone tombstone, struct record *ret)
{
	struct store_change one = adding("renamed", 1);
	struct store_update update = update_of(STORE_IF_PRESENT, &one, 1);
	struct store_key a = key_of(from), b = key_of(to);

	return store_rename(store, &a, &b, &update, &tombstone, ret);
}

static void renaming(void)
{
	struct record record;

	record_init(&record);
	change_only("old", STORE_IF_ABSENT, adding("n", 5));
	tap_ok(rename_to("old", "new", grave(60, 60, false), &record) == STORE_OK && number_in(&record, "n") == 5 &&
	           number_in(&record, "renamed") == 1,
	       "a rename carries the data over, and changes it in the same step");
	tap_ok(number_of("new", "n") == 5 && status_of("old", now) == STORE_GONE, "the new key has it, the old one a tombstone");
	tap_ok(rename_to("old", "third", grave(60, 60, false), &record) == STORE_GONE, "a removed key is not renamed");
	tap_ok(rename_to("nowhere", "third", grave(60, 60, false), &record) == STORE_ABSENT && status_of("third", now) == STORE_ABSENT,
	       "nor one that is not there");
	change_only("occupied", STORE_IF_ABSENT, adding("n", 1));
	tap_ok(rename_to("new", "occupied", grave(60, 60, false), &record) == STORE_EXISTS && number_of("new", "n") == 5 &&
	           number_of("occupied", "n") == 1,
	       "a rename onto a record is refused, and both stay");
	tap_ok(change_only("old", STORE_IF_ABSENT, adding("n", 1)) == STORE_GONE, "the old key cannot be made again");
	record_free(&record);
}

static void forwarding(void)
{
	struct store_change one = adding("n", 1);
	struct store_update late = update_of(STORE_IF_PRESENT, &one, 1);
	struct store_key first = key_of("first");
	struct record record;

	record_init(&record);
	change_only("first", STORE_IF_ABSENT, adding("n", 5));
	tap_ok(rename_to("first", "second", grave(10, 60, true), &record) == STORE_OK, "a rename may leave a forward");
	tap_ok(load("first", now, &record) == STORE_OK && record.forwarded && number_in(&record, "n") == 5,
	       "which leads a late reader on, and says so");
	late.extend_before = INT64_MAX;
	late.idle_deadline = now + 20 * DAY;
	tap_ok(store_apply(store, &first, &late, &record) == STORE_OK && record.forwarded && number_of("second", "n") == 6,
	       "a late change reaches the new record");
	tap_ok(record_idle_deadline(record.octets) == now + DAY, "but does not extend it");
	tap_ok(status_of("first", now + 10) == STORE_GONE, "until the grace is over");
	tap_ok(bury("first", grave(10, 60, false)) == STORE_OK && status_of("second", now) == STORE_GONE, "a late removal reaches it too");
	tap_ok(status_of("first", now) == STORE_GONE, "and then the forward leads to a tombstone");
	record_free(&record);
}

/* ---- all of them --------------------------------------------------------------------------------------------------- */

#define MANY 500

struct seen {
	unsigned times[MANY], strangers;
	unsigned limit;
};

static bool see(void *context, const struct store_key *key, const uint8_t *record)
{
	struct seen *seen = context;
	struct record_field field;

	(void)key;
	if (record_find(record, "walked", 6, now, &field) && field.number >= 0 && field.number < MANY)
		seen->times[field.number]++;
	else
		seen->strangers++;
	return seen->limit == 0 || --seen->limit > 0;
}

static int walk_all(struct seen *seen, int64_t at, unsigned *pages)
{
	struct store_walk walk = { .each = see, .context = seen, .now = at };
	uint64_t cursor = 0;
	int status;

	do {
		status = store_walk(store, &cursor, &walk);
		(*pages)++;
	} while (status == STORE_OK && cursor != 0);
	return status;
}

static void walking(void)
{
	struct seen seen = { 0 }, later = { 0 }, stopped = { 0 };
	unsigned pages = 0, wrong = 0;
	char name[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "walk %d", i);
		change_only(name, STORE_IF_ABSENT, adding("walked", i));
	}
	bury("walk 17", grave(60, 60, false));
	tap_ok(walk_all(&seen, now, &pages) == STORE_OK, "a walk ends");
	for (int i = 0; i < MANY; i++)
		wrong += seen.times[i] != (i == 17 ? 0 : 1);
	tap_ok(wrong == 0, "each live record is visited once, a removed one never");
	pages = 0;
	tap_ok(walk_all(&later, now + 30 * DAY, &pages) == STORE_OK && later.times[1] == 0, "an expired one neither");
	stopped.limit = 3;
	struct store_walk walk = { .each = see, .context = &stopped, .now = now };
	uint64_t cursor = 0;

	do
		if (store_walk(store, &cursor, &walk) != STORE_OK)
			break;
	while (cursor != 0 && stopped.limit > 0);
	tap_ok(stopped.limit == 0 && cursor == 0, "a visitor can end the walk");
}

static void sweeping(void)
{
	struct seen before = { 0 }, after = { 0 };
	struct store_swept swept;
	unsigned pages = 0, steps = 0, kept = 0;
	int status;

	walk_all(&before, now, &pages);
	do {
		status = store_sweep(store, now + 2 * DAY, &swept);
		steps++;
	} while (status == STORE_OK && swept.more && steps < 100000);
	tap_ok(status == STORE_OK && !swept.more, "sweeping comes to an end, in steps");
	walk_all(&after, now, &pages);
	for (int i = 0; i < MANY; i++)
		kept += after.times[i];
	tap_ok(kept == 0, "expired records are gone afterwards");
	tap_ok(status_of("final", now) == STORE_OK, "and one that has not expired is still there");
}

/* ---- looking after it ---------------------------------------------------------------------------------------------- */

static void no_report(void *context, const char *sentence)
{
	unsigned *reports = context;

	printf("# %s\n", sentence);
	(*reports)++;
}

static int examine(int64_t at, struct store_findings *found, unsigned *reports)
{
	struct store_examination examination = { .report = no_report, .context = reports, .now = at };
	uint64_t cursor = 0;
	unsigned steps = 0;
	int status;

	memset(found, 0, sizeof(*found));
	do {
		status = store_examine(store, &cursor, &examination, found);
		steps++;
	} while (status == STORE_OK && cursor != 0 && found->step == steps && found->step < found->steps);
	return status == STORE_OK && cursor == 0 && found->step == found->steps ? STORE_OK : STORE_UNAVAILABLE;
}

static bool count_one(void *context, const struct store_key *key, const uint8_t *record)
{
	(void)key;
	(void)record;
	(*(uint64_t *)context)++;
	return true;
}

static uint64_t count_live(void)
{
	uint64_t count = 0, cursor = 0;
	struct store_walk walk = { .each = count_one, .context = &count, .now = now };

	do
		if (store_walk(store, &cursor, &walk) != STORE_OK)
			return 0;
	while (cursor != 0);
	return count;
}

static void looking_after(void)
{
	struct store_findings before, after, later;
	struct store_measures measures;
	struct store_salvaged salvaged;
	struct store_trouble trouble;
	unsigned reports = 0;

	tap_ok(examine(now, &before, &reports) == STORE_OK && before.live == count_live() && before.damaged == 0 && reports == 0,
	       "an examination counts what a walk visits, and reports nothing where all is well");
	change_only("looked after", STORE_IF_ABSENT, adding("n", 1));
	change_only("looked after", STORE_IF_PRESENT, adding("n", 1));
	tap_ok(examine(now, &after, &reports) == STORE_OK && after.live == before.live + 1,
	       "a record is counted once, however often it was changed");
	bury("looked after", grave(60, 60, false));
	tap_ok(examine(now, &after, &reports) == STORE_OK && after.live == before.live && after.gone == before.gone + 1,
	       "a removed one as what it is");
	tap_ok(examine(now + 60 * DAY, &later, &reports) == STORE_OK && later.live == 0 && later.expired >= after.live + after.gone,
	       "and all of them once they have expired");
	tap_ok(store_measure(store, &measures) == STORE_OK && measures.records >= after.live && measures.octets > 0,
	       "a measure tells at most how many records there are, and their octets");
	tap_ok(store_trouble(store, &trouble) == STORE_OK && trouble.damaged == 0 && trouble.set_aside == 0, "there is no trouble");
	tap_ok(store_salvage(store, now, &salvaged) == STORE_OK && !salvaged.file[0] && !salvaged.more, "and nothing to salvage");
}

static void existing(const char *location)
{
	char why[512] = "";
	struct store_options options = { .location = location, .existing = true, .why = why, .why_size = sizeof(why) };
	struct store *none;

	tap_ok(store_open(&none, &options) == STORE_ABSENT && why[0],
	       "a store that is not there is not made where one that exists is wanted");
}

/* ---- at once ------------------------------------------------------------------------------------------------------- */

static void *add_many(void *context)
{
	long failures = 0;

	for (int i = 0; i < ADDS; i++)
		failures += change_only(i % 2 ? "crowd a" : "crowd b", STORE_IF_PRESENT, adding("n", 1)) != STORE_OK;
	*(long *)context = failures;
	return NULL;
}

static void crowding(void)
{
	pthread_t threads[THREADS];
	long failures[THREADS], failed = 0;

	change_only("crowd a", STORE_IF_ABSENT, adding("n", 0));
	change_only("crowd b", STORE_IF_ABSENT, adding("n", 0));
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, add_many, &failures[i]);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		failed += failures[i];
	}
	tap_ok(failed == 0, "threads in a crowd are all answered");
	tap_ok(number_of("crowd a", "n") == THREADS * ADDS / 2 && number_of("crowd b", "n") == THREADS * ADDS / 2,
	       "and every one of their additions counts, once");
}

static void *create_one(void *context)
{
	*(int *)context = change_only("contested", STORE_IF_ABSENT, adding("n", 1));
	return NULL;
}

static void contending(void)
{
	pthread_t threads[THREADS];
	int statuses[THREADS], won = 0, lost = 0;

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, create_one, &statuses[i]);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		won += statuses[i] == STORE_OK;
		lost += statuses[i] == STORE_EXISTS;
	}
	tap_ok(won == 1 && lost == THREADS - 1, "of many creators of one record, one succeeds");
}

static void all_claims(const char *location)
{
	struct store_options options = { .location = location, .wait_ms = 5000 };
	char why[512];

	options.why = why;
	options.why_size = sizeof(why);
	printf("# %s\n", location);
	now = time(NULL);
	existing(location);
	if (!tap_ok(store_open(&store, &options) == STORE_OK, "the store opens")) {
		printf("# %s\n", why);
		return;
	}
	creating();
	changing();
	refusing();
	expiring();
	extending();
	field_deadlines();
	removing();
	renaming();
	forwarding();
	walking();
	crowding();
	contending();
	looking_after();
	sweeping();
	store_close(store);
}

int main(int argc, char **argv)
{
	char folder[64], location[128];

	for (int i = 1; i < argc; i++)
		all_claims(argv[i]);
	if (argc > 1)
		return tap_done();
	all_claims("memory:");
	all_claims("fault:0:memory:");
#if HAVE_GDBM
	if (!test_folder_make(folder))
		return 99;
	snprintf(location, sizeof(location), "gdbm:%s/plain", folder);
	all_claims(location);
	snprintf(location, sizeof(location), "fault:0:gdbm:%s/fault", folder);
	all_claims(location);
	test_folder_remove(folder);
#endif
	return tap_done();
}

/*
 * repair.c - what damage costs, and what comes back: one kind of damage after the other, each with what it may not take away. damage.c
 * does the same at random.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/store/folder.h"
#include "tests/tap.h"

#define KEYS 600u
#define SHARDS 2u /* that all keys go to, so that each file has many buckets */
#define DAY 86400

static char folder[64], location[96];
static struct store *store;
static int64_t now;

static struct store_key key_of(uint64_t n)
{
	struct store_key key;

	for (uint64_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
		uint64_t sum = record_sum(&n, sizeof(n), i + 1);

		memcpy(key.octets + 8 * i, &sum, 8);
	}
	key.octets[0] %= SHARDS;
	return key;
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static bool open_store(void)
{
	char why[512] = "";
	struct store_options options = {
		.location = location, .wait_ms = 5000, .sync = STORE_SYNC_ALWAYS, .why = why, .why_size = sizeof(why)
	};

	if (store_open(&store, &options) == STORE_OK)
		return true;
	printf("# %s\n", why);
	store = NULL;
	return false;
}

static int add(uint64_t n, enum store_condition condition)
{
	struct store_change one = { .what = STORE_ADD, .name = "n", .name_size = 1, .number = 1, .until = RECORD_NEVER };
	struct store_update update = { .condition = condition,
		                       .now = now,
		                       .idle_deadline = now + DAY,
		                       .final_deadline = now + 30 * DAY,
		                       .extend_before = INT64_MIN,
		                       .changes = &one,
		                       .count = 1 };
	struct store_key key = key_of(n);
	struct record record;
	int status;

	record_init(&record);
	status = store_apply(store, &key, &update, &record);
	record_free(&record);
	return status;
}

/* The number of the nth session, or minus the status. */
static int64_t number_of(uint64_t n)
{
	struct store_key key = key_of(n);
	struct record_field field;
	struct record record;
	int64_t number;

	record_init(&record);
	number = -store_load(store, &key, now, &record);
	if (number == STORE_OK)
		number = record_find(record.octets, "n", 1, now, &field) ? field.number : INT64_MIN;
	record_free(&record);
	return number;
}

/* How many sessions have this number. */
static unsigned count_with(int64_t number)
{
	unsigned count = 0;

	for (uint64_t n = 0; n < KEYS; n++)
		count += number_of(n) == number;
	return count;
}

/* A store with KEYS sessions, each changed once after it was made; all in GDBM files. */
static void fresh(void)
{
	test_folder_remove(folder);
	if (!open_store())
		exit(99);
	for (uint64_t n = 0; n < KEYS; n++)
		if (add(n, STORE_IF_ABSENT) != STORE_OK)
			exit(99);
	store_close(store);
	if (!open_store())
		exit(99);
	for (uint64_t n = 0; n < KEYS; n++)
		if (add(n, STORE_IF_PRESENT) != STORE_OK)
			exit(99);
	store_close(store);
}

static void overwrite(const char *name, off_t at, const void *octets, size_t size)
{
	int fd = open(path_of(name), O_WRONLY);

	if (fd < 0 || pwrite(fd, octets, size, at) != (ssize_t)size)
		exit(99);
	close(fd);
}

static void zero(const char *name, off_t at, size_t size)
{
	static const uint8_t zeros[4096];

	overwrite(name, at, zeros, size);
}

static bool there(const char *name)
{
	struct stat st;

	return lstat(path_of(name), &st) == 0;
}

static void copy(const char *from, const char *to)
{
	static uint8_t octets[1 << 20];
	int fd = open(path_of(from), O_RDONLY);
	ssize_t size = fd >= 0 ? read(fd, octets, sizeof(octets)) : -1;

	if (size < 0)
		exit(99);
	close(fd);
	fd = open(path_of(to), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, octets, (size_t)size) != size)
		exit(99);
	close(fd);
}

/* All steps of salvage, added up. */
static struct store_salvaged salvage_all(void)
{
	struct store_salvaged all = { .file = "" }, one = { .more = true };

	while (one.more && store_salvage(store, now, &one) == STORE_OK) {
		all.put_back += one.put_back;
		all.known += one.known;
		all.expired += one.expired;
		all.lost += one.lost;
	}
	return all;
}

static void sweep_all(void)
{
	struct store_swept swept;

	do
		if (store_sweep(store, now, &swept) != STORE_OK)
			break;
	while (swept.more);
}

static void no_report(void *context, const char *sentence)
{
	unsigned *reports = context;

	(void)sentence;
	(*reports)++;
}

static struct store_findings examine(void)
{
	unsigned reports = 0;
	struct store_examination examination = { .report = no_report, .context = &reports, .now = now };
	struct store_findings found = { 0 };
	uint64_t cursor = 0;

	do
		if (store_examine(store, &cursor, &examination, &found) != STORE_OK)
			break;
	while (cursor != 0);
	return found;
}

/* ---- GDBM files ---------------------------------------------------------------------------------------------------- */

static void header(void)
{
	struct store_findings found;

	fresh();
	zero("00.gdbm", 0, 4096);
	open_store();
	found = examine();
	tap_ok(found.damaged > 0 && found.damaged_files == 1 && there("00.gdbm.damaged") == false,
	       "an examination finds a file without a header, and changes nothing");
	tap_ok(count_with(2) == KEYS, "no session is lost with the header of a GDBM file");
	tap_ok(there("00.gdbm.damaged"), "the damaged file is set aside");
	tap_ok(add(0, STORE_IF_PRESENT) == STORE_OK && add(1, STORE_IF_PRESENT) == STORE_OK, "all of them can be changed");
	tap_ok(examine().damaged_files == 0 && examine().set_aside == 1, "and the file is whole again");
	store_close(store);
}

/* What plain GDBM makes of these: it fills the disk, allocates gigabytes, or gives up. */
static void header_fields(void)
{
	static const struct {
		off_t at;
		uint32_t value;
		const char *what;
	} fields[] = { { 44, 0x40, "next block far away" },
		       { 16, 0x7ffffff8, "directory of two gigabytes" },
		       { 24, 0x7fffffff, "bucket as large" },
		       { 8, 0x7fffffff, "directory behind the end" },
		       { 52, 0x7fffffff, "table of free space without end" },
		       { 48, 0, "table of free space with no room" } };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		fresh();
		overwrite("01.gdbm", fields[i].at, &fields[i].value, sizeof(fields[i].value));
		open_store();
		for (uint64_t n = 0; n < KEYS; n++)
			(void)add(n, STORE_IF_PRESENT);
		tap_ok(count_with(3) == KEYS, "a header with a %s costs no session", fields[i].what);
		store_close(store);
		open_store();
		tap_ok(count_with(3) == KEYS && examine().damaged == 0, "nor after they were merged");
		store_close(store);
	}
}

static void directory(void)
{
	fresh();
	zero("00.gdbm", 4096, 4096);
	open_store();
	tap_ok(count_with(2) == KEYS, "no session is lost with the directory of a GDBM file");
	store_close(store);
}

/* The place of the nth bucket that the directory names. */
static off_t bucket_of(const char *name, unsigned nth)
{
	int fd = open(path_of(name), O_RDONLY);
	int64_t directory_at = 0, at = 0, last = 0;

	if (fd < 0 || pread(fd, &directory_at, 8, 8) != 8)
		exit(99);
	for (off_t i = 0; i < 512; i++) {
		if (pread(fd, &at, 8, directory_at + 8 * i) != 8)
			exit(99);
		if (at != last && nth-- == 0)
			break;
		last = at;
	}
	close(fd);
	return at;
}

static void one_bucket(void)
{
	struct store_findings found;
	unsigned left;

	fresh();
	zero("00.gdbm", bucket_of("00.gdbm", 1), 4096);
	open_store();
	for (uint64_t n = 0; n < KEYS; n++)
		(void)number_of(n);
	left = count_with(2);
	tap_ok(left >= KEYS / 2 && left < KEYS && count_with(-STORE_ABSENT) == KEYS - left,
	       "a bucket that is lost takes its own sessions with it, and none behind it (%u of %u left)", left, KEYS);
	tap_ok(count_with(1) == 0, "and none of them is served as it was before");
	sweep_all();
	found = examine();
	tap_ok(found.damaged == 0 && found.live == left, "a sweep puts the file in order");
	store_close(store);
}

static void one_record(void)
{
	uint8_t octet;

	fresh();
	/* A bucket's first element: where its record is. */
	off_t bucket = bucket_of("01.gdbm", 0);
	int64_t at = 0;
	int fd = open(path_of("01.gdbm"), O_RDONLY);

	for (off_t i = 0; at == 0 && i < 160; i++)
		if (pread(fd, &at, 8, bucket + 112 + 24 * i + 8) != 8)
			exit(99);
	if (pread(fd, &octet, 1, at + STORE_KEY_SIZE + 40) != 1)
		exit(99);
	close(fd);
	octet ^= 1; /* surely another one */
	overwrite("01.gdbm", at + STORE_KEY_SIZE + 40, &octet, 1);
	open_store();
	tap_ok(examine().damaged == 1 && examine().live == KEYS - 1, "a damaged record is found");
	(void)count_with(2);
	tap_ok(count_with(2) == KEYS - 1, "and is the only one that is lost");
	store_close(store);
	open_store();
	for (uint64_t n = 0; n < 200; n++)
		(void)add(n, STORE_IF_PRESENT);
	struct store_swept swept;

	do
		if (store_sweep(store, now, &swept) != STORE_OK)
			break;
	while (swept.more);
	struct store_salvaged salvaged = salvage_all();

	tap_ok(salvaged.put_back == 0 && salvaged.lost == 1 &&
	           salvaged.known == (KEYS / 2 > salvaged.known ? salvaged.known : KEYS / 2 + 100),
	       "salvage tells that it is lost");
	tap_ok(!there("01.gdbm.damaged") && there("01.gdbm.salvaged"), "and keeps the file under another name");
	store_close(store);
}

/* ---- what was set aside -------------------------------------------------------------------------------------------- */

static void put_back(void)
{
	struct store_tombstone grave = { .grace = now + 60, .final_deadline = now + 31 * DAY };
	struct store_salvaged salvaged;
	uint64_t ones[KEYS];
	unsigned first = 0;

	fresh();
	copy("00.gdbm", "00.gdbm.damaged");
	for (uint64_t n = 0; n < KEYS; n++)
		if (key_of(n).octets[0] == 0)
			ones[first++] = n;
	unlink(path_of("00.gdbm"));
	open_store();
	tap_ok(count_with(2) == KEYS - first, "without its file the sessions of a shard are not there, and the others are");
	struct store_key removed = key_of(ones[0]);

	tap_ok(store_remove(store, &removed, now, &grave) == STORE_ABSENT, "one of them is removed all the same");
	now += 10;
	tap_ok(add(ones[1], STORE_IF_ABSENT) == STORE_OK, "another one is begun anew");
	now -= 10;
	salvaged = salvage_all();
	tap_ok(salvaged.put_back == first - 2 && salvaged.known == 2 && salvaged.lost == 0, "what was set aside is put back");
	tap_ok(count_with(2) == KEYS - 2, "and served again");
	tap_ok(number_of(ones[0]) == -STORE_GONE && number_of(ones[1]) == 1,
	       "but not in the place of a removed session or of a later one, however often it was changed");
	tap_ok(!there("00.gdbm.damaged") && !there("00.gdbm.salvaged"), "a file out of which nothing was lost is removed");
	store_close(store);
	open_store();
	tap_ok(count_with(2) == KEYS - 2, "it lasts");
	store_close(store);
}

static void nothing_older(void)
{
	struct store_tombstone grave = { .grace = now + 60, .final_deadline = now + 31 * DAY };
	struct store_key key = key_of(7);
	struct store_salvaged salvaged;
	char aside[32];

	fresh();
	snprintf(aside, sizeof(aside), "%02u.gdbm", key.octets[0]);
	copy(aside, key.octets[0] ? "01.gdbm.damaged" : "00.gdbm.damaged");
	open_store();
	for (uint64_t n = 0; n < KEYS; n++)
		(void)add(n, STORE_IF_PRESENT);
	tap_ok(store_remove(store, &key, now, &grave) == STORE_OK, "a session is removed, the others are changed");
	salvaged = salvage_all();
	tap_ok(salvaged.put_back == 0 && salvaged.known > 0, "nothing that the store has a newer version of is put back");
	tap_ok(number_of(7) == -STORE_GONE && count_with(3) == KEYS - 1, "and what was removed stays removed");
	copy(aside, key.octets[0] ? "01.gdbm.damaged" : "00.gdbm.damaged");
	now += 2 * DAY;
	salvaged = salvage_all();
	now -= 2 * DAY;
	tap_ok(salvaged.put_back == 0 && salvaged.expired > 0, "nor what has expired");
	store_close(store);
}

/* ---- the journal --------------------------------------------------------------------------------------------------- */

/* Changes every session once more in a process that is then no more. */
static void change_and_die(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (open_store())
			for (uint64_t n = 0; n < KEYS; n++)
				(void)add(n, STORE_IF_PRESENT);
		_exit(0);
	}
	waitpid(child, &status, 0);
}

/* As after a reboot. */
static void forget_boot(void)
{
	unlink(path_of("control"));
	unlink(path_of("hot.00000001"));
	unlink(path_of("hot.00000002"));
}

static void journals(void)
{
	struct store_salvaged salvaged;

	fresh();
	change_and_die();
	zero("journal.00000001", 0, 64);
	open_store();
	tap_ok(count_with(3) == KEYS, "beside running programs a journal file's header costs nothing");
	store_close(store);

	fresh();
	change_and_die();
	zero("journal.00000001", 0, 64);
	forget_boot();
	open_store();
	tap_ok(count_with(3) == KEYS, "nor does it after a reboot");
	store_close(store);

	fresh();
	change_and_die();
	zero("hot.00000001", 0, 56);
	open_store();
	tap_ok(count_with(3) == KEYS, "the head of a mapped file that does not check is put right");
	store_close(store);

	fresh();
	change_and_die();
	zero("hot.00000001", 8192, 4096);
	open_store();
	tap_ok(count_with(3) == KEYS, "what is damaged in a mapped file is read from the journal file");
	store_close(store);

	fresh();
	change_and_die();
	if (truncate(path_of("hot.00000001"), 100000) != 0)
		exit(99);
	open_store();
	tap_ok(store && count_with(3) == KEYS, "a mapped file that is cut off is built again");
	store_close(store);

	fresh();
	change_and_die();
	copy("journal.00000001", "journal.7fffffff");
	forget_boot();
	open_store();
	tap_ok(store && count_with(3) == KEYS && there("journal.7fffffff.damaged"),
	       "a journal file that does not belong there is set aside");
	salvaged = salvage_all();
	tap_ok(salvaged.put_back == 0 && !there("journal.7fffffff.damaged"), "nothing in it is this store's");
	store_close(store);

	fresh();
	change_and_die();
	copy("journal.00000001", "journal.00000001.damaged");
	unlink(path_of("journal.00000001"));
	forget_boot();
	open_store();
	tap_ok(count_with(2) == KEYS, "without its journal a store is as it was when it was merged");
	salvaged = salvage_all();
	tap_ok(salvaged.put_back == KEYS && count_with(3) == KEYS, "a journal that was set aside is put back");
	store_close(store);
}

/* ---- the rest ------------------------------------------------------------------------------------------------------ */

static void identity(void)
{
	fresh();
	zero("store", 0, 48);
	open_store();
	tap_ok(store && count_with(2) == KEYS, "a damaged identity is read from its copy");
	store_close(store);
	zero("store.copy", 0, 48);
	open_store();
	tap_ok(store && count_with(2) == KEYS, "and was made anew by it; and a damaged copy by the identity");
	store_close(store);
	unlink(path_of("store"));
	open_store();
	tap_ok(store && count_with(2) == KEYS, "one that is missing likewise");
	store_close(store);
	unlink(path_of("store"));
	unlink(path_of("store.copy"));
	tap_ok(!open_store() && !there("store"), "where both are missing, a store with sessions is not taken for a new one");
}

static void control_words(void)
{
	static const uint64_t segments[] = { 0x7fffffff00000001, 0xffffffffffffffff, 0x0fffffff10000000 };

	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
		fresh();
		change_and_die();
		overwrite("control", 128, &segments[i], sizeof(segments[i]));
		open_store();
		tap_ok(store && count_with(3) == KEYS, "a control file that names segments %08x to %08x, which cannot be, is made anew",
		       (unsigned)(segments[i] >> 32), (unsigned)segments[i]);
		sweep_all();
		store_close(store);
	}
}

int main(void)
{
	if (!test_folder_make(folder))
		return 99;
	snprintf(location, sizeof(location), "gdbm:%s", folder);
	now = time(NULL);
	header();
	header_fields();
	directory();
	one_bucket();
	one_record();
	put_back();
	nothing_older();
	journals();
	identity();
	control_words();
	test_folder_remove(folder);
	return tap_done();
}

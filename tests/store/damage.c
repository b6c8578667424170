/*
 * damage.c - stores whose files were damaged in any way: bytes, numbers, whole blocks, lengths, records that changed places. A process that
 * opens such a store, reads every session, changes, sweeps and closes it never crashes, never serves a record that is not the session's
 * own, and needs no more than its share of time and disk.
 *
 *     damage [SEED [MUTANTS]]      400, or 100,000 with SESAME_LONG
 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/gdbm/control.h"
#include "store/store.h"
#include "tests/store/folder.h"
#include "tests/tap.h"

#define KEYS 300u
#define SECONDS 20u
#define OCTETS_MAX (512u << 20)  /* of one file */
#define MEMORY_MAX (2048u << 20) /* of the address space: a size that damage made up is not allocated */

static char top[64], folder[96], whole[104], location[128];
static int64_t now;

struct tally {
	_Atomic uint64_t served, missing, older, wrong, refused, damaged_files;
};

static struct tally *tally;

static uint64_t chance(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* In four shards, so that a file has many of them. */
static struct store_key key_of(uint64_t n)
{
	struct store_key key;

	for (uint64_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
		uint64_t sum = record_sum(&n, sizeof(n), i + 1);

		memcpy(key.octets + 8 * i, &sum, 8);
	}
	key.octets[0] &= 3;
	return key;
}

static struct store *open_store(void)
{
	struct store_options options = {
		.location = location, .wait_ms = 1000, .sync = STORE_SYNC_ALWAYS, .brief = true, .journal_size = 64 << 10
	};
	struct store *store;

	return store_open(&store, &options) == STORE_OK ? store : NULL;
}

/* Each session knows its own number, and how often it was changed. */
static int change(struct store *store, uint64_t n, enum store_condition condition)
{
	char name[24];
	struct store_change changes[] = {
		{ .what = STORE_ADD, .name = "n", .name_size = 1, .number = 1, .until = RECORD_NEVER },
		{ .what = STORE_SET_OCTETS, .name = "who", .name_size = 3, .octets = name, .until = RECORD_NEVER }
	};
	struct store_update update = { .condition = condition,
		                       .now = now,
		                       .idle_deadline = now + 86400,
		                       .final_deadline = now + 864000,
		                       .extend_before = INT64_MIN,
		                       .changes = changes,
		                       .count = 2 };
	struct store_key key = key_of(n);
	struct record record;
	int status;

	changes[1].size = (uint32_t)snprintf(name, sizeof(name), "%" PRIu64, n);
	record_init(&record);
	status = store_apply(store, &key, &update, &record);
	record_free(&record);
	return status;
}

static int64_t changes_of(uint64_t n)
{
	return n % 3 == 0 ? 3 : n % 3 == 1 ? 2 : 1;
}

/* Everything is in GDBM files after the first part, and the last changes are in the journal. The process then just ends. */
static void make_store(void)
{
	struct store_options options = { .location = location, .wait_ms = 5000 };
	struct store *store;
	bool made;

	if (store_open(&store, &options) != STORE_OK)
		_exit(1);
	for (uint64_t n = 0; n < KEYS; n++)
		(void)change(store, n, STORE_IF_ABSENT);
	store_close(store);
	store = open_store();
	made = store != NULL;
	for (uint64_t n = 0; n < KEYS && made; n++)
		for (int64_t i = 1; i < changes_of(n); i++)
			made = change(store, n, STORE_IF_PRESENT) == STORE_OK;
	_exit(made ? 0 : 1);
}

/* One file of the whole store into the folder that is to be damaged. */
static bool copy_file(const char *name)
{
	char from[400], to[400];
	int in, out;
	struct stat st;
	off_t at = 0;
	bool copied;

	snprintf(from, sizeof(from), "%s/%s", whole, name);
	snprintf(to, sizeof(to), "%s/%s", folder, name);
	in = open(from, O_RDONLY);
	out = open(to, O_RDWR | O_CREAT | O_EXCL, 0600);
	copied = in >= 0 && out >= 0 && fstat(in, &st) == 0 && ftruncate(out, st.st_size) == 0;
	while (copied && at < st.st_size)
		copied = sendfile(out, in, &at, (size_t)(st.st_size - at)) > 0;
	/* A control file is valid in one place only. */
	if (copied && strcmp(name, "control") == 0)
		copied = fstat(out, &st) == 0 &&
		         pwrite(out, &st.st_ino, sizeof(st.st_ino), offsetof(struct control, inode)) == (ssize_t)sizeof(st.st_ino);
	close(in);
	close(out);
	return copied;
}

static bool copy_store(void)
{
	DIR *entries = opendir(whole);
	struct dirent *entry;
	bool copied = entries != NULL;

	while (copied && (entry = readdir(entries)))
		copied = entry->d_name[0] == '.' || copy_file(entry->d_name);
	if (entries)
		closedir(entries);
	return copied;
}

/* ---- damage -------------------------------------------------------------------------------------------------------- */

static void mutate(uint8_t *octets, size_t size, uint64_t *seed)
{
	static const uint64_t numbers[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, UINT64_MAX, 0x40000000, 4096 };
	size_t at = chance(seed) % size, other = chance(seed) % size, length = 1 + chance(seed) % 200;

	if (chance(seed) % 3 == 0)
		at %= 256; /* where headers are */
	switch (chance(seed) % 6) {
	case 0:
		octets[at] ^= (uint8_t)(1u << chance(seed) % 8);
		break;
	case 1:
		for (size_t i = at; i < size && i < at + length; i++)
			octets[i] = (uint8_t)chance(seed);
		break;
	case 2:
		memset(octets + at / 4096 * 4096, 0, size - at / 4096 * 4096 < 4096 ? size - at / 4096 * 4096 : 4096);
		break;
	case 3:
		at = at / 4 * 4;
		if (at + 8 <= size)
			memcpy(octets + at, &numbers[chance(seed) % (sizeof(numbers) / sizeof(numbers[0]))], 4 + 4 * (chance(seed) % 2));
		break;
	case 4: /* one piece in the place of another */
		at = at / 16 * 16;
		other = other / 16 * 16;
		if (at + length <= size && other + length <= size)
			memmove(octets + at, octets + other, length);
		break;
	default:
		octets[at] = (uint8_t)chance(seed);
	}
}

/* The locks of a control file are nobody's data: whoever can write there can stop the store. */
static size_t damageable(const char *path, size_t size)
{
	return strcmp(strrchr(path, '/'), "/control") == 0 && size > offsetof(struct control, growth) ? offsetof(struct control, growth)
	                                                                                              : size;
}

static void damage_file(const char *path, uint64_t *seed)
{
	int fd = open(path, O_RDWR);
	struct stat st;
	uint8_t *octets;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0)
		abort();
	if (chance(seed) % 16 == 0) {
		if (unlink(path) != 0)
			abort();
	} else if (chance(seed) % 8 == 0) {
		off_t size =
		    chance(seed) % 4 == 0 ? st.st_size + (off_t)(chance(seed) % 100000) : (off_t)(chance(seed) % (uint64_t)st.st_size);

		if (ftruncate(fd, size) != 0)
			abort();
	} else {
		octets = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (octets == MAP_FAILED)
			abort();
		for (uint64_t times = 1 + chance(seed) % 4; times > 0; times--)
			mutate(octets, damageable(path, (size_t)st.st_size), seed);
		munmap(octets, (size_t)st.st_size);
	}
	close(fd);
}

/* One of the store's files; reboot: what is of this boot is gone. */
static void damage(uint64_t *seed, bool reboot)
{
	char paths[128][400];
	DIR *entries = opendir(folder);
	struct dirent *entry;
	unsigned count = 0;

	while (entries && (entry = readdir(entries)) && count < 128) {
		char path[400];

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] == '.')
			continue;
		if (reboot && (strcmp(entry->d_name, "control") == 0 || strncmp(entry->d_name, "hot.", 4) == 0)) {
			unlink(path);
			continue;
		}
		memcpy(paths[count++], path, sizeof(path));
	}
	if (entries)
		closedir(entries);
	if (count > 0)
		damage_file(paths[chance(seed) % count], seed);
}

/* ---- the user ------------------------------------------------------------------------------------------------------ */

static void look(struct store *store, uint64_t n)
{
	struct record_field who, count;
	struct store_key key = key_of(n);
	struct record record;
	char name[24];
	int status;

	record_init(&record);
	status = store_load(store, &key, now, &record);
	snprintf(name, sizeof(name), "%" PRIu64, n);
	if (status != STORE_OK)
		tally->missing++;
	else if (!record_find(record.octets, "who", 3, now, &who) || strcmp(who.octets, name) != 0 ||
	         !record_find(record.octets, "n", 1, now, &count) || count.number < 1 || count.number > changes_of(n))
		tally->wrong++;
	else if (count.number < changes_of(n))
		tally->older++;
	else
		tally->served++;
	record_free(&record);
}

static bool walk_one(void *context, const struct store_key *key, const uint8_t *record)
{
	(void)context;
	(void)key;
	(void)record;
	return true;
}

static void use_store(void)
{
	struct rlimit octets = { OCTETS_MAX, OCTETS_MAX }, seconds = { SECONDS, SECONDS }, memory = { MEMORY_MAX, MEMORY_MAX };
	struct store_walk walk = { .each = walk_one, .now = now };
	struct store_swept swept;
	struct store *store;
	uint64_t cursor = 0;

	setrlimit(RLIMIT_FSIZE, &octets);
	setrlimit(RLIMIT_CPU, &seconds);
#ifndef __SANITIZE_ADDRESS__
	setrlimit(RLIMIT_AS, &memory);
#else
	(void)memory;
#endif
	alarm(3 * SECONDS);
	store = open_store();
	if (!store) {
		tally->refused++;
		_exit(0);
	}
	for (uint64_t n = 0; n < KEYS; n++)
		look(store, n);
	do
		if (store_walk(store, &cursor, &walk) != STORE_OK)
			break;
	while (cursor != 0);
	for (uint64_t n = KEYS; n < KEYS + 20; n++)
		(void)change(store, n, STORE_IF_ABSENT);
	do
		if (store_sweep(store, now, &swept) != STORE_OK)
			break;
	while (swept.more);
	for (uint64_t n = 0; n < KEYS; n += 7)
		look(store, n);
	store_close(store);
	_exit(0);
}

static int in_child(void (*work)(void))
{
	pid_t child = fork();
	int status = 0;

	if (child == 0)
		work();
	waitpid(child, &status, 0);
	return status;
}

static int remove_all(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	return at->level == 0 ? 0 : remove(path);
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL), crashes = 0, mutants;

	mutants = argc > 2 ? strtoull(argv[2], NULL, 10) : getenv("SESAME_LONG") ? 100000 : 400;
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED || !test_folder_make(top))
		return 99;
	if (access("/dev/shm", W_OK) == 0)
		snprintf(folder, sizeof(folder), "/dev/shm/%s", strrchr(top, '/') + 1);
	else
		snprintf(folder, sizeof(folder), "%s/store", top);
	snprintf(whole, sizeof(whole), "%s.whole", folder);
	snprintf(location, sizeof(location), "gdbm:%s", whole);
	mkdir(folder, 0700);
	mkdir(whole, 0700);
	now = time(NULL);
	if (!tap_ok(in_child(make_store) == 0, "a store is made"))
		return tap_done();
	snprintf(location, sizeof(location), "gdbm:%s", folder);
	for (uint64_t i = 0; i < mutants; i++) {
		uint64_t seed = (first + i) * 2654435761u + 88172645463325252u;
		int status;

		nftw(folder, remove_all, 16, FTW_DEPTH | FTW_PHYS);
		if (!copy_store()) {
			tap_ok(false, "it is copied");
			break;
		}
		damage(&seed, chance(&seed) % 2);
		status = in_child(use_store);
		if (status != 0) {
			printf("# seed %" PRIu64 ": %s %d\n", first + i, WIFSIGNALED(status) ? "signal" : "status",
			       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
			crashes++;
		}
	}
	printf("# %" PRIu64 " mutants, seeds from %" PRIu64 ": %" PRIu64 " crashes; of the records %" PRIu64 " right, %" PRIu64
	       " missing, %" PRIu64 " older, %" PRIu64 " wrong; %" PRIu64 " stores refused\n",
	       mutants, first, crashes, tally->served, tally->missing, tally->older, tally->wrong, tally->refused);
	tap_ok(crashes == 0, "no damage crashes a program, keeps it busy, or fills its disk");
	tap_ok(tally->wrong == 0, "no record of another session, and none that never was, is served");
	tap_ok(tally->served > 100 * mutants, "most sessions are still served");
	test_folder_remove(folder);
	test_folder_remove(whole);
	test_folder_remove(top);
	return tap_done();
}

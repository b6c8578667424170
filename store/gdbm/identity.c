/* identity.c - the files "store" and "store.copy". */

#include "store/gdbm/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/gdbm/control.h"
#include "store/gdbm/files.h"
#include "store/store.h"

#define MAGIC "sesame store\n"
#define FORMAT 1u
#define ORDER 0x01020304u

/* In this machine's byte order, as GDBM's files and the journal are. */
struct identity {
	char magic[16];
	uint32_t order;
	uint32_t version;
	uint32_t shards;
	uint32_t reserved;
	uint64_t seed;
	uint64_t sum; /* of all before it */
};

static int refuse(const struct store_options *options, int folder, const char *name, const char *what)
{
	int error = errno;
	char fault[128];

	files_explain(folder, name, fault, sizeof(fault));
	errno = error;
	return store_refuse(options, STORE_UNAVAILABLE, "the sessions' file '%s' %s: %s%s%s", name, what, strerror(error),
	                    fault[0] ? ": " : "", fault);
}

static int check(const struct identity *identity, const struct store_options *options)
{
	if (memcmp(identity->magic, MAGIC, sizeof(MAGIC)) != 0)
		return store_refuse(options, STORE_DAMAGED,
		                    "%s: the file 'store' is not a store's: restore it from a backup, or move the folder away",
		                    options->location);
	if (identity->order != ORDER)
		return store_refuse(
		    options, STORE_UNSUPPORTED,
		    "%s was made on a machine of another byte order: carry the sessions over with sesamectl export and import",
		    options->location);
	if (identity->version != FORMAT || identity->shards != CONTROL_SHARDS)
		return store_refuse(options, STORE_UNSUPPORTED, "%s is of version %u with %u shards; this program reads version %u with %u",
		                    options->location, identity->version, identity->shards, FORMAT, CONTROL_SHARDS);
	if (identity->sum != record_sum(identity, offsetof(struct identity, sum), 0))
		return store_refuse(options, STORE_DAMAGED,
		                    "%s: the file 'store' is damaged: restore it from a backup, or move the folder away",
		                    options->location);
	return STORE_OK;
}

/* Reads what name holds, without judging it. STORE_OK, STORE_ABSENT, or STORE_UNAVAILABLE with a sentence. */
static int read_file(int folder, const struct store_options *options, const char *name, struct identity *ret)
{
	int fd = files_open(folder, name, O_RDONLY);
	ssize_t n;

	memset(ret, 0, sizeof(*ret));
	if (fd < 0)
		return errno == ENOENT ? STORE_ABSENT : refuse(options, folder, name, "cannot be opened");
	n = pread(fd, ret, sizeof(*ret), 0);
	close(fd);
	return n < 0 ? refuse(options, folder, name, "cannot be read") : STORE_OK;
}

static bool sound(const struct identity *identity)
{
	const struct store_options silent = { .why = NULL };

	return check(identity, &silent) == STORE_OK;
}

/*
 * Of the file and its copy the one that is whole; *lacking is the name of the other if it is not, else NULL. Unless both are asked for, the
 * copy is not looked at where the file is whole.
 */
static int read_either(int folder, const struct store_options *options, bool both, struct identity *ret, const char **lacking)
{
	struct identity copy;
	int status = read_file(folder, options, "store", ret), copied;

	*lacking = NULL;
	if (status != STORE_OK && status != STORE_ABSENT)
		return status;
	if (!both && status == STORE_OK && sound(ret))
		return STORE_OK;
	copied = read_file(folder, options, "store.copy", &copy);
	if (copied != STORE_OK && copied != STORE_ABSENT)
		return copied;
	if (status == STORE_OK && sound(ret)) {
		if (copied != STORE_OK || memcmp(ret, &copy, sizeof(copy)) != 0)
			*lacking = "store.copy";
		return STORE_OK;
	}
	if (copied == STORE_OK && sound(&copy)) {
		*ret = copy;
		*lacking = "store";
		return STORE_OK;
	}
	return status == STORE_OK ? check(ret, options) : STORE_ABSENT;
}

int identity_read(int folder, const struct store_options *options, uint64_t *seed)
{
	struct identity identity;
	const char *lacking;
	int status = read_either(folder, options, false, &identity, &lacking);

	if (status == STORE_OK)
		*seed = identity.seed;
	return status;
}

static int write_new(int folder, const char *name, const struct identity *identity)
{
	int fd, failed;

	(void)unlinkat(folder, "store.new", 0);
	fd = files_open(folder, "store.new", O_WRONLY | O_CREAT | O_EXCL);
	if (fd < 0)
		return -1;
	failed = files_write(fd, identity, sizeof(*identity), 0) != 0 || fsync(fd) != 0;
	if (close(fd) != 0 || failed)
		return -1;
	return renameat(folder, "store.new", folder, name) == 0 && files_sync_folder(folder) == 0 ? 0 : -1;
}

/* Without its identity a store with sessions must not be taken for an empty one: none of them would ever check again. */
static int absent(int folder, const struct store_options *options)
{
	struct stat st;
	char name[32];

	for (unsigned i = 0; i < CONTROL_SHARDS; i++) {
		snprintf(name, sizeof(name), "%02u.gdbm", i);
		if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return store_refuse(options, STORE_DAMAGED,
			                    "%s holds sessions, but the file 'store' is missing: restore it from a backup, or move the "
			                    "folder away",
			                    options->location);
	}
	return STORE_ABSENT;
}

int identity_keep(int folder, const struct store_options *options, uint64_t *seed)
{
	struct identity identity;
	const char *lacking;
	int status = read_either(folder, options, true, &identity, &lacking);

	if (status == STORE_ABSENT)
		return absent(folder, options);
	if (status == STORE_OK && lacking && write_new(folder, lacking, &identity) != 0)
		return refuse(options, folder, lacking, "cannot be made");
	if (status == STORE_OK)
		*seed = identity.seed;
	return status;
}

int identity_make(int folder, const struct store_options *options, uint64_t *seed)
{
	struct identity identity = { .magic = MAGIC, .order = ORDER, .version = FORMAT, .shards = CONTROL_SHARDS };

	if (getrandom(&identity.seed, sizeof(identity.seed), 0) != (ssize_t)sizeof(identity.seed))
		return refuse(options, folder, "store", "cannot be given a seed");
	identity.sum = record_sum(&identity, offsetof(struct identity, sum), 0);
	if (write_new(folder, "store.copy", &identity) != 0 || write_new(folder, "store", &identity) != 0)
		return refuse(options, folder, "store", "cannot be made");
	*seed = identity.seed;
	return STORE_OK;
}

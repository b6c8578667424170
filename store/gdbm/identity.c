/* identity.c - the file "store". */

#include "store/gdbm/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
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

static int refuse(const struct store_options *options, int folder, const char *what)
{
	int error = errno;
	char fault[128];

	files_explain(folder, "store", fault, sizeof(fault));
	errno = error;
	return store_refuse(options, STORE_UNAVAILABLE, "the sessions' file 'store' %s: %s%s%s", what, strerror(error),
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

int identity_read(int folder, const struct store_options *options, uint64_t *seed)
{
	struct identity identity;
	int fd = files_open(folder, "store", O_RDONLY), status;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? STORE_ABSENT : refuse(options, folder, "cannot be opened");
	memset(&identity, 0, sizeof(identity));
	n = pread(fd, &identity, sizeof(identity), 0);
	if (n < 0) {
		status = refuse(options, folder, "cannot be read");
	} else {
		status = check(&identity, options);
		*seed = identity.seed;
	}
	close(fd);
	return status;
}

static int write_new(int folder, const struct identity *identity)
{
	int fd, failed;

	(void)unlinkat(folder, "store.new", 0);
	fd = files_open(folder, "store.new", O_WRONLY | O_CREAT | O_EXCL);
	if (fd < 0)
		return -1;
	failed = files_write(fd, identity, sizeof(*identity), 0) != 0 || fsync(fd) != 0;
	if (close(fd) != 0 || failed)
		return -1;
	return renameat(folder, "store.new", folder, "store") == 0 && files_sync_folder(folder) == 0 ? 0 : -1;
}

int identity_make(int folder, const struct store_options *options, uint64_t *seed)
{
	struct identity identity = { .magic = MAGIC, .order = ORDER, .version = FORMAT, .shards = CONTROL_SHARDS };

	if (getrandom(&identity.seed, sizeof(identity.seed), 0) != (ssize_t)sizeof(identity.seed))
		return refuse(options, folder, "cannot be given a seed");
	identity.sum = record_sum(&identity, offsetof(struct identity, sum), 0);
	if (write_new(folder, &identity) != 0)
		return refuse(options, folder, "cannot be made");
	*seed = identity.seed;
	return STORE_OK;
}

/* base.c - the GDBM files. */

#include "store/gdbm/base.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gdbm.h>

#include "store/gdbm/control.h"
#include "store/gdbm/files.h"
#include "store/gdbm/image.h"
#include "store/store.h"

#define READ_CACHE 4     /* buckets of 4 KiB that a reading handle keeps: memory, times 64 shards */
#define MERGE_CACHE 1024 /* and a merging one, of which there is one at a time */

struct shard {
	pthread_mutex_t lock;
	GDBM_FILE file;             /* NULL: not open, or there is none */
	_Atomic(GDBM_FILE) outworn; /* of a generation before: closing it can mean that the disk's room is given back, which takes time */
	uint64_t generation;        /* that file is of; 0: not looked yet */
};

struct base {
	int folder;
	uint64_t seed;
	struct shard shards[CONTROL_SHARDS];
};

struct base_merge {
	struct base *base;
	GDBM_FILE file; /* on fd */
	int fd;         /* in memory */
	int out;        /* the file on the disk, when it is written */
	unsigned shard;
};

static void file_name(unsigned shard, const char *suffix, char name[32])
{
	snprintf(name, 32, "%02u.gdbm%s", shard, suffix);
}

struct base *base_new(int folder, uint64_t seed)
{
	struct base *base = calloc(1, sizeof(*base));

	if (!base)
		return NULL;
	base->folder = folder;
	base->seed = seed;
	for (unsigned i = 0; i < CONTROL_SHARDS; i++)
		pthread_mutex_init(&base->shards[i].lock, NULL);
	return base;
}

static void shard_close(struct shard *shard)
{
	if (shard->file)
		gdbm_close(shard->file);
	shard->file = NULL;
	shard->generation = 0;
}

/* Without the lock: a thread in the background that loses the processor with it would be in the way of requests. */
static void close_outworn(struct shard *shard)
{
	GDBM_FILE file = atomic_exchange(&shard->outworn, NULL);

	if (file)
		gdbm_close(file);
}

void base_retire(struct base *base)
{
	for (unsigned i = 0; i < CONTROL_SHARDS; i++)
		close_outworn(&base->shards[i]);
}

void base_free(struct base *base)
{
	if (!base)
		return;
	for (unsigned i = 0; i < CONTROL_SHARDS; i++) {
		shard_close(&base->shards[i]);
		close_outworn(&base->shards[i]);
		pthread_mutex_destroy(&base->shards[i].lock);
	}
	free(base);
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

/* True if errno is of a place in a file that there cannot be, to which damage has led GDBM; the other errors are the system's. */
static bool is_nowhere(void)
{
	return errno == 0 || errno == EINVAL || errno == EOVERFLOW || errno == EFBIG;
}

/*
 * errno was 0 before the call. GDBM does not always say that the system has failed: where its cache has no memory it says nothing, and a
 * bucket that cannot be looked at is a bad one to it. errno tells.
 */
static int status_of(gdbm_error error)
{
	switch (error) {
	case GDBM_ITEM_NOT_FOUND:
		return STORE_ABSENT;
	case GDBM_MALLOC_ERROR:
		return STORE_NO_MEMORY;
	case GDBM_FILE_SYNC_ERROR:
	case GDBM_FILE_CLOSE_ERROR:
	case GDBM_FILE_TRUNCATE_ERROR:
		return STORE_UNAVAILABLE;
	case GDBM_FILE_OPEN_ERROR:
	case GDBM_FILE_WRITE_ERROR:
		return errno == EPERM ? STORE_DAMAGED : STORE_UNAVAILABLE; /* beyond the seal of a file in memory */
	default:
		return is_nowhere() || errno == EPERM ? STORE_DAMAGED : STORE_UNAVAILABLE;
	}
}

/* Takes over fd. */
static int open_file(int fd, const char *name, int flags, int cache, GDBM_FILE *ret)
{
	int automatic = 0, status;
	GDBM_FILE file;

	errno = 0;
	file = gdbm_fd_open(fd, name, IMAGE_BLOCK, flags | GDBM_NOLOCK | GDBM_CLOEXEC, NULL);
	if (!file) {
		status = status_of(gdbm_errno);
		close(fd);
		return status;
	}
	if (gdbm_setopt(file, GDBM_SETCACHEAUTO, &automatic, sizeof(automatic)) != 0 ||
	    gdbm_setopt(file, GDBM_SETCACHESIZE, &cache, sizeof(cache)) != 0) {
		status = status_of(gdbm_last_errno(file));
		gdbm_close(file);
		return status;
	}
	*ret = file;
	return STORE_OK;
}

/*
 * Not mapped: a read that fails is then an error to one request and not a signal to the program, and nothing of the file counts as our
 * memory.
 */
static int open_reader(struct base *base, unsigned shard, GDBM_FILE *ret)
{
	char name[32];
	int fd;

	file_name(shard, "", name);
	fd = files_open(base->folder, name, O_RDONLY);
	if (fd < 0)
		return errno == ENOENT ? STORE_ABSENT : STORE_UNAVAILABLE;
	return open_file(fd, name, GDBM_READER | GDBM_NOMMAP, READ_CACHE, ret);
}

/* The shard's file of at least this generation is open afterwards, or it is known that there is none. */
static int shard_open(struct base *base, unsigned number, uint64_t generation)
{
	struct shard *shard = &base->shards[number];
	int status;

	if (shard->generation == generation && generation != 0)
		return STORE_OK;
	if (!atomic_load(&shard->outworn)) {
		atomic_store(&shard->outworn, shard->file);
		shard->file = NULL;
	}
	shard_close(shard);
	status = open_reader(base, number, &shard->file);
	if (status == STORE_OK || status == STORE_ABSENT) {
		shard->generation = generation;
		return STORE_OK;
	}
	return status;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static int fetch(GDBM_FILE file, uint64_t seed, const struct store_key *key, struct record *ret)
{
	datum name = { (char *)(uintptr_t)key->octets, STORE_KEY_SIZE }, value;
	int status = STORE_DAMAGED;

	errno = 0;
	value = gdbm_fetch(file, name);
	if (!value.dptr) {
		status = status_of(gdbm_last_errno(file));
		gdbm_clear_error(file);
		return status == STORE_DAMAGED ? STORE_BUSY : status;
	}
	if (record_valid((const uint8_t *)value.dptr, (size_t)value.dsize, key, seed))
		status = record_copy(ret, (const uint8_t *)value.dptr, (size_t)value.dsize);
	free(value.dptr);
	return status;
}

int base_fetch(struct base *base, unsigned number, uint64_t generation, const struct store_key *key, struct record *ret)
{
	struct shard *shard = &base->shards[number];
	int status;

	pthread_mutex_lock(&shard->lock);
	status = shard_open(base, number, generation);
	if (status == STORE_OK)
		status = shard->file ? fetch(shard->file, base->seed, key, ret) : STORE_ABSENT;
	else if (status == STORE_DAMAGED)
		status = STORE_BUSY;
	/* After a read that failed GDBM takes the handle for spoiled; a new one may well be good. */
	if (status != STORE_OK && shard->file && gdbm_needs_recovery(shard->file))
		shard_close(shard);
	pthread_mutex_unlock(&shard->lock);
	return status;
}

static bool is_trouble(int status)
{
	return status == STORE_UNAVAILABLE || status == STORE_NO_MEMORY;
}

/* What stands under a key that GDBM's walk gave. */
static int fetch_found(GDBM_FILE file, uint64_t seed, datum at, struct store_key *key, struct record *ret)
{
	if (at.dsize != STORE_KEY_SIZE)
		return STORE_DAMAGED;
	memcpy(key->octets, at.dptr, STORE_KEY_SIZE);
	return fetch(file, seed, key, ret);
}

/* Why a walk gave no further key: STORE_OK at the end of the file. */
static int end_of_walk(GDBM_FILE file)
{
	int status = status_of(gdbm_last_errno(file));

	return status == STORE_ABSENT ? STORE_OK : status;
}

/*
 * GDBM's walk gives keys; each is fetched and checked on the way. The number of steps is bounded by the file, which damage may tie into a
 * ring. What the system does not let us read is not damaged: then the walk has failed, and nothing may be made of what it gave.
 */
static int each_record(GDBM_FILE file, uint64_t seed, bool (*each)(void *context, const struct store_key *key, const uint8_t *record),
                       void *context, uint64_t steps, uint64_t *damaged)
{
	datum at, next;
	bool go_on = true;
	struct record record;
	int status = STORE_OK;

	record_init(&record);
	errno = 0;
	at = gdbm_firstkey(file);
	if (!at.dptr)
		status = end_of_walk(file);
	while (at.dptr && go_on && steps-- > 0) {
		struct store_key key;

		status = fetch_found(file, seed, at, &key, &record);
		if (status == STORE_OK)
			go_on = each(context, &key, record.octets);
		else if (is_trouble(status))
			break;
		else
			(*damaged)++;
		errno = 0;
		next = gdbm_nextkey(file, at);
		status = next.dptr ? STORE_OK : end_of_walk(file);
		free(at.dptr);
		at = next;
	}
	free(at.dptr);
	record_free(&record);
	if (is_trouble(status))
		return status;
	*damaged += go_on && status != STORE_OK;
	return STORE_OK;
}

int base_each(struct base *base, unsigned shard, bool (*each)(void *context, const struct store_key *key, const uint8_t *record),
              void *context, uint64_t *damaged)
{
	struct stat st;
	GDBM_FILE file;
	uint64_t end;
	int status = open_reader(base, shard, &file);

	if (status == STORE_ABSENT)
		return STORE_OK;
	if (status != STORE_OK)
		return status;
	if (fstat(gdbm_fdesc(file), &st) != 0) {
		gdbm_close(file);
		return STORE_UNAVAILABLE;
	}
	*damaged += !image_sound(gdbm_fdesc(file), &end);
	status = each_record(file, base->seed, each, context, (uint64_t)st.st_size / RECORD_HEADER_SIZE + 1, damaged);
	gdbm_close(file);
	return status;
}

int base_rescue(struct base *base, unsigned shard, const char *suffix,
                bool (*each)(void *context, const struct store_key *key, const uint8_t *record), void *context, uint64_t *lost)
{
	char name[32];
	int fd, status;

	file_name(shard, suffix, name);
	fd = files_open(base->folder, name, O_RDONLY);
	if (fd < 0)
		return errno == ENOENT ? STORE_ABSENT : STORE_UNAVAILABLE;
	status = image_each(fd, base->seed, each, context, lost);
	close(fd);
	return status;
}

int base_count(struct base *base, unsigned shard, uint64_t *ret)
{
	gdbm_count_t count = 0;
	GDBM_FILE file;
	int status = open_reader(base, shard, &file);

	*ret = 0;
	if (status != STORE_OK)
		return status == STORE_ABSENT ? STORE_OK : status;
	if (gdbm_count(file, &count) != 0)
		status = status_of(gdbm_last_errno(file));
	gdbm_close(file);
	*ret = count;
	return status;
}

uint64_t base_shard_size(struct base *base, unsigned shard)
{
	struct stat st;
	char name[32];

	file_name(shard, "", name);
	return fstatat(base->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)st.st_size : 0;
}

int base_set_aside(struct base *base, unsigned shard)
{
	char name[32], aside[32];
	int from, to, status = STORE_UNAVAILABLE;
	struct stat st;

	file_name(shard, "", name);
	file_name(shard, ".damaged", aside);
	from = files_open(base->folder, name, O_RDONLY);
	if (from < 0)
		return errno == ENOENT ? STORE_OK : STORE_UNAVAILABLE;
	to = files_open(base->folder, aside, O_WRONLY | O_CREAT | O_TRUNC);
	if (to >= 0 && fstat(from, &st) == 0 && files_copy(from, to, (uint64_t)st.st_size) == 0 && fsync(to) == 0)
		status = STORE_OK;
	if (to >= 0)
		close(to);
	close(from);
	return status;
}

/* ---- merging ------------------------------------------------------------------------------------------------------- */

/* What the new file begins with: the old one's octets. *size is 0 when there is none. */
static int copy_old(struct base *base, unsigned shard, int to, uint64_t *size)
{
	char name[32];
	struct stat st;
	uint64_t end;
	int from, status = STORE_OK;

	file_name(shard, "", name);
	*size = 0;
	from = files_open(base->folder, name, O_RDONLY);
	if (from < 0)
		return errno == ENOENT ? STORE_OK : STORE_UNAVAILABLE;
	if (fstat(from, &st) != 0)
		status = STORE_UNAVAILABLE;
	else if (!image_sound(from, &end))
		status = STORE_DAMAGED;
	else if (files_copy(from, to, (uint64_t)st.st_size) != 0)
		status = STORE_UNAVAILABLE;
	else
		*size = (uint64_t)st.st_size;
	close(from);
	return status;
}

/* An empty GDBM file, to be opened as if it had been copied. */
static int make_empty(int fd, const char *name, uint64_t *size)
{
	GDBM_FILE file;
	struct stat st;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0), status;

	if (own < 0)
		return STORE_UNAVAILABLE;
	status = open_file(own, name, GDBM_NEWDB | GDBM_NOMMAP, READ_CACHE, &file);
	if (status != STORE_OK)
		return status;
	if (gdbm_close(file) != 0 || fstat(fd, &st) != 0)
		return STORE_UNAVAILABLE;
	*size = (uint64_t)st.st_size;
	return STORE_OK;
}

/*
 * GDBM maps the file anew each time that it grows, which costs more than the stores; so it is made long enough before it is mapped, but
 * after it is opened: a file that is longer than its header says would be taken for one that was cut off at work. It can grow no further:
 * a damaged file would make GDBM extend it to any size.
 */
static int open_writer(struct base_merge *merge, const char *name, uint64_t size, size_t growth)
{
	int status = size > 0 ? STORE_OK : make_empty(merge->fd, name, &size), own, mapped = 1;

	if (status != STORE_OK)
		return status;
	own = lseek(merge->fd, 0, SEEK_SET) == 0 ? fcntl(merge->fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (own < 0)
		return STORE_UNAVAILABLE;
	status = open_file(own, name, GDBM_WRITER | GDBM_NOMMAP, MERGE_CACHE, &merge->file);
	if (status != STORE_OK)
		return status;
	if (gdbm_needs_recovery(merge->file))
		return STORE_DAMAGED;
	if (ftruncate(merge->fd, (off_t)(size + growth)) != 0 || fcntl(merge->fd, F_ADD_SEALS, F_SEAL_GROW) != 0)
		return STORE_UNAVAILABLE;
	return gdbm_setopt(merge->file, GDBM_SETMMAP, &mapped, sizeof(mapped)) == 0 ? STORE_OK : STORE_UNAVAILABLE;
}

/* Worked on in memory: GDBM's many small writes and its syncs cost next to nothing there, and the disk sees one file written from end to
 * end. */
int base_merge_begin(struct base *base, unsigned shard, bool empty, size_t growth, struct base_merge **ret)
{
	struct base_merge *merge = calloc(1, sizeof(*merge));
	uint64_t size = 0;
	char name[32];
	int status = STORE_OK;

	if (!merge)
		return STORE_NO_MEMORY;
	merge->base = base;
	merge->shard = shard;
	merge->out = -1;
	file_name(shard, ".new", name);
	merge->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (merge->fd < 0)
		status = STORE_UNAVAILABLE;
	if (status == STORE_OK && !empty)
		status = copy_old(base, shard, merge->fd, &size);
	if (status == STORE_OK)
		status = open_writer(merge, name, size, growth);
	if (status != STORE_OK) {
		base_merge_abandon(merge);
		return status;
	}
	*ret = merge;
	return STORE_OK;
}

int base_merge_put(struct base_merge *merge, const struct store_key *key, const uint8_t *record)
{
	datum name = { (char *)(uintptr_t)key->octets, STORE_KEY_SIZE };
	datum value = { (char *)(uintptr_t)record, (int)record_size(record) };

	errno = 0;
	return gdbm_store(merge->file, name, value, GDBM_REPLACE) == 0 ? STORE_OK : status_of(gdbm_last_errno(merge->file));
}

int base_merge_drop(struct base_merge *merge, const struct store_key *key)
{
	datum name = { (char *)(uintptr_t)key->octets, STORE_KEY_SIZE };
	int status;

	errno = 0;
	if (gdbm_delete(merge->file, name) == 0)
		return STORE_OK;
	status = status_of(gdbm_last_errno(merge->file));
	gdbm_clear_error(merge->file);
	return status == STORE_ABSENT ? STORE_OK : status;
}

/* Without what was made in advance and not needed. */
static int write_out(struct base_merge *merge, const char *name)
{
	uint64_t end;
	int status = STORE_UNAVAILABLE;

	if (!image_sound(merge->fd, &end))
		return STORE_DAMAGED;
	(void)unlinkat(merge->base->folder, name, 0);
	merge->out = files_open(merge->base->folder, name, O_RDWR | O_CREAT | O_EXCL);
	if (merge->out >= 0 && files_copy(merge->fd, merge->out, end) == 0)
		status = STORE_OK;
	if (status == STORE_OK)
		(void)sync_file_range(merge->out, 0, 0, SYNC_FILE_RANGE_WRITE); /* only a beginning: base_merge_end waits for the end */
	return status;
}

int base_merge_write(struct base_merge *merge)
{
	char name[32];
	int status = STORE_OK;

	if (gdbm_close(merge->file) != 0)
		status = STORE_UNAVAILABLE;
	merge->file = NULL;
	file_name(merge->shard, ".new", name);
	if (status == STORE_OK)
		status = write_out(merge, name);
	close(merge->fd);
	merge->fd = -1;
	return status;
}

static int put_in_place(const struct base_merge *merge)
{
	char name[32], new_name[32];

	file_name(merge->shard, "", name);
	file_name(merge->shard, ".new", new_name);
	return renameat(merge->base->folder, new_name, merge->base->folder, name) == 0 ? STORE_OK : STORE_UNAVAILABLE;
}

int base_merge_end(struct base_merge **merges, unsigned count)
{
	int status = STORE_OK, error;

	for (unsigned i = 0; i < count && status == STORE_OK; i++)
		status = fdatasync(merges[i]->out) == 0 ? STORE_OK : STORE_UNAVAILABLE;
	for (unsigned i = 0; i < count && status == STORE_OK; i++)
		status = put_in_place(merges[i]);
	if (status == STORE_OK && count > 0 && files_sync_folder(merges[0]->base->folder) != 0)
		status = STORE_UNAVAILABLE;
	error = errno;
	for (unsigned i = 0; i < count; i++)
		base_merge_abandon(merges[i]);
	errno = error;
	return status;
}

/* After a rename there is no such file any more. */
void base_merge_abandon(struct base_merge *merge)
{
	char name[32];
	int error = errno;

	if (!merge)
		return;
	if (merge->file)
		gdbm_close(merge->file);
	if (merge->fd >= 0)
		close(merge->fd);
	if (merge->out >= 0) {
		close(merge->out);
		file_name(merge->shard, ".new", name);
		(void)unlinkat(merge->base->folder, name, 0);
	}
	free(merge);
	errno = error;
}

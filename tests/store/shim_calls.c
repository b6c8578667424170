/* shim_calls.c - the calls, defined again. */

#include "tests/store/shim_calls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/store/shim_libc.h"

struct shim shim;

/* True if this is a call that is to fail; *first if none before it did. */
static bool is_chosen(const char *call, bool *first)
{
	unsigned long number;

	if (shim.fail_only && strcmp(shim.fail_only, call) != 0)
		return false;
	number = __atomic_add_fetch(&shim.calls, 1, __ATOMIC_RELAXED);
	if (shim.fail_at == 0 || number < shim.fail_at || (number > shim.fail_at && !shim.fail_on))
		return false;
	*first = __atomic_fetch_add(&shim.failures, 1, __ATOMIC_RELAXED) == 0;
	if (*first)
		shim.failed = call;
	return true;
}

/* True if this call is to fail; errno is set. */
static bool fails(const char *call)
{
	bool first;

	if (!is_chosen(call, &first))
		return false;
	errno = shim.error;
	return true;
}

/* As fails, for taking a lock: one that could never be taken again would be another fault than those meant here. */
static bool lock_fails(const char *call)
{
	return !shim.failures && fails(call);
}

/* As fails, for a call that writes *size octets, which may become fewer. */
static bool write_fails(const char *call, size_t *size)
{
	bool first, chosen = is_chosen(call, &first), part = shim.short_writes || (chosen && first && shim.fail_short);

	if (part && *size > 1)
		*size = (*size + 1) / 2;
	if (!chosen || part)
		return false;
	errno = shim.error;
	return true;
}

static void *next_of(const char *name, void *_Atomic *known)
{
	void *found = *known;

	if (!found)
		*known = found = dlsym(RTLD_NEXT, name);
	if (!found)
		abort();
	return found;
}

/* The next definition of a function: the library's. */
#define NEXT(name)                                                                                                                         \
	((__typeof__(&name))(uintptr_t)next_of(#name, ({                                                                                   \
		                                       static void *_Atomic known;                                                         \
		                                       &known;                                                                             \
	                                       })))

static void before(const struct shim_call *call)
{
	if (shim.before)
		shim.before(call);
}

static void after(const struct shim_call *call, bool done)
{
	int error = errno;

	if (shim.after)
		shim.after(call, done);
	errno = error;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

ssize_t pwrite(int fd, const void *octets, size_t size, off_t offset)
{
	struct shim_call call = { .what = SHIM_WRITE, .fd = fd, .octets = octets, .size = size, .offset = (uint64_t)offset };
	ssize_t n;

	if (write_fails("pwrite", &size))
		return -1;
	before(&call);
	n = NEXT(pwrite)(fd, octets, size, offset);
	call.size = n > 0 ? (size_t)n : 0;
	after(&call, n > 0);
	return n;
}

ssize_t write(int fd, const void *octets, size_t size)
{
	return fd > 2 && write_fails("write", &size) ? -1 : NEXT(write)(fd, octets, size);
}

static void pause_copy(void)
{
	if (shim.copy_pause_us)
		usleep(shim.copy_pause_us);
}

ssize_t copy_file_range(int from, off_t *in, int to, off_t *out, size_t size, unsigned flags)
{
	struct shim_call call = { .what = SHIM_WRITE, .fd = to, .offset = (uint64_t)*out };
	ssize_t n;

	if (write_fails("copy_file_range", &size))
		return -1;
	before(&call);
	n = NEXT(copy_file_range)(from, in, to, out, size, flags);
	call.size = n > 0 ? (size_t)n : 0;
	after(&call, n > 0);
	return n;
}

ssize_t sendfile(int to, int from, off_t *in, size_t size)
{
	struct shim_call call = { .what = SHIM_WRITE, .fd = to };
	ssize_t n;

	pause_copy();
	if (write_fails("sendfile", &size))
		return -1;
	call.offset = (uint64_t)NEXT(lseek)(to, 0, SEEK_CUR);
	before(&call);
	n = NEXT(sendfile)(to, from, in, size);
	call.size = n > 0 ? (size_t)n : 0;
	after(&call, n > 0);
	return n;
}

int ftruncate(int fd, off_t size)
{
	struct shim_call call = { .what = SHIM_TRUNCATE, .fd = fd, .offset = (uint64_t)size };
	int result;

	if (fails("ftruncate"))
		return -1;
	before(&call);
	result = NEXT(ftruncate)(fd, size);
	after(&call, result == 0);
	return result;
}

int posix_fallocate(int fd, off_t offset, off_t size)
{
	struct shim_call call = { .what = SHIM_ALLOCATE, .fd = fd, .offset = (uint64_t)(offset + size) };
	int error;

	if (fails("posix_fallocate"))
		return shim.error;
	before(&call);
	error = NEXT(posix_fallocate)(fd, offset, size);
	after(&call, error == 0);
	return error;
}

static int sync_with(const char *name, int (*sync_it)(int), int fd)
{
	struct shim_call call = { .what = SHIM_SYNC, .fd = fd };
	int result;

	if (fails(name))
		return -1;
	before(&call);
	result = sync_it(fd);
	if (shim.sync_pause_us)
		usleep(shim.sync_pause_us);
	after(&call, result == 0);
	return result;
}

int fsync(int fd)
{
	return sync_with("fsync", NEXT(fsync), fd);
}

int fdatasync(int fd)
{
	return sync_with("fdatasync", NEXT(fdatasync), fd);
}

int msync(void *address, size_t size, int flags)
{
	return fails("msync") ? -1 : NEXT(msync)(address, size, flags);
}

int sync_file_range(int fd, off_t offset, off_t size, unsigned flags)
{
	return fails("sync_file_range") ? -1 : NEXT(sync_file_range)(fd, offset, size, flags);
}

/* ---- names --------------------------------------------------------------------------------------------------------- */

int openat(int folder, const char *name, int flags, ...)
{
	struct shim_call call = { .what = SHIM_CREATE, .fd = -1, .name = name };
	va_list arguments;
	unsigned mode = 0;
	int fd;

	if (flags & O_CREAT) {
		va_start(arguments, flags);
		mode = va_arg(arguments, unsigned);
		va_end(arguments);
	}
	if (fails("openat"))
		return -1;
	if (!(flags & O_CREAT))
		return NEXT(openat)(folder, name, flags);
	before(&call);
	fd = NEXT(openat)(folder, name, flags, mode);
	call.fd = fd;
	after(&call, fd >= 0);
	return fd;
}

int open(const char *name, int flags, ...)
{
	va_list arguments;
	unsigned mode = 0;

	if (flags & O_CREAT) {
		va_start(arguments, flags);
		mode = va_arg(arguments, unsigned);
		va_end(arguments);
	}
	return fails("open") ? -1 : NEXT(open)(name, flags, mode);
}

int renameat(int from, const char *name, int to, const char *new_name)
{
	struct shim_call call = { .what = SHIM_RENAME, .fd = from, .name = name, .to = new_name };
	int result;

	if (fails("renameat"))
		return -1;
	before(&call);
	result = NEXT(renameat)(from, name, to, new_name);
	after(&call, result == 0);
	return result;
}

int unlinkat(int folder, const char *name, int flags)
{
	struct shim_call call = { .what = SHIM_UNLINK, .fd = folder, .name = name };
	int result;

	if (fails("unlinkat"))
		return -1;
	before(&call);
	result = NEXT(unlinkat)(folder, name, flags);
	after(&call, result == 0);
	return result;
}

int mkdir(const char *path, mode_t mode)
{
	return fails("mkdir") ? -1 : NEXT(mkdir)(path, mode);
}

/* ---- the rest of what can fail --------------------------------------------------------------------------------------- */

ssize_t pread(int fd, void *octets, size_t size, off_t offset)
{
	return fails("pread") ? -1 : NEXT(pread)(fd, octets, size, offset);
}

ssize_t read(int fd, void *octets, size_t size)
{
	return fails("read") ? -1 : NEXT(read)(fd, octets, size);
}

off_t lseek(int fd, off_t offset, int from)
{
	return fails("lseek") ? -1 : NEXT(lseek)(fd, offset, from);
}

int fstat(int fd, struct stat *st)
{
	return fails("fstat") ? -1 : NEXT(fstat)(fd, st);
}

int stat(const char *path, struct stat *st)
{
	return fails("stat") ? -1 : NEXT(stat)(path, st);
}

int fstatat(int folder, const char *name, struct stat *st, int flags)
{
	return fails("fstatat") ? -1 : NEXT(fstatat)(folder, name, st, flags);
}

int flock(int fd, int operation)
{
	return fails("flock") ? -1 : NEXT(flock)(fd, operation);
}

int fcntl(int fd, int command, ...)
{
	va_list arguments;
	long argument;

	va_start(arguments, command);
	argument = va_arg(arguments, long);
	va_end(arguments);
	return fails("fcntl") ? -1 : NEXT(fcntl)(fd, command, argument);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	return fails("mmap") ? MAP_FAILED : NEXT(mmap)(address, size, protection, flags, fd, offset);
}

int madvise(void *address, size_t size, int advice)
{
	return fails("madvise") ? -1 : NEXT(madvise)(address, size, advice);
}

int memfd_create(const char *name, unsigned flags)
{
	return fails("memfd_create") ? -1 : NEXT(memfd_create)(name, flags);
}

ssize_t getrandom(void *octets, size_t size, unsigned flags)
{
	return fails("getrandom") ? -1 : NEXT(getrandom)(octets, size, flags);
}

DIR *fdopendir(int fd)
{
	return fails("fdopendir") ? NULL : NEXT(fdopendir)(fd);
}

struct dirent *readdir(DIR *entries)
{
	return fails("readdir") ? NULL : NEXT(readdir)(entries);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
	return fails("pthread_create") ? EAGAIN : NEXT(pthread_create)(thread, attributes, run, argument);
}

int pthread_mutex_trylock(pthread_mutex_t *lock)
{
	return lock_fails("pthread_mutex_trylock") ? EBUSY : NEXT(pthread_mutex_trylock)(lock);
}

int pthread_mutex_clocklock(pthread_mutex_t *lock, clockid_t clock, const struct timespec *until)
{
	return lock_fails("pthread_mutex_clocklock") ? ETIMEDOUT : NEXT(pthread_mutex_clocklock)(lock, clock, until);
}

int pthread_mutex_unlock(pthread_mutex_t *lock)
{
	static _Atomic unsigned long times;
	int result = NEXT(pthread_mutex_unlock)(lock);

	if (shim.unlock_pause_us && times++ % 8 == 0)
		usleep(shim.unlock_pause_us);
	return result;
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

void *SHIM_LIBC_WRAPPED(malloc)(size_t size)
{
	return fails("malloc") ? NULL : SHIM_LIBC_REAL(malloc)(size);
}

void *SHIM_LIBC_WRAPPED(calloc)(size_t count, size_t size)
{
	return fails("calloc") ? NULL : SHIM_LIBC_REAL(calloc)(count, size);
}

void *SHIM_LIBC_WRAPPED(realloc)(void *old, size_t size)
{
	return fails("realloc") ? NULL : SHIM_LIBC_REAL(realloc)(old, size);
}

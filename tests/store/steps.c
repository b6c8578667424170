/* steps.c - the wrapped system calls and the hook. */

#ifndef STORE_HOOKS
#define STORE_HOOKS
#endif

#include "tests/store/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "store/gdbm/hook.h"

struct steps steps;

static void taken(const char *name)
{
	unsigned long step = __atomic_add_fetch(&steps.count, 1, __ATOMIC_RELAXED);

	if (steps.each)
		steps.each();
	if (!steps.kill_at || step != steps.kill_at)
		return;
	if (steps.last)
		snprintf(steps.last, STEPS_NAME, "%s", name);
	kill(getpid(), SIGKILL);
}

static void hooked(const char *point, const void *address, size_t size)
{
	(void)address;
	(void)size;
	taken(point);
}

void steps_reset(void)
{
	memset(&steps, 0, sizeof(steps));
	store_hook = hooked;
}

/* True if this call is to fail; errno is set. */
static bool fails(const char *call)
{
	unsigned long number = __atomic_add_fetch(&steps.calls, 1, __ATOMIC_RELAXED);

	if (steps.fail_at == 0 || number < steps.fail_at || (number > steps.fail_at && !steps.fail_on))
		return false;
	steps.failed = call;
	errno = steps.error;
	return true;
}

static void record(const char *call, int fd, const char *name, const char *to, const void *octets, size_t size, uint64_t offset)
{
	if (steps.record)
		steps.record(call, fd, name, to, octets, size, offset);
}

ssize_t __real_pwrite(int fd, const void *octets, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *octets, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *octets, size_t size, off_t offset)
{
	ssize_t n;

	if (fails("pwrite"))
		return -1;
	n = __real_pwrite(fd, octets, size, offset);
	if (n > 0)
		record("write", fd, NULL, NULL, octets, (size_t)n, (uint64_t)offset);
	taken("pwrite");
	return n;
}

ssize_t __real_pread(int fd, void *octets, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *octets, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *octets, size_t size, off_t offset)
{
	return fails("pread") ? -1 : __real_pread(fd, octets, size, offset);
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
	int result;

	if (fails("fdatasync"))
		return -1;
	result = __real_fdatasync(fd);
	if (result == 0)
		record("sync", fd, NULL, NULL, NULL, 0, 0);
	taken("fdatasync");
	return result;
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	int result;

	if (fails("fsync"))
		return -1;
	result = __real_fsync(fd);
	if (result == 0)
		record("sync", fd, NULL, NULL, NULL, 0, 0);
	taken("fsync");
	return result;
}

int __real_renameat(int from, const char *name, int to, const char *new_name);
int __wrap_renameat(int from, const char *name, int to, const char *new_name);
int __wrap_renameat(int from, const char *name, int to, const char *new_name)
{
	int result;

	if (fails("renameat"))
		return -1;
	result = __real_renameat(from, name, to, new_name);
	if (result == 0)
		record("rename", from, name, new_name, NULL, 0, 0);
	taken("renameat");
	return result;
}

int __real_unlinkat(int folder, const char *name, int flags);
int __wrap_unlinkat(int folder, const char *name, int flags);
int __wrap_unlinkat(int folder, const char *name, int flags)
{
	int result;

	if (fails("unlinkat"))
		return -1;
	result = __real_unlinkat(folder, name, flags);
	if (result == 0)
		record("unlink", folder, name, NULL, NULL, 0, 0);
	taken("unlinkat");
	return result;
}

int __real_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size)
{
	int result;

	if (fails("ftruncate"))
		return -1;
	result = __real_ftruncate(fd, size);
	if (result == 0)
		record("truncate", fd, NULL, NULL, NULL, 0, (uint64_t)size);
	taken("ftruncate");
	return result;
}

int __real_posix_fallocate(int fd, off_t offset, off_t size);
int __wrap_posix_fallocate(int fd, off_t offset, off_t size);
int __wrap_posix_fallocate(int fd, off_t offset, off_t size)
{
	int error;

	if (fails("posix_fallocate"))
		return steps.error;
	error = __real_posix_fallocate(fd, offset, size);
	if (error == 0)
		record("allocate", fd, NULL, NULL, NULL, 0, (uint64_t)(offset + size));
	taken("posix_fallocate");
	return error;
}

int __real_openat(int folder, const char *name, int flags, ...);
int __wrap_openat(int folder, const char *name, int flags, ...);
int __wrap_openat(int folder, const char *name, int flags, ...)
{
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
	fd = __real_openat(folder, name, flags, mode);
	if (fd >= 0 && (flags & O_CREAT))
		record("create", fd, name, NULL, NULL, 0, 0);
	if (flags & O_CREAT)
		taken("openat");
	return fd;
}

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	return fails("mmap") ? MAP_FAILED : __real_mmap(address, size, protection, flags, fd, offset);
}

int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags)
{
	return fails("memfd_create") ? -1 : __real_memfd_create(name, flags);
}

ssize_t __real_copy_file_range(int from, off_t *in, int to, off_t *out, size_t size, unsigned flags);
ssize_t __wrap_copy_file_range(int from, off_t *in, int to, off_t *out, size_t size, unsigned flags);
ssize_t __wrap_copy_file_range(int from, off_t *in, int to, off_t *out, size_t size, unsigned flags)
{
	ssize_t n;

	if (fails("copy_file_range"))
		return -1;
	n = __real_copy_file_range(from, in, to, out, size, flags);
	if (n > 0)
		record("copied", to, NULL, NULL, NULL, (size_t)n, (uint64_t)(*out - n));
	taken("copy_file_range");
	return n;
}

ssize_t __real_sendfile(int to, int from, off_t *in, size_t size);
ssize_t __wrap_sendfile(int to, int from, off_t *in, size_t size);
ssize_t __wrap_sendfile(int to, int from, off_t *in, size_t size)
{
	ssize_t n;

	if (fails("sendfile"))
		return -1;
	n = __real_sendfile(to, from, in, size);
	if (n > 0)
		record("copied", to, NULL, NULL, NULL, (size_t)n, (uint64_t)(*in - n));
	taken("sendfile");
	return n;
}

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __wrap_flock(int fd, int operation)
{
	int result;

	if (fails("flock"))
		return -1;
	result = __real_flock(fd, operation);
	taken("flock");
	return result;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	return fails("malloc") ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
	return fails("calloc") ? NULL : __real_calloc(count, size);
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
	return fails("realloc") ? NULL : __real_realloc(old, size);
}

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
	return fails("strdup") ? NULL : __real_strdup(text);
}

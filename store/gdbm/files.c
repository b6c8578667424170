/* files.c - opens, checks, writes and copies the store's files. */

#include "store/gdbm/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

/* mkdir -p, the last of them closed to others. */
static int make_folders(const char *path)
{
	char *copy = strdup(path);
	int failed = 0;

	if (!copy)
		return -1;
	for (char *slash = strchr(copy + 1, '/'); slash && !failed; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		failed = mkdir(copy, 0755) != 0 && errno != EEXIST;
		*slash = '/';
	}
	if (!failed)
		failed = mkdir(copy, 0700) != 0 && errno != EEXIST;
	free(copy);
	return failed ? -1 : 0;
}

/*
 * Who may write to a folder above ours can put another folder in its place; not so where its sticky bit is set, as in /tmp. What this
 * process may not look at is not judged.
 */
static int check_above(int folder, const char *path, const struct store_options *options)
{
	struct stat st, before;
	int fd, status = STORE_OK, at = fstat(folder, &before) == 0 ? openat(folder, "..", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	for (; at >= 0; at = fd) {
		if (fstat(at, &st) != 0 || (st.st_ino == before.st_ino && st.st_dev == before.st_dev))
			break;
		if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX)) {
			status =
			    store_refuse(options, STORE_UNAVAILABLE,
			                 "a folder above %s can be written by everybody (mode %04o), who could exchange what is in it: "
			                 "chmod o-w it",
			                 path, (unsigned)st.st_mode & 07777);
			break;
		}
		before = st;
		fd = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(at);
	}
	if (at >= 0)
		close(at);
	return status;
}

static int check_folder(int fd, const char *path, const struct store_options *options)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return store_refuse(options, STORE_UNAVAILABLE, "%s: %s", path, strerror(errno));
	if (st.st_uid != geteuid() && geteuid() != 0)
		return store_refuse(
		    options, STORE_UNAVAILABLE,
		    "%s belongs to user %u, but this program runs as user %u: run it as that user, or give it the folder (chown -R)", path,
		    (unsigned)st.st_uid, (unsigned)geteuid());
	if (st.st_mode & 0022)
		return store_refuse(options, STORE_UNAVAILABLE,
		                    "%s can be written by others (mode %04o, at most 0755 allowed): chmod go-w it", path,
		                    (unsigned)st.st_mode & 07777);
	return check_above(fd, path, options);
}

int files_open_folder(const char *path, const struct store_options *options, int *ret)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), status;

	if (fd < 0 && errno == ENOENT && options->existing)
		return STORE_ABSENT;
	if (fd < 0 && errno == ENOENT && make_folders(path) == 0)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return store_refuse(options, STORE_UNAVAILABLE, "the folder %s of the sessions cannot be opened: %s%s", path,
		                    strerror(errno),
		                    errno == ELOOP || errno == ENOTDIR ? " (it must be a folder itself, not a link to one)" : "");
	status = check_folder(fd, path, options);
	if (status != STORE_OK) {
		close(fd);
		return status;
	}
	*ret = fd;
	return STORE_OK;
}

/* What is wrong with a file, in words; NULL when nothing is. */
static const char *fault_of(const struct stat *st, const struct stat *folder)
{
	if (!S_ISREG(st->st_mode))
		return "is not a regular file: move it away";
	if (st->st_uid != folder->st_uid)
		return "belongs to another user than its folder: chown it, or move it away";
	if (st->st_mode & 0077)
		return "is open to others: chmod 0600 it";
	if (st->st_nlink > 1)
		return "has a second name (a hard link): remove the other name";
	return NULL;
}

/* A new file of root's goes to whom the folder belongs to. */
static int give_to_owner(int fd, struct stat *st, const struct stat *folder)
{
	if (geteuid() != 0 || st->st_uid == folder->st_uid || st->st_size != 0)
		return 0;
	if (fchown(fd, folder->st_uid, folder->st_gid) != 0)
		return -1;
	return fstat(fd, st);
}

static int check_file(int fd, int folder, int flags)
{
	struct stat st, parent;

	if (fstat(folder, &parent) != 0 || fstat(fd, &st) != 0)
		return -1;
	if ((flags & O_CREAT) && S_ISREG(st.st_mode) && give_to_owner(fd, &st, &parent) != 0)
		return -1;
	if (fault_of(&st, &parent)) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

int files_open(int folder, const char *name, int flags)
{
	int fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);

	if (fd < 0) {
		if (errno == ELOOP || errno == ENXIO || errno == EISDIR)
			errno = EPERM;
		return -1;
	}
	if (check_file(fd, folder, flags) != 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

void files_explain(int folder, const char *name, char *text, size_t size)
{
	struct stat st, parent;
	const char *fault;

	text[0] = '\0';
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || fstat(folder, &parent) != 0)
		return;
	fault = S_ISLNK(st.st_mode) ? "is a symbolic link: move it away" : fault_of(&st, &parent);
	if (fault)
		snprintf(text, size, "%s %s", name, fault);
}

static bool of_store(const char *name)
{
	const char *dot = strchr(name, '.');

	return strcmp(name, "store") == 0 || strcmp(name, "store.copy") == 0 || strcmp(name, "control") == 0 ||
	       strncmp(name, "journal.", 8) == 0 || strncmp(name, "hot.", 4) == 0 || (dot == name + 2 && strncmp(dot, ".gdbm", 5) == 0);
}

int files_each(int folder, bool (*each)(void *context, int folder, const char *name), void *context)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
	DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	bool go_on = true;

	if (!entries) {
		if (fd >= 0)
			close(fd);
		return STORE_UNAVAILABLE;
	}
	while (go_on) {
		errno = 0;
		entry = readdir(entries);
		error = errno;
		if (!entry)
			break;
		if (entry->d_name[0] != '.')
			go_on = each(context, folder, entry->d_name);
	}
	closedir(entries);
	errno = error;
	return error == 0 ? STORE_OK : STORE_UNAVAILABLE;
}

struct fault {
	char text[384];
};

static bool find_fault(void *context, int folder, const char *name)
{
	struct fault *fault = context;

	if (of_store(name))
		files_explain(folder, name, fault->text, sizeof(fault->text));
	return fault->text[0] == '\0';
}

int files_check_all(int folder, const struct store_options *options)
{
	struct fault fault = { "" };
	int status = files_each(folder, find_fault, &fault);

	if (fault.text[0])
		return store_refuse(options, STORE_UNAVAILABLE, "%s/%s", options->location, fault.text);
	if (status != STORE_OK)
		return store_refuse(options, status, "the folder %s cannot be read: %s", options->location, strerror(errno));
	return STORE_OK;
}

static void only_xfsz(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGXFSZ);
}

/* The signal goes to the thread that wrote, so blocking it here is enough; a library sets no handler. */
void files_shield(struct files_shield *shield)
{
	int error = errno;
	sigset_t set;

	sigpending(&set);
	shield->pending = sigismember(&set, SIGXFSZ) == 1;
	only_xfsz(&set);
	pthread_sigmask(SIG_BLOCK, &set, &shield->mask);
	errno = error;
}

/* One that was pending before is the program's and stays. */
void files_unshield(const struct files_shield *shield)
{
	const struct timespec at_once = { 0 };
	int error = errno;
	sigset_t set;

	only_xfsz(&set);
	while (!shield->pending && sigtimedwait(&set, NULL, &at_once) < 0 && errno == EINTR)
		;
	pthread_sigmask(SIG_SETMASK, &shield->mask, NULL);
	errno = error;
}

int files_write(int fd, const void *octets, size_t size, uint64_t offset)
{
	const char *p = octets;

	while (size > 0) {
		ssize_t n = pwrite(fd, p, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? ENOSPC : errno;
			return -1;
		}
		p += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* A file that is cut off meanwhile is read as far as it goes. */
int files_read_whole(int fd, uint8_t **ret, size_t *size)
{
	struct stat st;
	size_t at = 0;

	if (fstat(fd, &st) != 0)
		return STORE_UNAVAILABLE;
	*ret = malloc((size_t)st.st_size + 1);
	if (!*ret)
		return STORE_NO_MEMORY;
	while (at < (size_t)st.st_size) {
		ssize_t n = pread(fd, *ret + at, (size_t)st.st_size - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			free(*ret);
			*ret = NULL;
			return STORE_UNAVAILABLE;
		}
		if (n == 0)
			break;
		at += (size_t)n;
	}
	*size = at;
	return STORE_OK;
}

/* Between two file systems, or to and from memory, the kernel has another call for it. */
static ssize_t copy_some(int from, off_t *at, int to, size_t size)
{
	off_t out = *at;
	ssize_t n = copy_file_range(from, at, to, &out, size, 0);

	if (n >= 0 || (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP))
		return n;
	if (lseek(to, out, SEEK_SET) != out)
		return -1;
	return sendfile(to, from, at, size);
}

int files_copy(int from, int to, uint64_t size)
{
	off_t at = 0;

	while (size > 0) {
		ssize_t n = copy_some(from, &at, to, size < SSIZE_MAX ? (size_t)size : SSIZE_MAX);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return -1;
		}
		size -= (uint64_t)n;
	}
	return 0;
}

int files_sync_folder(int folder)
{
	return fsync(folder);
}

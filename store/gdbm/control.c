/* control.c - the shared control file: making, joining, and its locks. */

#include "store/gdbm/control.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store/gdbm/files.h"
#include "store/gdbm/hook.h"
#include "store/store.h"

#define MAGIC "sesame control\n"
#define FORMAT 2u

/* The boot and the pid namespace that locks made now belong to. */
struct place {
	char boot[40];
	uint64_t namespace;
};

static int find_place(struct place *ret)
{
	struct stat st;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	memset(ret, 0, sizeof(*ret));
	if (fd < 0)
		return -1;
	n = read(fd, ret->boot, sizeof(ret->boot) - 1);
	close(fd);
	if (n <= 0 || stat("/proc/self/ns/pid", &st) != 0)
		return -1;
	ret->namespace = st.st_ino;
	return 0;
}

static int no_place(const struct store_options *options)
{
	return store_refuse(options, STORE_UNAVAILABLE, "/proc is needed for the store's locks and cannot be read: %s", strerror(errno));
}

static bool numbers_sound(const struct control *control)
{
	uint32_t first = control_first(control->segments), last = control_last(control->segments);

	return last - first < CONTROL_RANGE && last < UINT32_MAX - CONTROL_RANGE && first - control->retired < CONTROL_RANGE;
}

static bool trusted(const struct control *control, const struct stat *st, const struct place *place)
{
	return memcmp(control->magic, MAGIC, sizeof(MAGIC)) == 0 && control->version == FORMAT && control->size == sizeof(*control) &&
	       memcmp(control->boot, place->boot, sizeof(place->boot)) == 0 && control->device == st->st_dev &&
	       control->inode == st->st_ino && numbers_sound(control);
}

static int map(int fd, struct control **ret)
{
	void *p = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return STORE_UNAVAILABLE;
	*ret = p;
	return STORE_OK;
}

static int join_file(int fd, const struct store_options *options, struct control **ret)
{
	struct control *control;
	struct place place;
	struct stat st;

	if (find_place(&place) != 0)
		return no_place(options);
	if (fstat(fd, &st) != 0)
		return store_refuse(options, STORE_UNAVAILABLE, "control: %s", strerror(errno));
	if (st.st_size != sizeof(struct control))
		return STORE_ABSENT;
	if (map(fd, &control) != STORE_OK)
		return store_refuse(options, STORE_UNAVAILABLE, "control cannot be mapped: %s", strerror(errno));
	if (!trusted(control, &st, &place)) {
		control_leave(control);
		return STORE_ABSENT;
	}
	if (control->namespace != place.namespace) {
		control_leave(control);
		return store_refuse(options, STORE_ABSENT,
		                    "the store was opened in another pid namespace (container) of this machine; one at a time can use it");
	}
	*ret = control;
	return STORE_OK;
}

int control_join(int folder, const struct store_options *options, struct control **ret)
{
	int fd = files_open(folder, "control", O_RDWR), status;
	char fault[128];

	if (fd < 0 && errno == ENOENT)
		return STORE_ABSENT;
	if (fd < 0) {
		int error = errno;

		files_explain(folder, "control", fault, sizeof(fault));
		return store_refuse(options, STORE_UNAVAILABLE, "control: %s%s%s", strerror(error), fault[0] ? ": " : "", fault);
	}
	status = join_file(fd, options, ret);
	close(fd);
	return status;
}

static int lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t kind;
	int failed;

	if (pthread_mutexattr_init(&kind) != 0)
		return -1;
	failed = pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED) || pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST) ||
	         pthread_mutex_init(lock, &kind);
	pthread_mutexattr_destroy(&kind);
	return failed ? -1 : 0;
}

static int locks_init(struct control *control)
{
	int failed =
	    lock_init(&control->growth) | lock_init(&control->preparing) | lock_init(&control->merging) | lock_init(&control->syncing);

	for (unsigned i = 0; i < CONTROL_STRIPES; i++)
		failed |= lock_init(&control->stripes[i].lock);
	return failed;
}

static int fill(int fd, struct control *control, uint32_t first, uint32_t last)
{
	struct place place;
	struct stat st;

	if (find_place(&place) != 0 || fstat(fd, &st) != 0 || locks_init(control) != 0)
		return -1;
	memcpy(control->magic, MAGIC, sizeof(MAGIC));
	control->version = FORMAT;
	control->size = sizeof(*control);
	memcpy(control->boot, place.boot, sizeof(place.boot));
	control->namespace = place.namespace;
	control->device = st.st_dev;
	control->inode = st.st_ino;
	atomic_store(&control->segments, (uint64_t)first << 32 | last);
	atomic_store(&control->retired, first);
	for (unsigned i = 0; i < CONTROL_SHARDS; i++) {
		atomic_store(&control->generations[i], 1);
		atomic_store(&control->sweep_due[i], 1);
	}
	return 0;
}

int control_make(int folder, const struct store_options *options, uint32_t first, uint32_t last, struct control **ret)
{
	int fd, status = STORE_UNAVAILABLE, error;
	struct control *control = NULL;

	(void)unlinkat(folder, "control.new", 0);
	fd = files_open(folder, "control.new", O_RDWR | O_CREAT | O_EXCL);
	if (fd < 0)
		return store_refuse(options, status, "the control file cannot be made: %s", strerror(errno));
	errno = posix_fallocate(fd, 0, sizeof(*control));
	if (errno == 0 && map(fd, &control) == STORE_OK && fill(fd, control, first, last) == 0 &&
	    renameat(folder, "control.new", folder, "control") == 0)
		status = STORE_OK;
	error = errno;
	close(fd);
	if (status != STORE_OK) {
		control_leave(control);
		(void)unlinkat(folder, "control.new", 0);
		errno = error;
		return store_refuse(options, status, "the control file cannot be made: %s", strerror(error));
	}
	*ret = control;
	return STORE_OK;
}

void control_leave(struct control *control)
{
	if (control)
		munmap(control, sizeof(*control));
}

static int taken(pthread_mutex_t *lock, int error)
{
	if (error == EOWNERDEAD)
		error = pthread_mutex_consistent(lock);
	if (error == 0)
		return STORE_OK;
	return error == ETIMEDOUT || error == EBUSY ? STORE_BUSY : STORE_UNAVAILABLE;
}

int control_try(pthread_mutex_t *lock)
{
	return taken(lock, pthread_mutex_trylock(lock));
}

#ifdef __SANITIZE_THREAD__
/* The thread sanitizer does not know pthread_mutex_clocklock. */
static int clocklock(pthread_mutex_t *lock, const struct timespec *deadline)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	int error;

	while ((error = pthread_mutex_trylock(lock)) == EBUSY) {
		if (control_past(deadline))
			return ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return error;
}
#else
static int clocklock(pthread_mutex_t *lock, const struct timespec *deadline)
{
	return pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, deadline);
}
#endif

int control_lock(pthread_mutex_t *lock, const struct timespec *deadline)
{
	return taken(lock, clocklock(lock, deadline));
}

int control_lock_stripe(struct control_stripe *stripe, const struct timespec *deadline)
{
	int error = deadline ? clocklock(&stripe->lock, deadline) : pthread_mutex_trylock(&stripe->lock);

	if (error == EOWNERDEAD) {
		atomic_store(&stripe->orphaned, 1);
		STORE_HOOK("control orphaned", &stripe->orphaned, sizeof(stripe->orphaned));
	}
	return taken(&stripe->lock, error);
}

void control_unlock(pthread_mutex_t *lock)
{
	pthread_mutex_unlock(lock);
}

static void deadline_by(clockid_t clock, unsigned wait_ms, struct timespec *ret)
{
	clock_gettime(clock, ret);
	ret->tv_sec += wait_ms / 1000;
	ret->tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (ret->tv_nsec >= 1000000000) {
		ret->tv_sec++;
		ret->tv_nsec -= 1000000000;
	}
}

void control_deadline(unsigned wait_ms, struct timespec *ret)
{
	deadline_by(CLOCK_MONOTONIC, wait_ms, ret);
}

void control_deadline_coarse(unsigned wait_ms, struct timespec *ret)
{
	deadline_by(CLOCK_MONOTONIC_COARSE, wait_ms, ret);
}

void control_rest(void)
{
	const struct timespec moment = { .tv_nsec = 20000 };

	nanosleep(&moment, NULL);
}

bool control_past(const struct timespec *deadline)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > deadline->tv_sec || (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

void control_sleep(_Atomic uint32_t *word, uint32_t seen, unsigned wait_ms)
{
	const struct timespec wait = { .tv_sec = wait_ms / 1000, .tv_nsec = (long)(wait_ms % 1000) * 1000000 };

	(void)syscall(SYS_futex, word, FUTEX_WAIT, seen, &wait, NULL, 0);
}

void control_wake(_Atomic uint32_t *word)
{
	atomic_fetch_add(word, 1);
	(void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "serve_log.h"

#include "serve_sandbox.h"

/* What newer kernels know (landlock(7)) and the headers may not. */
#define LANDLOCK_TRUNCATE (UINT64_C(1) << 14)        /* version 3 */
#define LANDLOCK_IOCTL_DEVICE (UINT64_C(1) << 15)    /* version 5 */
#define LANDLOCK_BIND_CONNECT_TCP UINT64_C(3)        /* version 4 */
#define LANDLOCK_ABSTRACT_AND_SIGNALS UINT64_C(3)    /* version 6 */
#define LANDLOCK_VERSION_1 ((UINT64_C(1) << 13) - 1) /* all that version 1 handles */
#define LANDLOCK_SETTLED 8u                          /* octets of the attributes that version 1 takes */

struct serve_landlock_attributes {
	uint64_t files;
	uint64_t network;
	uint64_t scoped;
};

static const uint64_t serve_landlock_reads = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t serve_landlock_writes = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                              LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_TRUNCATE |
                                              LANDLOCK_ACCESS_FS_REFER;
/* These alone may be allowed on what is no folder. */
static const uint64_t serve_landlock_of_files = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_TRUNCATE;

/* The rules under way. */
struct serve_landlock {
	int ruleset;
	uint64_t handled;
	char failed[PATH_MAX]; /* the path of a rule that could not be made, or "" */
};

static bool serve_sandbox_is(const struct sess_manager *manager, const char *choice)
{
	return strcmp(sess_manager_setting(manager, "SANDBOX"), choice) == 0;
}

static bool serve_sandbox_wanted(const struct sess_manager *manager)
{
	return !serve_sandbox_is(manager, "off") && !(SERVE_SANDBOX_SANITIZED && serve_sandbox_is(manager, "try"));
}

/* Something cannot be had: true if it goes on without. */
static bool serve_sandbox_lacks(const struct sess_manager *manager, const char *what, const char *reason, struct sess_why *why)
{
	if (serve_sandbox_is(manager, "try")) {
		serve_log("SANDBOX=try: no %s: %s; going on without", what, reason);
		return true;
	}
	snprintf(why->text, sizeof why->text, "SANDBOX is 'require', and there can be no %s: %s", what, reason);
	return false;
}

/* Store locations may be wrapped in others ("fault:0:gdbm:/path"); what follows scheme in it, or NULL. */
static const char *serve_sandbox_location(const struct sess_manager *manager, const char *scheme)
{
	const char *location = sess_manager_setting(manager, "SESSION_STORE");
	const char *found = location ? strstr(location, scheme) : NULL;

	return found && (found == location || found[-1] == ':') ? found + strlen(scheme) : NULL;
}

static bool serve_sandbox_network(const struct sess_manager *manager)
{
	return serve_sandbox_location(manager, "redis") != NULL;
}

/* ---- files ---------------------------------------------------------------------------------------------------------- */

static void serve_landlock_add(struct serve_landlock *l, int descriptor, uint64_t rights, const char *path)
{
	struct landlock_path_beneath_attr beneath = { .parent_fd = descriptor };
	struct stat found;

	if (fstat(descriptor, &found) == 0 && !S_ISDIR(found.st_mode))
		rights &= serve_landlock_of_files;
	beneath.allowed_access = rights & l->handled;
	if (syscall(SYS_landlock_add_rule, l->ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0 && !*l->failed)
		snprintf(l->failed, sizeof l->failed, "%s", path);
}

/* Allows rights at path and below; true if it is there. */
static bool serve_landlock_allow(struct serve_landlock *l, const char *path, uint64_t rights)
{
	int descriptor = open(path, O_PATH | O_CLOEXEC);

	if (descriptor < 0)
		return false;
	serve_landlock_add(l, descriptor, rights, path);
	close(descriptor);
	return true;
}

/* As serve_landlock_allow, for the folder above if path is not there yet, or is said to be a file that may be replaced. */
static void serve_landlock_allow_above(struct serve_landlock *l, const char *path, uint64_t rights)
{
	char above[PATH_MAX];
	char *slash;

	if ((size_t)snprintf(above, sizeof above, "%s", path) >= sizeof above)
		return;
	do {
		slash = strrchr(above, '/');
		if (!slash || slash == above)
			return;
		*slash = '\0';
	} while (!serve_landlock_allow(l, above, rights));
}

static void serve_landlock_rules(struct serve_landlock *l, const struct sess_manager *manager)
{
	static const char *const readable[] = { "/proc/sys/kernel/random", "/dev/urandom", "/etc/localtime", "/usr/share/zoneinfo" };
	static const char *const resolver[] = { "/etc/hosts",    "/etc/resolv.conf", "/etc/nsswitch.conf",  "/etc/host.conf",
		                                "/etc/gai.conf", "/etc/services",    "/run/systemd/resolve" };
	const char *folder = serve_sandbox_location(manager, "gdbm:");

	for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++)
		serve_landlock_allow(l, readable[i], serve_landlock_reads);
	for (size_t i = 0; serve_sandbox_network(manager) && i < sizeof resolver / sizeof resolver[0]; i++)
		serve_landlock_allow(l, resolver[i], serve_landlock_reads);
	serve_landlock_allow(l, "/dev/null", serve_landlock_of_files);
	/* A file that is replaced is another one, so its folder is what the rule is for. */
	serve_landlock_allow_above(l, sess_manager_setting(manager, "SECRET_KEY_FILE"), serve_landlock_reads);
	serve_landlock_allow_above(l, sess_manager_setting(manager, "LOGIN_USERS"), serve_landlock_reads);
	serve_landlock_allow(l, sess_manager_setting(manager, "STATE_DIRECTORY"), serve_landlock_reads | serve_landlock_writes);
	if (folder && !serve_landlock_allow(l, folder, serve_landlock_reads | serve_landlock_writes))
		serve_landlock_allow_above(l, folder, serve_landlock_reads | serve_landlock_writes);
}

static struct serve_landlock_attributes serve_landlock_handles(int version, bool network)
{
	struct serve_landlock_attributes a = { .files = LANDLOCK_VERSION_1 };

	if (version >= 2)
		a.files |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		a.files |= LANDLOCK_TRUNCATE;
	if (version >= 4 && !network)
		a.network = LANDLOCK_BIND_CONNECT_TCP;
	if (version >= 5)
		a.files |= LANDLOCK_IOCTL_DEVICE;
	if (version >= 6)
		a.scoped = LANDLOCK_ABSTRACT_AND_SIGNALS;
	return a;
}

/* NULL, or what was in the way. */
static const char *serve_landlock_restrict(const struct sess_manager *manager)
{
	static struct serve_landlock l;
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct serve_landlock_attributes a;
	size_t size;
	long failed;

	if (version <= 0)
		return "the kernel has no Landlock";
	a = serve_landlock_handles((int)version, serve_sandbox_network(manager));
	size = version >= 6 ? sizeof a : version >= 4 ? sizeof a - sizeof a.scoped : LANDLOCK_SETTLED;
	l.handled = a.files;
	l.ruleset = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
	if (l.ruleset < 0)
		return strerrordesc_np(errno);
	serve_landlock_rules(&l, manager);
	failed = *l.failed ? -1 : syscall(SYS_landlock_restrict_self, l.ruleset, 0);
	close(l.ruleset);
	return *l.failed ? l.failed : failed != 0 ? strerrordesc_np(errno) : NULL;
}

/* ---- both parts ----------------------------------------------------------------------------------------------------- */

bool serve_sandbox_begin(struct sess_manager *manager, void *context, struct sess_why *why)
{
	static const struct rlimit none = { 0, 0 };
	const char *reason;

	(void)context;
	if (!serve_sandbox_wanted(manager))
		return true;
	if (SERVE_SANDBOX_SANITIZED)
		return serve_sandbox_lacks(manager, "sandbox", "it was built with the compiler's sanitizers", why);
	/* The zone of local times is read from a file at first use. */
	tzset();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
		return serve_sandbox_lacks(manager, "process without privileges", strerrordesc_np(errno), why);
	reason = serve_landlock_restrict(manager);
	return !reason || serve_sandbox_lacks(manager, "bound on files", reason, why);
}

bool serve_sandbox_close(struct sess_manager *manager, struct sess_why *why)
{
	const struct serve_seccomp options = { .network = serve_sandbox_network(manager) };
	const char *reason;

	if (!serve_sandbox_wanted(manager) || SERVE_SANDBOX_SANITIZED)
		return true;
	reason = serve_seccomp_load(&options);
	return !reason || serve_sandbox_lacks(manager, "bound on system calls", reason, why);
}

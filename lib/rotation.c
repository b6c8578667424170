/* rotation.c - rewrites the key file. */

#include "lib/rotation.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/conffile.h"
#include "lib/crypto.h"
#include "lib/keyring.h"
#include "lib/why.h"

#define TRIES 10 /* replacements by others that may come between opening and locking */

/* A file under work: the old text and the one that shall follow it. */
struct work {
	const struct rotation *rotation;
	int64_t until;
	int fd; /* of the old file, locked */
	struct stat found;
	char *old;
	char text[CONFFILE_MAX + 1];
	size_t size;
	unsigned next, removed;
	bool full;
};

static int refuse(const struct work *w, struct sess_why *why, const char *what)
{
	why_write(why, "%s: %s", w->rotation->path, what);
	return SESS_SETTINGS;
}

/* ---- the old file --------------------------------------------------------------------------------------------------- */

/* The lock is on the file, not on its name: whoever waited for one that was replaced meanwhile has to look again. */
static bool is_current(const struct work *w)
{
	struct stat there;

	return lstat(w->rotation->path, &there) == 0 && there.st_dev == w->found.st_dev && there.st_ino == w->found.st_ino;
}

static int lock(struct work *w, struct sess_why *why)
{
	for (int i = 0; i < TRIES; i++) {
		w->fd = keyring_open_file(w->rotation->path);
		if (w->fd < 0)
			return refuse(w, why, errno == ELOOP ? "is a symbolic link" : strerrordesc_np(errno));
		if (flock(w->fd, LOCK_EX | LOCK_NB) != 0)
			return refuse(w, why, "another one is working on it");
		if (fstat(w->fd, &w->found) == 0 && is_current(w))
			return SESS_OK;
		close(w->fd);
		w->fd = -1;
	}
	return refuse(w, why, "is replaced again and again");
}

static int begin(struct work **ret, const struct rotation *rotation, struct sess_why *why)
{
	struct work *w = *ret = calloc(1, sizeof(*w));
	const char *fault;
	int status;

	if (!w) {
		why_write(why, "out of memory");
		return SESS_MEMORY;
	}
	w->rotation = rotation;
	w->fd = -1;
	status = lock(w, why);
	if (status != SESS_OK)
		return status;
	fault = keyring_file_fault(&w->found);
	if (fault)
		return refuse(w, why, fault);
	w->old = conffile_read_fd(w->fd, rotation->path, why);
	return w->old ? SESS_OK : SESS_SETTINGS;
}

static void end(struct work *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	conffile_free(w->old);
	crypto_wipe(w, sizeof(*w));
	free(w);
}

/* ---- lines ---------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void append(struct work *w, const char *format, ...)
{
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(w->text + w->size, sizeof(w->text) - w->size, format, arguments);
	va_end(arguments);
	if (size < 0 || (size_t)size >= sizeof(w->text) - w->size)
		w->full = true;
	else
		w->size += (size_t)size;
}

static void keep(struct work *w, const char *text, const struct keyring_line *line)
{
	(void)line;
	append(w, "%s\n", text);
}

/* The one that signs, and the one that is to. */
static void switch_line(struct work *w, const char *text, const struct keyring_line *line)
{
	char when[32];
	struct tm broken;

	if (line->signs && gmtime_r(&w->until, &broken)) {
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &broken);
		append(w, "verify %s until %s\n", line->key, when);
	} else if (line->next) {
		append(w, "sign %s\n", line->key);
	} else {
		keep(w, text, line);
	}
}

static void retire_line(struct work *w, const char *text, const struct keyring_line *line)
{
	if (line->until <= w->rotation->now)
		w->removed++;
	else
		keep(w, text, line);
}

typedef void rewrite_line(struct work *w, const char *text, const struct keyring_line *line);

/* Gives each key's line to rewrite, and copies the others. Only text that keyring.c reads is rewritten. */
static int rewrite(struct work *w, rewrite_line *each, struct sess_why *why)
{
	char *rest = w->old, *text, *copy;
	unsigned number = 0;

	while ((text = strsep(&rest, "\n"))) {
		const char *reason = NULL;
		struct keyring_line line = { .until = INT64_MAX };

		number++;
		copy = strdup(text);
		if (!copy) {
			why_write(why, "out of memory");
			return SESS_MEMORY;
		}
		copy[strcspn(copy, "\r")] = '\0';
		if (copy[strspn(copy, " \t\v\f")] == '\0' || copy[strspn(copy, " \t\v\f")] == '#') {
			if (rest || *text)
				append(w, "%s\n", text);
		} else {
			reason = keyring_line_read(copy, &line);
			w->next += line.next;
			if (!reason)
				each(w, text, &line);
		}
		crypto_wipe(copy, strlen(text));
		free(copy);
		if (reason) {
			why_write(why, "%s:%u: %s", w->rotation->path, number, reason);
			return SESS_SETTINGS;
		}
	}
	return SESS_OK;
}

/* ---- the new file --------------------------------------------------------------------------------------------------- */

/* Nothing takes the old file's place that the programs would refuse. */
static int try_out(const struct work *w, const char *path, struct sess_why *why)
{
	struct keyring_source *source = keyring_source_new(NULL, path, w->rotation->allow_weak);
	struct keyring *ring = NULL;
	int status = source ? keyring_source_read(source, false, &ring, why) : SESS_MEMORY;

	keyring_free(ring);
	keyring_source_free(source);
	return status;
}

static bool sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	int at;
	bool done;

	snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	at = open(folder[0] ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	done = at >= 0 && fsync(at) == 0;
	if (at >= 0)
		close(at);
	return done;
}

static bool write_all(const struct work *w, int fd)
{
	bool owned = w->found.st_uid == geteuid() || fchown(fd, w->found.st_uid, w->found.st_gid) == 0;

	return owned && write(fd, w->text, w->size) == (ssize_t)w->size && fchmod(fd, w->found.st_mode & 0777) == 0 && fsync(fd) == 0;
}

static int replace_by(const struct work *w, const char *temporary, int fd, struct sess_why *why)
{
	int status;

	if (!write_all(w, fd)) {
		why_write(why, "%s: cannot be written: %s", temporary, strerrordesc_np(errno));
		return SESS_SETTINGS;
	}
	status = try_out(w, temporary, why);
	if (status != SESS_OK)
		return status;
	if (rename(temporary, w->rotation->path) == 0 && sync_folder_of(w->rotation->path))
		return SESS_OK;
	return refuse(w, why, strerrordesc_np(errno));
}

static int replace(const struct work *w, struct sess_why *why)
{
	char temporary[PATH_MAX];
	int fd, status;

	if (w->full)
		return refuse(w, why, "would be larger than 65536 octets");
	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", w->rotation->path) >= sizeof(temporary))
		return refuse(w, why, "the path is too long");
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		why_write(why, "%s: cannot be made: %s", temporary, strerrordesc_np(errno));
		return SESS_SETTINGS;
	}
	status = replace_by(w, temporary, fd, why);
	if (status != SESS_OK)
		unlink(temporary);
	close(fd);
	return status;
}

/* ---- the steps ------------------------------------------------------------------------------------------------------ */

int rotation_announce(const struct rotation *rotation, bool *added, struct sess_why *why)
{
	char key[KEYRING_TEXT_SIZE];
	struct work *w;
	int status = begin(&w, rotation, why);

	*added = false;
	if (status == SESS_OK)
		status = rewrite(w, keep, why);
	if (status == SESS_OK && w->next == 0) {
		*added = keyring_make_key(key);
		append(w, "verify %s next\n", key);
		crypto_wipe(key, sizeof(key));
		status = *added ? replace(w, why) : refuse(w, why, "the system has no randomness to give");
	}
	end(w);
	return status;
}

int rotation_switch(const struct rotation *rotation, int64_t until, struct sess_why *why)
{
	struct work *w;
	int status = begin(&w, rotation, why);

	if (status == SESS_OK) {
		w->until = until;
		status = rewrite(w, switch_line, why);
	}
	if (status == SESS_OK && w->next != 1)
		status = refuse(w, why, w->next == 0 ? "no 'verify KEY next' line: announce a key first" : "more than one next key");
	if (status == SESS_OK)
		status = replace(w, why);
	end(w);
	return status;
}

int rotation_retire(const struct rotation *rotation, unsigned *removed, struct sess_why *why)
{
	struct work *w;
	int status = begin(&w, rotation, why);

	*removed = 0;
	if (status == SESS_OK)
		status = rewrite(w, retire_line, why);
	if (status == SESS_OK && w->removed > 0)
		status = replace(w, why);
	if (status == SESS_OK)
		*removed = w->removed;
	end(w);
	return status;
}

/* keyring.c - reads, makes and watches the secret keys. */

#include "lib/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/conffile.h"
#include "lib/crypto.h"
#include "lib/state.h"
#include "lib/why.h"

#define BLANKS " \t"

/* What tells one state of the file from the next. */
struct mark {
	bool there;
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec written, changed;
};

struct keyring_source {
	char *secret;
	char *path;
	bool allow_weak;
	struct mark mark;
};

/* The key that JustPy has when nobody set one: everyone knows it. */
static const char published[] = "$$$my_secret_string$$$";

/* ---- rings ---------------------------------------------------------------------------------------------------------- */

void keyring_free(struct keyring *ring)
{
	if (!ring)
		return;
	for (size_t i = 0; i < ring->count; i++) {
		crypto_wipe(ring->keys[i].text, ring->keys[i].size);
		free(ring->keys[i].text);
	}
	free(ring);
}

bool keyring_same(const struct keyring *a, const struct keyring *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = a->keys[i].size == b->keys[i].size && a->keys[i].until == b->keys[i].until &&
		       crypto_equal(a->keys[i].text, b->keys[i].text, a->keys[i].size);
	return same;
}

/* The signing key goes to the front, others to the end. */
static int add(struct keyring *ring, const char *text, int64_t until, bool signs, bool next)
{
	struct keyring_key key = { strdup(text), strlen(text), until, next };

	if (!key.text)
		return SESS_MEMORY;
	if (signs) {
		memmove(ring->keys + 1, ring->keys, ring->count * sizeof(ring->keys[0]));
		ring->keys[0] = key;
	} else {
		ring->keys[ring->count] = key;
	}
	ring->count++;
	return SESS_OK;
}

/* What speaks against a key, or NULL. Emptiness is never allowed: whoever knows nothing would know the key. */
const char *keyring_key_fault(const char *key, bool allow_weak, bool *weak)
{
	const char *reason = NULL;

	if (!*key)
		return "the key is empty";
	if (strlen(key) < KEYRING_KEY_LEAST)
		reason = "the key is shorter than 16 octets (ALLOW_WEAK_SECRET=true lets it pass)";
	else if (strcmp(key, published) == 0)
		reason = "the key is JustPy's published default, which everyone knows (ALLOW_WEAK_SECRET=true lets it pass)";
	*weak = *weak || reason;
	return allow_weak ? NULL : reason;
}

/* ---- the file's lines ----------------------------------------------------------------------------------------------- */

static bool read_time(const char *text, int64_t *ret)
{
	struct tm broken = { 0 };
	const char *rest;

	if (text[strspn(text, "0123456789")] == '\0' && strlen(text) < 19) {
		*ret = strtoll(text, NULL, 10);
		return true;
	}
	rest = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &broken);
	if (!rest || *rest)
		return false;
	*ret = timegm(&broken);
	return true;
}

/* Each message is about the line as a whole, so that no key can slip into it. */
const char *keyring_line_read(char *text, struct keyring_line *ret)
{
	char *rest, *verb = strtok_r(text, BLANKS, &rest), *word, *when;

	*ret = (struct keyring_line){ .until = INT64_MAX, .signs = verb && strcmp(verb, "sign") == 0 };
	if (!verb || (!ret->signs && strcmp(verb, "verify") != 0))
		return "neither 'sign KEY' nor 'verify KEY [until TIME]'";
	ret->key = strtok_r(NULL, BLANKS, &rest);
	if (!ret->key)
		return "the key is empty";
	word = strtok_r(NULL, BLANKS, &rest);
	if (!word)
		return NULL;
	when = strtok_r(NULL, BLANKS, &rest);
	ret->next = !ret->signs && !when && strcmp(word, "next") == 0;
	if (ret->next)
		return NULL;
	if (ret->signs || !when || strcmp(word, "until") != 0 || strtok_r(NULL, BLANKS, &rest))
		return "more than 'sign KEY', 'verify KEY [until TIME]' or 'verify KEY next'";
	return read_time(when, &ret->until) ? NULL : "the time after 'until' is neither Unix seconds nor like 2027-01-31T00:00:00Z";
}

static const char *take_line(struct keyring *ring, char *text, bool allow_weak, bool *signed_by)
{
	struct keyring_line line;
	const char *reason = keyring_line_read(text, &line);

	if (reason)
		return reason;
	if (line.signs && *signed_by)
		return "a second 'sign' line, and exactly one is allowed";
	if (ring->count >= KEYRING_MAX - 1)
		return "more than 31 keys";
	reason = keyring_key_fault(line.key, allow_weak, &ring->weak);
	if (reason)
		return reason;
	*signed_by = *signed_by || line.signs;
	return add(ring, line.key, line.until, line.signs, line.next) == SESS_OK ? NULL : "out of memory";
}

static int read_lines(struct keyring_source *source, struct keyring *ring, char *text, struct sess_why *why)
{
	struct conffile file = { text, 0 };
	struct conffile_line line;
	bool signed_by = false;

	while (conffile_next_line(&file, &line)) {
		const char *reason = take_line(ring, line.value, source->allow_weak, &signed_by);

		if (reason) {
			why_write(why, "%s:%u: %s", source->path, line.number, reason);
			return SESS_SETTINGS;
		}
	}
	if (signed_by)
		return SESS_OK;
	why_write(why, "%s: no 'sign KEY' line, and exactly one is needed", source->path);
	return SESS_SETTINGS;
}

/* ---- the file ------------------------------------------------------------------------------------------------------- */

static struct mark mark_of(const struct stat *found)
{
	return (struct mark){ true, found->st_dev, found->st_ino, found->st_size, found->st_mtim, found->st_ctim };
}

static bool time_same(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool mark_same(const struct mark *a, const struct mark *b)
{
	if (!a->there || !b->there)
		return a->there == b->there;
	return a->device == b->device && a->inode == b->inode && a->size == b->size && time_same(a->written, b->written) &&
	       time_same(a->changed, b->changed);
}

bool keyring_source_changed(const struct keyring_source *source)
{
	struct stat found;
	struct mark now = { 0 };

	if (lstat(source->path, &found) == 0)
		now = mark_of(&found);
	return !mark_same(&now, &source->mark);
}

const char *keyring_file_fault(const struct stat *found)
{
	if (!S_ISREG(found->st_mode))
		return "is not a regular file";
	if (found->st_uid != geteuid() && found->st_uid != 0 && geteuid() != 0)
		return "belongs to another user: chown it to the user of this process or to root";
	if (found->st_mode & (S_IRWXG | S_IRWXO))
		return "can be read by other users: chmod 600 it, and if others may have read it, make a new key";
	return NULL;
}

static int read_file(struct keyring_source *source, int fd, struct keyring *ring, struct sess_why *why)
{
	struct stat found;
	const char *fault;
	char *text;
	int status;

	if (fstat(fd, &found) != 0) {
		why_write(why, "%s: %s", source->path, strerrordesc_np(errno));
		return SESS_SETTINGS;
	}
	source->mark = mark_of(&found);
	fault = keyring_file_fault(&found);
	if (fault) {
		why_write(why, "%s: %s", source->path, fault);
		return SESS_SETTINGS;
	}
	text = conffile_read_fd(fd, source->path, why);
	if (!text)
		return SESS_SETTINGS;
	status = read_lines(source, ring, text, why);
	conffile_free(text);
	return status;
}

int keyring_open_file(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

/* ---- the first run -------------------------------------------------------------------------------------------------- */

bool keyring_make_key(char text[KEYRING_TEXT_SIZE])
{
	uint8_t octets[32];
	bool done = crypto_random(octets, sizeof(octets));

	if (done)
		crypto_base64(octets, sizeof(octets), text);
	text[KEYRING_TEXT_SIZE - 1] = '\0';
	crypto_wipe(octets, sizeof(octets));
	return done;
}

static bool write_key(int fd)
{
	char key[KEYRING_TEXT_SIZE];
	bool done = keyring_make_key(key) && dprintf(fd, "sign %s\n", key) == (int)sizeof("sign ") - 1 + (int)sizeof(key) &&
	            fchmod(fd, 0600) == 0 && fsync(fd) == 0;

	crypto_wipe(key, sizeof(key));
	return done;
}

/* Root makes the file for the user whose folder it is. Returns the folder's descriptor, or -1. */
static int give_to_owner_of_folder(int fd, const char *path)
{
	char folder[PATH_MAX];
	struct stat found;
	int at;

	snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	at = open(folder[0] ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return -1;
	if (geteuid() == 0 && (fstat(at, &found) != 0 || fchown(fd, found.st_uid, found.st_gid) != 0)) {
		close(at);
		return -1;
	}
	return at;
}

/* link(2) is what makes one of several first runs win: the file appears whole, and never replaces another. */
static bool make_linked(int fd, const char *temporary, const char *path)
{
	int folder = give_to_owner_of_folder(fd, path);
	bool done = folder >= 0 && write_key(fd) && (link(temporary, path) == 0 || errno == EEXIST) && fsync(folder) == 0;

	if (folder >= 0)
		close(folder);
	return done;
}

static int make_file(const char *path, struct sess_why *why)
{
	char temporary[PATH_MAX];
	bool done;
	int fd, status = state_folder_of(path, why);

	if (status != SESS_OK)
		return status;
	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= sizeof(temporary)) {
		why_write(why, "SECRET_KEY_FILE: the path is too long");
		return SESS_SETTINGS;
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	done = fd >= 0 && make_linked(fd, temporary, path);
	if (!done)
		why_write(why, "%s: a key file cannot be made: %s", path, strerrordesc_np(errno));
	if (fd >= 0) {
		unlink(temporary);
		close(fd);
	}
	return done ? SESS_OK : SESS_SETTINGS;
}

/* ---- the source ----------------------------------------------------------------------------------------------------- */

void keyring_source_forget(struct keyring_source *source)
{
	source->mark = (struct mark){ .there = true, .size = -1 };
}

struct keyring_source *keyring_source_new(const char *secret, const char *path, bool allow_weak)
{
	struct keyring_source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->allow_weak = allow_weak;
	source->path = strdup(path);
	source->secret = secret ? strdup(secret) : NULL;
	if (!source->path || (secret && !source->secret)) {
		keyring_source_free(source);
		return NULL;
	}
	return source;
}

void keyring_source_free(struct keyring_source *source)
{
	if (!source)
		return;
	if (source->secret)
		crypto_wipe(source->secret, strlen(source->secret));
	free(source->secret);
	free(source->path);
	free(source);
}

/* The file's keys, making it if that is wanted; no file is as good as an empty one where there is a secret. */
static int take_file(struct keyring_source *source, bool make, struct keyring *ring, struct sess_why *why)
{
	int status, fd = keyring_open_file(source->path);

	if (fd < 0 && errno == ENOENT && make && !source->secret) {
		status = make_file(source->path, why);
		if (status != SESS_OK)
			return status;
		fd = keyring_open_file(source->path);
	}
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR) && source->secret) {
		source->mark = (struct mark){ 0 };
		return SESS_OK;
	}
	if (fd < 0) {
		why_write(why, "%s: cannot be opened: %s", source->path, errno == ELOOP ? "it is a symbolic link" : strerrordesc_np(errno));
		source->mark = (struct mark){ 0 };
		return SESS_SETTINGS;
	}
	status = read_file(source, fd, ring, why);
	close(fd);
	return status;
}

static int take_secret(struct keyring_source *source, struct keyring *ring, struct sess_why *why)
{
	const char *reason = keyring_key_fault(source->secret, source->allow_weak, &ring->weak);

	if (!reason)
		return add(ring, source->secret, INT64_MAX, true, false);
	why_write(why, "SECRET_KEY: %s", reason);
	return SESS_SETTINGS;
}

int keyring_source_read(struct keyring_source *source, bool make, struct keyring **ret, struct sess_why *why)
{
	struct keyring *ring = calloc(1, sizeof(*ring));
	int status = ring ? take_file(source, make, ring, why) : SESS_MEMORY;

	if (status == SESS_OK && source->secret)
		status = take_secret(source, ring, why);
	if (status == SESS_MEMORY) {
		why_write(why, "out of memory");
		keyring_source_forget(source);
	}
	if (status != SESS_OK) {
		keyring_free(ring);
		return status;
	}
	*ret = ring;
	return SESS_OK;
}

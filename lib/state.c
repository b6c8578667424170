/* state.c - makes and checks the state folder, and opens the store. */

#include "lib/state.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/config.h"
#include "lib/why.h"
#include "store/store.h"

#define OPERATOR_WAIT_MS 5000u /* who works on a store by hand has more time than a request */

static int refuse(struct sess_why *why, const char *path, const char *what)
{
	why_write(why, "%s: %s", path, what);
	return SESS_SETTINGS;
}

/* The folders above belong to the machine, so they are made as mkdir(1) makes them. */
static int make_above(char *path, struct sess_why *why)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) != 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
			return refuse(why, path, strerrordesc_np(errno));
		*slash = '/';
	}
	return SESS_OK;
}

static int check(const char *path, struct sess_why *why)
{
	struct stat found;

	if (stat(path, &found) != 0)
		return refuse(why, path, strerrordesc_np(errno));
	if (!S_ISDIR(found.st_mode))
		return refuse(why, path, "is not a folder");
	if (found.st_uid != geteuid() && found.st_uid != 0 && geteuid() != 0)
		return refuse(why, path, "belongs to another user, who could replace what is in it: chown it to the user of this process");
	if (found.st_mode & (S_IWGRP | S_IWOTH))
		return refuse(why, path, "can be written to by other users: chmod go-w it");
	return SESS_OK;
}

int state_folder(const char *path, struct sess_why *why)
{
	char above[PATH_MAX];
	int status;

	if ((size_t)snprintf(above, sizeof(above), "%s", path) >= sizeof(above))
		return refuse(why, "STATE_DIRECTORY", "the path is too long");
	if (access(path, F_OK) != 0) {
		status = make_above(above, why);
		if (status != SESS_OK)
			return status;
		if (mkdir(path, 0700) != 0 && errno != EEXIST) {
			why_write(why, "%s: the folder cannot be made: %s", path, strerrordesc_np(errno));
			return SESS_SETTINGS;
		}
	}
	return check(path, why);
}

int state_folder_of(const char *path, struct sess_why *why)
{
	char folder[PATH_MAX];
	char *slash;

	if ((size_t)snprintf(folder, sizeof(folder), "%s", path) >= sizeof(folder))
		return refuse(why, "SECRET_KEY_FILE", "the path is too long");
	slash = strrchr(folder, '/');
	if (!slash)
		return refuse(why, path, "is not an absolute path");
	*(slash == folder ? slash + 1 : slash) = '\0';
	return state_folder(folder, why);
}

static enum store_sync sync_of(const struct config *config)
{
	switch (config_number(config, CONFIG_SESSION_SYNC)) {
	case CONFIG_SYNC_ALWAYS:
		return STORE_SYNC_ALWAYS;
	case CONFIG_SYNC_NO:
		return STORE_SYNC_NO;
	default:
		return STORE_SYNC_EVERY_SECOND;
	}
}

int state_prepare(const struct config *config, struct sess_why *why)
{
	return config_is_set(config, CONFIG_SESSION_STORE) ? SESS_OK : state_folder(config_text(config, CONFIG_STATE_DIRECTORY), why);
}

/* A location may hold a password, so the message names the setting and leaves the value to the store's own sentence. */
int state_open_store(const struct config *config, enum state_use use, struct store **ret, struct sess_why *why)
{
	unsigned wait_ms = (unsigned)config_number(config, CONFIG_SESSION_STORE_WAIT_MS);
	char sentence[sizeof(why->text)] = "";
	const struct store_options options = {
		.location = config_text(config, CONFIG_SESSION_STORE),
		.wait_ms = use == STATE_OPERATE && wait_ms < OPERATOR_WAIT_MS ? OPERATOR_WAIT_MS : wait_ms,
		.sync = sync_of(config),
		.brief = use == STATE_BRIEF,
		.existing = use == STATE_OPERATE,
		.why = sentence,
		.why_size = sizeof(sentence),
	};
	int status;

	if (use != STATE_OPERATE && state_prepare(config, why) != SESS_OK)
		return STORE_UNAVAILABLE;
	status = store_open(ret, &options);
	if (status != STORE_OK)
		config_refuse(config, CONFIG_SESSION_STORE, why, "%s", *sentence ? sentence : store_status_name(status));
	return status;
}

/* state.c - makes and checks the state folder. */

#include "lib/state.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/why.h"

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

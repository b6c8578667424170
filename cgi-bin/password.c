/* password.c - passwords and the file of users. */

#include "cgi-bin/password.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <crypt.h>

#define LINE_SIZE (PASSWORD_USER_MAX + PASSWORD_HASH_SIZE + 4)

_Static_assert(PASSWORD_HASH_SIZE >= CRYPT_OUTPUT_SIZE, "a hash fits");
_Static_assert(PASSWORD_MAX <= CRYPT_MAX_PASSPHRASE_SIZE, "a password is one to crypt(3)");

/* ---- hashes --------------------------------------------------------------------------------------------------------- */

/* crypt(3) of password with setting, a salt or a hash. False where that is none, or there is no memory. */
static bool hash_with(const char *password, const char *setting, char hash[PASSWORD_HASH_SIZE])
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *made = data ? crypt_rn(password, setting, data, (int)sizeof(*data)) : NULL;

	if (made)
		snprintf(hash, PASSWORD_HASH_SIZE, "%s", made);
	if (data)
		explicit_bzero(data, sizeof(*data));
	free(data);
	return made;
}

bool password_hash(const char *password, char hash[PASSWORD_HASH_SIZE])
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	/* $y$ is yescrypt; 0 is libcrypt's own idea of a good cost; NULL: the salt is the kernel's. */
	return crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof(setting)) && hash_with(password, setting, hash);
}

/* The same time wherever they differ. Both have PASSWORD_HASH_SIZE octets. */
static bool same(const char *a, const char *b)
{
	unsigned char differs = 0;

	for (size_t i = 0; i < PASSWORD_HASH_SIZE; i++)
		differs |= (unsigned char)(a[i] ^ b[i]);
	return differs == 0;
}

bool password_matches(const char *password, const char *hash)
{
	char expected[PASSWORD_HASH_SIZE] = "", made[PASSWORD_HASH_SIZE] = "";
	bool matches;

	if (strlen(password) >= PASSWORD_MAX || strlen(hash) >= sizeof(expected))
		return false;
	strcpy(expected, hash);
	matches = *hash ? hash_with(password, hash, made) : (password_hash(password, made), false);
	matches = same(made, expected) && matches;
	explicit_bzero(made, sizeof(made));
	return matches;
}

/* ---- the file ------------------------------------------------------------------------------------------------------- */

bool password_user_valid(const char *name)
{
	size_t size = strlen(name);

	if (size == 0 || size > PASSWORD_USER_MAX || strchr("# ", name[0]))
		return false;
	for (; *name; name++)
		if ((unsigned char)*name < ' ' || *name == 0x7f || *name == ':')
			return false;
	return true;
}

/* The hash of the line, if it is the user's. */
static bool line_is(char *line, const char *user, char hash[PASSWORD_HASH_SIZE])
{
	char *colon = strchr(line, ':');

	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] == '#' || !colon)
		return false;
	*colon = '\0';
	if (strcmp(line, user) != 0)
		return false;
	snprintf(hash, PASSWORD_HASH_SIZE, "%s", colon + 1);
	return true;
}

/* To its end, so that a user's place in the file cannot be told by the time it takes. */
static void search(FILE *file, const char *user, char hash[PASSWORD_HASH_SIZE])
{
	char line[LINE_SIZE], found[PASSWORD_HASH_SIZE];

	while (fgets(line, sizeof(line), file))
		if (line_is(line, user, found) && !*hash)
			strcpy(hash, found);
	explicit_bzero(line, sizeof(line));
}

bool password_find(const char *path, const char *user, char hash[PASSWORD_HASH_SIZE], char *why, size_t size)
{
	FILE *file = fopen(path, "re");
	struct stat status;
	bool usable = false;

	*hash = '\0';
	if (!file || fstat(fileno(file), &status) != 0)
		snprintf(why, size, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(status.st_mode))
		snprintf(why, size, "%s: is not a file", path);
	else if (status.st_mode & (S_IRWXO | S_IWGRP))
		snprintf(why, size, "%s: other users of this machine may read or change it: chmod o=,g-w it", path);
	else
		usable = true;
	if (usable)
		search(file, user, hash);
	if (file)
		fclose(file);
	return usable;
}

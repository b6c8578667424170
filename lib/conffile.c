/* conffile.c - reads settings files. */

#include "lib/conffile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/crypto.h"
#include "lib/why.h"

static const char blanks[] = " \t\r\v\f";

/* Drops the characters in set from both ends of text, in place. */
static char *strip(char *text, const char *set)
{
	size_t size;

	text += strspn(text, set);
	size = strlen(text);
	while (size > 0 && strchr(set, text[size - 1]))
		size--;
	text[size] = '\0';
	return text;
}

bool conffile_next_line(struct conffile *f, struct conffile_line *ret)
{
	while (*f->at) {
		char *line = f->at, *end = line + strcspn(line, "\r\n");

		f->number++;
		f->at = end[0] == '\r' && end[1] == '\n' ? end + 2 : *end ? end + 1 : end;
		*end = '\0';
		line = strip(line, blanks);
		if (*line && *line != '#') {
			*ret = (struct conffile_line){ f->number, NULL, line };
			return true;
		}
	}
	return false;
}

bool conffile_next(struct conffile *f, struct conffile_line *ret)
{
	char *equals;

	if (!conffile_next_line(f, ret))
		return false;
	equals = strchr(ret->value, '=');
	if (!equals)
		return true;
	*equals = '\0';
	ret->key = strip(ret->value, blanks);
	ret->value = strip(strip(equals + 1, blanks), "\"'");
	return true;
}

static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t filled = 0;

	while (filled < size) {
		ssize_t got = read(fd, text + filled, size - filled);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		filled += (size_t)got;
	}
	return (ssize_t)filled;
}

char *conffile_read_fd(int fd, const char *path, struct sess_why *why)
{
	char *text = calloc(1, CONFFILE_MAX + 2);
	ssize_t size;

	if (!text) {
		why_write(why, "%s: out of memory", path);
		return NULL;
	}
	size = read_all(fd, text, CONFFILE_MAX + 1);
	if (size < 0)
		why_write(why, "%s: cannot be read: %s", path, strerrordesc_np(errno));
	else if ((size_t)size > CONFFILE_MAX)
		why_write(why, "%s: is larger than %u octets", path, CONFFILE_MAX);
	else if (strlen(text) != (size_t)size)
		why_write(why, "%s: holds a NUL octet, so it is no text", path);
	else
		return text;
	crypto_wipe(text, CONFFILE_MAX + 2);
	free(text);
	return NULL;
}

char *conffile_read(const char *path, struct sess_why *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *text;

	if (fd < 0) {
		why_write(why, "%s: cannot be opened: %s", path, strerrordesc_np(errno));
		return NULL;
	}
	text = conffile_read_fd(fd, path, why);
	close(fd);
	return text;
}

void conffile_free(char *text)
{
	if (text)
		crypto_wipe(text, CONFFILE_MAX + 2);
	free(text);
}

/*
 * conffile.h - the form of a settings file: "KEY=value" lines, as JustPy's justpy.env has them (Starlette's Config).
 *
 * White space around a line, a key and a value is dropped, then any number of quotes " and ' at both ends of the value. A line that begins
 * with '#' is a comment. There are no trailing comments, no escapes and no "export". Of equal keys, the later wins.
 */
#ifndef LIB_CONFFILE_H
#define LIB_CONFFILE_H

#include <stdbool.h>
#include <stddef.h>

#define CONFFILE_MAX 65536u /* octets of a settings or key file */

struct sess_why;

/* One line: key and value when it has a '=', else key is NULL and value the text. Both end with NUL. */
struct conffile_line {
	unsigned number;
	char *key;
	char *value;
};

/* A place in a text. Begin with { text, 0 }. */
struct conffile {
	char *at;
	unsigned number;
};

/* Cuts the next line that is neither blank nor a comment out of the text, in place. False at the end. */
bool conffile_next(struct conffile *f, struct conffile_line *ret);

/* As conffile_next, but the line is not split: key is NULL. */
bool conffile_next_line(struct conffile *f, struct conffile_line *ret);

/*
 * The whole file at path, ended by a NUL, to be wiped and freed by conffile_free. NULL with a sentence in why, when it cannot be read,
 * holds a NUL or is larger than CONFFILE_MAX.
 */
char *conffile_read(const char *path, struct sess_why *why);

/* As conffile_read, from an open descriptor, which stays open. path is for the sentence. */
char *conffile_read_fd(int fd, const char *path, struct sess_why *why);

/* Wipes and frees a text of conffile_read. NULL does nothing. */
void conffile_free(char *text);

#endif

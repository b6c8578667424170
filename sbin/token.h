/* token.h - what sign and verify share: the keys as the programs have them, and lines of standard input. */
#ifndef SBIN_TOKEN_H
#define SBIN_TOKEN_H

#include <stddef.h>

#include "sbin/sesamectl.h"

struct keys;
struct signer;

/* One text at a time: an argument, or a line. False when there is no more. */
struct token_input {
	const char *argument; /* NULL: lines of standard input */
	char *line;
	size_t room;
};

const char *token_next(struct token_input *input);
void token_input_free(struct token_input *input);

/* As ctl_begin_settings, and reads the keys. End with token_end. */
int token_begin(struct ctl *ctl, struct keys **keys, const struct ctl_command *self, int argc, char **argv);
int token_end(struct ctl *ctl, struct keys *keys, int status);

#endif

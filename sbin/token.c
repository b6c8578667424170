/* token.c - keys and lines. */

#include "sbin/token.h"

#include <stdlib.h>
#include <string.h>

#include "lib/config.h"
#include "lib/crypto.h"
#include "lib/keys.h"

const char *token_next(struct token_input *input)
{
	const char *argument = input->argument;
	ssize_t size;

	if (argument) {
		input->argument = input->line = NULL;
		input->room = SIZE_MAX;
		return argument;
	}
	if (input->room == SIZE_MAX)
		return NULL;
	size = getline(&input->line, &input->room, stdin);
	if (size < 0)
		return NULL;
	input->line[strcspn(input->line, "\r\n")] = '\0';
	return input->line;
}

void token_input_free(struct token_input *input)
{
	if (input->line)
		crypto_wipe(input->line, input->room);
	free(input->line);
}

int token_begin(struct ctl *ctl, struct keys **keys, const struct ctl_command *self, int argc, char **argv)
{
	struct sess_why why = { "" };
	int status = ctl_begin_settings(ctl, self, argc, argv);

	if (status != CTL_GO_ON)
		return status;
	if (keys_open_existing(keys, ctl->config, &why) == SESS_OK)
		return CTL_GO_ON;
	return ctl_end(ctl, ctl_refuse(ctl, CTL_SETTINGS, "%s", why.text));
}

int token_end(struct ctl *ctl, struct keys *keys, int status)
{
	keys_close(keys);
	return ctl_end(ctl, status);
}

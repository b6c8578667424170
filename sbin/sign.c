/* sign.c - sesamectl sign: the cookie's value of an id. */

#include "sbin/sesamectl.h"

#include <string.h>

#include "lib/crypto.h"
#include "lib/keys.h"
#include "lib/signer.h"
#include "sbin/token.h"

static int sign(struct ctl *ctl, struct keys *keys, const char *id)
{
	char token[SIGNER_TOKEN_SIZE];
	size_t size;

	if (!signer_id_valid(id, strlen(id)))
		return ctl_refuse(ctl, CTL_DATA, "an id is 32 lower-case hex digits, and a line is not");
	size = signer_sign(keys_begin(keys), id, ctl_now(), token);
	keys_end(keys);
	if (size == 0)
		return ctl_refuse(ctl, CTL_SETTINGS, "out of memory");
	output_begin(&ctl->output);
	output_text(&ctl->output, "value", token);
	output_close(&ctl->output);
	crypto_wipe(token, sizeof(token));
	return CTL_DONE;
}

int ctl_sign(const struct ctl_command *self, int argc, char **argv)
{
	struct token_input input = { .argument = NULL };
	struct keys *keys;
	struct ctl ctl;
	const char *id;
	int status = token_begin(&ctl, &keys, self, argc, argv);

	if (status != CTL_GO_ON)
		return status;
	status = CTL_DONE;
	while (status == CTL_DONE && !ctl_interrupted() && (id = token_next(&input)))
		status = sign(&ctl, keys, id);
	token_input_free(&input);
	return token_end(&ctl, keys, status);
}

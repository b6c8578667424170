/* verify.c - sesamectl verify: what a cookie's value is worth. */

#include "sbin/sesamectl.h"

#include <string.h>

#include "lib/config.h"
#include "lib/crypto.h"
#include "lib/keys.h"
#include "lib/reserved.h"
#include "lib/signer.h"
#include "sbin/times.h"
#include "sbin/token.h"

static const char *const verdicts[] = { [SIGNER_FORGED] = "forged", [SIGNER_EXPIRED] = "expired", [SIGNER_GOOD] = "good" };

static void tell_forged(struct output *o, const char *fault)
{
	if (!o->json) {
		printf("forged: %s\n", fault);
		return;
	}
	output_text(o, "verdict", "forged");
	output_text(o, "why", fault);
}

static void json_token(struct output *o, enum signer_verdict verdict, const struct signer_token *token, const char *handle)
{
	bool timed = token->layout == SIGNER_TIMESTAMPED;
	int64_t age = ctl_now() - token->issued;

	output_text(o, "verdict", verdicts[verdict]);
	output_text(o, "handle", handle);
	output_text(o, "layout", timed ? "timestamped" : "justpy");
	output_truth(o, "outdated", token->outdated);
	if (timed)
		output_number(o, "issued", "", (uint64_t)token->issued);
	if (timed && age >= 0)
		output_number(o, "age", "", (uint64_t)age);
}

/* The id stays hidden: whoever has it and the key is the visitor. */
static void tell_token(struct output *o, enum signer_verdict verdict, const struct signer_token *token)
{
	char handle[SESS_HANDLE_SIZE], moment[TIMES_SIZE], span[TIMES_SIZE];
	struct store_key key;
	int64_t age = ctl_now() - token->issued;

	reserved_session_key(token->id, &key);
	reserved_handle(&key, handle);
	if (o->json) {
		json_token(o, verdict, token, handle);
		return;
	}
	printf("%s: session %s", verdicts[verdict], handle);
	if (token->layout != SIGNER_TIMESTAMPED)
		printf(", in JustPy's layout, which has no time");
	else if (age >= 0)
		printf(", issued %s, %s ago", times_moment(token->issued, moment), times_span(age, span));
	else
		printf(", issued %s, which is yet to come", times_moment(token->issued, moment));
	puts(token->outdated ? "; to be signed anew at its next visit" : "");
}

static int judge(struct ctl *ctl, const struct signer *signer, const char *value)
{
	struct signer_token token;
	enum signer_verdict verdict = signer_verify(signer, value, strlen(value), ctl_now(), &token);

	output_begin(&ctl->output);
	if (verdict == SIGNER_FORGED)
		tell_forged(&ctl->output, signer_fault(signer, value, strlen(value)));
	else
		tell_token(&ctl->output, verdict, &token);
	output_close(&ctl->output);
	crypto_wipe(&token, sizeof(token));
	return verdict == SIGNER_GOOD ? CTL_DONE : CTL_FOUND;
}

int ctl_verify(const struct ctl_command *self, int argc, char **argv)
{
	struct token_input input = { .argument = NULL };
	const char *value;
	struct keys *keys;
	struct ctl ctl;
	int status = token_begin(&ctl, &keys, self, argc, argv);

	if (status != CTL_GO_ON)
		return status;
	status = CTL_DONE;
	if (ctl.count == 1 && strcmp(ctl.arguments[0], "-") != 0)
		input.argument = ctl.arguments[0];
	while (!ctl_interrupted() && (value = token_next(&input))) {
		int one = judge(&ctl, keys_begin(keys), value);

		keys_end(keys);
		status = status == CTL_DONE ? one : status;
	}
	token_input_free(&input);
	return token_end(&ctl, keys, status);
}

/* kill.c - sesamectl kill: ends sessions. */

#include "sbin/sesamectl.h"

#include <stdlib.h>

#include "lib/user.h"
#include "sbin/handle.h"
#include "store/store.h"

/* A user's session is in an index, too. */
static int end_session(struct ctl *ctl, const struct handle_found *wanted)
{
	int64_t now = ctl_now();
	struct user_entry entry;

	if (!wanted->found)
		return STORE_ABSENT;
	if (!wanted->user[0])
		return user_bury(ctl->manager, &wanted->key, now);
	user_entry_init(&entry, &wanted->key, now, now, now);
	return user_end(ctl->manager, wanted->user, &entry, now);
}

static int kill_one(struct ctl *ctl, const struct handle_found *wanted)
{
	int status = end_session(ctl, wanted);
	bool ended = status == STORE_OK;

	if (status != STORE_OK && status != STORE_ABSENT && status != STORE_GONE)
		return ctl_failed(ctl, status);
	if (ctl->output.json) {
		output_begin(&ctl->output);
		output_text(&ctl->output, "handle", wanted->handle);
		output_truth(&ctl->output, "ended", ended);
		output_close(&ctl->output);
	} else if (ended) {
		printf("%s ended\n", wanted->handle);
	} else {
		ctl_refuse(ctl, CTL_FOUND, "there is no session %s", wanted->handle);
	}
	return ended ? CTL_DONE : CTL_FOUND;
}

int ctl_kill(const struct ctl_command *self, int argc, char **argv)
{
	struct handle_found *wanted;
	struct ctl ctl;
	int status = ctl_begin(&ctl, self, argc, argv);

	if (status != CTL_GO_ON)
		return status;
	wanted = handle_arguments(&ctl);
	status = wanted ? handle_look(&ctl, wanted, ctl.count) : CTL_USAGE;
	for (unsigned i = 0; i < ctl.count && status <= CTL_FOUND && !ctl_interrupted(); i++) {
		int one = kill_one(&ctl, &wanted[i]);

		status = one > status ? one : status;
	}
	free(wanted);
	return ctl_end(&ctl, status);
}

/* kill_user.c - sesamectl kill-user: logs a user out everywhere. */

#include "sbin/sesamectl.h"

int ctl_kill_user(const struct ctl_command *self, int argc, char **argv)
{
	size_t ended = 0;
	struct ctl ctl;
	int status = ctl_begin(&ctl, self, argc, argv), error;

	if (status != CTL_GO_ON)
		return status;
	error = sess_manager_end_user(ctl.manager, ctl.arguments[0], &ended);
	output_number(&ctl.output, "ended", "sessions ended", ended);
	if (error == SESS_NAME)
		status = ctl_refuse(&ctl, CTL_USAGE, "kill-user: a user has 1 to %d octets", SESS_USER_MAX);
	else if (error != SESS_OK)
		status = ctl_refuse(&ctl, CTL_STORE, "not all of them ended: %s", sess_error_text(error));
	else
		status = ended > 0 ? CTL_DONE : CTL_FOUND;
	return ctl_end(&ctl, status);
}

/* list.c - sesamectl list: all sessions, or a user's. */

#include "sbin/sesamectl.h"

#include <string.h>

#include "lib/user.h"
#include "sbin/view.h"
#include "sbin/walk.h"

static bool tell(void *context, const struct store_key *key, const uint8_t *record)
{
	if (view_is_session(record))
		view_line(context, key, record);
	return !ferror(stdout);
}

/* The index leads to them without a look at any other. An entry whose session is gone, or was given another id, is none. */
static int list_user(struct ctl *ctl, const char *user)
{
	int64_t now = ctl_now();
	struct user_list list;
	struct record record;
	int status = user_list_load(ctl->manager, user, now, &list);

	record_init(&record);
	for (size_t i = 0; i < list.count && status == STORE_OK; i++) {
		status = store_load(ctl->store, &list.entries[i].key, now, &record);
		if (status == STORE_OK && !record.forwarded)
			view_line(ctl, &list.entries[i].key, record.octets);
		else if (status == STORE_ABSENT || status == STORE_GONE || status == STORE_DAMAGED)
			status = STORE_OK;
	}
	record_free(&record);
	user_list_free(&list);
	return status == STORE_OK ? CTL_DONE : ctl_failed(ctl, status);
}

int ctl_list(const struct ctl_command *self, int argc, char **argv)
{
	const char *user;
	struct ctl ctl;
	int status = ctl_begin(&ctl, self, argc, argv);

	if (status != CTL_GO_ON)
		return status;
	user = ctl_option(&ctl, "user");
	if (user && (*user == '\0' || strlen(user) > SESS_USER_MAX))
		return ctl_end(&ctl, ctl_refuse(&ctl, CTL_USAGE, "list: a user has 1 to %d octets", SESS_USER_MAX));
	if (!ctl.output.json)
		view_head();
	return ctl_end(&ctl, user ? list_user(&ctl, user) : walk_all(&ctl, tell, &ctl, true));
}

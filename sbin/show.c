/* show.c - sesamectl show: one session. */

#include "sbin/sesamectl.h"

#include <stdlib.h>

#include "sbin/handle.h"
#include "sbin/view.h"
#include "store/store.h"

/* It may have ended since it was found. */
static int show(struct ctl *ctl, const struct handle_found *wanted)
{
	struct record record;
	int status;

	record_init(&record);
	status = wanted->found ? store_load(ctl->store, &wanted->key, ctl_now(), &record) : STORE_ABSENT;
	if (status == STORE_OK)
		view_all(ctl, &wanted->key, record.octets);
	record_free(&record);
	if (status == STORE_ABSENT || status == STORE_GONE)
		return ctl_refuse(ctl, CTL_FOUND, "there is no session %s", wanted->handle);
	return status == STORE_OK ? CTL_DONE : ctl_failed(ctl, status);
}

int ctl_show(const struct ctl_command *self, int argc, char **argv)
{
	struct handle_found *wanted;
	struct ctl ctl;
	int status = ctl_begin(&ctl, self, argc, argv);

	if (status != CTL_GO_ON)
		return status;
	wanted = handle_arguments(&ctl);
	status = wanted ? handle_look(&ctl, wanted, 1) : CTL_USAGE;
	if (status == CTL_DONE && !ctl_interrupted())
		status = show(&ctl, wanted);
	free(wanted);
	return ctl_end(&ctl, status);
}

/* gc.c - sesamectl gc: sweeps the store to its end. */

#include "sbin/sesamectl.h"
#include "store/store.h"

int ctl_sweep(struct ctl *ctl, uint64_t *removed)
{
	struct store_swept swept = { .more = true };

	while (swept.more && !ctl_interrupted()) {
		int status = store_sweep(ctl->store, ctl_now(), &swept);

		if (status != STORE_OK)
			return ctl_failed(ctl, status);
		*removed += swept.removed;
		progress_at(&ctl->progress, swept.step, swept.steps, *removed, "removed");
	}
	progress_end(&ctl->progress);
	return CTL_DONE;
}

int ctl_gc(const struct ctl_command *self, int argc, char **argv)
{
	uint64_t removed = 0;
	struct ctl ctl;
	int status = ctl_begin(&ctl, self, argc, argv);

	if (status != CTL_GO_ON)
		return status;
	status = ctl_sweep(&ctl, &removed);
	output_number(&ctl.output, "removed", "expired records removed", removed);
	return ctl_end(&ctl, status);
}

/* verify_store.c - sesamectl verify-store: looks at every record. */

#include "sbin/sesamectl.h"
#include "store/store.h"

static void tell(void *context, const char *sentence)
{
	struct ctl *ctl = context;

	progress_end(&ctl->progress);
	if (ctl->output.json)
		output_item(&ctl->output);
	output_text(&ctl->output, "report", sentence);
	if (ctl->output.json)
		output_item_end(&ctl->output);
}

static int examine(struct ctl *ctl, struct store_findings *found)
{
	struct store_examination examination = { .report = tell, .context = ctl, .now = ctl_now() };
	uint64_t cursor = 0;

	do {
		int status = store_examine(ctl->store, &cursor, &examination, found);

		if (status != STORE_OK)
			return ctl_failed(ctl, status);
		progress_at(&ctl->progress, found->step, found->steps, found->live + found->gone + found->expired, "records");
	} while (cursor != 0 && !ctl_interrupted());
	progress_end(&ctl->progress);
	return found->damaged > 0 || found->set_aside > 0 ? CTL_FOUND : CTL_DONE;
}

int ctl_verify_store(const struct ctl_command *self, int argc, char **argv)
{
	struct store_findings found = { 0 };
	struct ctl ctl;
	int status = ctl_begin(&ctl, self, argc, argv);

	if (status != CTL_GO_ON)
		return status;
	output_list(&ctl.output, "reports");
	status = examine(&ctl, &found);
	output_list_end(&ctl.output);
	output_number(&ctl.output, "live", "live sessions", found.live);
	output_number(&ctl.output, "removed", "removed ones, remembered", found.gone);
	output_number(&ctl.output, "expired", "expired ones, not swept yet", found.expired);
	output_number(&ctl.output, "damaged", "damaged places", found.damaged);
	output_number(&ctl.output, "files", "files", found.files);
	output_number(&ctl.output, "damaged_files", "of these damaged", found.damaged_files);
	output_number(&ctl.output, "set_aside", "files set aside", found.set_aside);
	return ctl_end(&ctl, status);
}

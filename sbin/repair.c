/* repair.c - sesamectl repair: puts right what is damaged, and brings back what can be read. */

#include "sbin/sesamectl.h"
#include "store/store.h"

static void tell_file(struct ctl *ctl, const struct store_salvaged *file)
{
	output_item(&ctl->output);
	output_text(&ctl->output, "file", file->file);
	output_number(&ctl->output, "put_back", "put back", file->put_back);
	output_number(&ctl->output, "known", "known already", file->known);
	output_number(&ctl->output, "expired", "expired", file->expired);
	output_number(&ctl->output, "lost", "lost", file->lost);
	output_item_end(&ctl->output);
}

/* File after file, until none is left. One that fails stays as it is, and ends it. */
static int salvage(struct ctl *ctl, struct store_salvaged *all)
{
	struct store_salvaged file = { .more = true };
	unsigned files = 0;

	while (file.more && !ctl_interrupted()) {
		int status = store_salvage(ctl->store, ctl_now(), &file);

		if (status != STORE_OK)
			return ctl_failed(ctl, status);
		if (!file.file[0])
			break;
		files++;
		tell_file(ctl, &file);
		all->put_back += file.put_back;
		all->known += file.known;
		all->expired += file.expired;
		all->lost += file.lost;
		progress_at(&ctl->progress, files, files + file.more, all->put_back + all->known, "records");
	}
	progress_end(&ctl->progress);
	return all->lost > 0 ? CTL_FOUND : CTL_DONE;
}

int ctl_repair(const struct ctl_command *self, int argc, char **argv)
{
	struct store_salvaged all = { .file = "" };
	uint64_t removed = 0;
	struct ctl ctl;
	int status = ctl_begin(&ctl, self, argc, argv);

	if (status != CTL_GO_ON)
		return status;
	status = ctl_sweep(&ctl, &removed);
	output_list(&ctl.output, "files");
	if (status == CTL_DONE)
		status = salvage(&ctl, &all);
	output_list_end(&ctl.output);
	output_number(&ctl.output, "put_back", "records put back", all.put_back);
	output_number(&ctl.output, "known", "known already", all.known);
	output_number(&ctl.output, "expired", "expired", all.expired);
	output_number(&ctl.output, "lost", "lost, at least", all.lost);
	return ctl_end(&ctl, status);
}

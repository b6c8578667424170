/* stat.c - sesamectl stat: how much there is. */

#include "sbin/sesamectl.h"
#include "store/store.h"

int ctl_stat(const struct ctl_command *self, int argc, char **argv)
{
	struct store_measures measures;
	struct store_trouble trouble;
	struct ctl ctl;
	int status = ctl_begin(&ctl, self, argc, argv), stored;

	if (status != CTL_GO_ON)
		return status;
	stored = store_measure(ctl.store, &measures);
	if (stored == STORE_OK)
		stored = store_trouble(ctl.store, &trouble);
	if (stored != STORE_OK)
		return ctl_end(&ctl, ctl_failed(&ctl, stored));
	output_number(&ctl.output, "records", "records, at most", measures.records);
	output_number(&ctl.output, "unmerged", "of these in the journal", measures.unmerged);
	output_number(&ctl.output, "files", "files", measures.files);
	output_number(&ctl.output, "octets", "octets on the disk", measures.octets);
	output_number(&ctl.output, "journals", "journal segments", measures.journals);
	output_number(&ctl.output, "journal_octets", "octets of these", measures.journal_octets);
	output_number(&ctl.output, "damaged", "damaged places met of late", trouble.damaged);
	output_number(&ctl.output, "set_aside", "files set aside", trouble.set_aside);
	return ctl_end(&ctl, CTL_DONE);
}

/* walk.c - page after page. */

#include "sbin/walk.h"

#include <unistd.h>

struct way {
	bool (*each)(void *context, const struct store_key *key, const uint8_t *record);
	void *context;
	uint64_t met;
};

static bool meet(void *context, const struct store_key *key, const uint8_t *record)
{
	struct way *way = context;

	way->met++;
	return !ctl_interrupted() && way->each(way->context, key, record);
}

/* How many there are is known at most: those that the journal has twice, and expired ones, are counted too. */
static unsigned records_of(struct ctl *ctl)
{
	struct store_measures measures;

	if (store_measure(ctl->store, &measures) != STORE_OK || measures.records > UINT32_MAX)
		return 0;
	return (unsigned)measures.records;
}

int walk_all(struct ctl *ctl, bool (*each)(void *context, const struct store_key *key, const uint8_t *record), void *context, bool prints)
{
	struct way way = { .each = each, .context = context };
	struct store_walk walk = { .each = meet, .context = &way, .now = ctl_now() };
	unsigned records = prints && isatty(STDOUT_FILENO) == 1 ? 0 : records_of(ctl);
	uint64_t cursor = 0;

	do {
		int status = store_walk(ctl->store, &cursor, &walk);

		if (status != STORE_OK)
			return ctl_failed(ctl, status);
		progress_at(&ctl->progress, way.met < records ? (unsigned)way.met : records, records, way.met, "records");
	} while (cursor != 0 && !ctl_interrupted());
	progress_end(&ctl->progress);
	return CTL_DONE;
}

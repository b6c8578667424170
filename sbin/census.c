/* census.c - page after page. */

#include "sbin/census.h"

#include <string.h>
#include <time.h>

#include "lib/reserved.h"
#include "sbin/view.h"
#include "store/store.h"

#define STEP_MS 50

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Keeps the list of those used last in order. */
static void note_recent(struct census *census, const struct store_key *key, int64_t used)
{
	unsigned i = census->found_count;

	if (i == CENSUS_RECENT && census->found[--i].used >= used)
		return;
	for (; i > 0 && census->found[i - 1].used < used; i--)
		census->found[i] = census->found[i - 1];
	census->found[i] = (struct census_recent){ *key, used };
	census->found_count += census->found_count < CENSUS_RECENT;
}

static bool count(void *context, const struct store_key *key, const uint8_t *record)
{
	struct census *census = context;
	struct census_numbers *n = &census->counting;
	int64_t age = census->now - record_created(record), idle = census->now - record_used(record);

	if (!view_is_session(record))
		return true;
	n->sessions++;
	n->logged_in += reserved_text(record, RESERVED_USER) != NULL;
	n->new_minute += age < 60;
	n->new_hour += age < 3600;
	n->used_minute += idle < 60;
	n->used_hour += idle < 3600;
	n->changes += record_changes(record);
	note_recent(census, key, record_used(record));
	return true;
}

static void finish(struct census *census)
{
	census->before = census->counted;
	census->counted = census->counting;
	census->counted.at = census->now;
	memcpy(census->recent, census->found, sizeof(census->found));
	census->recent_count = census->found_count;
	census->counting = (struct census_numbers){ 0 };
	census->found_count = 0;
}

int census_step(struct census *census, int64_t now)
{
	struct store_walk walk = { .each = count, .context = census, .now = now };
	int64_t began = milliseconds();

	census->now = now;
	do {
		int status = store_walk(census->store, &census->cursor, &walk);

		if (status != STORE_OK)
			return status;
	} while (census->cursor != 0 && milliseconds() - began < STEP_MS);
	if (census->cursor == 0)
		finish(census);
	return STORE_OK;
}

double census_rate(const struct census *census)
{
	int64_t seconds = census->counted.at - census->before.at;

	if (census->before.at == 0 || seconds <= 0 || census->counted.changes < census->before.changes)
		return 0;
	return (double)(census->counted.changes - census->before.changes) / (double)seconds;
}

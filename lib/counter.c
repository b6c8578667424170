/* counter.c - numbers that belong to no session, each a record of its own. */

#include <string.h>

#include "lib/reserved.h"
#include "lib/session.h"

static int64_t value_of(const struct record *record, int64_t now)
{
	struct record_field field;

	return record->size > 0 && record_find(record->octets, RESERVED_COUNTER, strlen(RESERVED_COUNTER), now, &field) ? field.number : 0;
}

/* The deadline is that of the first addition: later ones do not extend it. */
static int add(struct sess_manager *m, const struct store_key *key, int64_t delta, int64_t seconds, int64_t now, struct record *ret)
{
	const struct store_change change = {
		.what = STORE_ADD,
		.name = RESERVED_COUNTER,
		.name_size = sizeof(RESERVED_COUNTER) - 1,
		.number = delta,
		.until = RECORD_NEVER,
	};
	struct store_update update = {
		.now = now,
		.idle_deadline = now + seconds,
		.final_deadline = now + seconds,
		.extend_before = INT64_MIN,
		.changes = &change,
		.count = 1,
	};

	return manager_apply(m, key, &update, ret);
}

int sess_counter_add(struct sess_manager *m, const char *name, int64_t delta, int64_t seconds, int64_t *value)
{
	size_t size = strnlen(name, SESS_USER_MAX + 1);
	int64_t now = manager_now(m);
	struct store_key key;
	struct record record;
	int status;

	*value = 0;
	if (!m->store)
		return SESS_OFF;
	if (size == 0 || size > SESS_USER_MAX)
		return SESS_NAME;
	if (seconds < 1 || seconds > INT64_MAX - now)
		return SESS_RANGE;
	reserved_counter_key(name, &key);
	record_init(&record);
	status = delta == 0 ? store_load(m->store, &key, now, &record) : add(m, &key, delta, seconds, now, &record);
	if (status == STORE_OK)
		*value = value_of(&record, now);
	record_free(&record);
	return delta == 0 && status == STORE_ABSENT ? SESS_OK : session_error_of(status);
}

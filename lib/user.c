/* user.c - which sessions a user has. */

#include "lib/user.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "lib/reserved.h"
#include "store/store.h"

#define ENTRY_SIZE (STORE_KEY_SIZE + 16u) /* key, created, added */
#define HANDLE_LENGTH (SESS_HANDLE_SIZE - 1u)
#define CHASE_MAX 16 /* rotations that overtake a logout, and logins that overtake the end of all */

/* ---- an entry ------------------------------------------------------------------------------------------------------- */

static void put64(uint8_t *octets, int64_t number)
{
	uint64_t little = htole64((uint64_t)number);

	memcpy(octets, &little, sizeof(little));
}

static int64_t get64(const void *octets)
{
	uint64_t little;

	memcpy(&little, octets, sizeof(little));
	return (int64_t)le64toh(little);
}

void user_entry_init(struct user_entry *ret, const struct store_key *key, int64_t created, int64_t now, int64_t until)
{
	*ret = (struct user_entry){ .key = *key, .created = created, .added = now, .until = until };
	reserved_handle(key, ret->handle);
}

static void entry_write(const struct user_entry *entry, uint8_t octets[ENTRY_SIZE])
{
	memcpy(octets, entry->key.octets, STORE_KEY_SIZE);
	put64(octets + STORE_KEY_SIZE, entry->created);
	put64(octets + STORE_KEY_SIZE + 8, entry->added);
}

/* False if the field is none of ours. */
static bool entry_read(const struct record_field *field, struct user_entry *ret)
{
	if (field->name_size != HANDLE_LENGTH || field->type != RECORD_OCTETS || field->size != ENTRY_SIZE)
		return false;
	memcpy(ret->handle, field->name, HANDLE_LENGTH);
	ret->handle[HANDLE_LENGTH] = '\0';
	memcpy(ret->key.octets, field->octets, STORE_KEY_SIZE);
	ret->created = get64(field->octets + STORE_KEY_SIZE);
	ret->added = get64(field->octets + STORE_KEY_SIZE + 8);
	ret->until = field->until;
	return true;
}

static struct store_change change_of(const char *handle)
{
	return (struct store_change){ .what = STORE_UNSET, .name = handle, .name_size = HANDLE_LENGTH, .until = RECORD_NEVER };
}

/* ---- the list ------------------------------------------------------------------------------------------------------- */

/* Puts the last entry where it belongs. New fields of a record stand behind the others, so that equal ones are in the order of arrival. */
static void settle(struct user_list *list)
{
	struct user_entry last = list->entries[list->count - 1];
	size_t i = list->count - 1;

	for (; i > 0 && list->entries[i - 1].created > last.created; i--)
		list->entries[i] = list->entries[i - 1];
	list->entries[i] = last;
}

static int list_read(const uint8_t *record, int64_t now, struct user_list *ret)
{
	struct record_field field;
	size_t position = 0, fields = 0;

	while (record_next(record, &position, &field))
		fields++;
	ret->entries = calloc(fields + 1, sizeof(*ret->entries));
	if (!ret->entries)
		return STORE_NO_MEMORY;
	position = 0;
	while (record_next(record, &position, &field))
		if (field.until > now && entry_read(&field, &ret->entries[ret->count])) {
			ret->count++;
			settle(ret);
		}
	return STORE_OK;
}

void user_list_free(struct user_list *list)
{
	free(list->entries);
	*list = (struct user_list){ NULL, 0 };
}

int user_list_load(struct sess_manager *m, const char *user, int64_t now, struct user_list *ret)
{
	struct store_key key;
	struct record record;
	int status;

	*ret = (struct user_list){ NULL, 0 };
	record_init(&record);
	reserved_index_key(user, &key);
	status = store_load(m->store, &key, now, &record);
	if (status == STORE_OK)
		status = list_read(record.octets, now, ret);
	else if (status == STORE_ABSENT)
		status = STORE_OK;
	record_free(&record);
	return status;
}

/* ---- changing the index --------------------------------------------------------------------------------------------- */

/* The idle deadline is the one that counts, and only grows: to the deadline of the entry that stays longest. INT64_MIN: it stays. */
static struct store_update update_of(const struct store_change *changes, size_t count, int64_t now, int64_t until)
{
	return (struct store_update){
		.condition = STORE_IF_PRESENT,
		.now = now,
		.idle_deadline = until,
		.final_deadline = RECORD_NEVER,
		.extend_before = until,
		.changes = changes,
		.count = count,
	};
}

int user_enter(struct sess_manager *m, const char *user, const struct user_entry *entry, struct user_list *ret)
{
	uint8_t octets[ENTRY_SIZE];
	struct store_change changes[2] = { { .what = STORE_SET_OCTETS,
		                             .name = RESERVED_INDEX,
		                             .name_size = sizeof(RESERVED_INDEX) - 1,
		                             .octets = user,
		                             .size = (uint32_t)strlen(user),
		                             .until = RECORD_NEVER },
		                           change_of(entry->handle) };
	struct store_update update;
	struct store_key key;
	struct record record;
	int status;

	*ret = (struct user_list){ NULL, 0 };
	entry_write(entry, octets);
	changes[1].what = STORE_SET_OCTETS;
	changes[1].octets = (const char *)octets;
	changes[1].size = sizeof(octets);
	changes[1].until = entry->until;
	record_init(&record);
	reserved_index_key(user, &key);
	update = update_of(changes, 2, entry->added, entry->until);
	status = manager_apply(m, &key, &update, &record);
	if (status == STORE_OK)
		status = list_read(record.octets, entry->added, ret);
	record_free(&record);
	return status;
}

int user_forget(struct sess_manager *m, const char *user, const struct user_entry *entries, size_t count, int64_t now)
{
	struct store_change *changes;
	struct store_update update;
	struct store_key key;
	struct record record;
	int status;

	if (count == 0)
		return STORE_OK;
	changes = calloc(count, sizeof(*changes));
	if (!changes)
		return STORE_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		changes[i] = change_of(entries[i].handle);
	record_init(&record);
	reserved_index_key(user, &key);
	update = update_of(changes, count, now, INT64_MIN);
	status = store_apply(m->store, &key, &update, &record);
	record_free(&record);
	free(changes);
	/* What is to be taken out is not there. */
	return status == STORE_ABSENT || status == STORE_DAMAGED ? STORE_OK : status;
}

/* ---- sessions behind entries ---------------------------------------------------------------------------------------- */

int user_entry_load(struct sess_manager *m, const struct user_entry *entry, int64_t now, struct record *ret)
{
	int status = store_load(m->store, &entry->key, now, ret);

	if (status == STORE_ABSENT && now - entry->added > m->grace)
		return STORE_GONE;
	return status == STORE_DAMAGED ? STORE_GONE : status;
}

void user_list_prune(struct sess_manager *m, const char *user, int64_t now, struct user_list *list)
{
	struct user_entry *over = calloc(list->count + 1, sizeof(*over));
	size_t kept = 0, dropped = 0;
	struct record record;

	record_init(&record);
	for (size_t i = 0; over && i < list->count; i++)
		if (user_entry_load(m, &list->entries[i], now, &record) == STORE_GONE)
			over[dropped++] = list->entries[i];
		else
			list->entries[kept++] = list->entries[i];
	record_free(&record);
	if (over) {
		list->count = kept;
		(void)user_forget(m, user, over, dropped, now);
	}
	free(over);
}

/* ---- ending them ---------------------------------------------------------------------------------------------------- */

int user_bury(struct sess_manager *m, const struct store_key *key, int64_t now)
{
	const struct store_tombstone tombstone = manager_tombstone(m, now);
	struct store_key at = *key;
	struct record met;
	int status = STORE_BUSY;

	record_init(&met);
	for (int i = 0; i < CHASE_MAX; i++) {
		status = store_remove(m->store, &at, now, &tombstone);
		if (status != STORE_GONE)
			break;
		/* The store has gone one step from id to id by itself. */
		status = store_load(m->store, &at, now, &met);
		if (status == STORE_GONE && !record_leads_on(met.octets, now))
			break;
		if (status == STORE_GONE)
			record_forward_key(met.octets, &at);
		else if (status != STORE_OK)
			break;
		status = STORE_BUSY;
	}
	record_free(&met);
	return status;
}

int user_end(struct sess_manager *m, const char *user, const struct user_entry *entry, int64_t now)
{
	int status = user_bury(m, &entry->key, now);

	if (status != STORE_OK && status != STORE_ABSENT && status != STORE_GONE && status != STORE_DAMAGED)
		return status;
	(void)user_forget(m, user, entry, 1, now);
	return STORE_OK;
}

/* Ends the others once. *left says how many there were. */
static int end_round(struct sess_manager *m, const char *user, const struct store_key *except, int64_t now, size_t *left)
{
	struct user_list list;
	int status = user_list_load(m, user, now, &list);

	*left = 0;
	for (size_t i = 0; i < list.count && status == STORE_OK; i++) {
		if (except && memcmp(list.entries[i].key.octets, except->octets, STORE_KEY_SIZE) == 0)
			continue;
		status = user_end(m, user, &list.entries[i], now);
		*left += status == STORE_OK;
	}
	user_list_free(&list);
	return status;
}

/* Again until there is nothing left: a session may have changed its id, and its entry, while the list was gone through. */
int user_end_all(struct sess_manager *m, const char *user, const struct store_key *except, int64_t now, size_t *ended)
{
	size_t left = 1;
	int status = STORE_OK;

	for (int i = 0; i < CHASE_MAX && left > 0 && status == STORE_OK; i++) {
		status = end_round(m, user, except, now, &left);
		*ended += left;
	}
	return status;
}

/* device.c - a user's sessions, as the user and an operator see them. */

#include <stdlib.h>
#include <string.h>

#include "lib/reserved.h"
#include "lib/session.h"
#include "lib/user.h"

/* ---- a list --------------------------------------------------------------------------------------------------------- */

static void describe(const struct user_entry *entry, const struct record *session, const struct store_key *own, struct sess_device *ret)
{
	const char *device = reserved_text(session->octets, RESERVED_DEVICE);

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->handle, entry->handle, sizeof(ret->handle));
	strncpy(ret->device, device ? device : "", SESS_DEVICE_MAX);
	ret->created = record_created(session->octets);
	ret->used = record_used(session->octets);
	ret->current = own && memcmp(entry->key.octets, own->octets, STORE_KEY_SIZE) == 0;
}

/*
 * Loads the session behind each entry of list. Those without one go to its front, *over of them. An entry that a rotation is about to
 * forget leads to the same session as its successor: only that one counts.
 */
static int look_at_all(struct sess_manager *m, struct user_list *list, const struct store_key *own, int64_t now, struct sess_device *ret,
                       size_t *count, size_t *over)
{
	struct record session;
	int status = STORE_OK;

	record_init(&session);
	for (size_t i = 0; i < list->count; i++) {
		status = user_entry_load(m, &list->entries[i], now, &session);
		if (status == STORE_OK && !session.forwarded)
			describe(&list->entries[i], &session, own, &ret[(*count)++]);
		else if (status == STORE_GONE)
			list->entries[(*over)++] = list->entries[i];
		else if (status != STORE_OK && status != STORE_ABSENT)
			break;
		status = STORE_OK;
	}
	record_free(&session);
	return status;
}

static int devices(struct sess_manager *m, const char *user, const struct store_key *own, int64_t now, struct sess_device **ret,
                   size_t *count)
{
	struct sess_device *found = NULL;
	struct user_list list;
	size_t over = 0;
	int status = user_list_load(m, user, now, &list);

	if (status == STORE_OK) {
		found = calloc(list.count + 1, sizeof(*found));
		status = found ? look_at_all(m, &list, own, now, found, count, &over) : STORE_NO_MEMORY;
	}
	if (status == STORE_OK)
		(void)user_forget(m, user, list.entries, over, now);
	user_list_free(&list);
	if (status != STORE_OK) {
		free(found);
		*count = 0;
		return session_error_of(status);
	}
	*ret = found;
	return SESS_OK;
}

/* ---- one of them ---------------------------------------------------------------------------------------------------- */

static int end_device(struct sess_manager *m, const char *user, const char *handle, int64_t now)
{
	struct user_list list;
	int status = user_list_load(m, user, now, &list), error = status == STORE_OK ? SESS_ABSENT : session_error_of(status);

	for (size_t i = 0; i < list.count; i++)
		if (strcmp(list.entries[i].handle, handle) == 0) {
			error = session_error_of(user_end(m, user, &list.entries[i], now));
			break;
		}
	user_list_free(&list);
	return error;
}

/* ---- for the user --------------------------------------------------------------------------------------------------- */

/* Who is logged in, or why nobody is. */
static int user_of(struct sess *s, const char **ret)
{
	s->used = true;
	*ret = sess_user(s);
	if (*ret)
		return SESS_OK;
	if (s->state == SESS_STATE_OFF)
		return SESS_OFF;
	return s->state == SESS_STATE_UNAVAILABLE ? SESS_UNAVAILABLE : SESS_ABSENT;
}

int sess_devices(struct sess *s, struct sess_device **ret, size_t *count)
{
	const char *user;
	int error = user_of(s, &user);

	*ret = NULL;
	*count = 0;
	return error == SESS_OK ? devices(s->manager, user, &s->key, manager_now(s->manager), ret, count) : error;
}

int sess_end_device(struct sess *s, const char *handle)
{
	char own[SESS_HANDLE_SIZE];
	const char *user;
	int error = user_of(s, &user);

	if (error != SESS_OK)
		return error;
	reserved_handle(&s->key, own);
	if (strcmp(own, handle) == 0)
		return sess_logout(s);
	return end_device(s->manager, user, handle, manager_now(s->manager));
}

int sess_end_other_devices(struct sess *s)
{
	const char *user;
	size_t ended = 0;
	int error = user_of(s, &user);

	if (error != SESS_OK)
		return error;
	if (s->current->forwarded) /* which of them this is, only a request with the new cookie can say */
		return SESS_GONE;
	return session_error_of(user_end_all(s->manager, user, &s->key, manager_now(s->manager), &ended));
}

/* ---- for an operator ------------------------------------------------------------------------------------------------ */

static int check(const struct sess_manager *m, const char *user)
{
	size_t size = user ? strnlen(user, SESS_USER_MAX + 1) : 0;

	if (!m->store)
		return SESS_OFF;
	return size == 0 || size > SESS_USER_MAX ? SESS_NAME : SESS_OK;
}

int sess_manager_devices(struct sess_manager *m, const char *user, struct sess_device **ret, size_t *count)
{
	int error = check(m, user);

	*ret = NULL;
	*count = 0;
	return error == SESS_OK ? devices(m, user, NULL, manager_now(m), ret, count) : error;
}

int sess_manager_end_device(struct sess_manager *m, const char *user, const char *handle)
{
	int error = check(m, user);

	return error == SESS_OK ? end_device(m, user, handle, manager_now(m)) : error;
}

int sess_manager_end_user(struct sess_manager *m, const char *user, size_t *ended)
{
	size_t count = 0;
	int error = check(m, user);

	if (error == SESS_OK)
		error = session_error_of(user_end_all(m, user, NULL, manager_now(m), &count));
	if (ended)
		*ended = count;
	return error;
}

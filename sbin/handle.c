/* handle.c - looks at every session, since a handle is made of a key, and no key of a handle. */

#include "sbin/handle.h"

#include <stdlib.h>
#include <string.h>

#include "lib/reserved.h"
#include "sbin/view.h"
#include "sbin/walk.h"

struct search {
	struct handle_found *wanted;
	unsigned count, left;
};

static void note(struct handle_found *found, const struct store_key *key, const uint8_t *record)
{
	const char *user = reserved_text(record, RESERVED_USER);

	found->found = true;
	found->key = *key;
	snprintf(found->user, sizeof(found->user), "%s", user ? user : "");
}

static bool compare(void *context, const struct store_key *key, const uint8_t *record)
{
	struct search *search = context;
	char handle[SESS_HANDLE_SIZE];

	if (!view_is_session(record))
		return true;
	reserved_handle(key, handle);
	for (unsigned i = 0; i < search->count; i++)
		if (!search->wanted[i].found && strcmp(search->wanted[i].handle, handle) == 0) {
			note(&search->wanted[i], key, record);
			search->left--;
		}
	return search->left > 0;
}

int handle_look(struct ctl *ctl, struct handle_found *wanted, unsigned count)
{
	struct search search = { wanted, count, count };

	return walk_all(ctl, compare, &search, false);
}

static bool valid(const char *text)
{
	return strlen(text) == SESS_HANDLE_SIZE - 1 && text[strspn(text, "0123456789abcdef")] == '\0';
}

struct handle_found *handle_arguments(struct ctl *ctl)
{
	struct handle_found *wanted = calloc(ctl->count, sizeof(*wanted));

	if (!wanted) {
		ctl_refuse(ctl, CTL_STORE, "out of memory");
		return NULL;
	}
	for (unsigned i = 0; i < ctl->count; i++) {
		wanted[i].handle = ctl->arguments[i];
		if (valid(ctl->arguments[i]))
			continue;
		ctl_refuse(ctl, CTL_USAGE, "'%s' is no handle: it has %d lower-case hex digits, as list shows them", ctl->arguments[i],
		           SESS_HANDLE_SIZE - 1);
		free(wanted);
		return NULL;
	}
	return wanted;
}

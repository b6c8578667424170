/* change.c - the recorded changes of one request. */

#include "lib/change.h"

#include <stdlib.h>
#include <string.h>

#include <sesame.h>

struct change_chunk {
	struct change_chunk *next;
	size_t used, room;
	char octets[];
};

#define CHUNK_LEAST 1000u

void change_init(struct change_list *list)
{
	list->changes = list->small;
	list->count = 0;
	list->room = CHANGE_SMALL;
	list->octets = 0;
	list->chunks = NULL;
	list->small_used = 0;
}

void change_free(struct change_list *list)
{
	while (list->chunks) {
		struct change_chunk *next = list->chunks->next;

		free(list->chunks);
		list->chunks = next;
	}
	if (list->changes != list->small)
		free(list->changes);
	change_init(list);
}

/* Room for size octets that stays where it is until change_free. */
static char *room_for(struct change_list *list, size_t size)
{
	struct change_chunk *chunk = list->chunks;
	size_t room = size > CHUNK_LEAST ? size : CHUNK_LEAST;

	if (size <= CHANGE_SMALL_OCTETS - list->small_used) {
		list->small_used += size;
		return list->small_octets + list->small_used - size;
	}
	if (!chunk || chunk->room - chunk->used < size) {
		chunk = malloc(sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		*chunk = (struct change_chunk){ .next = list->chunks, .used = 0, .room = room };
		list->chunks = chunk;
	}
	chunk->used += size;
	return chunk->octets + chunk->used - size;
}

static const char *copy(struct change_list *list, const char *octets, size_t size)
{
	char *at = room_for(list, size + 1);

	if (!at)
		return NULL;
	if (size > 0)
		memcpy(at, octets, size);
	at[size] = '\0';
	list->octets += size + 1;
	return at;
}

static bool grow(struct change_list *list)
{
	size_t room = 4 * list->room;
	struct store_change *larger = malloc(room * sizeof(*larger));

	if (!larger)
		return false;
	memcpy(larger, list->changes, list->count * sizeof(*larger));
	if (list->changes != list->small)
		free(list->changes);
	list->changes = larger;
	list->room = room;
	return true;
}

static bool same_name(const struct store_change *a, const char *name, size_t name_size)
{
	return a->name_size == name_size && memcmp(a->name, name, name_size) == 0;
}

/* A loop that counts one by one costs one change. */
static bool merges(const struct change_list *list, const struct store_change *change)
{
	const struct store_change *last = list->count > 0 ? &list->changes[list->count - 1] : NULL;

	return last && last->what == STORE_ADD && change->what == STORE_ADD && last->until == change->until &&
	       same_name(last, change->name, change->name_size);
}

int change_add(struct change_list *list, const struct store_change *change)
{
	struct store_change copied = *change;
	int64_t sum;

	if (merges(list, change)) {
		if (__builtin_add_overflow(list->changes[list->count - 1].number, change->number, &sum))
			return SESS_RANGE;
		list->changes[list->count - 1].number = sum;
		return SESS_OK;
	}
	if (list->count >= CHANGE_COUNT_MAX || change->size >= RECORD_MAX || list->octets + change->size > CHANGE_OCTETS_MAX)
		return SESS_TOO_LARGE;
	if (list->count == list->room && !grow(list))
		return SESS_MEMORY;
	copied.name = copy(list, change->name, change->name_size);
	copied.octets = change->what == STORE_SET_OCTETS ? copy(list, change->octets, change->size) : NULL;
	if (!copied.name || (change->what == STORE_SET_OCTETS && !copied.octets))
		return SESS_MEMORY;
	list->changes[list->count++] = copied;
	return SESS_OK;
}

static void view_number(struct change_view *view, int64_t number)
{
	*view = (struct change_view){ .there = true, .type = RECORD_INTEGER, .number = number };
}

static void look_at(struct change_view *view, const struct store_change *change)
{
	int64_t sum = change->number;

	switch (change->what) {
	case STORE_UNSET:
		view->there = false;
		break;
	case STORE_SET_OCTETS:
		*view = (struct change_view){ true, RECORD_OCTETS, 0, change->octets, change->size };
		break;
	case STORE_SET_INTEGER:
		view_number(view, change->number);
		break;
	case STORE_ADD:
		if (view->there && (view->type != RECORD_INTEGER || __builtin_add_overflow(view->number, change->number, &sum)))
			view->there = false; /* the commit will say so */
		else
			view_number(view, sum);
		break;
	}
}

struct change_view change_look(const struct change_list *list, const uint8_t *record, const char *name, size_t name_size, int64_t now)
{
	struct change_view view = { 0 };
	struct record_field field;

	if (record && record_find(record, name, name_size, now, &field))
		view = (struct change_view){ true, field.type, field.number, field.octets, field.size };
	for (size_t i = 0; list && i < list->count; i++)
		if (same_name(&list->changes[i], name, name_size))
			look_at(&view, &list->changes[i]);
	return view;
}

/*
 * change.h - what a request has recorded, and what a record will look like with it.
 *
 * Names and values are copied into chunks that never move, so a value may come from the same list. The whole has a ceiling: more than a
 * record can hold is refused. One thread at a time. Small lists need no allocation.
 */
#ifndef LIB_CHANGE_H
#define LIB_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/record.h"

#define CHANGE_SMALL 4u           /* changes that need no allocation */
#define CHANGE_SMALL_OCTETS 96u   /* nor do these octets of names and values */
#define CHANGE_OCTETS_MAX 262144u /* ceiling for names and values together */
#define CHANGE_COUNT_MAX 8192u    /* and for the changes of one request */

struct change_chunk;

struct change_list {
	struct store_change *changes;
	size_t count, room;
	size_t octets; /* all that was copied */
	struct change_chunk *chunks;
	size_t small_used;
	struct store_change small[CHANGE_SMALL];
	char small_octets[CHANGE_SMALL_OCTETS];
};

/* A field as the changes leave it. */
struct change_view {
	bool there;
	uint8_t type; /* enum record_type */
	int64_t number;
	const char *octets; /* followed by a NUL */
	size_t size;
};

void change_init(struct change_list *list);
void change_free(struct change_list *list);

/*
 * Adds a copy of change; where its name is that of the last one and both add, they become one. SESS_OK, SESS_TOO_LARGE, SESS_RANGE or
 * SESS_MEMORY; then nothing was added.
 */
int change_add(struct change_list *list, const struct store_change *change);

/*
 * What the field called name is, found in record (NULL: none) at now, after the changes of list (NULL: none). What cannot be added to is as
 * if it were not there.
 */
struct change_view change_look(const struct change_list *list, const uint8_t *record, const char *name, size_t name_size, int64_t now);

#endif

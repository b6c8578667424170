/* view.h - a stored session as list, show and top tell it. */
#ifndef SBIN_VIEW_H
#define SBIN_VIEW_H

#include <stdbool.h>

#include "sbin/sesamectl.h"
#include "store/record.h"

/* True if the record is a session, and no index or counter of the library. */
bool view_is_session(const uint8_t *record);

/* The head of the table that view_line fills. */
void view_head(void);

/* One session: a line of the table, or an object in JSON with its fields. */
void view_line(struct ctl *ctl, const struct store_key *key, const uint8_t *record);

/* One session at length. */
void view_all(struct ctl *ctl, const struct store_key *key, const uint8_t *record);

#endif

/* kill_ledger.h - what processes that are killed have asked of the store, and been answered, in memory that outlives them all. */
#ifndef TESTS_STORE_KILL_LEDGER_H
#define TESTS_STORE_KILL_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"
#include "tests/store/steps.h"

#define KEYS 900u
#define CROWDED 5 /* the shard that most keys are in */

/* Values of a session that has none. */
#define NONE (-1)
#define GONE (-2)

struct entry {
	int64_t is, would; /* the answered value, and the one that was asked for */
	bool flying;       /* asked for and not answered */
	bool touched;      /* was so at the kill */
};

struct ledger {
	struct entry entries[KEYS];
	int renamed_from, renamed_to; /* the rename that is under way, or -1 */
	int64_t now, next;            /* the clock, and a value that was never stored */
	uint64_t longest_us, steps;
	int bits[2];           /* of the crowded file's directory: after the setup, and at last */
	bool changes;          /* those who come after the kill make some */
	unsigned opened;       /* by the process that is there all the time */
	char last[STEPS_NAME]; /* the step that the process was killed after */
	char wrong[256];
};

extern struct ledger *ledger;

/* Before anything else: keys that lie in one shard all but every sixteenth. */
void choose_keys(void);

/* Writes into the ledger what is wrong; the first time counts. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

/* The monotonic clock; and that something has taken from begun until now. */
uint64_t microseconds(void);
void took(uint64_t begun);

/* Operations on session n (below KEYS) that are written into the ledger before and after; one that fails is complained of. */
void create(struct store *store, unsigned n);
void set(struct store *store, unsigned n);
void add(struct store *store, unsigned n);
void take_away(struct store *store, unsigned n);
void move(struct store *store, unsigned from, unsigned to);

/* Writes a value, unknown to the ledger, that lives for so many seconds; a status of the store. */
int write_value(struct store *store, unsigned n, enum store_condition condition, int64_t value, int64_t lives);

/* The session's value, NONE or GONE. */
int64_t value_in(struct store *store, unsigned n);

/* Compares all sessions with the ledger, and settles what was under way; when is for the complaint. */
void look(struct store *store, const char *when);

/* How many sessions a walk meets. */
unsigned walk_all(struct store *store);

#endif

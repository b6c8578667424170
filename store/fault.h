/* fault.h - what a test asks of a store that was opened with "fault:…". Any thread may call. */
#ifndef STORE_FAULT_H
#define STORE_FAULT_H

#include <stdbool.h>

struct store;

/* Calls that worked, or would have worked, on records since the opening or the last store_fault_arm; 0 for another store. */
unsigned long store_fault_calls(struct store *store);

/* Counts from 0 again; the nth call fails (0: none), or, if always, the nth and all after it. No other thread may be in the store. */
void store_fault_arm(struct store *store, unsigned long nth, bool always);

#endif

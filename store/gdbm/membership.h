/*
 * membership.h - how a process joins a store, and what it holds while it is in it.
 *
 * Whoever works on a store holds a shared flock on its folder. Who holds it exclusively is alone: then the control file is made anew from
 * what the journal has (after a reboot, or when a copied folder is opened), or, by the last to leave, everything is merged and the control
 * file removed.
 */
#ifndef STORE_GDBM_MEMBERSHIP_H
#define STORE_GDBM_MEMBERSHIP_H

#include <stdint.h>

struct control;
struct store_options;

struct membership {
	int folder;
	uint64_t seed;
	struct control *control;
};

/* Joins the store in the folder at path. STORE_OK, or why not with a sentence; then nothing is held. */
int membership_join(const char *path, const struct store_options *options, struct membership *ret);

/*
 * Leaves as one that may be the last: true if nobody else is in the store. Then the caller is alone in it until membership_leave, and may
 * put everything in order.
 */
int membership_alone(const struct membership *membership);

/* The last of all: removes what is only for the living, after everything was merged. */
void membership_tidy(const struct membership *membership);

/* Ends the membership. */
void membership_leave(struct membership *membership);

#endif

/* handle.h - from handles, as an operator has them, to sessions. */
#ifndef SBIN_HANDLE_H
#define SBIN_HANDLE_H

#include "sbin/sesamectl.h"
#include "store/record.h"

/* A session that was looked for. */
struct handle_found {
	const char *handle;
	bool found;
	struct store_key key;
	char user[SESS_USER_MAX + 1]; /* "" where nobody is logged in */
};

/* The call's arguments as handles; to be freed. NULL when one is none, and it was told. */
struct handle_found *handle_arguments(struct ctl *ctl);

/* Looks for the sessions of these handles, in one way through the store. CTL_DONE or CTL_STORE, and why was told. */
int handle_look(struct ctl *ctl, struct handle_found *wanted, unsigned count);

#endif

/*
 * sesamectl.h - what the subcommands of sesamectl have in common. Each is a row in the table of sesamectl.c and a file of its own.
 */
#ifndef SBIN_SESAMECTL_H
#define SBIN_SESAMECTL_H

#include <stdbool.h>
#include <stdint.h>

#include "sbin/output.h"
#include "sbin/progress.h"

struct config;
struct store;

/* The exit statuses, which scripts may rely on (sesamectl.8). A signal ends it as it ends any program. */
enum ctl_exit {
	CTL_DONE = 0,
	CTL_FOUND = 1,     /* something is damaged, or was lost */
	CTL_USAGE = 64,    /* a wrong call */
	CTL_STORE = 69,    /* the store cannot be had, or failed on the way */
	CTL_OUTPUT = 74,   /* standard output cannot be written to */
	CTL_SETTINGS = 78, /* the settings cannot be used */
};

struct ctl_command {
	const char *name;
	int (*run)(const struct ctl_command *self, int argc, char **argv); /* argv[0] is the name; returns an enum ctl_exit */
	const char *line;                                                  /* what it does, in one line */
	const char *text;                                                  /* what --help says below it */
};

/* One subcommand's work on the store that the settings name. */
struct ctl {
	const struct ctl_command *command;
	struct config *config;
	struct store *store;
	struct output output;
	struct progress progress;
};

#define CTL_GO_ON (-1)

/*
 * Reads the options, opens the store, and takes the signals: CTL_GO_ON, or the exit status if there is no more to do. After CTL_GO_ON the
 * caller must call ctl_end.
 */
int ctl_begin(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);

/* Closes everything; returns status, or a worse one. Ends the process if a signal asked for it. */
int ctl_end(struct ctl *ctl, int status);

/* True when a signal asked for the end: what is done is done, and no more is begun. */
bool ctl_interrupted(void);

/* Tells why the store failed on the way, and returns CTL_STORE. */
int ctl_failed(const struct ctl *ctl, int status);

/* Unix seconds. */
int64_t ctl_now(void);

/* Sweeps the whole store (gc.c): *removed is the number of expired records that went. CTL_DONE or CTL_STORE, and why was told. */
int ctl_sweep(struct ctl *ctl, uint64_t *removed);

int ctl_gc(const struct ctl_command *self, int argc, char **argv);
int ctl_repair(const struct ctl_command *self, int argc, char **argv);
int ctl_stat(const struct ctl_command *self, int argc, char **argv);
int ctl_verify_store(const struct ctl_command *self, int argc, char **argv);

#endif

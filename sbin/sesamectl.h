/*
 * sesamectl.h - what the subcommands of sesamectl have in common. Each is a row in the table of sesamectl.c and a file of its own.
 */
#ifndef SBIN_SESAMECTL_H
#define SBIN_SESAMECTL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <sesame.h>

#include "sbin/output.h"
#include "sbin/progress.h"

struct config;
struct store;

/* The exit statuses, which scripts may rely on (sesamectl.8). A signal ends it as it ends any program. */
enum ctl_exit {
	CTL_DONE = 0,
	CTL_FOUND = 1,     /* something is damaged, or was lost; what was asked for is not there, or not good */
	CTL_USAGE = 64,    /* a wrong call */
	CTL_DATA = 65,     /* what was to be read is not in the form that it should have */
	CTL_STORE = 69,    /* the store cannot be had, or failed on the way */
	CTL_OUTPUT = 74,   /* standard output cannot be written to */
	CTL_SETTINGS = 78, /* the settings or keys cannot be used */
};

#define CTL_OPTIONS_MAX 6u

/* An option of a subcommand; --json and --help belong to all. */
struct ctl_option {
	const char *name;
	const char *value; /* what stands for its value in the usage, or NULL if it takes none */
	const char *text;
};

struct ctl_command {
	const char *name;
	int (*run)(const struct ctl_command *self, int argc, char **argv); /* argv[0] is the name; returns an enum ctl_exit */
	const char *line;                                                  /* what it does, in one line */
	const char *text;                                                  /* what --help says below it */
	const char *arguments;                                             /* what stands for them in the usage; NULL: it takes none */
	unsigned least, most;                                              /* number of arguments */
	struct ctl_option options[CTL_OPTIONS_MAX];
	bool lines; /* its JSON is an object a line, and not one in all */
};

/* One subcommand's work on the store that the settings name. */
struct ctl {
	const struct ctl_command *command;
	char **arguments;
	unsigned count;
	const char *values[CTL_OPTIONS_MAX]; /* of the options; "" for one without a value; NULL where it was not given */
	struct sess_manager *manager;        /* whose are settings and store, where there is one */
	struct config *config;
	struct store *store;
	struct output output;
	struct progress progress;
};

#define CTL_GO_ON (-1)

/*
 * Reads the call, the settings, opens the store, and takes the signals: CTL_GO_ON, or the exit status if there is no more to do. After
 * CTL_GO_ON the caller must call ctl_end. ctl_begin_settings opens no store; ctl_begin_call does not even read the settings.
 */
int ctl_begin(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_begin_settings(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_begin_call(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);

/* Closes everything; returns status, or a worse one. Ends the process if a signal asked for it. */
int ctl_end(struct ctl *ctl, int status);

/* The value of an option, "" where it takes none, NULL where it was not given. */
const char *ctl_option(const struct ctl *ctl, const char *name);

/* The number that an option gives, or otherwise. CTL_GO_ON, or CTL_USAGE and it was told what is allowed. */
int ctl_number(const struct ctl *ctl, const char *name, unsigned least, unsigned most, unsigned *ret);

/* True when a signal asked for the end: what is done is done, and no more is begun. */
bool ctl_interrupted(void);

/* Waits; ends early, which is false, when a signal asked for the end. */
bool ctl_wait(unsigned milliseconds);

/* Tells why the store failed on the way, and returns CTL_STORE. */
int ctl_failed(const struct ctl *ctl, int status);

/* Tells a reason on standard error, and returns status. */
int ctl_refuse(struct ctl *ctl, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Unix seconds. */
int64_t ctl_now(void);

/* Prints what --help of a subcommand prints. */
void ctl_usage(FILE *to, const struct ctl_command *command);

/* Sweeps the whole store (gc.c): *removed is the number of expired records that went. CTL_DONE or CTL_STORE, and why was told. */
int ctl_sweep(struct ctl *ctl, uint64_t *removed);

int ctl_check_config(const struct ctl_command *self, int argc, char **argv);
int ctl_export(const struct ctl_command *self, int argc, char **argv);
int ctl_gc(const struct ctl_command *self, int argc, char **argv);
int ctl_import(const struct ctl_command *self, int argc, char **argv);
int ctl_keygen(const struct ctl_command *self, int argc, char **argv);
int ctl_kill(const struct ctl_command *self, int argc, char **argv);
int ctl_kill_user(const struct ctl_command *self, int argc, char **argv);
int ctl_list(const struct ctl_command *self, int argc, char **argv);
int ctl_repair(const struct ctl_command *self, int argc, char **argv);
int ctl_rotate_keys(const struct ctl_command *self, int argc, char **argv);
int ctl_show(const struct ctl_command *self, int argc, char **argv);
int ctl_sign(const struct ctl_command *self, int argc, char **argv);
int ctl_stat(const struct ctl_command *self, int argc, char **argv);
int ctl_top(const struct ctl_command *self, int argc, char **argv);
int ctl_verify(const struct ctl_command *self, int argc, char **argv);
int ctl_verify_store(const struct ctl_command *self, int argc, char **argv);

#endif

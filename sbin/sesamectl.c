/* sesamectl - looks after the store of running programs. sesamectl(8) is the manual. */

#include "sbin/sesamectl.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sesame.h>

#include "lib/config.h"
#include "lib/state.h"
#include "store/store.h"

static const struct ctl_command commands[] = {
	{ "gc", ctl_gc, "removes expired sessions now",
	  "Running programs do this by themselves, bit by bit. What waits in the journal is merged on the way.\n" },
	{ "repair", ctl_repair, "puts right what is damaged, and brings back what can be read",
	  "Damaged files are written anew from what can be read of them, and the old ones set aside (NN.gdbm.damaged). Then each record "
	  "in\n"
	  "what is set aside that is whole, and newer than what the store has, is stored again. A file out of which nothing was lost is\n"
	  "removed; another is kept as NN.gdbm.salvaged, and may be removed by hand.\n" },
	{ "stat", ctl_stat, "tells how much there is", "Without looking at each record: expired ones are counted too.\n" },
	{ "verify-store", ctl_verify_store, "looks at every record",
	  "Changes nothing. Names each file that has damaged places, or was set aside for repair.\n" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* ---- signals ------------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t ctl_signal;

static void note_signal(int number)
{
	ctl_signal = number;
}

/* The second one is not waited for: a store outlives the end of a process at any moment. */
static void take_signals(void)
{
	struct sigaction action = { .sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND | SA_RESTART };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

bool ctl_interrupted(void)
{
	return ctl_signal != 0;
}

static void end_by_signal(void)
{
	signal(ctl_signal, SIG_DFL);
	raise(ctl_signal);
}

/* ---- one subcommand ------------------------------------------------------------------------------------------------ */

static int tell_usage(FILE *to, const struct ctl_command *command, int status)
{
	fprintf(to, "usage: sesamectl %s [--json]\n", command->name);
	if (status == CTL_DONE)
		fprintf(to,
		        "%s: %s.\n\n%s\n  --json   one object in JSON on standard output\n  --help   this text\n\nWhich store it is, the "
		        "settings say (SESSION_STORE, STATE_DIRECTORY, SESAME_CONF), as for the programs.\n",
		        command->name, command->line, command->text);
	return fflush(to) == 0 ? status : CTL_OUTPUT;
}

static int read_options(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 } };
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h')
			return tell_usage(stdout, ctl->command, CTL_DONE);
		if (option != 'j') {
			fprintf(stderr, "sesamectl %s: '%s' is no option of it\n", ctl->command->name, argv[optind - 1]);
			return tell_usage(stderr, ctl->command, CTL_USAGE);
		}
		ctl->output.json = true;
	}
	if (optind < argc) {
		fprintf(stderr, "sesamectl %s: '%s' is one argument too many\n", ctl->command->name, argv[optind]);
		return tell_usage(stderr, ctl->command, CTL_USAGE);
	}
	return CTL_GO_ON;
}

int ctl_begin(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	struct sess_why why = { "" };
	int status;

	memset(ctl, 0, sizeof(*ctl));
	ctl->command = command;
	status = read_options(ctl, argc, argv);
	if (status != CTL_GO_ON)
		return status;
	take_signals();
	if (config_load(&ctl->config, NULL, &why) != SESS_OK) {
		fprintf(stderr, "sesamectl: %s\n", why.text);
		return CTL_SETTINGS;
	}
	if (state_open_store(ctl->config, STATE_OPERATE, &ctl->store, &why) != STORE_OK) {
		fprintf(stderr, "sesamectl: %s\n", why.text);
		config_free(ctl->config);
		return CTL_STORE;
	}
	progress_begin(&ctl->progress, command->name);
	output_begin(&ctl->output);
	return CTL_GO_ON;
}

int ctl_end(struct ctl *ctl, int status)
{
	progress_end(&ctl->progress);
	if (!output_end(&ctl->output)) {
		fprintf(stderr, "sesamectl: standard output cannot be written to\n");
		status = CTL_OUTPUT;
	}
	store_close(ctl->store);
	config_free(ctl->config);
	if (ctl_interrupted()) {
		fprintf(stderr, "sesamectl: ended early; what was done until then is done, and nothing is half done\n");
		end_by_signal();
	}
	return status;
}

int ctl_failed(const struct ctl *ctl, int status)
{
	fprintf(stderr, "sesamectl: the store at %s failed: %s\n", config_origin(ctl->config, CONFIG_SESSION_STORE),
	        store_status_name(status));
	return CTL_STORE;
}

int64_t ctl_now(void)
{
	return (int64_t)time(NULL);
}

/* ---- all of them --------------------------------------------------------------------------------------------------- */

static int help(FILE *to, int status)
{
	fprintf(to, "usage: sesamectl COMMAND [OPTION...]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-14s %s\n", commands[i].name, commands[i].line);
	fprintf(to, "\n'sesamectl COMMAND --help' tells more of one; sesamectl(8) has it all. --version tells the version.\n");
	return fflush(to) == 0 ? status : CTL_OUTPUT;
}

/* For bash's completion. */
static int list_commands(void)
{
	for (size_t i = 0; i < COMMANDS; i++)
		puts(commands[i].name);
	return fflush(stdout) == 0 ? CTL_DONE : CTL_OUTPUT;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return help(stderr, CTL_USAGE);
	if (strcmp(argv[1], "--help") == 0)
		return help(stdout, CTL_DONE);
	if (strcmp(argv[1], "--commands") == 0)
		return list_commands();
	if (strcmp(argv[1], "--version") == 0) {
		puts(SESAME_VERSION);
		return fflush(stdout) == 0 ? CTL_DONE : CTL_OUTPUT;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(&commands[i], argc - 1, argv + 1);
	fprintf(stderr, "sesamectl: '%s' is no command of it\n", argv[1]);
	return help(stderr, CTL_USAGE);
}

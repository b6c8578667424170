/* call.c - a call of a subcommand: options, signals, settings, store, and the end. */

#include "sbin/sesamectl.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/config.h"
#include "lib/manager.h"
#include "lib/state.h"
#include "store/store.h"

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

/* poll(2) is never started again by itself, so that the signal ends it. One that comes just before it costs a tenth of a second. */
bool ctl_wait(unsigned milliseconds)
{
	while (milliseconds > 0 && !ctl_interrupted()) {
		unsigned part = milliseconds < 100 ? milliseconds : 100;

		poll(NULL, 0, (int)part);
		milliseconds -= part;
	}
	return !ctl_interrupted();
}

static void end_by_signal(void)
{
	signal(ctl_signal, SIG_DFL);
	raise(ctl_signal);
}

/* ---- options ------------------------------------------------------------------------------------------------------- */

static unsigned options_of(const struct ctl_command *command)
{
	unsigned count = 0;

	while (count < CTL_OPTIONS_MAX && command->options[count].name)
		count++;
	return count;
}

static void tell_call(FILE *to, const struct ctl_command *command)
{
	fprintf(to, "usage: sesamectl %s", command->name);
	for (unsigned i = 0; i < options_of(command); i++) {
		const struct ctl_option *option = &command->options[i];

		fprintf(to, option->value ? " [--%s %s]" : " [--%s]", option->name, option->value);
	}
	fprintf(to, " [--json]%s%s\n", command->arguments ? " " : "", command->arguments ? command->arguments : "");
}

static void tell_option(FILE *to, const char *name, const char *value, const char *text)
{
	char call[40];

	snprintf(call, sizeof(call), value ? "--%s %s" : "--%s", name, value);
	fprintf(to, "  %-18s %s\n", call, text);
}

void ctl_usage(FILE *to, const struct ctl_command *command)
{
	tell_call(to, command);
	fprintf(to, "%s: %s.\n\n%s\n", command->name, command->line, command->text);
	for (unsigned i = 0; i < options_of(command); i++)
		tell_option(to, command->options[i].name, command->options[i].value, command->options[i].text);
	tell_option(to, "json", NULL, command->lines ? "objects in JSON, one a line" : "one object in JSON on standard output");
	tell_option(to, "help", NULL, "this text");
	fprintf(to,
	        "\nStore and keys are those that the settings name (SESSION_STORE, STATE_DIRECTORY, SESAME_CONF), as for the programs.\n");
}

static int wrong_call(const struct ctl_command *command)
{
	tell_call(stderr, command);
	return CTL_USAGE;
}

/* getopt's own numbers for options without a letter are beyond those of letters. */
#define FIRST_OPTION 256

static void fill_options(const struct ctl_command *command, struct option *ret)
{
	unsigned count = options_of(command);

	for (unsigned i = 0; i < count; i++)
		ret[i] = (struct option){ command->options[i].name, command->options[i].value ? required_argument : no_argument, NULL,
			                  FIRST_OPTION + (int)i };
	ret[count] = (struct option){ "json", no_argument, NULL, 'j' };
	ret[count + 1] = (struct option){ "help", no_argument, NULL, 'h' };
	ret[count + 2] = (struct option){ 0 };
}

static int read_options(struct ctl *ctl, int argc, char **argv)
{
	struct option options[CTL_OPTIONS_MAX + 3];
	int option;

	fill_options(ctl->command, options);
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == 'h') {
			ctl_usage(stdout, ctl->command);
			return fflush(stdout) == 0 ? CTL_DONE : CTL_OUTPUT;
		}
		if (option == '?' || option == ':') {
			fprintf(stderr, "sesamectl %s: '%s' %s\n", ctl->command->name, argv[optind - 1],
			        option == ':' ? "needs a value" : "is no option of it");
			return wrong_call(ctl->command);
		}
		if (option == 'j')
			ctl->output.json = true;
		else
			ctl->values[option - FIRST_OPTION] = optarg ? optarg : "";
	}
	return CTL_GO_ON;
}

static int read_arguments(struct ctl *ctl, int argc, char **argv)
{
	ctl->arguments = argv + optind;
	ctl->count = (unsigned)(argc - optind);
	if (ctl->count > ctl->command->most) {
		fprintf(stderr, "sesamectl %s: '%s' is one argument too many\n", ctl->command->name, ctl->arguments[ctl->command->most]);
		return wrong_call(ctl->command);
	}
	if (ctl->count < ctl->command->least) {
		fprintf(stderr, "sesamectl %s: it needs %s\n", ctl->command->name, ctl->command->arguments);
		return wrong_call(ctl->command);
	}
	return CTL_GO_ON;
}

const char *ctl_option(const struct ctl *ctl, const char *name)
{
	for (unsigned i = 0; i < options_of(ctl->command); i++)
		if (strcmp(ctl->command->options[i].name, name) == 0)
			return ctl->values[i];
	return NULL;
}

int ctl_number(const struct ctl *ctl, const char *name, unsigned least, unsigned most, unsigned *ret)
{
	const char *text = ctl_option(ctl, name);
	unsigned long number;

	if (!text)
		return CTL_GO_ON;
	errno = 0;
	number = strtoul(text, NULL, 10);
	if (!*text || text[strspn(text, "0123456789")] || errno != 0 || number < least || number > most) {
		fprintf(stderr, "sesamectl %s: --%s '%s' is not a whole number from %u to %u\n", ctl->command->name, name, text, least,
		        most);
		return wrong_call(ctl->command);
	}
	*ret = (unsigned)number;
	return CTL_GO_ON;
}

/* ---- begin and end ------------------------------------------------------------------------------------------------- */

int ctl_begin_call(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	int status;

	memset(ctl, 0, sizeof(*ctl));
	ctl->command = command;
	status = read_options(ctl, argc, argv);
	if (status == CTL_GO_ON)
		status = read_arguments(ctl, argc, argv);
	if (status == CTL_GO_ON)
		take_signals();
	return status;
}

int ctl_begin_settings(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	struct sess_why why = { "" };
	int status = ctl_begin_call(ctl, command, argc, argv);

	if (status != CTL_GO_ON)
		return status;
	if (config_load(&ctl->config, NULL, &why) == SESS_OK)
		return CTL_GO_ON;
	fprintf(stderr, "sesamectl: %s\n", why.text);
	return CTL_SETTINGS;
}

int ctl_begin(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	struct sess_why why = { "" };
	int status = ctl_begin_call(ctl, command, argc, argv), opened;

	if (status != CTL_GO_ON)
		return status;
	opened = manager_open_for(&ctl->manager, NULL, STATE_OPERATE, &why);
	if (opened != SESS_OK)
		return ctl_refuse(ctl, opened == SESS_SETTINGS ? CTL_SETTINGS : CTL_STORE, "%s", why.text);
	ctl->config = ctl->manager->config;
	ctl->store = ctl->manager->store;
	progress_begin(&ctl->progress, command->name);
	if (!command->lines)
		output_begin(&ctl->output);
	return CTL_GO_ON;
}

static void close_all(struct ctl *ctl)
{
	if (ctl->manager)
		sess_manager_close(ctl->manager);
	else
		config_free(ctl->config);
}

int ctl_end(struct ctl *ctl, int status)
{
	progress_end(&ctl->progress);
	if (!output_end(&ctl->output)) {
		fprintf(stderr, "sesamectl: standard output cannot be written to\n");
		status = CTL_OUTPUT;
	}
	close_all(ctl);
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

int ctl_refuse(struct ctl *ctl, int status, const char *format, ...)
{
	va_list arguments;

	progress_end(&ctl->progress);
	fprintf(stderr, "sesamectl: ");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return status;
}

int64_t ctl_now(void)
{
	return (int64_t)time(NULL);
}

/* sesamectl - looks after the store and the keys of running programs. sesamectl(8) is the manual. */

#include "sbin/sesamectl.h"

#include <string.h>

static const struct ctl_command commands[] = {
	{ .name = "check-config",
	  .run = ctl_check_config,
	  .line = "tells every setting, and what is wrong with them",
	  .text = "Each with its value and where it came from; secrets are not shown. Keys and store are looked at, too, and nothing is\n"
	          "made. What cannot be used is named with file and line, all of it.\n" },
	{ .name = "export",
	  .run = ctl_export,
	  .lines = true,
	  .line = "writes all sessions to standard output, a line in JSON each",
	  .text = "Nothing in it opens a session: ids are not stored. \"import\" reads it, in this store or another.\n" },
	{ .name = "gc",
	  .run = ctl_gc,
	  .line = "removes expired sessions now",
	  .text = "Running programs do this by themselves, bit by bit. What waits in the journal is merged on the way.\n" },
	{ .name = "import",
	  .run = ctl_import,
	  .line = "stores what \"export\" wrote, from a file or standard input",
	  .text =
	      "What the store has already stays as it is, and what was removed stays removed; so it may be done again. Programs may be\n"
	      "running.\n",
	  .arguments = "[FILE]",
	  .most = 1 },
	{ .name = "keygen",
	  .run = ctl_keygen,
	  .line = "prints a fresh secret key",
	  .text = "256 random bits as 43 characters, for SECRET_KEY or a line of a key file.\n",
	  .options = { { "file", NULL, "make the key file that the settings name, unless it is there, and print no key" } } },
	{ .name = "kill",
	  .run = ctl_kill,
	  .lines = true,
	  .line = "ends sessions, named by their handles",
	  .text = "Whoever has one is without a session from now on, whatever requests are under way.\n",
	  .arguments = "HANDLE...",
	  .least = 1,
	  .most = 1000 },
	{ .name = "kill-user",
	  .run = ctl_kill_user,
	  .line = "ends all sessions of a user",
	  .text = "The user is logged out everywhere.\n",
	  .arguments = "USER",
	  .least = 1,
	  .most = 1 },
	{ .name = "list",
	  .run = ctl_list,
	  .lines = true,
	  .line = "lists the sessions",
	  .text = "Each with its handle, user, times and number of fields; with --json an object a line, with the fields themselves.\n",
	  .options = { { "user", "USER", "only those in which USER is logged in" } } },
	{ .name = "repair",
	  .run = ctl_repair,
	  .line = "puts right what is damaged, and brings back what can be read",
	  .text = "Damaged files are written anew from what can be read of them, and the old ones set aside (NN.gdbm.damaged). Then each\n"
	          "record in what is set aside that is whole, and newer than what the store has, is stored again. A file out of which\n"
	          "nothing was lost is removed; another is kept as NN.gdbm.salvaged, and may be removed by hand.\n" },
	{ .name = "rotate-keys",
	  .run = ctl_rotate_keys,
	  .line = "puts a fresh key in the place of the one that signs",
	  .text =
	      "Running programs take it up by themselves, and nobody is logged out: the new key is announced, then signs, and the old one\n"
	      "is believed for as long as anything that it signed can be in use. Without a step all of it is done, for programs of this\n"
	      "host. Where several hosts have copies of the key file: announce, copy, switch, copy, and some day retire, copy.\n",
	  .arguments = "[announce | switch | retire]",
	  .most = 1,
	  .options = { { "wait", "SECONDS", "between announcing and switching (3)" },
	               { "lifetime", "SECONDS", "how long the old key is believed (the longest of the settings' lifetimes)" } } },
	{ .name = "show",
	  .run = ctl_show,
	  .lines = true,
	  .line = "shows one session, named by its handle",
	  .text = "Everything that is stored of it.\n",
	  .arguments = "HANDLE",
	  .least = 1,
	  .most = 1 },
	{ .name = "sign",
	  .run = ctl_sign,
	  .lines = true,
	  .line = "makes the cookie's value of a session id",
	  .text = "Ids are read from standard input, one a line, since the arguments of a process can be seen by others.\n" },
	{ .name = "stat",
	  .run = ctl_stat,
	  .line = "tells how much there is",
	  .text = "Without looking at each record: expired ones are counted too.\n" },
	{ .name = "top",
	  .run = ctl_top,
	  .lines = true,
	  .line = "shows what goes on in the store, live",
	  .text =
	      "Sessions, how many came and were used, changes a second, the journal, and the sessions used last. In a terminal q quits;\n"
	      "elsewhere it is a line for each look.\n",
	  .options = { { "interval", "SECONDS", "between two looks (1)" }, { "count", "NUMBER", "end after so many looks" } } },
	{ .name = "verify",
	  .run = ctl_verify,
	  .lines = true,
	  .line = "judges the value of a cookie",
	  .text = "Good, expired, or forged and why. VALUE \"-\", or none: each line of standard input.\n",
	  .arguments = "[VALUE]",
	  .most = 1 },
	{ .name = "verify-store",
	  .run = ctl_verify_store,
	  .line = "looks at every record",
	  .text = "Changes nothing. Names each file that has damaged places, or was set aside for repair.\n" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int help(FILE *to, int status)
{
	fprintf(to, "usage: sesamectl COMMAND [OPTION...] [ARGUMENT...]\n\n");
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

static const struct ctl_command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

/* Likewise; nothing for a command that is none. */
static int list_options(const char *name)
{
	const struct ctl_command *command = find(name);

	for (unsigned i = 0; command && i < CTL_OPTIONS_MAX && command->options[i].name; i++)
		printf("--%s\n", command->options[i].name);
	puts("--json\n--help");
	return fflush(stdout) == 0 ? CTL_DONE : CTL_OUTPUT;
}

int main(int argc, char **argv)
{
	const struct ctl_command *command;

	if (argc < 2)
		return help(stderr, CTL_USAGE);
	if (strcmp(argv[1], "--help") == 0)
		return help(stdout, CTL_DONE);
	if (strcmp(argv[1], "--commands") == 0)
		return list_commands();
	if (strcmp(argv[1], "--options") == 0 && argc == 3)
		return list_options(argv[2]);
	if (strcmp(argv[1], "--version") == 0) {
		puts(SESAME_VERSION);
		return fflush(stdout) == 0 ? CTL_DONE : CTL_OUTPUT;
	}
	command = find(argv[1]);
	if (command)
		return command->run(command, argc - 1, argv + 1);
	fprintf(stderr, "sesamectl: '%s' is no command of it\n", argv[1]);
	return help(stderr, CTL_USAGE);
}

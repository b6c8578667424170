/*
 * store_tool.c - a store from the command line, for the shell tests.
 *
 *     store_tool LOCATION create ID [FIELD=NUMBER | FIELD:TEXT]...    create a record
 *     store_tool LOCATION change ID [FIELD=NUMBER | FIELD:TEXT]...    add numbers to it, set texts
 *     store_tool LOCATION remove ID                                   leave a tombstone there
 *     store_tool LOCATION rename ID NEW-ID                            the record under a new id, a tombstone under the old one
 *     store_tool LOCATION get ID FIELD                                print a field, or the status
 *     store_tool LOCATION fill FROM TO                                create records "FROM" to "TO"
 *     store_tool LOCATION count                                       walk; print how many there are and the sum of the fields "n"
 *     store_tool LOCATION sweep                                       sweep all; print how many were removed
 *     store_tool LOCATION hold                                        print "open", stay until standard input ends, then close
 *     store_tool LOCATION die                                         change "x", then end by SIGKILL
 *
 * With --brief first it opens as a plain CGI program does, with --always it syncs each change, with --tiny its journal segments are full
 * after some changes. Exit status 1 with the sentence of
 * store_open when that fails, 2 for a wrong call; a status that is not ok is printed by its name.
 */

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/tap.h"

static struct store *store;

/* As a session's key is made of its id: the test reads the files by it. */
static struct store_key key_of(const char *id)
{
	struct store_key key = { { 0 } };

	for (size_t i = 0; i < STORE_KEY_SIZE / 8; i++) {
		uint64_t sum = record_sum(id, strlen(id), i + 1);

		memcpy(key.octets + 8 * i, &sum, 8);
	}
	return key;
}

static int told(int status)
{
	printf("%s\n", store_status_name(status));
	return 0;
}

/* FIELD=NUMBER adds, FIELD:TEXT sets. */
static bool parse(char *text, struct store_change *ret)
{
	size_t name = strcspn(text, "=:");

	if (name == 0 || !text[name])
		return false;
	*ret = (struct store_change){ .what = text[name] == '=' ? STORE_ADD : STORE_SET_OCTETS,
		                      .name = text,
		                      .name_size = (uint8_t)name,
		                      .octets = text + name + 1,
		                      .size = (uint32_t)strlen(text + name + 1),
		                      .number = strtoll(text + name + 1, NULL, 10),
		                      .until = RECORD_NEVER };
	return true;
}

static int change(enum store_condition condition, const char *id, const struct store_change *changes, size_t count)
{
	int64_t now = time(NULL);
	const char *life = getenv("LIFE");
	struct store_update update = { .condition = condition,
		                       .now = now,
		                       .idle_deadline = now + (life ? atoll(life) : 604800),
		                       .final_deadline = now + 2592000,
		                       .extend_before = INT64_MIN,
		                       .changes = changes,
		                       .count = count };
	struct store_key key = key_of(id);
	struct record record;
	int status;

	record_init(&record);
	status = store_apply(store, &key, &update, &record);
	record_free(&record);
	return status;
}

static int do_change(enum store_condition condition, int argc, char **argv)
{
	struct store_change changes[16];

	if (argc < 1 || argc > 17)
		return 2;
	for (int i = 1; i < argc; i++)
		if (!parse(argv[i], &changes[i - 1]))
			return 2;
	return told(change(condition, argv[0], changes, (size_t)argc - 1));
}

static int do_create(int argc, char **argv)
{
	return do_change(STORE_IF_ABSENT, argc, argv);
}

static int do_add(int argc, char **argv)
{
	return do_change(STORE_IF_PRESENT, argc, argv);
}

static int do_get(int argc, char **argv)
{
	struct record_field field;
	struct record record;
	struct store_key key;
	int status;

	if (argc != 2)
		return 2;
	key = key_of(argv[0]);
	record_init(&record);
	status = store_load(store, &key, time(NULL), &record);
	if (status != STORE_OK)
		told(status);
	else if (!record_find(record.octets, argv[1], strlen(argv[1]), time(NULL), &field))
		puts("no such field");
	else if (field.type == RECORD_INTEGER)
		printf("%" PRId64 "\n", field.number);
	else
		printf("%s\n", field.octets);
	record_free(&record);
	return 0;
}

static struct store_tombstone tombstone(void)
{
	return (struct store_tombstone){ .grace = time(NULL) + 600, .final_deadline = time(NULL) + 2592000 };
}

static int do_remove(int argc, char **argv)
{
	struct store_tombstone grave = tombstone();
	struct store_key key;

	if (argc != 1)
		return 2;
	key = key_of(argv[0]);
	return told(store_remove(store, &key, time(NULL), &grave));
}

static int do_rename(int argc, char **argv)
{
	struct store_update update = { .condition = STORE_IF_PRESENT, .now = time(NULL), .extend_before = INT64_MIN };
	struct store_tombstone grave = tombstone();
	struct store_key from, to;
	struct record record;
	int status;

	if (argc != 2)
		return 2;
	from = key_of(argv[0]);
	to = key_of(argv[1]);
	record_init(&record);
	status = store_rename(store, &from, &to, &update, &grave, &record);
	record_free(&record);
	return told(status);
}

static int do_fill(int argc, char **argv)
{
	struct store_change one = { .what = STORE_ADD, .name = "n", .name_size = 1, .number = 1, .until = RECORD_NEVER };

	if (argc != 2)
		return 2;
	for (long n = atol(argv[0]); n <= atol(argv[1]); n++) {
		char id[24];
		int status;

		snprintf(id, sizeof(id), "%ld", n);
		status = change(STORE_IF_ABSENT, id, &one, 1);
		if (status != STORE_OK)
			return told(status);
	}
	return told(STORE_OK);
}

struct total {
	int64_t records, sum;
};

static bool add_up(void *context, const struct store_key *key, const uint8_t *record)
{
	struct total *total = context;
	struct record_field field;

	(void)key;
	total->records++;
	if (record_find(record, "n", 1, time(NULL), &field))
		total->sum += field.number;
	return true;
}

static int do_count(int argc, char **argv)
{
	struct total total = { 0 };
	struct store_walk walk = { .each = add_up, .context = &total, .now = time(NULL) };
	uint64_t cursor = 0;
	int status;

	(void)argv;
	if (argc != 0)
		return 2;
	do
		status = store_walk(store, &cursor, &walk);
	while (status == STORE_OK && cursor != 0);
	if (status != STORE_OK)
		return told(status);
	printf("%" PRId64 " %" PRId64 "\n", total.records, total.sum);
	return 0;
}

static int do_sweep(int argc, char **argv)
{
	struct store_swept swept;
	uint64_t removed = 0;
	int status;

	(void)argv;
	if (argc != 0)
		return 2;
	do {
		status = store_sweep(store, time(NULL), &swept);
		removed += swept.removed;
	} while (status == STORE_OK && swept.more);
	if (status != STORE_OK)
		return told(status);
	printf("%" PRIu64 "\n", removed);
	return 0;
}

static int do_hold(int argc, char **argv)
{
	char c;

	(void)argv;
	if (argc != 0)
		return 2;
	puts("open");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}

static int do_die(int argc, char **argv)
{
	struct store_change one = { .what = STORE_ADD, .name = "n", .name_size = 1, .number = 1, .until = RECORD_NEVER };

	(void)argv;
	if (argc != 0)
		return 2;
	if (change(STORE_IF_PRESENT, "x", &one, 1) == STORE_ABSENT)
		change(STORE_IF_ABSENT, "x", &one, 1);
	kill(getpid(), SIGKILL);
	return 1;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "create", do_create }, { "change", do_add },  { "remove", do_remove }, { "rename", do_rename }, { "get", do_get },
	{ "fill", do_fill },     { "count", do_count }, { "sweep", do_sweep },   { "hold", do_hold },     { "die", do_die },
};

int main(int argc, char **argv)
{
	char why[512];
	struct store_options options = { .wait_ms = 5000, .why = why, .why_size = sizeof(why) };
	int status = 2, at = 1;

	for (; at < argc && argv[at][0] == '-'; at++) {
		options.brief = options.brief || strcmp(argv[at], "--brief") == 0;
		if (strcmp(argv[at], "--always") == 0)
			options.sync = STORE_SYNC_ALWAYS;
		if (strcmp(argv[at], "--tiny") == 0)
			options.journal_size = 8 << 10;
	}
	if (argc - at < 2)
		return 2;
	options.location = argv[at];
	if (store_open(&store, &options) != STORE_OK) {
		puts(why);
		return 1;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[at + 1], commands[i].name) == 0)
			status = commands[i].run(argc - at - 2, argv + at + 2);
	store_close(store);
	return status;
}

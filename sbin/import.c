/* import.c - sesamectl import: stores what export wrote. */

#include "sbin/sesamectl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sbin/json.h"
#include "sbin/transfer.h"
#include "store/store.h"

#define LINE_OCTETS_MAX (1024u * 1024u) /* a record of 64 KiB, each octet of it escaped, is smaller */
#define FIELDS_MAX (RECORD_MAX / 16u)

/* A record as it was read; texts lie in the line. */
struct item {
	struct store_key key;
	int64_t created, used, idle_deadline, final_deadline;
	unsigned members; /* of enum member, that were there */
	size_t count;
	struct store_change fields[FIELDS_MAX];
};

struct importing {
	struct ctl ctl;
	FILE *file;
	const char *name;
	uint64_t size, read; /* octets of the file, 0 if that is not known; and read of it */
	uint64_t number;     /* of the line */
	uint64_t stored, known, removed, expired;
	struct item item;
};

/* ---- a line -------------------------------------------------------------------------------------------------------- */

static bool read_key(struct json *j, struct store_key *ret)
{
	struct json_text text;

	if (!json_read_text(j, &text))
		return false;
	if (text.size != 2 * STORE_KEY_SIZE || text.octets[strspn(text.octets, "0123456789abcdef")] != '\0')
		return json_fault(j, "a key is 32 lower-case hex digits");
	for (size_t i = 0; i < STORE_KEY_SIZE; i++) {
		const char digits[3] = { text.octets[2 * i], text.octets[2 * i + 1], '\0' };

		ret->octets[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return true;
}

static bool read_octets(struct json *j, bool base64, struct json_text *ret)
{
	return json_read_text(j, ret) && (!base64 || json_decode_base64(j, ret));
}

static bool read_field_name(struct json *j, bool base64, struct store_change *field)
{
	struct json_text text;

	if (!read_octets(j, base64, &text))
		return false;
	if (text.size == 0 || text.size > RECORD_NAME_MAX || memchr(text.octets, '\0', text.size))
		return json_fault(j, "a field's name has 1 to 255 octets, and no NUL");
	field->name = text.octets;
	field->name_size = (uint8_t)text.size;
	return true;
}

static bool read_field_octets(struct json *j, bool base64, struct store_change *field)
{
	struct json_text text;

	if (!read_octets(j, base64, &text))
		return false;
	if (text.size > RECORD_MAX)
		return json_fault(j, "a field is larger than a record may be");
	field->what = STORE_SET_OCTETS;
	field->octets = text.octets;
	field->size = (uint32_t)text.size;
	return true;
}

static bool read_field_member(struct json *j, struct store_change *field, bool *valued)
{
	struct json_text name;
	const char *n;

	if (!json_read_text(j, &name) || !json_expect(j, ':'))
		return false;
	n = name.octets;
	if (strcmp(n, "name") == 0 || strcmp(n, "name_base64") == 0)
		return read_field_name(j, n[4] != '\0', field);
	if (strcmp(n, "until") == 0)
		return json_read_integer(j, &field->until);
	*valued = true;
	if (strcmp(n, "integer") == 0)
		return json_read_integer(j, &field->number);
	if (strcmp(n, "text") == 0 || strcmp(n, "base64") == 0)
		return read_field_octets(j, n[0] == 'b', field);
	return json_fault(j, "a field has name, integer, text, base64 and until, and nothing else");
}

static bool read_field(struct json *j, struct item *item)
{
	struct store_change *field = &item->fields[item->count];
	bool valued = false;

	if (item->count >= FIELDS_MAX)
		return json_fault(j, "more fields than a record can have");
	*field = (struct store_change){ .what = STORE_SET_INTEGER, .until = RECORD_NEVER };
	if (!json_expect(j, '{'))
		return false;
	do
		if (!read_field_member(j, field, &valued))
			return false;
	while (json_accept(j, ','));
	if (!field->name || !valued)
		return json_fault(j, "a field without name or value");
	item->count++;
	return json_expect(j, '}');
}

static bool read_fields(struct json *j, struct item *item)
{
	if (!json_expect(j, '['))
		return false;
	if (json_accept(j, ']'))
		return true;
	do
		if (!read_field(j, item))
			return false;
	while (json_accept(j, ','));
	return json_expect(j, ']');
}

enum member { KEY = 1, CREATED = 2, USED = 4, IDLE = 8, FINAL = 16, FIELDS = 32 };

static bool read_member(struct json *j, struct item *item)
{
	static const char *const names[] = { "key", "created", "used", "idle_deadline", "final_deadline", "fields" };
	int64_t *const times[] = { NULL, &item->created, &item->used, &item->idle_deadline, &item->final_deadline };
	struct json_text name;
	unsigned i = 0;

	if (!json_read_text(j, &name) || !json_expect(j, ':'))
		return false;
	while (i < 6 && strcmp(names[i], name.octets) != 0)
		i++;
	if (i == 6 || item->members & (1u << i))
		return json_fault(j,
		                  "a record has key, created, used, idle_deadline, final_deadline and fields, once each, and nothing else");
	item->members |= 1u << i;
	return i == 0 ? read_key(j, &item->key) : i == 5 ? read_fields(j, item) : json_read_integer(j, times[i]);
}

static bool read_item(struct json *j, struct item *item)
{
	const unsigned needed = KEY | CREATED | USED | FIELDS;

	item->members = 0;
	item->count = 0;
	item->idle_deadline = item->final_deadline = RECORD_NEVER;
	if (!json_expect(j, '{'))
		return false;
	do
		if (!read_member(j, item))
			return false;
	while (json_accept(j, ','));
	if (!json_expect(j, '}') || !json_read_end(j))
		return false;
	return (item->members & needed) == needed || json_fault(j, "a record without key, created, used or fields");
}

/* ---- into the store ------------------------------------------------------------------------------------------------ */

/*
 * A store gives a new record the moment of its making, and the moment of its last use with each change: so it is made at the one and used
 * at the other. An end in between leaves all but that second moment.
 */
static int put(struct store *store, const struct item *item)
{
	struct store_update update = {
		.condition = STORE_IF_ABSENT,
		.now = item->created,
		.idle_deadline = item->idle_deadline,
		.final_deadline = item->final_deadline,
		.extend_before = INT64_MIN,
		.changes = item->fields,
		.count = item->count,
	};
	struct record record;
	int status;

	record_init(&record);
	status = store_apply(store, &item->key, &update, &record);
	if (status == STORE_OK && item->used != item->created) {
		update.condition = STORE_IF_PRESENT;
		update.now = item->used;
		update.count = 0;
		status = store_apply(store, &item->key, &update, &record);
	}
	record_free(&record);
	return status;
}

static int take(struct importing *i)
{
	int64_t now = ctl_now();
	int status;

	if (i->item.idle_deadline <= now || i->item.final_deadline <= now) {
		i->expired++;
		return CTL_DONE;
	}
	status = put(i->ctl.store, &i->item);
	i->stored += status == STORE_OK;
	i->known += status == STORE_EXISTS;
	i->removed += status == STORE_GONE;
	if (status == STORE_OK || status == STORE_EXISTS || status == STORE_GONE)
		return CTL_DONE;
	if (status == STORE_TOO_LARGE)
		return ctl_refuse(&i->ctl, CTL_DATA, "%s:%llu: the record is larger than 65536 octets", i->name,
		                  (unsigned long long)i->number);
	return ctl_failed(&i->ctl, status);
}

/* ---- the file ------------------------------------------------------------------------------------------------------ */

static int take_line(struct importing *i, char *line, size_t size)
{
	struct json j = { line, NULL };

	if (strlen(line) != size)
		json_fault(&j, "it holds a NUL octet");
	else if (size > LINE_OCTETS_MAX)
		json_fault(&j, "it is longer than 1 MiB");
	else if (i->number == 1 && strncmp(line, TRANSFER_HEAD, strlen(TRANSFER_HEAD)) != 0)
		json_fault(&j, "it is not the first line of what export writes");
	else if (i->number == 1)
		return CTL_DONE;
	else if (read_item(&j, &i->item))
		return take(i);
	return ctl_refuse(&i->ctl, CTL_DATA, "%s:%llu: %s; the lines before it are stored", i->name, (unsigned long long)i->number,
	                  j.fault);
}

static int take_lines(struct importing *i)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t size;
	int status = CTL_DONE;

	while (status == CTL_DONE && !ctl_interrupted() && (size = getline(&line, &room, i->file)) > 0) {
		i->number++;
		i->read += (uint64_t)size;
		status = take_line(i, line, (size_t)size);
		progress_at(&i->ctl.progress, i->size > 0 ? (unsigned)(i->read * 1000 / i->size) : 0, i->size > 0 ? 1000 : 0, i->number,
		            "records");
	}
	if (status == CTL_DONE && ferror(i->file))
		status = ctl_refuse(&i->ctl, CTL_DATA, "%s: cannot be read: %s", i->name, strerrordesc_np(errno));
	free(line);
	progress_end(&i->ctl.progress);
	return status;
}

static int take_file(struct importing *i)
{
	struct stat found;
	int status;

	i->name = i->ctl.count == 1 ? i->ctl.arguments[0] : "standard input";
	i->file = i->ctl.count == 1 ? fopen(i->name, "re") : stdin;
	if (!i->file)
		return ctl_refuse(&i->ctl, CTL_DATA, "%s: cannot be opened: %s", i->name, strerrordesc_np(errno));
	if (fstat(fileno(i->file), &found) == 0 && S_ISREG(found.st_mode))
		i->size = (uint64_t)found.st_size;
	status = take_lines(i);
	if (i->file != stdin)
		fclose(i->file);
	return status;
}

int ctl_import(const struct ctl_command *self, int argc, char **argv)
{
	struct importing *i = calloc(1, sizeof(*i));
	int status;

	if (!i)
		return CTL_STORE;
	status = ctl_begin(&i->ctl, self, argc, argv);
	if (status == CTL_GO_ON) {
		status = take_file(i);
		output_number(&i->ctl.output, "stored", "records stored", i->stored);
		output_number(&i->ctl.output, "known", "there already", i->known);
		output_number(&i->ctl.output, "removed", "removed meanwhile, not stored", i->removed);
		output_number(&i->ctl.output, "expired", "expired, not stored", i->expired);
		status = ctl_end(&i->ctl, status);
	}
	free(i);
	return status;
}

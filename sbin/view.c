/* view.c - sessions on standard output. */

#include "sbin/view.h"

#include <inttypes.h>
#include <string.h>

#include "lib/reserved.h"
#include "sbin/json.h"
#include "sbin/times.h"

bool view_is_session(const uint8_t *record)
{
	return reserved_kind_of(record) == RESERVED_IS_SESSION;
}

/* The next field that is the program's own and has not expired. */
static bool next_field(const uint8_t *record, size_t *position, int64_t now, struct record_field *ret)
{
	while (record_next(record, position, ret))
		if (ret->name[0] != '.' && ret->until > now)
			return true;
	return false;
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static void json_value(const struct record_field *field)
{
	if (field->type == RECORD_INTEGER) {
		printf("%" PRId64, field->number);
	} else if (json_is_text(field->octets, field->size)) {
		json_write(stdout, field->octets, field->size);
	} else {
		fputs("{\"base64\":", stdout);
		json_write_base64(stdout, field->octets, field->size);
		putchar('}');
	}
}

static void json_fields(struct output *o, const uint8_t *record)
{
	struct record_field field;
	size_t position = 0;
	bool follows = false;

	output_object(o, "fields");
	while (next_field(record, &position, ctl_now(), &field)) {
		if (follows)
			putchar(',');
		json_write(stdout, field.name, field.name_size);
		putchar(':');
		json_value(&field);
		follows = true;
	}
	output_object_end(o);
}

static void json_moment(struct output *o, const char *name, int64_t time)
{
	if (time != RECORD_NEVER)
		output_number(o, name, "", (uint64_t)time);
}

static void json_session(struct output *o, const char *handle, const uint8_t *record)
{
	const char *user = reserved_text(record, RESERVED_USER), *device = reserved_text(record, RESERVED_DEVICE);

	output_begin(o);
	output_text(o, "handle", handle);
	if (user)
		output_text(o, "user", user);
	if (device)
		output_text(o, "device", device);
	json_moment(o, "created", record_created(record));
	json_moment(o, "last_seen", record_used(record));
	json_moment(o, "expires", record_deadline(record));
	json_fields(o, record);
	output_close(o);
}

/* ---- for people ---------------------------------------------------------------------------------------------------- */

/* On one line. What a terminal could take for more than text comes out as '?': beyond ASCII that is 0xc2 and what it begins. */
static void tell_octets(const char *octets, size_t size)
{
	bool text = json_is_text(octets, size);

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)octets[i];
		bool control = c < ' ' || c == 0x7f || (c == 0xc2 && i + 1 < size && (unsigned char)octets[i + 1] < 0xa0);

		putchar(control || (c >= 0x80 && !text) ? '?' : c);
		i += control && c == 0xc2;
	}
}

static unsigned fields_of(const uint8_t *record)
{
	struct record_field field;
	size_t position = 0;
	unsigned count = 0;

	while (next_field(record, &position, ctl_now(), &field))
		count++;
	return count;
}

void view_head(void)
{
	printf("%-16s  %-20s  %-9s  %-9s  %6s  %s\n", "HANDLE", "CREATED", "LAST SEEN", "ENDS IN", "FIELDS", "USER");
}

void view_line(struct ctl *ctl, const struct store_key *key, const uint8_t *record)
{
	const char *user = reserved_text(record, RESERVED_USER);
	char handle[SESS_HANDLE_SIZE], created[TIMES_SIZE], seen[TIMES_SIZE], left[TIMES_SIZE];
	int64_t now = ctl_now();

	reserved_handle(key, handle);
	if (ctl->output.json) {
		json_session(&ctl->output, handle, record);
		return;
	}
	printf("%-16s  %-20s  %-9s  %-9s  %6u  ", handle, times_moment(record_created(record), created),
	       times_span(now - record_used(record), seen), times_span(record_deadline(record) - now, left), fields_of(record));
	tell_octets(user ? user : "-", user ? strlen(user) : 1);
	putchar('\n');
}

static void tell_text(const char *label, const char *text)
{
	if (!text)
		return;
	printf("%-12s ", label);
	tell_octets(text, strlen(text));
	putchar('\n');
}

static void tell_moment(const char *label, int64_t time)
{
	char text[TIMES_SIZE];

	printf("%-12s %s\n", label, times_moment(time, text));
}

static void tell_fields(const uint8_t *record)
{
	struct record_field field;
	size_t position = 0;

	while (next_field(record, &position, ctl_now(), &field)) {
		printf("  ");
		tell_octets(field.name, field.name_size);
		if (field.type == RECORD_INTEGER)
			printf(" = %" PRId64, field.number);
		else
			printf(" : ");
		if (field.type == RECORD_OCTETS)
			tell_octets(field.octets, field.size);
		putchar('\n');
	}
}

void view_all(struct ctl *ctl, const struct store_key *key, const uint8_t *record)
{
	char handle[SESS_HANDLE_SIZE];

	reserved_handle(key, handle);
	if (ctl->output.json) {
		json_session(&ctl->output, handle, record);
		return;
	}
	tell_text("handle", handle);
	tell_text("user", reserved_text(record, RESERVED_USER));
	tell_text("device", reserved_text(record, RESERVED_DEVICE));
	tell_moment("created", record_created(record));
	tell_moment("last seen", record_used(record));
	tell_moment("expires", record_deadline(record));
	printf("%-12s %" PRIu64 "\n%-12s %zu\n", "changes", record_changes(record), "octets", record_size(record));
	tell_fields(record);
}

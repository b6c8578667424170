/* export.c - sesamectl export: every record, as it is. */

#include "sbin/sesamectl.h"

#include <inttypes.h>

#include "sbin/json.h"
#include "sbin/transfer.h"
#include "sbin/walk.h"

static void write_octets(const char *text_name, const char *base64_name, const char *octets, size_t size)
{
	bool text = json_is_text(octets, size);

	printf("\"%s\":", text ? text_name : base64_name);
	(text ? json_write : json_write_base64)(stdout, octets, size);
}

static void write_moment(const char *name, int64_t time)
{
	if (time != RECORD_NEVER)
		printf(",\"%s\":%" PRId64, name, time);
}

static void write_field(const struct record_field *field)
{
	putchar('{');
	write_octets("name", "name_base64", field->name, field->name_size);
	putchar(',');
	if (field->type == RECORD_INTEGER)
		printf("\"integer\":%" PRId64, field->number);
	else
		write_octets("text", "base64", field->octets, field->size);
	write_moment("until", field->until);
	putchar('}');
}

static bool write_record(void *context, const struct store_key *key, const uint8_t *record)
{
	int64_t now = ctl_now();
	struct record_field field;
	size_t position = 0;
	bool follows = false;

	(void)context;
	printf("{\"key\":\"");
	for (size_t i = 0; i < STORE_KEY_SIZE; i++)
		printf("%02x", key->octets[i]);
	printf("\",\"created\":%" PRId64 ",\"used\":%" PRId64, record_created(record), record_used(record));
	write_moment("idle_deadline", record_idle_deadline(record));
	write_moment("final_deadline", record_final_deadline(record));
	fputs(",\"fields\":[", stdout);
	while (record_next(record, &position, &field)) {
		if (field.until <= now)
			continue;
		if (follows)
			putchar(',');
		write_field(&field);
		follows = true;
	}
	puts("]}");
	return !ferror(stdout);
}

int ctl_export(const struct ctl_command *self, int argc, char **argv)
{
	struct ctl ctl;
	int status = ctl_begin(&ctl, self, argc, argv);

	if (status != CTL_GO_ON)
		return status;
	puts(TRANSFER_HEAD);
	return ctl_end(&ctl, walk_all(&ctl, write_record, NULL, true));
}

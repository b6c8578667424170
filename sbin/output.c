/* output.c - lines, or JSON. */

#include "sbin/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sbin/json.h"

static void json_name(struct output *o, const char *name)
{
	if (o->follows)
		putchar(',');
	json_write(stdout, name, strlen(name));
	putchar(':');
	o->follows = true;
}

void output_begin(struct output *o)
{
	if (o->json)
		putchar('{');
	o->open = true;
	o->follows = false;
}

void output_close(struct output *o)
{
	if (o->json && o->open)
		puts("}");
	o->open = false;
}

bool output_end(struct output *o)
{
	output_close(o);
	return fflush(stdout) == 0 && !ferror(stdout);
}

void output_number(struct output *o, const char *name, const char *label, uint64_t value)
{
	if (o->json) {
		json_name(o, name);
		printf("%" PRIu64, value);
	} else if (o->in_item) {
		printf("%s%" PRIu64 " %s", o->follows ? ", " : "", value, label);
		o->follows = true;
	} else {
		printf("%-34s %" PRIu64 "\n", label, value);
	}
}

void output_pair(struct output *o, const char *name, const char *label, const char *text)
{
	if (o->json)
		output_text(o, name, text);
	else
		printf("%-34s %s\n", label, text);
}

void output_truth(struct output *o, const char *name, bool truth)
{
	if (!o->json)
		return;
	json_name(o, name);
	fputs(truth ? "true" : "false", stdout);
}

void output_text(struct output *o, const char *name, const char *text)
{
	if (o->json) {
		json_name(o, name);
		json_write(stdout, text, strlen(text));
	} else if (o->in_item) {
		printf("%s: ", text);
	} else {
		puts(text);
	}
}

void output_object(struct output *o, const char *name)
{
	json_name(o, name);
	putchar('{');
}

void output_object_end(struct output *o)
{
	putchar('}');
	o->follows = true;
}

void output_list(struct output *o, const char *name)
{
	if (!o->json)
		return;
	json_name(o, name);
	putchar('[');
	o->follows = false;
}

void output_item(struct output *o)
{
	if (o->json)
		fputs(o->follows ? ",{" : "{", stdout);
	o->follows = false;
	o->in_item = true;
}

void output_item_end(struct output *o)
{
	fputs(o->json ? "}" : "\n", stdout);
	o->in_item = false;
	o->follows = true;
}

void output_list_end(struct output *o)
{
	if (o->json)
		putchar(']');
	o->follows = true;
}

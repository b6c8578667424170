/* output.c - lines, or JSON. */

#include "sbin/output.h"

#include <inttypes.h>
#include <stdio.h>

static void json_text(const char *text)
{
	putchar('"');
	for (const unsigned char *t = (const unsigned char *)text; *t; t++) {
		if (*t == '"' || *t == '\\')
			putchar('\\');
		if (*t < ' ')
			printf("\\u%04x", *t);
		else
			putchar(*t);
	}
	putchar('"');
}

static void json_name(struct output *o, const char *name)
{
	if (o->follows)
		putchar(',');
	json_text(name);
	putchar(':');
	o->follows = true;
}

void output_begin(struct output *o)
{
	if (o->json)
		putchar('{');
}

bool output_end(struct output *o)
{
	if (o->json)
		puts("}");
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

void output_text(struct output *o, const char *name, const char *text)
{
	if (o->json) {
		json_name(o, name);
		json_text(text);
	} else if (o->in_item) {
		printf("%s: ", text);
	} else {
		puts(text);
	}
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

/* why.c - sentences for people. */

#include "lib/why.h"

#include <stdio.h>

void why_write_list(struct sess_why *why, const char *format, va_list arguments)
{
	if (!why)
		return;
	if (vsnprintf(why->text, sizeof(why->text), format, arguments) < 0)
		why->text[0] = '\0';
	for (char *c = why->text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

void why_write(struct sess_why *why, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	why_write_list(why, format, arguments);
	va_end(arguments);
}

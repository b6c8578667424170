#include <string.h>

#include "http_form.h"

static int http_form_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes "%XY", of which left octets are there; -1 if it is none. */
static int http_form_escape(const char *octets, size_t left)
{
	int high = left > 2 ? http_form_digit(octets[1]) : -1;
	int low = left > 2 ? http_form_digit(octets[2]) : -1;

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Decodes the name or value in octets[0…size) and appends it with a NUL. There is room: decoding never makes it longer. */
static bool http_form_decode(struct http_buffer *pairs, const char *octets, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		int c = (unsigned char)octets[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			c = http_form_escape(octets + i, size - i);
			i += 2;
		}
		if (c <= 0)
			return false;
		pairs->octets[pairs->size++] = (char)c;
	}
	pairs->octets[pairs->size++] = '\0';
	return true;
}

static bool http_form_pair(struct http_buffer *pairs, const char *octets, size_t size)
{
	const char *equals = memchr(octets, '=', size);
	size_t name = equals ? (size_t)(equals - octets) : size;

	if (size == 0)
		return true;
	return http_form_decode(pairs, octets, name) && http_form_decode(pairs, octets + name + !!equals, size - name - !!equals);
}

bool http_form_parse(struct http_form *form, const char *octets, size_t size)
{
	/* A lone name takes one octet more than it had: its value's NUL. There are at most size / 2 + 1 pairs. */
	size_t most = size + size / 2 + 3;

	http_buffer_clear(&form->pairs);
	if (!http_buffer_reserve(&form->pairs, most, most))
		return false;
	while (size > 0) {
		const char *end = memchr(octets, '&', size);
		size_t pair = end ? (size_t)(end - octets) : size;

		if (!http_form_pair(&form->pairs, octets, pair)) {
			http_buffer_clear(&form->pairs);
			return false;
		}
		octets += pair + !!end;
		size -= pair + !!end;
	}
	return true;
}

const char *http_form_field(const struct http_form *form, const char *name)
{
	const char *next = form->pairs.octets;
	const char *end = next + form->pairs.size;

	while (next < end) {
		const char *value = next + strlen(next) + 1;

		if (strcmp(next, name) == 0)
			return value;
		next = value + strlen(value) + 1;
	}
	return NULL;
}

void http_form_clear(struct http_form *form)
{
	http_buffer_clear(&form->pairs);
}

void http_form_free(struct http_form *form)
{
	http_buffer_free(&form->pairs);
}

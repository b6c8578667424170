/* json.c - strings and numbers. */

#include "sbin/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypto.h"

#define REPLACEMENT "\\ufffd"

/* ---- UTF-8 (RFC 3629) ---------------------------------------------------------------------------------------------- */

/* The octets of the character that begins here, 0 if none does. */
static size_t character(const unsigned char *o, size_t left)
{
	size_t size = o[0] < 0x80 ? 1 : o[0] >= 0xc2 && o[0] < 0xe0 ? 2 : (o[0] & 0xf0) == 0xe0 ? 3 : o[0] >= 0xf0 && o[0] < 0xf5 ? 4 : 0;

	if (size == 0 || size > left)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((o[i] & 0xc0) != 0x80)
			return 0;
	/* Too long a spelling, a half of a pair, beyond the last one. */
	if ((o[0] == 0xe0 && o[1] < 0xa0) || (o[0] == 0xed && o[1] > 0x9f) || (o[0] == 0xf0 && o[1] < 0x90) ||
	    (o[0] == 0xf4 && o[1] > 0x8f))
		return 0;
	return size;
}

bool json_is_text(const char *octets, size_t size)
{
	for (size_t i = 0, step; i < size; i += step) {
		step = character((const unsigned char *)octets + i, size - i);
		if (step == 0 || octets[i] == '\0')
			return false;
	}
	return true;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

void json_write(FILE *to, const char *octets, size_t size)
{
	const unsigned char *o = (const unsigned char *)octets;

	putc('"', to);
	for (size_t i = 0; i < size;) {
		size_t step = character(o + i, size - i);

		if (step == 0)
			fputs(REPLACEMENT, to);
		else if (o[i] == '"' || o[i] == '\\')
			fprintf(to, "\\%c", o[i]);
		else if (o[i] < ' ' || o[i] == 0x7f)
			fprintf(to, "\\u%04x", o[i]);
		else
			fwrite(o + i, 1, step, to);
		i += step == 0 ? 1 : step;
	}
	putc('"', to);
}

void json_write_base64(FILE *to, const char *octets, size_t size)
{
	char text[4 * 64];

	putc('"', to);
	/* Parts of whole groups, so that they can stand behind each other. */
	for (size_t i = 0; i < size; i += 3 * 64) {
		size_t part = size - i < (size_t)3 * 64 ? size - i : (size_t)3 * 64;
		size_t length = crypto_base64((const uint8_t *)octets + i, part, text);

		fwrite(text, 1, length, to);
	}
	putc('"', to);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

bool json_fault(struct json *j, const char *fault)
{
	if (!j->fault)
		j->fault = fault;
	return false;
}

bool json_accept(struct json *j, char c)
{
	j->at += strspn(j->at, " \t\r\n");
	if (*j->at != c)
		return false;
	j->at++;
	return true;
}

bool json_expect(struct json *j, char c)
{
	static const char structure[] = "{}[]:\"";
	static const char *const faults[] = { "no '{' where an object should begin",
		                              "no '}' where an object should end",
		                              "no '[' where a list should begin",
		                              "no ']' where a list should end",
		                              "no ':' behind a name",
		                              "no string where one should be" };
	const char *which = strchr(structure, c);

	return json_accept(j, c) || json_fault(j, which ? faults[which - structure] : "something is missing");
}

bool json_read_end(struct json *j)
{
	j->at += strspn(j->at, " \t\r\n");
	return !j->fault && (*j->at == '\0' || json_fault(j, "something stands behind the object"));
}

static int hex4(const char *text)
{
	char digits[5] = "";

	memcpy(digits, text, strnlen(text, 4));
	return strspn(digits, "0123456789abcdefABCDEF") == 4 ? (int)strtol(digits, NULL, 16) : -1;
}

static char *put_character(char *to, int code)
{
	unsigned c = (unsigned)code;

	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

/* What stands behind "\u"; a pair of them is one character. */
static char *read_code(struct json *j, char *to)
{
	int code = hex4(j->at), low;

	if (code < 0)
		return NULL;
	j->at += 4;
	if (code >= 0xd800 && code < 0xdc00 && j->at[0] == '\\' && j->at[1] == 'u') {
		low = hex4(j->at + 2);
		if (low < 0xdc00 || low > 0xdfff)
			return NULL;
		j->at += 6;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	return code >= 0xd800 && code < 0xe000 ? NULL : put_character(to, code);
}

/* What stands behind a backslash. */
static char *read_escape(struct json *j, char *to)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *letter;
	char c = *j->at;

	if (c == '\0')
		return NULL;
	j->at++;
	if (c == 'u')
		return read_code(j, to);
	letter = strchr(letters, c);
	if (!letter)
		return NULL;
	*to = meanings[letter - letters];
	return to + 1;
}

/* Nothing becomes longer by being decoded. */
bool json_read_text(struct json *j, struct json_text *ret)
{
	char *to;

	if (!json_expect(j, '"'))
		return false;
	ret->octets = to = j->at;
	while (*j->at != '"') {
		if ((unsigned char)*j->at < ' ')
			return json_fault(j, "a string has no end, or holds a control character");
		if (*j->at == '\\') {
			j->at++;
			to = read_escape(j, to);
			if (!to)
				return json_fault(j, "an escape in a string is none");
		} else {
			*to++ = *j->at++;
		}
	}
	j->at++;
	*to = '\0';
	ret->size = (size_t)(to - ret->octets);
	return true;
}

bool json_read_integer(struct json *j, int64_t *ret)
{
	char *end;

	j->at += strspn(j->at, " \t\r\n");
	if (j->at[strspn(j->at, "-")] < '0' || j->at[strspn(j->at, "-")] > '9')
		return json_fault(j, "no whole number where one should be");
	errno = 0;
	*ret = strtoll(j->at, &end, 10);
	if (errno != 0 || end == j->at || *end == '.' || *end == 'e' || *end == 'E')
		return json_fault(j, "a number is not a whole one of 64 bits");
	j->at = end;
	return true;
}

static int digit_value(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *digit = c ? strchr(digits, c) : NULL;

	return digit ? (int)(digit - digits) : -1;
}

bool json_decode_base64(struct json *j, struct json_text *text)
{
	unsigned held = 0, bits = 0;
	size_t size = 0;

	for (size_t i = 0; i < text->size; i++) {
		int value = digit_value(text->octets[i]);

		if (value < 0)
			return json_fault(j, "a character that base64url has not");
		held = (held << 6 | (unsigned)value) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			text->octets[size++] = (char)(held >> bits);
		}
	}
	if (bits >= 6 || (held & ((1u << bits) - 1)) != 0)
		return json_fault(j, "base64url that ends in the middle of an octet");
	text->octets[size] = '\0';
	text->size = size;
	return true;
}

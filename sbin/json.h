/*
 * json.h - JSON (RFC 8259): written to a stream, and read from a line, as far as the subcommands need it.
 *
 * Octets that are UTF-8 without NUL are a string. Others are told apart by json_is_text; who writes them as a string all the same gets
 * U+FFFD for what is none.
 */
#ifndef SBIN_JSON_H
#define SBIN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* True if a string can hold the octets exactly. */
bool json_is_text(const char *octets, size_t size);

/* Writes octets as a string, quotes included. */
void json_write(FILE *to, const char *octets, size_t size);

/* Writes octets as a string of unpadded base64url (RFC 4648 section 5). */
void json_write_base64(FILE *to, const char *octets, size_t size);

/* A place in a text that ends with NUL, and that is changed as it is read. fault is what went wrong first. */
struct json {
	char *at;
	const char *fault;
};

/* A string, decoded: size octets and a NUL that is not counted. */
struct json_text {
	char *octets;
	size_t size;
};

/* Each is false, and the fault is set, if something else stands there. */
bool json_read_text(struct json *j, struct json_text *ret);
bool json_read_integer(struct json *j, int64_t *ret);
bool json_read_end(struct json *j); /* nothing follows */

/* Passes over one character of structure if it stands there; no fault if not. */
bool json_accept(struct json *j, char c);

/* As json_accept, and a fault if not. */
bool json_expect(struct json *j, char c);

/* Sets the fault, unless there is one, and is false. */
bool json_fault(struct json *j, const char *fault);

/* Decodes base64url in place. False, and the fault is set, if it is none. */
bool json_decode_base64(struct json *j, struct json_text *text);

#endif

/*
 * http_form.h - the fields of an application/x-www-form-urlencoded body (WHATWG URL, section 5.1), strictly: "%" needs two hex digits, and
 * a NUL is refused, since fields are handed out as strings.
 */
#ifndef HTTP_FORM_H
#define HTTP_FORM_H

#include "http_buffer.h"

/* All zero has no fields. Names and values, decoded, each ended by NUL, lie one after the other. */
struct http_form {
	struct http_buffer pairs;
};

/* Reads size octets of a body. False when they are malformed or there is no memory; then the form has no fields. */
bool http_form_parse(struct http_form *form, const char *octets, size_t size);

/* The first field called name, until the form is cleared; NULL if there is none. */
const char *http_form_field(const struct http_form *form, const char *name);

void http_form_clear(struct http_form *form);
void http_form_free(struct http_form *form);

#endif

/*
 * http_buffer.h - octets that grow up to a limit. A thread keeps its buffers from request to request, so that most need no allocation.
 */
#ifndef HTTP_BUFFER_H
#define HTTP_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* All zero is an empty buffer; http_buffer_free makes it that again. */
struct http_buffer {
	char *octets;
	size_t size;
	size_t capacity;
	bool failed; /* something did not fit or no memory was left: what is there is not whole */
};

#define HTTP_BUFFER_KEPT 65536 /* octets that a buffer keeps from one request to the next */

/* Makes room for size more octets, limit being the most that b may hold. False, and b->failed, when that cannot be. */
bool http_buffer_reserve(struct http_buffer *b, size_t size, size_t limit);

/* Append; on failure b->failed is set and nothing is appended then or later. */
void http_buffer_append(struct http_buffer *b, const void *octets, size_t size, size_t limit);
void http_buffer_format(struct http_buffer *b, size_t limit, const char *format, va_list arguments) __attribute__((format(printf, 3, 0)));

/* Empties b, and gives memory back if it had grown large. */
void http_buffer_clear(struct http_buffer *b);
void http_buffer_free(struct http_buffer *b);

#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_buffer.h"

bool http_buffer_reserve(struct http_buffer *b, size_t size, size_t limit)
{
	size_t capacity = b->capacity ? b->capacity : 4096;
	char *octets;

	if (b->failed || size > limit || b->size > limit - size)
		return !(b->failed = true);
	if (b->capacity - b->size >= size)
		return true;
	while (capacity - b->size < size)
		capacity *= 2;
	octets = realloc(b->octets, capacity);
	if (!octets)
		return !(b->failed = true);
	b->octets = octets;
	b->capacity = capacity;
	return true;
}

void http_buffer_append(struct http_buffer *b, const void *octets, size_t size, size_t limit)
{
	if (size == 0 || !http_buffer_reserve(b, size, limit))
		return;
	memcpy(b->octets + b->size, octets, size);
	b->size += size;
}

void http_buffer_format(struct http_buffer *b, size_t limit, const char *format, va_list arguments)
{
	va_list again;
	int size;

	/* vsnprintf wants room for a NUL; first try in what is there. */
	if (!http_buffer_reserve(b, 256, limit + 256))
		return;
	va_copy(again, arguments);
	size = vsnprintf(b->octets + b->size, b->capacity - b->size, format, arguments);
	if (size >= 0 && (size_t)size >= b->capacity - b->size && http_buffer_reserve(b, (size_t)size + 1, limit + 1))
		size = vsnprintf(b->octets + b->size, b->capacity - b->size, format, again);
	va_end(again);
	if (size < 0 || b->size > limit || (size_t)size > limit - b->size)
		b->failed = true;
	if (!b->failed)
		b->size += (size_t)size;
}

void http_buffer_clear(struct http_buffer *b)
{
	if (b->capacity > HTTP_BUFFER_KEPT)
		http_buffer_free(b);
	b->size = 0;
	b->failed = false;
}

void http_buffer_free(struct http_buffer *b)
{
	free(b->octets);
	memset(b, 0, sizeof *b);
}

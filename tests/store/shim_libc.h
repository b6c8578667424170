/*
 * shim_libc.h - by which names the allocator is met: as the whole program's, over the C library's own; or, where a sanitizer has
 * its own allocator, as the linker's wrappers around this program's calls.
 */
#ifndef TESTS_STORE_SHIM_LIBC_H
#define TESTS_STORE_SHIM_LIBC_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SHIM_LIBC_WRAPPED(name) __wrap_##name
#define SHIM_LIBC_REAL(name) __real_##name
#else
#define SHIM_LIBC_WRAPPED(name) name
#define SHIM_LIBC_REAL(name) __libc_##name
#endif

void *SHIM_LIBC_WRAPPED(malloc)(size_t size);
void *SHIM_LIBC_WRAPPED(calloc)(size_t count, size_t size);
void *SHIM_LIBC_WRAPPED(realloc)(void *old, size_t size);
void *SHIM_LIBC_REAL(malloc)(size_t size);
void *SHIM_LIBC_REAL(calloc)(size_t count, size_t size);
void *SHIM_LIBC_REAL(realloc)(void *old, size_t size);

#endif

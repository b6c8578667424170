/*
 * hook.h - what the test build sees of stores into mapped memory.
 *
 * Stores into a mapping are no system calls, so a test that ends a writer "at every step" or rebuilds the files "as they may be after a
 * power cut" has to be told of them. In the ordinary build this is nothing at all.
 */
#ifndef STORE_GDBM_HOOK_H
#define STORE_GDBM_HOOK_H

#ifdef STORE_HOOKS
#include <stddef.h>

/* Called just after size octets at address were stored; point names the step. Set by a test; may end the process. */
extern void (*store_hook)(const char *point, const void *address, size_t size);

#define STORE_HOOK(point, address, size) (store_hook ? store_hook((point), (address), (size)) : (void)0)
#else
#define STORE_HOOK(point, address, size) ((void)0)
#endif

#endif

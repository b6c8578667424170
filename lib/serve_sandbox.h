/*
 * serve_sandbox.h - what a program that serves requests gives up before the first one (doc/sandbox.md).
 *
 * First, while there is a single thread: no new privileges, no core file, and by Landlock no files but those of the sessions, since
 * Landlock binds the thread that asks for it and those that it starts. Later, when the store has started its threads and before any of
 * ours takes a connection: system calls of a list (serve_seccomp.c, which alone calls libseccomp), in all threads.
 */
#ifndef SERVE_SANDBOX_H
#define SERVE_SANDBOX_H

#include <sesame.h>

/*
 * The first part, as sess_prepare asks. Where SANDBOX is "require" and something of it cannot be had: false with a sentence in why; where
 * it is "try", the log says so.
 */
bool serve_sandbox_begin(struct sess_manager *manager, void *context, struct sess_why *why);

/* The second part, in the same way. */
bool serve_sandbox_close(struct sess_manager *manager, struct sess_why *why);

/* What serve_seccomp_load needs to know. */
struct serve_seccomp {
	bool network; /* the store is elsewhere: sockets may be made */
};

/*
 * Bounds the system calls of all threads, for good. NULL, or what was in the way, as a sentence without a full stop.
 */
const char *serve_seccomp_load(const struct serve_seccomp *options);

/* Under the sanitizers there is no sandbox: their own calls are not ours to list. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SERVE_SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SERVE_SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SERVE_SANDBOX_SANITIZED
#define SERVE_SANDBOX_SANITIZED 0
#endif

#endif

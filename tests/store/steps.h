/*
 * steps.h - each step that a store's process takes towards the world: stores into mapped memory (store/gdbm/hook.h) and system calls
 * (wrapped by the linker, see local.mk). A test counts them, ends the process after the nth, makes the nth fail, or writes them down.
 */
#ifndef TESTS_STORE_STEPS_H
#define TESTS_STORE_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STEPS_NAME 32

struct steps {
	unsigned long count;   /* steps so far */
	unsigned long kill_at; /* SIGKILL after this one; 0: never */
	void (*each)(void);    /* if set: called at each */
	char *last;            /* if set: receives the name of that step, in STEPS_NAME octets of memory that outlives the process */
	unsigned long calls;   /* system calls and allocations so far */
	unsigned long fail_at; /* this one of them fails with error; 0: none */
	bool fail_on;          /* and all after it */
	int error;
	const char *failed; /* the one that did */
	/* If set: told of each change to a file, when it has been made. */
	void (*record)(const char *call, int folder_or_fd, const char *name, const char *to, const void *octets, size_t size,
	               uint64_t offset);
};

extern struct steps steps;

/* Begins counting anew, with nothing armed. */
void steps_reset(void);

#endif

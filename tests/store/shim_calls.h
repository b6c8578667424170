/*
 * shim_calls.h - the C library's calls as this program and the libraries that it is linked with make them: told of, made to fail, or slow.
 * What steps.h is for kills, which also meet stores into mapped memory, this is for power cuts and for errors of the system.
 *
 * The functions are defined again in the program, which comes first where the linker looks; so GDBM's calls are met too. With the address
 * sanitizer, which needs malloc for itself, only the program's own allocations are (ld --wrap, see local-power.mk).
 */
#ifndef TESTS_STORE_SHIM_CALLS_H
#define TESTS_STORE_SHIM_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shim_what { SHIM_WRITE, SHIM_TRUNCATE, SHIM_ALLOCATE, SHIM_SYNC, SHIM_CREATE, SHIM_RENAME, SHIM_UNLINK };

/* A call that changes a file or its folder. */
struct shim_call {
	enum shim_what what;
	int fd;             /* of the file; of the folder for RENAME and UNLINK */
	const char *name;   /* CREATE, RENAME, UNLINK */
	const char *to;     /* RENAME */
	const void *octets; /* WRITE; NULL: they are in the file */
	size_t size;        /* WRITE */
	uint64_t offset;    /* WRITE; TRUNCATE and ALLOCATE: the file's size */
};

struct shim {
	/* Called around each such call, after with whether it was done; both or neither are set. */
	void (*before)(const struct shim_call *call);
	void (*after)(const struct shim_call *call, bool done);
	unsigned copy_pause_us;   /* each copy from one file to another takes so much longer */
	unsigned sync_pause_us;   /* and each sync of a file, after it has been done */
	unsigned unlock_pause_us; /* after some of the unlockings of a mutex, so that others come in between */

	/* Failing. */
	unsigned long calls;   /* that could have failed, so far */
	unsigned long fail_at; /* this one of them does, with error; 0: none */
	bool fail_on;          /* and all after it */
	bool fail_short;       /* if it writes, it first writes a part, and all after it fail */
	bool short_writes;     /* each write writes only a part */
	const char *fail_only; /* if set, only calls of this name count */
	int error;
	const char *failed; /* the first one that did */
	unsigned long failures;
};

extern struct shim shim;

#endif

/*
 * shim_trace.h - what a run did to the files of its store, and what the disk may hold of it after a power cut.
 *
 * All threads and processes of a run write into one trace, in the order in which things happened; a sync has a beginning and an end: what
 * was written before it began is safe when it has ended. Marks of the test's own stand between.
 */
#ifndef TESTS_STORE_SHIM_TRACE_H
#define TESTS_STORE_SHIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_NONE UINT32_MAX /* of events: never */

enum trace_kind {
	TRACE_WRITE,
	TRACE_TRUNCATE,
	TRACE_ALLOCATE,
	TRACE_SYNC_BEGIN,
	TRACE_SYNC_END,
	TRACE_CREATE,
	TRACE_RENAME,
	TRACE_UNLINK,
	TRACE_MARK
};

struct trace_event {
	enum trace_kind kind;
	uint32_t file;    /* number of the file, counted from 1; 0 is the folder */
	uint32_t safe_at; /* the end of the first sync that covers it */
	uint32_t begin;   /* SYNC_END: the event that it ends */
	uint64_t time_us;
	uint64_t inode, offset;
	size_t octets, size; /* WRITE: where they are in the trace */
	char name[24], to[24];
};

struct trace;

/* A trace with room for this many events and octets, shared with all forks. NULL when there is no memory. */
struct trace *trace_new(uint32_t events, size_t octets);
void trace_free(struct trace *trace);

/* Begins anew with the files that are in folder, all of them safe. From now on the calls of this process and its forks are written down. */
void trace_begin(struct trace *trace, const char *folder);

/* Ends that, and works out which sync covers what. False when the trace had not enough room. */
bool trace_end(struct trace *trace);

/* Notes that the test has come to some point. The number of the event. */
uint32_t trace_mark(struct trace *trace);

/* The number of events, the first that is not of the files that were there, and any of them. */
uint32_t trace_count(const struct trace *trace);
uint32_t trace_first(const struct trace *trace);
const struct trace_event *trace_event(const struct trace *trace, uint32_t number);

/* How many syncs of files (not of the folder) there were. */
uint32_t trace_syncs(const struct trace *trace);

/* The longest that a sync has taken so far, before the event of this number. */
uint64_t trace_longest_sync(const struct trace *trace, uint32_t before);

/*
 * Makes in folder, which is not there yet, the files as a power cut just before the event cut may have left them; seed chooses among the
 * possibilities. False when it cannot.
 */
bool trace_rebuild(const struct trace *trace, uint32_t cut, uint64_t seed, const char *folder);

/* Compares the files at the end of the trace, as if no power had been cut, with those in folder. The name of one that differs, or NULL. */
const char *trace_differs(const struct trace *trace, const char *folder);

/* Writes the trace to a file, and reads one; for looking at a failure again. */
bool trace_save(const struct trace *trace, const char *path, const void *more, size_t more_size);
bool trace_load(struct trace *trace, const char *path, void *more, size_t more_size);

/* True for files that a store does not trust after a reboot. */
bool trace_of_boot(const char *name);

/* The next number of a sequence that state determines. */
uint64_t trace_chance(uint64_t *state);

#endif

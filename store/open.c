/* open.c - chooses the back end by the location, and hands each call to it. */

#include "store/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* In the order in which --help and messages list them. */
static const struct store_backend *const backends[] = {
#if HAVE_GDBM
	&store_gdbm,
#endif
	&store_memory,
	&store_fault,
};

#define BACKENDS (sizeof(backends) / sizeof(backends[0]))

static const char *const status_names[] = {
	[STORE_OK] = "ok",
	[STORE_ABSENT] = "absent",
	[STORE_GONE] = "gone",
	[STORE_EXISTS] = "exists",
	[STORE_TYPE] = "wrong type",
	[STORE_RANGE] = "out of range",
	[STORE_TOO_LARGE] = "too large",
	[STORE_DAMAGED] = "damaged",
	[STORE_BUSY] = "busy",
	[STORE_UNAVAILABLE] = "unavailable",
	[STORE_NO_MEMORY] = "out of memory",
	[STORE_UNSUPPORTED] = "unsupported",
};

const char *store_status_name(int status)
{
	if (status < 0 || (size_t)status >= sizeof(status_names) / sizeof(status_names[0]))
		return "unknown status";
	return status_names[status];
}

int store_refuse(const struct store_options *options, int status, const char *format, ...)
{
	va_list arguments;

	if (options->why && options->why_size > 0) {
		va_start(arguments, format);
		vsnprintf(options->why, options->why_size, format, arguments);
		va_end(arguments);
	}
	return status;
}

static const struct store_backend *backend_of(const char *location, const char **where)
{
	for (size_t i = 0; i < BACKENDS; i++) {
		size_t size = strlen(backends[i]->scheme);

		if (strncmp(location, backends[i]->scheme, size) == 0 && location[size] == ':') {
			*where = location + size + 1;
			return backends[i];
		}
	}
	return NULL;
}

int store_open(struct store **ret, const struct store_options *options)
{
	struct store_options filled = *options;
	const struct store_backend *backend;
	const char *where;

	if (options->why && options->why_size > 0)
		options->why[0] = '\0';
	if (!options->location)
		return store_refuse(options, STORE_UNSUPPORTED, "no store was named");
	backend = backend_of(options->location, &where);
	if (!backend)
		return store_refuse(options, STORE_UNSUPPORTED,
		                    "'%s' names no store of this build: it begins with gdbm:, memory: or fault:", options->location);
	if (filled.wait_ms == 0)
		filled.wait_ms = 250;
	return backend->open(ret, where, &filled);
}

void store_close(struct store *store)
{
	if (store)
		store->backend->close(store);
}

int store_load(struct store *store, const struct store_key *key, int64_t now, struct record *ret)
{
	errno = 0;
	ret->size = 0;
	ret->forwarded = false;
	return store->backend->load(store, key, now, ret);
}

int store_apply(struct store *store, const struct store_key *key, const struct store_update *update, struct record *ret)
{
	errno = 0;
	ret->size = 0;
	ret->forwarded = false;
	return store->backend->apply(store, key, update, ret);
}

int store_remove(struct store *store, const struct store_key *key, int64_t now, const struct store_tombstone *tombstone)
{
	errno = 0;
	return store->backend->remove(store, key, now, tombstone);
}

int store_rename(struct store *store, const struct store_key *from, const struct store_key *to, const struct store_update *update,
                 const struct store_tombstone *tombstone, struct record *ret)
{
	errno = 0;
	ret->size = 0;
	ret->forwarded = false;
	return store->backend->rename(store, from, to, update, tombstone, ret);
}

int store_walk(struct store *store, uint64_t *cursor, const struct store_walk *walk)
{
	return store->backend->walk(store, cursor, walk);
}

int store_sweep(struct store *store, int64_t now, struct store_swept *ret)
{
	memset(ret, 0, sizeof(*ret));
	return store->backend->sweep(store, now, ret);
}

int store_examine(struct store *store, uint64_t *cursor, const struct store_examination *examination, struct store_findings *ret)
{
	return store->backend->examine(store, cursor, examination, ret);
}

int store_salvage(struct store *store, int64_t now, struct store_salvaged *ret)
{
	memset(ret, 0, sizeof(*ret));
	return store->backend->salvage(store, now, ret);
}

int store_measure(struct store *store, struct store_measures *ret)
{
	memset(ret, 0, sizeof(*ret));
	return store->backend->measure(store, ret);
}

int store_trouble(struct store *store, struct store_trouble *ret)
{
	memset(ret, 0, sizeof(*ret));
	return store->backend->trouble(store, ret);
}

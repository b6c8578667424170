/*
 * fault.c - wraps another store and fails on purpose: "fault:N:LOCATION" answers STORE_UNAVAILABLE from the Nth call on that works on
 * records, once; "fault:N+:LOCATION" from the Nth on, always; "fault:0:LOCATION" never (it counts). Every error path above a store is
 * tested with it.
 */

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "store/fault.h"
#include "store/store.h"

struct fault {
	struct store store;
	struct store *inner;
	unsigned long nth;
	bool always;
	atomic_ulong calls;
};

static struct fault *fault_of(struct store *store)
{
	return (struct fault *)store;
}

unsigned long store_fault_calls(struct store *store)
{
	return store->backend == &store_fault ? atomic_load(&fault_of(store)->calls) : 0;
}

void store_fault_arm(struct store *store, unsigned long nth, bool always)
{
	struct fault *f = fault_of(store);

	atomic_store(&f->calls, 0);
	f->nth = nth;
	f->always = always;
}

static bool fails(struct fault *f)
{
	unsigned long call = atomic_fetch_add(&f->calls, 1) + 1;

	if (f->nth == 0 || call < f->nth || (call > f->nth && !f->always))
		return false;
	errno = EIO;
	return true;
}

static int fault_open(struct store **ret, const char *where, const struct store_options *options)
{
	struct store_options inner = *options;
	struct fault *f;
	char *end;
	unsigned long nth = strtoul(where, &end, 10);
	bool always = *end == '+';
	int status;

	end += always ? 1 : 0;
	if (end == where || *end != ':')
		return store_refuse(options, STORE_UNSUPPORTED, "'fault:%s' is not fault:N:LOCATION or fault:N+:LOCATION", where);
	f = calloc(1, sizeof(*f));
	if (!f)
		return store_refuse(options, STORE_NO_MEMORY, "out of memory");
	inner.location = end + 1;
	status = store_open(&f->inner, &inner);
	if (status != STORE_OK) {
		free(f);
		return status;
	}
	f->store.backend = &store_fault;
	f->nth = nth;
	f->always = always;
	*ret = &f->store;
	return STORE_OK;
}

static void fault_close(struct store *store)
{
	store_close(fault_of(store)->inner);
	free(store);
}

static int fault_load(struct store *store, const struct store_key *key, int64_t now, struct record *ret)
{
	struct fault *f = fault_of(store);

	return fails(f) ? STORE_UNAVAILABLE : store_load(f->inner, key, now, ret);
}

static int fault_apply(struct store *store, const struct store_key *key, const struct store_update *update, struct record *ret)
{
	struct fault *f = fault_of(store);

	return fails(f) ? STORE_UNAVAILABLE : store_apply(f->inner, key, update, ret);
}

static int fault_remove(struct store *store, const struct store_key *key, int64_t now, const struct store_tombstone *tombstone)
{
	struct fault *f = fault_of(store);

	return fails(f) ? STORE_UNAVAILABLE : store_remove(f->inner, key, now, tombstone);
}

static int fault_rename(struct store *store, const struct store_key *from, const struct store_key *to, const struct store_update *update,
                        const struct store_tombstone *tombstone, struct record *ret)
{
	struct fault *f = fault_of(store);

	return fails(f) ? STORE_UNAVAILABLE : store_rename(f->inner, from, to, update, tombstone, ret);
}

static int fault_walk(struct store *store, uint64_t *cursor, const struct store_walk *walk)
{
	struct fault *f = fault_of(store);

	return fails(f) ? STORE_UNAVAILABLE : store_walk(f->inner, cursor, walk);
}

static int fault_sweep(struct store *store, int64_t now, struct store_swept *ret)
{
	struct fault *f = fault_of(store);

	return fails(f) ? STORE_UNAVAILABLE : store_sweep(f->inner, now, ret);
}

static int fault_examine(struct store *store, uint64_t *cursor, const struct store_examination *examination, struct store_findings *ret)
{
	struct fault *f = fault_of(store);

	return fails(f) ? STORE_UNAVAILABLE : store_examine(f->inner, cursor, examination, ret);
}

static int fault_salvage(struct store *store, int64_t now, struct store_salvaged *ret)
{
	struct fault *f = fault_of(store);

	return fails(f) ? STORE_UNAVAILABLE : store_salvage(f->inner, now, ret);
}

static int fault_measure(struct store *store, struct store_measures *ret)
{
	struct fault *f = fault_of(store);

	return fails(f) ? STORE_UNAVAILABLE : store_measure(f->inner, ret);
}

/* Works on no record, and is asked at any time. */
static int fault_trouble(struct store *store, struct store_trouble *ret)
{
	return store_trouble(fault_of(store)->inner, ret);
}

const struct store_backend store_fault = {
	.scheme = "fault",
	.open = fault_open,
	.close = fault_close,
	.load = fault_load,
	.apply = fault_apply,
	.remove = fault_remove,
	.rename = fault_rename,
	.walk = fault_walk,
	.sweep = fault_sweep,
	.examine = fault_examine,
	.salvage = fault_salvage,
	.measure = fault_measure,
	.trouble = fault_trouble,
};

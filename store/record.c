/* record.c - the encoding of a record, and how a change makes the next one. The layout is described in doc/record.md. */

#include "store/record.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "store/store.h"

/* Where things stand in a record; all numbers are little-endian. */
enum {
	AT_VERSION = 0,
	AT_KIND = 1,
	AT_COUNT = 2,
	AT_SIZE = 4,
	AT_CHANGES = 8,
	AT_CREATED = 16,
	AT_USED = 24,
	AT_IDLE = 32,
	AT_FINAL = 40,
	AT_CHECKSUM = 48
};

/* And in a field: name_size, type, two octets of zero, size, then the deadline if UNTIL is set, the name, a NUL, the value, a NUL. */
enum { FIELD_TYPE = 1, FIELD_SIZE = 4, FIELD_HEADER = 8, FIELD_UNTIL = 0x80 };

#define RECORD_VERSION 1

static uint16_t get16(const uint8_t *p)
{
	uint16_t n;

	memcpy(&n, p, sizeof(n));
	return le16toh(n);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return le32toh(n);
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t n;

	memcpy(&n, p, sizeof(n));
	return le64toh(n);
}

static int64_t get64s(const uint8_t *p)
{
	return (int64_t)get64(p);
}

static void put16(uint8_t *p, uint16_t n)
{
	n = htole16(n);
	memcpy(p, &n, sizeof(n));
}

static void put32(uint8_t *p, uint32_t n)
{
	n = htole32(n);
	memcpy(p, &n, sizeof(n));
}

static void put64(uint8_t *p, uint64_t n)
{
	n = htole64(n);
	memcpy(p, &n, sizeof(n));
}

/* ---- the holder ---------------------------------------------------------------------------------------------------- */

void record_init(struct record *r)
{
	r->octets = r->small;
	r->size = 0;
	r->capacity = sizeof(r->small);
	r->forwarded = false;
}

void record_free(struct record *r)
{
	if (r->octets != r->small)
		free(r->octets);
	record_init(r);
}

int record_reserve(struct record *r, size_t size)
{
	uint8_t *larger;

	r->size = 0;
	if (size <= r->capacity)
		return STORE_OK;
	if (size > RECORD_MAX)
		return STORE_TOO_LARGE;
	larger = malloc(size);
	if (!larger)
		return STORE_NO_MEMORY;
	if (r->octets != r->small)
		free(r->octets);
	r->octets = larger;
	r->capacity = size;
	return STORE_OK;
}

int record_copy(struct record *r, const uint8_t *octets, size_t size)
{
	int status = record_reserve(r, size);

	if (status != STORE_OK)
		return status;
	memcpy(r->octets, octets, size);
	r->size = size;
	return STORE_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

enum record_kind record_kind(const uint8_t *octets)
{
	return (enum record_kind)octets[AT_KIND];
}

uint64_t record_changes(const uint8_t *octets)
{
	return get64(octets + AT_CHANGES);
}

int64_t record_created(const uint8_t *octets)
{
	return get64s(octets + AT_CREATED);
}

int64_t record_used(const uint8_t *octets)
{
	return get64s(octets + AT_USED);
}

int64_t record_idle_deadline(const uint8_t *octets)
{
	return get64s(octets + AT_IDLE);
}

int64_t record_final_deadline(const uint8_t *octets)
{
	return get64s(octets + AT_FINAL);
}

size_t record_size(const uint8_t *octets)
{
	return get32(octets + AT_SIZE);
}

int64_t record_deadline(const uint8_t *octets)
{
	int64_t idle = record_idle_deadline(octets), last = record_final_deadline(octets);

	return record_kind(octets) == RECORD_LIVE && idle < last ? idle : last;
}

void record_forward_key(const uint8_t *octets, struct store_key *ret)
{
	memcpy(ret->octets, octets + RECORD_HEADER_SIZE, STORE_KEY_SIZE);
}

static size_t field_extent(uint8_t name_size, bool has_until, size_t size)
{
	return FIELD_HEADER + (has_until ? 8u : 0u) + name_size + 1u + size + 1u;
}

/* Reads the field at octets[*position]; false when it does not lie whole inside size octets. */
static bool field_read(const uint8_t *octets, size_t size, size_t *position, struct record_field *ret)
{
	const uint8_t *p = octets + *position;
	size_t left = size - *position, extent;
	bool has_until;

	if (left < FIELD_HEADER)
		return false;
	has_until = p[FIELD_TYPE] & FIELD_UNTIL;
	ret->name_size = p[0];
	ret->type = p[FIELD_TYPE] & (uint8_t)~FIELD_UNTIL;
	ret->size = get32(p + FIELD_SIZE);
	if (ret->size > RECORD_MAX)
		return false;
	extent = field_extent(ret->name_size, has_until, ret->size);
	if (extent > left)
		return false;
	p += FIELD_HEADER;
	ret->until = has_until ? get64s(p) : RECORD_NEVER;
	p += has_until ? 8 : 0;
	ret->name = (const char *)p;
	p += ret->name_size + 1u;
	ret->octets = (const char *)p;
	ret->number = ret->type == RECORD_INTEGER && ret->size == 8 ? get64s(p) : 0;
	*position += extent;
	return true;
}

bool record_next(const uint8_t *octets, size_t *position, struct record_field *ret)
{
	if (*position == 0)
		*position = RECORD_HEADER_SIZE;
	return record_kind(octets) == RECORD_LIVE && *position < record_size(octets) &&
	       field_read(octets, record_size(octets), position, ret);
}

bool record_find(const uint8_t *octets, const char *name, size_t name_size, int64_t now, struct record_field *ret)
{
	size_t position = 0;

	while (record_next(octets, &position, ret))
		if (ret->name_size == name_size && memcmp(ret->name, name, name_size) == 0)
			return ret->until > now;
	return false;
}

/* ---- trust --------------------------------------------------------------------------------------------------------- */

uint64_t record_sum(const void *octets, size_t size, uint64_t seed)
{
	return XXH3_64bits_withSeed(octets, size, seed);
}

uint64_t record_checksum(const uint8_t *octets)
{
	return get64(octets + AT_CHECKSUM);
}

static uint64_t checksum(const uint8_t *octets, size_t size, const struct store_key *key, uint64_t seed)
{
	uint64_t sum = XXH3_64bits_withSeed(key->octets, STORE_KEY_SIZE, seed);

	sum = XXH3_64bits_withSeed(octets, AT_CHECKSUM, sum);
	return XXH3_64bits_withSeed(octets + RECORD_HEADER_SIZE, size - RECORD_HEADER_SIZE, sum);
}

static bool form_valid(const uint8_t *octets, size_t size)
{
	struct record_field field;
	size_t position = RECORD_HEADER_SIZE;
	unsigned count = 0;

	if (record_kind(octets) == RECORD_TOMBSTONE)
		return size == RECORD_HEADER_SIZE;
	if (record_kind(octets) == RECORD_FORWARD)
		return size == RECORD_HEADER_SIZE + STORE_KEY_SIZE;
	if (record_kind(octets) != RECORD_LIVE)
		return false;
	while (position < size) {
		if (!field_read(octets, size, &position, &field))
			return false;
		if (field.type != RECORD_OCTETS && !(field.type == RECORD_INTEGER && field.size == 8))
			return false;
		count++;
	}
	return count == get16(octets + AT_COUNT);
}

bool record_valid(const uint8_t *octets, size_t size, const struct store_key *key, uint64_t seed)
{
	return size >= RECORD_HEADER_SIZE && size <= RECORD_MAX && octets[AT_VERSION] == RECORD_VERSION && record_size(octets) == size &&
	       record_checksum(octets) == checksum(octets, size, key, seed) && form_valid(octets, size);
}

static void seal(struct record *r, const struct store_key *key, uint64_t seed)
{
	put32(r->octets + AT_SIZE, (uint32_t)r->size);
	put64(r->octets + AT_CHECKSUM, checksum(r->octets, r->size, key, seed));
}

/* ---- what is met --------------------------------------------------------------------------------------------------- */

int record_status(const uint8_t *old, int64_t now)
{
	if (!old || now >= record_deadline(old))
		return STORE_ABSENT;
	return record_kind(old) == RECORD_LIVE ? STORE_OK : STORE_GONE;
}

bool record_leads_on(const uint8_t *old, int64_t now)
{
	return old && record_kind(old) == RECORD_FORWARD && now < record_idle_deadline(old) && now < record_final_deadline(old);
}

int record_admit(int status, const struct store_update *update)
{
	if (status == STORE_OK)
		return update->condition == STORE_IF_PRESENT ? STORE_OK : STORE_EXISTS;
	if (status == STORE_ABSENT)
		return update->condition == STORE_IF_ABSENT ? STORE_OK : STORE_ABSENT;
	return status;
}

/* ---- changing ------------------------------------------------------------------------------------------------------ */

static bool names_field(const struct store_change *change, const struct record_field *field)
{
	return change->name_size == field->name_size && memcmp(change->name, field->name, field->name_size) == 0;
}

static void set_number(struct record_field *field, int64_t number)
{
	field->type = RECORD_INTEGER;
	field->number = number;
	field->size = 8;
}

/* One change on one field; *there says whether the field is there, before and after. */
static int change_field(const struct store_change *change, struct record_field *field, bool *there)
{
	int64_t sum = change->number;

	if (change->what == STORE_UNSET) {
		*there = false;
		return STORE_OK;
	}
	if (change->what == STORE_ADD && *there) {
		if (field->type != RECORD_INTEGER)
			return STORE_TYPE;
		if (__builtin_add_overflow(field->number, change->number, &sum))
			return STORE_RANGE;
	}
	field->until = change->until;
	if (change->what == STORE_SET_OCTETS) {
		field->type = RECORD_OCTETS;
		field->octets = change->octets;
		field->size = change->size;
	} else {
		set_number(field, sum);
	}
	*there = true;
	return STORE_OK;
}

/* Applies to field every change from the first on that names it. */
static int change_field_from(const struct store_update *update, size_t first, struct record_field *field, bool *there)
{
	for (size_t i = first; i < update->count; i++) {
		if (!names_field(&update->changes[i], field))
			continue;
		int status = change_field(&update->changes[i], field, there);
		if (status != STORE_OK)
			return status;
	}
	return STORE_OK;
}

static void field_write(struct record *ret, const struct record_field *field)
{
	uint8_t *p = ret->octets + ret->size;
	bool has_until = field->until != RECORD_NEVER;

	p[0] = field->name_size;
	p[FIELD_TYPE] = field->type | (has_until ? FIELD_UNTIL : 0);
	put16(p + 2, 0);
	put32(p + FIELD_SIZE, field->size);
	p += FIELD_HEADER;
	if (has_until) {
		put64(p, (uint64_t)field->until);
		p += 8;
	}
	memcpy(p, field->name, field->name_size);
	p += field->name_size;
	*p++ = 0;
	if (field->type == RECORD_INTEGER)
		put64(p, (uint64_t)field->number);
	else if (field->size > 0)
		memcpy(p, field->octets, field->size);
	p[field->size] = 0;
	ret->size += field_extent(field->name_size, has_until, field->size);
	put16(ret->octets + AT_COUNT, (uint16_t)(get16(ret->octets + AT_COUNT) + 1));
}

/* The size that the result cannot pass. */
static size_t upper_bound(const uint8_t *old, const struct store_update *update)
{
	size_t bound = old ? record_size(old) : RECORD_HEADER_SIZE;

	for (size_t i = 0; i < update->count; i++) {
		const struct store_change *change = &update->changes[i];
		size_t value = change->what == STORE_SET_OCTETS ? change->size : change->what == STORE_UNSET ? 0 : 8;

		if (value > RECORD_MAX)
			return SIZE_MAX;
		bound += field_extent(change->name_size, true, value);
	}
	return bound;
}

/* A bound above RECORD_MAX may still give a record below it: then the exact work is done in a larger buffer. */
static int reserve_for(struct record *ret, size_t bound)
{
	uint8_t *larger;

	if (bound <= RECORD_MAX)
		return record_reserve(ret, bound);
	if (bound > 8 * (size_t)RECORD_MAX)
		return STORE_TOO_LARGE;
	larger = malloc(bound);
	if (!larger)
		return STORE_NO_MEMORY;
	record_free(ret);
	ret->octets = larger;
	ret->capacity = bound;
	return STORE_OK;
}

static void write_header(struct record *ret, const uint8_t *old, uint64_t changes, const struct store_update *update)
{
	uint8_t *p = ret->octets;
	bool anew = !old || update->restart;
	int64_t idle = anew ? update->idle_deadline : record_idle_deadline(old);

	if (idle < update->extend_before)
		idle = update->idle_deadline;
	memset(p, 0, RECORD_HEADER_SIZE);
	p[AT_VERSION] = RECORD_VERSION;
	p[AT_KIND] = RECORD_LIVE;
	put64(p + AT_CHANGES, changes + 1);
	put64(p + AT_CREATED, (uint64_t)(anew ? update->now : record_created(old)));
	put64(p + AT_USED, (uint64_t)update->now);
	put64(p + AT_IDLE, (uint64_t)idle);
	put64(p + AT_FINAL, (uint64_t)(anew ? update->final_deadline : record_final_deadline(old)));
	ret->size = RECORD_HEADER_SIZE;
}

/* The fields that were there, each with the changes that name it. */
static int write_old_fields(struct record *ret, const uint8_t *old, const struct store_update *update)
{
	struct record_field field;
	size_t position = 0;

	while (record_next(old, &position, &field)) {
		bool there = field.until > update->now;
		int status = change_field_from(update, 0, &field, &there);

		if (status != STORE_OK)
			return status;
		if (there)
			field_write(ret, &field);
	}
	return STORE_OK;
}

static bool named_before(const struct store_update *update, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (update->changes[j].name_size == update->changes[i].name_size &&
		    memcmp(update->changes[j].name, update->changes[i].name, update->changes[i].name_size) == 0)
			return true;
	return false;
}

static bool old_has(const uint8_t *old, const struct store_change *change)
{
	struct record_field field;
	size_t position = 0;

	while (old && record_next(old, &position, &field))
		if (names_field(change, &field))
			return true;
	return false;
}

/* The fields that only the changes know, at their first mention. */
static int write_new_fields(struct record *ret, const uint8_t *old, const struct store_update *update)
{
	for (size_t i = 0; i < update->count; i++) {
		const struct store_change *change = &update->changes[i];
		struct record_field field = { .name = change->name, .name_size = change->name_size, .until = RECORD_NEVER };
		bool there = false;
		int status;

		if (named_before(update, i) || old_has(old, change))
			continue;
		status = change_field_from(update, i, &field, &there);
		if (status != STORE_OK)
			return status;
		if (there)
			field_write(ret, &field);
	}
	return STORE_OK;
}

int record_apply(const uint8_t *old, uint64_t changes, const struct store_key *key, const struct store_update *update, uint64_t seed,
                 struct record *ret)
{
	int status = reserve_for(ret, upper_bound(old, update));

	if (status != STORE_OK)
		return status;
	ret->forwarded = false;
	write_header(ret, old, changes, update);
	if (old)
		status = write_old_fields(ret, old, update);
	if (status == STORE_OK)
		status = write_new_fields(ret, old, update);
	if (status == STORE_OK && ret->size > RECORD_MAX)
		status = STORE_TOO_LARGE;
	if (status != STORE_OK) {
		record_free(ret);
		return status;
	}
	seal(ret, key, seed);
	return STORE_OK;
}

int record_bury(uint64_t changes, const struct store_key *key, int64_t now, const struct store_tombstone *tombstone, uint64_t seed,
                struct record *ret)
{
	size_t size = RECORD_HEADER_SIZE + (tombstone->forward ? STORE_KEY_SIZE : 0);
	int status = record_reserve(ret, size);

	if (status != STORE_OK)
		return status;
	memset(ret->octets, 0, RECORD_HEADER_SIZE);
	ret->octets[AT_VERSION] = RECORD_VERSION;
	ret->octets[AT_KIND] = tombstone->forward ? RECORD_FORWARD : RECORD_TOMBSTONE;
	put64(ret->octets + AT_CHANGES, changes + 1);
	put64(ret->octets + AT_CREATED, (uint64_t)now);
	put64(ret->octets + AT_USED, (uint64_t)now);
	put64(ret->octets + AT_IDLE, (uint64_t)tombstone->grace);
	put64(ret->octets + AT_FINAL, (uint64_t)tombstone->final_deadline);
	if (tombstone->forward)
		memcpy(ret->octets + RECORD_HEADER_SIZE, tombstone->forward_key.octets, STORE_KEY_SIZE);
	ret->size = size;
	ret->forwarded = false;
	seal(ret, key, seed);
	return STORE_OK;
}

/*
 * record.h - one stored session: a small hash of names and values, with deadlines.
 *
 * A record *is* its encoding (doc/record.md): the octets that a store keeps are the ones that are read here, in place. It carries a
 * checksum bound to its key and to the store, so that a damaged or misplaced record is found and never served.
 *
 * All times are Unix seconds. Nothing here is shared between threads; a record belongs to its caller.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_KEY_SIZE 16u
#define RECORD_HEADER_SIZE 56u
#define RECORD_MAX 65536u      /* the whole encoding, octets */
#define RECORD_NAME_MAX 255u   /* a field's name, octets */
#define RECORD_NEVER INT64_MAX /* a deadline that does not come */

/* The name of a record: a hash, so that a copied store is not a set of live sessions. */
struct store_key {
	uint8_t octets[STORE_KEY_SIZE];
};

enum record_kind {
	RECORD_LIVE = 1,
	RECORD_TOMBSTONE = 2, /* removed: nothing may be stored under this key before its final deadline */
	RECORD_FORWARD = 3    /* a tombstone that still leads to another key, until its idle deadline */
};

enum record_type {
	RECORD_INTEGER = 1, /* int64_t */
	RECORD_OCTETS = 2
};

/* A field of a record, pointing into it. Octets are always followed by a NUL that is not counted. */
struct record_field {
	const char *name; /* name_size octets, then a NUL */
	const char *octets;
	int64_t number; /* RECORD_INTEGER */
	int64_t until;  /* the field's own deadline, RECORD_NEVER when it lives as long as its record */
	uint32_t size;
	uint8_t name_size;
	uint8_t type;
};

/* What is to become of one field. Pointers belong to the caller and are not kept. */
struct store_change {
	enum { STORE_ADD, STORE_SET_INTEGER, STORE_SET_OCTETS, STORE_UNSET } what;
	uint8_t name_size;
	uint32_t size;
	const char *name;
	const char *octets; /* STORE_SET_OCTETS: size octets */
	int64_t number;     /* STORE_ADD, STORE_SET_INTEGER */
	int64_t until;      /* RECORD_NEVER, or the field's own deadline: it is dropped by the first change after it */
};

/* A record held by its caller. Start with record_init, end with record_free; small ones need no allocation. */
struct record {
	uint8_t *octets;
	size_t size; /* 0: nothing held */
	size_t capacity;
	bool forwarded; /* reached through a RECORD_FORWARD */
	uint8_t small[256];
};

void record_init(struct record *r);
void record_free(struct record *r);

/* Makes room for size octets (at most RECORD_MAX), contents lost. STORE_OK, STORE_TOO_LARGE or STORE_NO_MEMORY. */
int record_reserve(struct record *r, size_t size);

/* Holds a copy of size octets. As record_reserve. */
int record_copy(struct record *r, const uint8_t *octets, size_t size);

/* True if the octets are a whole record of this key in the store with this seed: form, lengths and checksum. */
bool record_valid(const uint8_t *octets, size_t size, const struct store_key *key, uint64_t seed);

/* The checksum that all of the store's own structures use (XXH3, 64 bits). */
uint64_t record_sum(const void *octets, size_t size, uint64_t seed);

/* The checksum that a record carries. */
uint64_t record_checksum(const uint8_t *octets);

/* The following read a valid record. */
enum record_kind record_kind(const uint8_t *octets);
uint64_t record_changes(const uint8_t *octets); /* how often it was changed */
int64_t record_created(const uint8_t *octets);
int64_t record_used(const uint8_t *octets); /* last change or touch */
int64_t record_idle_deadline(const uint8_t *octets);
int64_t record_final_deadline(const uint8_t *octets);
size_t record_size(const uint8_t *octets); /* from the header alone; check it against what is there */

/* The moment from which the record is as if it were not there. */
int64_t record_deadline(const uint8_t *octets);

/* The key that a RECORD_FORWARD leads to. */
void record_forward_key(const uint8_t *octets, struct store_key *ret);

/* Field by name; false if there is none or its own deadline has passed at now. */
bool record_find(const uint8_t *octets, const char *name, size_t name_size, int64_t now, struct record_field *ret);

/* Next field after *position (0 at first), those past their deadline included; false at the end. */
bool record_next(const uint8_t *octets, size_t *position, struct record_field *ret);

struct store_update;

/*
 * What an operation meets that finds old (a valid record, or NULL) at now: STORE_OK when a live record is there, STORE_ABSENT when none is
 * or its deadline has passed, STORE_GONE when a tombstone is.
 */
int record_status(const uint8_t *old, int64_t now);

/* True if old is a RECORD_FORWARD that still leads on at now. */
bool record_leads_on(const uint8_t *old, int64_t now);

/* True if update may be applied where record_status said status: then STORE_OK; else STORE_ABSENT, STORE_GONE or STORE_EXISTS. */
int record_admit(int status, const struct store_update *update);

/*
 * Applies update to the valid record old (NULL: to an empty, new one) of key, and puts the result into ret, sealed. changes is the count of
 * what stands under key already, expired or not (0: nothing does): of two records of one key the one with the higher count is the newer.
 * old may not be inside ret. STORE_OK; STORE_TYPE when a STORE_ADD meets octets; STORE_RANGE when it would overflow; STORE_TOO_LARGE;
 * STORE_NO_MEMORY. Unless STORE_OK, ret holds nothing.
 */
int record_apply(const uint8_t *old, uint64_t changes, const struct store_key *key, const struct store_update *update, uint64_t seed,
                 struct record *ret);

struct store_tombstone;

/* Puts into ret the tombstone of key, sealed; changes as in record_apply. STORE_OK or STORE_NO_MEMORY. */
int record_bury(uint64_t changes, const struct store_key *key, int64_t now, const struct store_tombstone *tombstone, uint64_t seed,
                struct record *ret);

#endif

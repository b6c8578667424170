/* image.c - the octets of GDBM files. */

#include "store/gdbm/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/gdbm/files.h"
#include "store/store.h"

#define MAGIC 0x13579acf  /* of a file with 64-bit offsets, as we make them */
#define SLACK (16u << 20) /* how far beyond its end a sound file's next block may be */
#define HASH_BITS 31u
#define SPARE 6u /* pieces of free space that a bucket remembers */

struct piece {
	int32_t size;
	int64_t at;
};

struct head {
	int32_t magic, block_size;
	int64_t directory;
	int32_t directory_size, directory_bits, bucket_size, bucket_elements;
	int64_t next_block; /* where the file will grow */
	int32_t pieces_max, pieces;
};

struct element {
	int32_t hash; /* -1: not in use */
	char key_start[4];
	int64_t at; /* of the key, and the record behind it */
	int32_t key_size, record_size;
};

struct bucket {
	int32_t pieces;
	struct piece spare[SPARE];
	int32_t bits; /* so many of a hash's first bits lead here */
	int32_t count;
	struct element elements[];
};

#define ELEMENTS ((IMAGE_BLOCK - sizeof(struct bucket)) / sizeof(struct element))

/* ---- is it sound? -------------------------------------------------------------------------------------------------- */

/* Each slot of the directory leads to a whole bucket in the file. */
static bool directory_sound(int fd, const struct head *head, int64_t size)
{
	int64_t places[512];
	int64_t left = head->directory_size, at = head->directory;

	while (left > 0) {
		size_t part = left < (int64_t)sizeof(places) ? (size_t)left : sizeof(places);

		if (pread(fd, places, part, at) != (ssize_t)part)
			return false;
		for (size_t i = 0; i < part / sizeof(places[0]); i++)
			if (places[i] < IMAGE_BLOCK || places[i] > size - IMAGE_BLOCK)
				return false;
		at += (int64_t)part;
		left -= (int64_t)part;
	}
	return true;
}

static bool head_sound(const struct head *head, int64_t size)
{
	return head->magic == MAGIC && head->block_size == IMAGE_BLOCK && head->bucket_size == IMAGE_BLOCK &&
	       head->bucket_elements == (int32_t)ELEMENTS && head->directory_bits > 0 && head->directory_bits < (int32_t)HASH_BITS - 3 &&
	       head->directory_size == (int32_t)sizeof(int64_t) << head->directory_bits && head->directory >= IMAGE_BLOCK &&
	       head->directory <= size - head->directory_size && head->next_block >= 2 * IMAGE_BLOCK &&
	       head->next_block <= size + (int64_t)SLACK && head->pieces_max > 0 &&
	       (size_t)head->pieces_max <= (IMAGE_BLOCK - sizeof(*head)) / sizeof(struct piece) && head->pieces >= 0 &&
	       head->pieces <= head->pieces_max;
}

bool image_sound(int fd, uint64_t *end)
{
	struct head head;
	struct stat st;

	if (fstat(fd, &st) != 0 || st.st_size < 2 * IMAGE_BLOCK || pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    !head_sound(&head, st.st_size) || !directory_sound(fd, &head, st.st_size))
		return false;
	*end = (uint64_t)(head.next_block < st.st_size ? head.next_block : st.st_size);
	return true;
}

/* ---- what is left? ------------------------------------------------------------------------------------------------- */

struct image {
	uint8_t *octets;
	size_t size;
	uint64_t seed;
};

/* A place where a bucket seems to be. */
struct candidate {
	size_t at;
	uint32_t bits, prefix; /* of the hashes that belong there */
	uint32_t good;         /* elements that may be what they seem */
	uint32_t count;
};

struct candidates {
	struct candidate *list;
	size_t count, capacity;
};

static struct element element_at(const struct image *image, size_t bucket, size_t i)
{
	struct element element;

	memcpy(&element, image->octets + bucket + sizeof(struct bucket) + i * sizeof(element), sizeof(element));
	return element;
}

static uint32_t prefix_of(int32_t hash, uint32_t bits)
{
	return bits == 0 ? 0 : (uint32_t)hash >> (HASH_BITS - bits);
}

static bool plausible(const struct image *image, const struct element *element)
{
	return element->hash >= 0 && element->key_size == STORE_KEY_SIZE && element->record_size >= (int32_t)RECORD_HEADER_SIZE &&
	       element->record_size <= (int32_t)RECORD_MAX && element->at > 0 && (uint64_t)element->at < image->size &&
	       (uint64_t)element->key_size + (uint64_t)element->record_size <= image->size - (uint64_t)element->at &&
	       memcmp(element->key_start, image->octets + element->at, sizeof(element->key_start)) == 0;
}

static uint32_t count_good(const struct image *image, size_t at, uint32_t bits, uint32_t prefix)
{
	uint32_t good = 0;

	for (size_t i = 0; i < ELEMENTS; i++) {
		struct element element = element_at(image, at, i);

		good += plausible(image, &element) && prefix_of(element.hash, bits) == prefix;
	}
	return good;
}

static int32_t number_at(const struct image *image, size_t at)
{
	int32_t number;

	memcpy(&number, image->octets + at, sizeof(number));
	return number;
}

/* A bucket is one if half of the elements that it counts may be there. One of the first few says whose place it is. */
static bool find_bucket(const struct image *image, size_t at, struct candidate *ret)
{
	int32_t pieces = number_at(image, at), bits, count;
	unsigned tries = 4;

	if (pieces < 0 || pieces > (int32_t)SPARE)
		return false;
	bits = number_at(image, at + offsetof(struct bucket, bits));
	count = number_at(image, at + offsetof(struct bucket, count));
	if (bits < 0 || bits > (int32_t)HASH_BITS || count < 1 || count > (int32_t)ELEMENTS)
		return false;
	*ret = (struct candidate){ .at = at, .bits = (uint32_t)bits, .count = (uint32_t)count };
	for (size_t i = 0; i < ELEMENTS && tries > 0; i++) {
		struct element element = element_at(image, at, i);

		if (!plausible(image, &element))
			continue;
		ret->prefix = prefix_of(element.hash, ret->bits);
		ret->good = count_good(image, at, ret->bits, ret->prefix);
		if (2 * ret->good >= ret->count)
			return true;
		tries--;
	}
	return false;
}

/* What overlaps is one bucket, seen twice. */
static int candidates_add(struct candidates *candidates, const struct candidate *candidate)
{
	struct candidate *last = candidates->count > 0 ? &candidates->list[candidates->count - 1] : NULL;

	if (last && candidate->at < last->at + IMAGE_BLOCK) {
		if (candidate->good > last->good)
			*last = *candidate;
		return STORE_OK;
	}
	if (candidates->count == candidates->capacity) {
		size_t capacity = candidates->capacity ? 2 * candidates->capacity : 64;
		struct candidate *list = realloc(candidates->list, capacity * sizeof(*list));

		if (!list)
			return STORE_NO_MEMORY;
		candidates->list = list;
		candidates->capacity = capacity;
	}
	candidates->list[candidates->count++] = *candidate;
	return STORE_OK;
}

/* In the order of the keys' hashes, and of two for the same hashes the one for more of them, which was split, first. */
static int by_prefix(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	uint64_t from_x = (uint64_t)x->prefix << (HASH_BITS - x->bits), from_y = (uint64_t)y->prefix << (HASH_BITS - y->bits);

	if (from_x != from_y)
		return from_x < from_y ? -1 : 1;
	return x->bits != y->bits ? (x->bits < y->bits ? -1 : 1) : (x->at > y->at) - (x->at < y->at);
}

static int find_buckets(const struct image *image, struct candidates *ret)
{
	struct candidate candidate;
	int status = STORE_OK;

	for (size_t at = IMAGE_BLOCK; at + IMAGE_BLOCK <= image->size && status == STORE_OK; at++)
		if (find_bucket(image, at, &candidate))
			status = candidates_add(ret, &candidate);
	if (ret->count > 1)
		qsort(ret->list, ret->count, sizeof(ret->list[0]), by_prefix);
	return status;
}

/* True if buckets of a deeper split have come in the place of this one: then what it names is out of date. */
static bool was_split(const struct candidates *candidates, size_t i)
{
	const struct candidate *one = &candidates->list[i], *next = one + 1, *end = candidates->list + candidates->count;

	while (next < end && next->bits == one->bits && next->prefix == one->prefix)
		next++;
	return next < end && next->bits > one->bits && next->prefix >> (next->bits - one->bits) == one->prefix;
}

static bool visit_bucket(const struct image *image, const struct candidate *bucket,
                         bool (*each)(void *context, const struct store_key *key, const uint8_t *record), void *context, uint64_t *lost)
{
	uint32_t valid = 0;
	bool go_on = true;

	for (size_t i = 0; i < ELEMENTS && go_on; i++) {
		struct element element = element_at(image, bucket->at, i);
		const uint8_t *record;
		struct store_key key;

		if (!plausible(image, &element) || prefix_of(element.hash, bucket->bits) != bucket->prefix)
			continue;
		memcpy(key.octets, image->octets + element.at, STORE_KEY_SIZE);
		record = image->octets + element.at + STORE_KEY_SIZE;
		if (!record_valid(record, (size_t)element.record_size, &key, image->seed))
			continue;
		valid++;
		go_on = each(context, &key, record);
	}
	*lost += go_on && valid < bucket->count ? bucket->count - valid : 0;
	return go_on;
}

int image_each(int fd, uint64_t seed, bool (*each)(void *context, const struct store_key *key, const uint8_t *record), void *context,
               uint64_t *lost)
{
	struct image image = { .seed = seed };
	struct candidates candidates = { 0 };
	int status = files_read_whole(fd, &image.octets, &image.size);
	bool go_on = true;

	if (status == STORE_OK)
		status = find_buckets(&image, &candidates);
	for (size_t i = 0; i < candidates.count && status == STORE_OK && go_on; i++)
		if (!was_split(&candidates, i))
			go_on = visit_bucket(&image, &candidates.list[i], each, context, lost);
	free(candidates.list);
	free(image.octets);
	return status;
}

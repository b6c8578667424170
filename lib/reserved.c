/* reserved.c - keys, handles and the library's own fields. */

#include "lib/reserved.h"

#include <stdio.h>
#include <string.h>

#include "lib/crypto.h"

#define PURPOSE_MAX 16u

static void digest_of(const char *purpose, const void *octets, size_t size, uint8_t *digest)
{
	char text[PURPOSE_MAX + SESS_USER_MAX];
	size_t purpose_size = strlen(purpose);

	memcpy(text, purpose, purpose_size);
	memcpy(text + purpose_size, octets, size);
	crypto_digest(CRYPTO_SHA256, text, purpose_size + size, digest);
}

static void key_of(const char *purpose, const char *text, struct store_key *ret)
{
	uint8_t digest[CRYPTO_DIGEST_MAX];

	digest_of(purpose, text, strnlen(text, SESS_USER_MAX), digest);
	memcpy(ret->octets, digest, sizeof(ret->octets));
}

void reserved_session_key(const char *id, struct store_key *ret)
{
	key_of("sesame.session:", id, ret);
}

void reserved_index_key(const char *user, struct store_key *ret)
{
	key_of("sesame.user:", user, ret);
}

void reserved_counter_key(const char *name, struct store_key *ret)
{
	key_of("sesame.counter:", name, ret);
}

void reserved_handle(const struct store_key *key, char handle[SESS_HANDLE_SIZE])
{
	uint8_t digest[CRYPTO_DIGEST_MAX];

	digest_of("sesame.handle:", key->octets, sizeof(key->octets), digest);
	for (size_t i = 0; i < (SESS_HANDLE_SIZE - 1) / 2; i++)
		snprintf(handle + 2 * i, 3, "%02x", digest[i]);
}

static bool has(const uint8_t *record, const char *name, struct record_field *field)
{
	return record_find(record, name, strlen(name), INT64_MIN, field);
}

enum reserved_kind reserved_kind_of(const uint8_t *record)
{
	struct record_field field;

	if (has(record, RESERVED_INDEX, &field))
		return RESERVED_IS_INDEX;
	return has(record, RESERVED_COUNTER, &field) ? RESERVED_IS_COUNTER : RESERVED_IS_SESSION;
}

const char *reserved_text(const uint8_t *record, const char *name)
{
	struct record_field field;

	return has(record, name, &field) && field.type == RECORD_OCTETS ? field.octets : NULL;
}

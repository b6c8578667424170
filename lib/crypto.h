/*
 * crypto.h - hashes, keyed hashes and random ids: the only place that calls libgcrypt, and the only one that asks the kernel for
 * randomness.
 *
 * Any thread may call everything here, on one key too. Secrets are wiped before their memory is given back.
 */
#ifndef LIB_CRYPTO_H
#define LIB_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRYPTO_DIGEST_MAX 32u /* octets of the longest digest here */
#define CRYPTO_ID_SIZE 33u    /* octets of an id as text, its NUL included */

enum crypto_hash { CRYPTO_SHA1, CRYPTO_SHA256 };

/* Octets of a digest: 20 and 32. */
size_t crypto_digest_size(enum crypto_hash hash);

/* Characters of size octets as unpadded base64url (RFC 4648 section 5). */
#define CRYPTO_BASE64_SIZE(size) (((size)*8u + 5u) / 6u)

/* A key for HMAC (RFC 2104) whose prepared state is kept, which makes a short HMAC three times as fast. */
struct crypto_key;

/*
 * Prepares libgcrypt, once for the process, unless the program has initialised it; done by every call below that needs it. False if the
 * library at hand is too old.
 */
bool crypto_init(void);

/* A key of size octets, copied, for HMAC with hash. NULL when out of memory. */
struct crypto_key *crypto_key_new(enum crypto_hash hash, const void *key, size_t size);

/* Wipes and frees. NULL does nothing. No other call on key may be under way. */
void crypto_key_free(struct crypto_key *key);

/* The HMAC of the size octets of data under key, into digest (crypto_digest_size octets). False when out of memory. */
bool crypto_hmac(struct crypto_key *key, const void *data, size_t size, uint8_t *digest) __attribute__((warn_unused_result));

/* The plain hash of the size octets of data, into digest (crypto_digest_size octets). */
void crypto_digest(enum crypto_hash hash, const void *data, size_t size, uint8_t *digest);

/* True if the size octets of a and b are the same; takes the same time wherever they differ. */
bool crypto_equal(const void *a, const void *b, size_t size) __attribute__((warn_unused_result));

/* Overwrites size octets, and the compiler may not leave it out. */
void crypto_wipe(void *data, size_t size);

/* size random octets from the kernel (getrandom(2)). False if it has none to give: then data is not to be used. */
bool crypto_random(void *data, size_t size) __attribute__((warn_unused_result));

/*
 * A fresh session id: 128 random bits as 32 lower-case hex digits and a NUL. Drawn from a block that each thread keeps; what a fork copied
 * is thrown away in the child. False as crypto_random.
 */
bool crypto_random_id(char id[CRYPTO_ID_SIZE]) __attribute__((warn_unused_result));

/* Writes size octets as unpadded base64url: CRYPTO_BASE64_SIZE(size) characters and no NUL. Returns their number. */
size_t crypto_base64(const uint8_t *data, size_t size, char *text);

/* A small number that differs between most threads, for spreading them over slots. */
unsigned crypto_thread_number(void);

#endif

/* crypto.c - libgcrypt and getrandom(2) behind a dozen functions. */

#include "lib/crypto.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <gcrypt.h>

#define NEED_GCRYPT "1.8.0"
#define SLOTS 16u /* prepared handles kept per key: more threads than this at one moment open one of their own */
#define RANDOM_BLOCK 512u

struct crypto_key {
	enum crypto_hash hash;
	size_t size;
	uint8_t *octets; /* for opening further handles */
	_Atomic(gcry_md_hd_t) slots[SLOTS];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool usable;
static atomic_uint threads;
static atomic_uint forks; /* changes in each child, so that its threads drop what they inherited */

static _Thread_local unsigned thread_number;
static _Thread_local struct {
	unsigned forks;
	size_t left;
	uint8_t octets[RANDOM_BLOCK];
} block;

static int algorithm(enum crypto_hash hash)
{
	return hash == CRYPTO_SHA1 ? GCRY_MD_SHA1 : GCRY_MD_SHA256;
}

size_t crypto_digest_size(enum crypto_hash hash)
{
	return hash == CRYPTO_SHA1 ? 20 : 32;
}

static void forked(void)
{
	atomic_fetch_add(&forks, 1);
}

/* Initialising is the program's right (libgcrypt's manual, "Initializing the library"); a library does it only where the program did not.
 */
static void init_once(void)
{
	pthread_atfork(NULL, NULL, forked);
	if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P)) {
		usable = true;
		return;
	}
	if (!gcry_check_version(NEED_GCRYPT))
		return;
	/* Secure memory is a few locked pages and a lock that all threads share: too small and too slow for a handle per thread. */
	gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	usable = true;
}

bool crypto_init(void)
{
	pthread_once(&once, init_once);
	return usable;
}

unsigned crypto_thread_number(void)
{
	if (thread_number == 0)
		thread_number = atomic_fetch_add(&threads, 1) + 1;
	return thread_number;
}

/* ---- keyed hashes --------------------------------------------------------------------------------------------------- */

static gcry_md_hd_t handle_open(const struct crypto_key *key)
{
	gcry_md_hd_t handle;

	if (gcry_md_open(&handle, algorithm(key->hash), GCRY_MD_FLAG_HMAC))
		return NULL;
	if (gcry_md_setkey(handle, key->octets, key->size)) {
		gcry_md_close(handle);
		return NULL;
	}
	return handle;
}

/* A thread comes back to the slot it used before, so that threads rarely meet; taking never waits. */
static gcry_md_hd_t handle_take(struct crypto_key *key)
{
	unsigned first = crypto_thread_number();
	gcry_md_hd_t handle;

	for (unsigned i = 0; i < SLOTS; i++) {
		_Atomic(gcry_md_hd_t) *slot = &key->slots[(first + i) % SLOTS];

		if (!atomic_load_explicit(slot, memory_order_relaxed))
			continue;
		handle = atomic_exchange(slot, NULL);
		if (handle)
			return handle;
	}
	return handle_open(key);
}

static void handle_give(struct crypto_key *key, gcry_md_hd_t handle)
{
	unsigned first = crypto_thread_number();

	gcry_md_reset(handle);
	for (unsigned i = 0; i < SLOTS; i++) {
		gcry_md_hd_t none = NULL;

		if (atomic_compare_exchange_strong(&key->slots[(first + i) % SLOTS], &none, handle))
			return;
	}
	gcry_md_close(handle);
}

struct crypto_key *crypto_key_new(enum crypto_hash hash, const void *octets, size_t size)
{
	struct crypto_key *key;
	gcry_md_hd_t handle;

	if (!crypto_init())
		return NULL;
	key = calloc(1, sizeof(*key));
	if (!key)
		return NULL;
	key->hash = hash;
	key->size = size;
	key->octets = malloc(size ? size : 1);
	handle = NULL;
	if (key->octets) {
		memcpy(key->octets, octets, size);
		handle = handle_open(key);
	}
	if (!handle) {
		crypto_key_free(key);
		return NULL;
	}
	handle_give(key, handle);
	return key;
}

void crypto_key_free(struct crypto_key *key)
{
	if (!key)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		gcry_md_close(key->slots[i]); /* wipes what it held */
	if (key->octets)
		crypto_wipe(key->octets, key->size);
	free(key->octets);
	free(key);
}

bool crypto_hmac(struct crypto_key *key, const void *data, size_t size, uint8_t *digest)
{
	gcry_md_hd_t handle = handle_take(key);

	if (!handle)
		return false;
	gcry_md_write(handle, data, size);
	memcpy(digest, gcry_md_read(handle, 0), crypto_digest_size(key->hash));
	handle_give(key, handle);
	return true;
}

void crypto_digest(enum crypto_hash hash, const void *data, size_t size, uint8_t *digest)
{
	crypto_init();
	gcry_md_hash_buffer(algorithm(hash), digest, data, size);
}

/* ---- comparing and forgetting --------------------------------------------------------------------------------------- */

/* The barrier hides from the compiler what was found so far, so that it cannot leave the loop early. */
bool crypto_equal(const void *a, const void *b, size_t size)
{
	const uint8_t *left = a, *right = b;
	uint64_t differ = 0, l, r;

	for (; size >= sizeof(l); size -= sizeof(l), left += sizeof(l), right += sizeof(r)) {
		memcpy(&l, left, sizeof(l));
		memcpy(&r, right, sizeof(r));
		differ |= l ^ r;
		__asm__ volatile("" : "+r"(differ));
	}
	for (; size > 0; size--) {
		differ |= (uint64_t)(*left++ ^ *right++);
		__asm__ volatile("" : "+r"(differ));
	}
	return differ == 0;
}

void crypto_wipe(void *data, size_t size)
{
	explicit_bzero(data, size);
}

/* ---- randomness ----------------------------------------------------------------------------------------------------- */

bool crypto_random(void *data, size_t size)
{
	uint8_t *at = data;

	while (size > 0) {
		ssize_t got = getrandom(at, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		size -= (size_t)got;
	}
	return true;
}

static bool block_fill(void)
{
	pthread_once(&once, init_once); /* so that a fork is noticed */
	block.left = 0;
	block.forks = atomic_load(&forks);
	if (!crypto_random(block.octets, sizeof(block.octets)))
		return false;
	block.left = sizeof(block.octets);
	return true;
}

bool crypto_random_id(char id[CRYPTO_ID_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *octets;

	if ((block.left == 0 || block.forks != atomic_load_explicit(&forks, memory_order_relaxed)) && !block_fill())
		return false;
	block.left -= 16;
	octets = block.octets + block.left;
	for (unsigned i = 0; i < 16; i++) {
		id[2 * i] = digits[octets[i] >> 4];
		id[2 * i + 1] = digits[octets[i] & 15];
	}
	id[32] = '\0';
	crypto_wipe(octets, 16);
	return true;
}

/* ---- text ----------------------------------------------------------------------------------------------------------- */

size_t crypto_base64(const uint8_t *data, size_t size, char *text)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char *out = text;
	size_t i = 0;

	for (; i + 3 <= size; i += 3) {
		*out++ = alphabet[data[i] >> 2];
		*out++ = alphabet[(data[i] << 4 | data[i + 1] >> 4) & 63];
		*out++ = alphabet[(data[i + 1] << 2 | data[i + 2] >> 6) & 63];
		*out++ = alphabet[data[i + 2] & 63];
	}
	if (i < size) {
		uint8_t second = i + 1 < size ? data[i + 1] : 0;

		*out++ = alphabet[data[i] >> 2];
		*out++ = alphabet[(data[i] << 4 | second >> 4) & 63];
		if (i + 1 < size)
			*out++ = alphabet[second << 2 & 63];
	}
	return (size_t)(out - text);
}

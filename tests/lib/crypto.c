/* Hashes against their published vectors, ids that never meet. */

#include <gcrypt.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/crypto.h"
#include "tests/tap.h"

static const char *hex(const uint8_t *octets, size_t size)
{
	static char text[65];

	for (size_t i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", octets[i]);
	return text;
}

static void vectors(void)
{
	struct crypto_key *key;
	uint8_t digest[32], long_key[131];
	char text[64] = "";

	crypto_digest(CRYPTO_SHA256, "abc", 3, digest);
	tap_text(hex(digest, 32), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "SHA-256 of abc (FIPS 180-4)");
	crypto_digest(CRYPTO_SHA1, "abc", 3, digest);
	tap_text(hex(digest, 20), "a9993e364706816aba3e25717850c26c9cd0d89d", "SHA-1 of abc (FIPS 180-4)");
	key = crypto_key_new(CRYPTO_SHA256, "Jefe", 4);
	tap_ok(crypto_hmac(key, "what do ya want for nothing?", 28, digest), "an HMAC is made");
	tap_text(hex(digest, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "HMAC-SHA-256 (RFC 4231, case 2)");
	tap_ok(crypto_hmac(key, "what do ya want for nothing?", 28, digest), "and again with the same key");
	tap_text(hex(digest, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "with the same outcome");
	crypto_key_free(key);
	memset(long_key, 0xaa, sizeof(long_key));
	key = crypto_key_new(CRYPTO_SHA256, long_key, sizeof(long_key));
	tap_ok(crypto_hmac(key, "Test Using Larger Than Block-Size Key - Hash Key First", 54, digest), "a key may be longer than a block");
	tap_text(hex(digest, 32), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", "HMAC-SHA-256 (RFC 4231, case 6)");
	crypto_key_free(key);
	key = crypto_key_new(CRYPTO_SHA1, "Jefe", 4);
	tap_ok(crypto_hmac(key, "what do ya want for nothing?", 28, digest), "an HMAC with SHA-1 is made");
	tap_text(hex(digest, 20), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79", "HMAC-SHA-1 (RFC 2202, case 2)");
	crypto_key_free(key);
	crypto_key_free(NULL);
	static const char *const plain[] = { "", "f", "fo", "foo", "foob", "fooba", "foobar", "\xfb\xff\xfe" };
	static const char *const coded[] = { "", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy", "-__-" };
	for (int i = 0; i < 8; i++) {
		text[crypto_base64((const uint8_t *)plain[i], strlen(plain[i]), text)] = '\0';
		tap_ok(strlen(text) == CRYPTO_BASE64_SIZE(strlen(plain[i])), "base64url has the length it says");
		tap_text(text, coded[i], "base64url (RFC 4648 section 10)");
	}
	tap_ok(crypto_equal("abc", "abd", 2) && !crypto_equal("abc", "abd", 3) && !crypto_equal("xbc", "abc", 3) && crypto_equal("", "", 0),
	       "equal is equal in every octet");
	memset(text, 'x', 8);
	crypto_wipe(text, 8);
	tap_ok(memcmp(text, "\0\0\0\0\0\0\0\0", 8) == 0, "what is wiped is zero");
}

enum { THREADS = 40, IDS = 500 };
static char ids[THREADS + 1][IDS][CRYPTO_ID_SIZE];
static struct crypto_key *shared;
static bool agreed[THREADS];

static void *draw(void *argument)
{
	size_t thread = (size_t)argument;
	uint8_t digest[32], expected[32];

	agreed[thread] = crypto_hmac(shared, &thread, sizeof(thread), expected);
	for (int i = 0; i < IDS; i++) {
		agreed[thread] = agreed[thread] && crypto_random_id(ids[thread][i]) &&
		                 crypto_hmac(shared, &thread, sizeof(thread), digest) && memcmp(digest, expected, sizeof(digest)) == 0;
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, CRYPTO_ID_SIZE);
}

static void ids_and_threads(void)
{
	pthread_t threads[THREADS];
	char(*all)[CRYPTO_ID_SIZE] = ids[0];
	bool formed = true, differ = true, agree = true;
	size_t count = (THREADS + 1) * (size_t)IDS;
	int ends[2];

	shared = crypto_key_new(CRYPTO_SHA256, "key", 3);
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, draw, (void *)i);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		agree = agree && agreed[i];
	}
	tap_ok(agree, "%d threads use one key at once, more than it keeps handles for", THREADS);
	crypto_key_free(shared);
	/* Half of the last ones are drawn by a child that inherited a half-used block. */
	if (!crypto_random_id(ids[THREADS][0]) || pipe(ends) != 0)
		return;
	if (fork() == 0) {
		char id[CRYPTO_ID_SIZE];

		for (int i = 0; i < IDS / 2; i++)
			if (!crypto_random_id(id) || write(ends[1], id, sizeof(id)) != sizeof(id))
				_exit(1);
		_exit(0);
	}
	for (int i = 1; i < IDS / 2; i++)
		formed = formed && crypto_random_id(ids[THREADS][i]);
	for (int i = IDS / 2; i < IDS; i++)
		formed = formed && read(ends[0], ids[THREADS][i], CRYPTO_ID_SIZE) == CRYPTO_ID_SIZE;
	wait(NULL);
	for (size_t i = 0; i < count; i++)
		formed = formed && strlen(all[i]) == 32 && strspn(all[i], "0123456789abcdef") == 32;
	tap_ok(formed, "an id is 32 lower-case hex digits");
	qsort(all, count, CRYPTO_ID_SIZE, compare);
	for (size_t i = 1; i < count; i++)
		differ = differ && memcmp(all[i - 1], all[i], CRYPTO_ID_SIZE) != 0;
	tap_ok(differ, "no two of %zu ids are the same, of %d threads, a parent and its child", count, THREADS);
}

/* A bit that is always the same would show; so would a digit of the wrong frequency. */
static void evenly(void)
{
	unsigned digits[16] = { 0 }, least = ~0u, most = 0;
	char id[CRYPTO_ID_SIZE];

	for (int i = 0; i < 20000 && crypto_random_id(id); i++)
		for (int j = 0; j < 32; j++)
			digits[id[j] <= '9' ? id[j] - '0' : id[j] - 'a' + 10]++;
	for (int i = 0; i < 16; i++) {
		least = digits[i] < least ? digits[i] : least;
		most = digits[i] > most ? digits[i] : most;
	}
	tap_ok(least > 39000 && most < 41000, "all digits are about as frequent: %u to %u of 640,000", least, most);
}

int main(void)
{
	tap_ok(crypto_init() && crypto_init(), "libgcrypt is there, and may be prepared twice");
	tap_ok(gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P) != 0, "it knows that it is ready");
	vectors();
	ids_and_threads();
	evenly();
	return tap_done();
}

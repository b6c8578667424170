/* signer.c - signs ids and judges tokens. Steps and examples: doc/cookie.md. */

#include "lib/signer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/keyring.h"

#define SHA256_TEXT CRYPTO_BASE64_SIZE(32u) /* 43 */
#define SHA1_TEXT CRYPTO_BASE64_SIZE(20u)   /* 27 */
#define TIME_TEXT CRYPTO_BASE64_SIZE(8u)    /* 11 */
#define CSRF_SALT 20u                       /* characters of 15 random octets */
#define CSRF_MESSAGE (SIGNER_ID_LENGTH + CSRF_SALT)

struct derived {
	struct crypto_key *timestamped;
	struct crypto_key *justpy;
	struct crypto_key *csrf;
	int64_t until;
	bool next; /* signs elsewhere already */
};

struct signer {
	enum signer_layout layout;
	bool accept_justpy;
	int64_t lifetime;
	size_t count;
	struct derived keys[];
};

/* ---- keys ----------------------------------------------------------------------------------------------------------- */

/* itsdangerous' key_derivation "hmac": K = HMAC-SHA256(secret, salt), the salt being purpose and the cookie's name. */
static struct crypto_key *derive_hmac(const struct keyring_key *secret, const char *purpose, const char *cookie_name)
{
	struct crypto_key *key = crypto_key_new(CRYPTO_SHA256, secret->text, secret->size), *derived = NULL;
	uint8_t digest[32];
	char *salt = NULL;
	int size = asprintf(&salt, "%s%s", purpose, cookie_name);

	if (key && size >= 0 && crypto_hmac(key, salt, (size_t)size, digest))
		derived = crypto_key_new(CRYPTO_SHA256, digest, sizeof(digest));
	crypto_wipe(digest, sizeof(digest));
	if (size >= 0)
		free(salt);
	crypto_key_free(key);
	return derived;
}

/* itsdangerous' key_derivation "django-concat": K = SHA1(salt || "signer" || secret), the salt being its default one. */
static struct crypto_key *derive_justpy(const struct keyring_key *secret)
{
	static const char before[] = "itsdangerous.Signersigner";
	size_t size = sizeof(before) - 1 + secret->size;
	char *text = malloc(size);
	struct crypto_key *derived;
	uint8_t digest[20];

	if (!text)
		return NULL;
	memcpy(text, before, sizeof(before) - 1);
	memcpy(text + sizeof(before) - 1, secret->text, secret->size);
	crypto_digest(CRYPTO_SHA1, text, size, digest);
	derived = crypto_key_new(CRYPTO_SHA1, digest, sizeof(digest));
	crypto_wipe(text, size);
	free(text);
	crypto_wipe(digest, sizeof(digest));
	return derived;
}

static bool derive(struct signer *s, struct derived *ret, const struct keyring_key *secret, const char *cookie_name)
{
	bool timestamped = s->layout == SIGNER_TIMESTAMPED, justpy = !timestamped || s->accept_justpy;

	ret->until = secret->until;
	ret->next = secret->next;
	ret->csrf = derive_hmac(secret, "sesame.csrf.", cookie_name);
	if (timestamped)
		ret->timestamped = derive_hmac(secret, "sesame.session.", cookie_name);
	if (justpy)
		ret->justpy = derive_justpy(secret);
	return ret->csrf && (ret->timestamped || !timestamped) && (ret->justpy || !justpy);
}

struct signer *signer_new(const struct keyring *ring, const struct signer_options *options)
{
	struct signer *s;

	if (!crypto_init())
		return NULL;
	s = calloc(1, sizeof(*s) + ring->count * sizeof(s->keys[0]));
	if (!s)
		return NULL;
	s->layout = options->layout;
	s->accept_justpy = options->accept_justpy || options->layout == SIGNER_JUSTPY;
	s->lifetime = options->lifetime;
	for (s->count = 0; s->count < ring->count; s->count++)
		if (!derive(s, &s->keys[s->count], &ring->keys[s->count], options->cookie_name)) {
			s->count++;
			signer_free(s);
			return NULL;
		}
	return s;
}

void signer_free(struct signer *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++) {
		crypto_key_free(s->keys[i].timestamped);
		crypto_key_free(s->keys[i].justpy);
		crypto_key_free(s->keys[i].csrf);
	}
	free(s);
}

/* ---- time ----------------------------------------------------------------------------------------------------------- */

static size_t time_text(int64_t time, char *text)
{
	uint8_t octets[8];
	uint64_t rest = time > 0 ? (uint64_t)time : 0;
	size_t first = sizeof(octets);

	while (rest > 0) {
		octets[--first] = (uint8_t)rest;
		rest >>= 8;
	}
	return crypto_base64(octets + first, sizeof(octets) - first, text);
}

static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Reads a time, and writes it again to see whether it was spelled in the one way there is. */
static bool time_read(const char *text, size_t size, int64_t *ret)
{
	char again[TIME_TEXT];
	uint64_t time = 0;
	size_t spare = size * 6 % 8;

	if (size > TIME_TEXT)
		return false;
	for (size_t i = 0; i < size; i++) {
		int value = digit_value(text[i]);
		/* The last character may hold bits that are none of the number's. */
		size_t bits = i + 1 == size ? 6 - spare : 6;

		if (value < 0)
			return false;
		time = time << bits | (uint64_t)value >> (6 - bits);
	}
	if (time > INT64_MAX || time_text((int64_t)time, again) != size || memcmp(text, again, size) != 0)
		return false;
	*ret = (int64_t)time;
	return true;
}

/* ---- tokens --------------------------------------------------------------------------------------------------------- */

bool signer_id_valid(const char *id, size_t size)
{
	if (size != SIGNER_ID_LENGTH)
		return false;
	for (size_t i = 0; i < size; i++)
		if (!((id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'f')))
			return false;
	return true;
}

/* Writes the signature of size octets of text. Returns its length, 0 when out of memory. */
static size_t sign_text(struct crypto_key *key, enum crypto_hash hash, const char *text, size_t size, char *signature)
{
	uint8_t digest[CRYPTO_DIGEST_MAX];

	if (!crypto_hmac(key, text, size, digest))
		return 0;
	return crypto_base64(digest, crypto_digest_size(hash), signature);
}

static bool signature_matches(struct crypto_key *key, enum crypto_hash hash, const char *text, size_t size, const char *signature)
{
	char expected[SHA256_TEXT];
	size_t length = sign_text(key, hash, text, size, expected);

	return length > 0 && crypto_equal(expected, signature, length);
}

static bool in_force(const struct derived *key, int64_t now)
{
	return now < key->until;
}

/* A program that has switched to the next key already is not to be undone by one that has yet to. */
static bool is_old(const struct signer *s, size_t key)
{
	return key > 0 && !s->keys[key].next;
}

static void token_fill(struct signer_token *ret, const char *id, enum signer_layout layout, int64_t issued, bool outdated)
{
	memcpy(ret->id, id, SIGNER_ID_LENGTH);
	ret->id[SIGNER_ID_LENGTH] = '\0';
	ret->issued = issued;
	ret->layout = layout;
	ret->outdated = outdated;
}

static enum signer_verdict verify_timestamped(const struct signer *s, const char *text, size_t size, int64_t now, struct signer_token *ret)
{
	size_t signed_size = size - SHA256_TEXT - 1;
	int64_t issued;

	if (text[SIGNER_ID_LENGTH] != '.' || text[signed_size] != '.' ||
	    !time_read(text + SIGNER_ID_LENGTH + 1, signed_size - SIGNER_ID_LENGTH - 1, &issued))
		return SIGNER_FORGED;
	for (size_t i = 0; i < s->count; i++) {
		if (!in_force(&s->keys[i], now) ||
		    !signature_matches(s->keys[i].timestamped, CRYPTO_SHA256, text, signed_size, text + signed_size + 1))
			continue;
		token_fill(ret, text, SIGNER_TIMESTAMPED, issued, is_old(s, i));
		return issued - now > SIGNER_AHEAD || now - issued > s->lifetime ? SIGNER_EXPIRED : SIGNER_GOOD;
	}
	return SIGNER_FORGED;
}

static enum signer_verdict verify_justpy(const struct signer *s, const char *text, int64_t now, struct signer_token *ret)
{
	if (text[SIGNER_ID_LENGTH] != '.')
		return SIGNER_FORGED;
	for (size_t i = 0; i < s->count; i++) {
		if (!in_force(&s->keys[i], now) ||
		    !signature_matches(s->keys[i].justpy, CRYPTO_SHA1, text, SIGNER_ID_LENGTH, text + SIGNER_ID_LENGTH + 1))
			continue;
		token_fill(ret, text, SIGNER_JUSTPY, 0, is_old(s, i) || s->layout != SIGNER_JUSTPY);
		return SIGNER_GOOD;
	}
	return SIGNER_FORGED;
}

/* The lengths of the two layouts never meet, so the length alone says which one a token may be. */
enum signer_verdict signer_verify(const struct signer *s, const char *text, size_t size, int64_t now, struct signer_token *ret)
{
	const size_t justpy = SIGNER_ID_LENGTH + 1 + SHA1_TEXT, least = SIGNER_ID_LENGTH + 1 + 1 + SHA256_TEXT;

	if (size < justpy || !signer_id_valid(text, SIGNER_ID_LENGTH))
		return SIGNER_FORGED;
	if (s->accept_justpy && size == justpy)
		return verify_justpy(s, text, now, ret);
	if (s->layout == SIGNER_TIMESTAMPED && size >= least && size <= least + TIME_TEXT)
		return verify_timestamped(s, text, size, now, ret);
	return SIGNER_FORGED;
}

/* What is wrong is told in the order in which it is looked at. A key out of force is found by asking for a time when it was not. */
const char *signer_fault(const struct signer *s, const char *text, size_t size)
{
	const size_t justpy = SIGNER_ID_LENGTH + 1 + SHA1_TEXT, least = SIGNER_ID_LENGTH + 1 + 1 + SHA256_TEXT;
	bool timestamped = size >= least && size <= least + TIME_TEXT;
	struct signer_token token;
	int64_t issued;

	if (size != justpy && !timestamped)
		return "it has not the length of a token";
	if (!signer_id_valid(text, SIGNER_ID_LENGTH))
		return "its id is not 32 lower-case hex digits";
	if (size == justpy && !s->accept_justpy)
		return "it has JustPy's layout, which is not accepted (COOKIE_FORMAT, COOKIE_ACCEPT_JUSTPY)";
	if (timestamped && s->layout != SIGNER_TIMESTAMPED)
		return "it has the layout with a time, which is not accepted (COOKIE_FORMAT)";
	if (text[SIGNER_ID_LENGTH] != '.' || (timestamped && text[size - SHA256_TEXT - 1] != '.'))
		return "its parts are not separated by dots";
	if (timestamped && !time_read(text + SIGNER_ID_LENGTH + 1, size - least, &issued))
		return "its time is not one, or not spelled as we spell it";
	if (signer_verify(s, text, size, 0, &token) != SIGNER_FORGED)
		return "its signature is of a key that is not believed any more";
	return "its signature is of no key here, or of another cookie name";
}

size_t signer_sign(const struct signer *s, const char *id, int64_t now, char *token)
{
	bool justpy = s->layout == SIGNER_JUSTPY;
	size_t size = SIGNER_ID_LENGTH, length;

	memcpy(token, id, size);
	if (!justpy) {
		token[size++] = '.';
		size += time_text(now, token + size);
	}
	length = justpy ? sign_text(s->keys[0].justpy, CRYPTO_SHA1, token, size, token + size + 1)
	                : sign_text(s->keys[0].timestamped, CRYPTO_SHA256, token, size, token + size + 1);
	if (length == 0)
		return 0;
	token[size] = '.';
	size += 1 + length;
	token[size] = '\0';
	return size;
}

/* ---- forms ---------------------------------------------------------------------------------------------------------- */

/* salt "." signature: the salt makes each page's token another text, so that compressed pages do not leak it (BREACH). */
static size_t csrf_sign(struct crypto_key *key, const char *id, const char *salt, char *signature)
{
	char message[CSRF_MESSAGE];

	memcpy(message, id, SIGNER_ID_LENGTH);
	memcpy(message + SIGNER_ID_LENGTH, salt, CSRF_SALT);
	return sign_text(key, CRYPTO_SHA256, message, sizeof(message), signature);
}

bool signer_csrf(const struct signer *s, const char *id, char *token)
{
	uint8_t random[15];

	if (!crypto_random(random, sizeof(random)))
		return false;
	crypto_base64(random, sizeof(random), token);
	token[CSRF_SALT] = '.';
	token[SIGNER_CSRF_SIZE - 1] = '\0';
	return csrf_sign(s->keys[0].csrf, id, token, token + CSRF_SALT + 1) == SHA256_TEXT;
}

bool signer_csrf_valid(const struct signer *s, const char *id, const char *token, int64_t now)
{
	char expected[SHA256_TEXT];

	if (!token || strlen(token) != SIGNER_CSRF_SIZE - 1 || token[CSRF_SALT] != '.')
		return false;
	for (size_t i = 0; i < s->count; i++)
		if (in_force(&s->keys[i], now) && csrf_sign(s->keys[i].csrf, id, token, expected) == SHA256_TEXT &&
		    crypto_equal(expected, token + CSRF_SALT + 1, SHA256_TEXT))
			return true;
	return false;
}

/* Tokens: exactly one text is a good one, whatever is done to it; and the store is not asked about the others. */

#include "lib/signer.h"
#include "lib/keyring.h"
#include "tests/lib/visitor.h"

static const char id[] = "0123456789abcdef0123456789abcdef";
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static struct signer *make(const char *name, enum signer_layout layout, bool accept_justpy, unsigned count, const char *const *keys,
                           int64_t until)
{
	struct keyring *ring = calloc(1, sizeof(*ring));
	struct signer_options options = { layout, accept_justpy, name, 604800 };
	struct signer *s;

	for (unsigned i = 0; i < count; i++)
		ring->keys[i] = (struct keyring_key){ strdup(keys[i]), strlen(keys[i]), i == 0 ? INT64_MAX : until, false };
	ring->count = count;
	s = signer_new(ring, &options);
	keyring_free(ring);
	return s;
}

static const char *const one[] = { SECRET };

static enum signer_verdict judge(const struct signer *s, const char *text, size_t size, int64_t now)
{
	struct signer_token token;
	char *exact = malloc(size ? size : 1); /* so that a read beyond the end is found */
	enum signer_verdict verdict;

	memcpy(exact, text, size);
	verdict = signer_verify(s, exact, size, now, &token);
	free(exact);
	return verdict;
}

/* How many of the texts made from token by all the ways below are not forged. */
static unsigned tampered(const struct signer *s, const char *token, int64_t now)
{
	size_t size = strlen(token);
	unsigned good = 0;
	char text[256];

	for (size_t i = 0; i < size * 8; i++) { /* each bit */
		memcpy(text, token, size);
		text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
		good += judge(s, text, size, now) != SIGNER_FORGED;
	}
	for (size_t i = 0; i < size; i++) { /* cut at each length, from both ends */
		good += judge(s, token, i, now) != SIGNER_FORGED;
		good += i > 0 && judge(s, token + i, size - i, now) != SIGNER_FORGED;
	}
	for (size_t i = 0; i <= size; i++) /* one octet more at each place, one less, any octet in its place */
		for (unsigned c = 0; c < 256; c++) {
			memcpy(text, token, i);
			text[i] = (char)c;
			memcpy(text + i + 1, token + i, size - i);
			good += judge(s, text, size + 1, now) != SIGNER_FORGED;
			memcpy(text, token, size);
			text[i % size] = (char)c;
			good += text[i % size] != token[i % size] && judge(s, text, size, now) != SIGNER_FORGED;
		}
	for (size_t i = 0; i < size; i++) {
		memcpy(text, token, i);
		memcpy(text + i, token + i + 1, size - i - 1);
		good += judge(s, text, size - 1, now) != SIGNER_FORGED;
	}
	for (size_t i = 1; i <= 8; i++) { /* padding */
		memcpy(text, token, size);
		memset(text + size, '=', i);
		good += judge(s, text, size + i, now) != SIGNER_FORGED;
	}
	return good;
}

static unsigned last_characters(const struct signer *s, const char *token, int64_t now)
{
	size_t size = strlen(token);
	unsigned good = 0;
	char text[128];

	memcpy(text, token, size);
	for (unsigned i = 0; i < 64; i++) {
		text[size - 1] = alphabet[i];
		good += judge(s, text, size, now) != SIGNER_FORGED;
	}
	return good;
}

/* A signature that holds '-' or '_' is spelled with '+' and '/' in the other alphabet. */
static bool other_alphabet_is_forged(const struct signer *s)
{
	char token[SIGNER_TOKEN_SIZE];
	bool tried = false;

	for (int64_t now = START; now < START + 200; now++) {
		char *at;
		size_t size = signer_sign(s, id, now, token);

		at = strpbrk(token, "-_");
		if (!at)
			continue;
		for (; at; at = strpbrk(at, "-_"))
			*at = *at == '-' ? '+' : '/';
		tried = true;
		if (judge(s, token, size, now) != SIGNER_FORGED)
			return false;
	}
	return tried;
}

static void one_text_for_one_token(void)
{
	static const struct {
		enum signer_layout layout;
		const char *name;
	} layouts[] = { { SIGNER_TIMESTAMPED, "timestamped" }, { SIGNER_JUSTPY, "justpy" } };

	for (unsigned i = 0; i < 2; i++) {
		struct signer *s = make("jp_token", layouts[i].layout, false, 1, one, 0);
		struct signer *both = make("jp_token", SIGNER_TIMESTAMPED, true, 1, one, 0);
		char token[SIGNER_TOKEN_SIZE];
		size_t size = signer_sign(s, id, START, token);

		tap_ok(size == (i == 0 ? 83 : 60) && strlen(token) == size, "%s: a token has the length it should", layouts[i].name);
		tap_ok(judge(s, token, size, START) == SIGNER_GOOD, "%s: a token is good", layouts[i].name);
		tap_ok(tampered(s, token, START) == 0,
		       "%s: each bit flipped, cut at each length, lengthened, any octet anywhere, padded: forged", layouts[i].name);
		tap_ok(tampered(both, token, START) == 0, "%s: likewise where both layouts are believed", layouts[i].name);
		tap_ok(last_characters(s, token, START) == 1, "%s: of all 64 last characters one is good", layouts[i].name);
		if (i == 0)
			tap_ok(other_alphabet_is_forged(s), "%s: the other base64 alphabet is forged", layouts[i].name);
		signer_free(s);
		signer_free(both);
	}
	{
		struct signer *s = make("jp_token", SIGNER_JUSTPY, false, 1, one, 0);
		char token[SIGNER_TOKEN_SIZE], hex[33];
		bool tried = false, forged = true;

		for (unsigned i = 0; i < 200; i++) {
			char *at;

			snprintf(hex, sizeof(hex), "%032x", i);
			signer_sign(s, hex, START, token);
			at = strpbrk(token, "-_");
			tried = tried || at;
			for (; at; at = strpbrk(at, "-_"))
				*at = *at == '-' ? '+' : '/';
			if (strpbrk(token, "+/"))
				forged = forged && judge(s, token, 60, START) == SIGNER_FORGED;
		}
		tap_ok(tried && forged, "justpy: the other base64 alphabet is forged");
		signer_free(s);
	}
}

static void forms_of_an_id(void)
{
	static const char *const bad[] = { "0123456789ABCDEF0123456789abcdef",
		                           "0123456789abcdef0123456789abcdeg",
		                           "g123456789abcdef0123456789abcdef",
		                           "01234567-9abcdef0123456789abcdef",
		                           "admin",
		                           "" };

	tap_ok(signer_id_valid(id, 32), "32 lower-case hex digits are an id");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		tap_ok(!signer_id_valid(bad[i], strlen(bad[i])), "'%s' is none", bad[i]);
}

static void purposes(void)
{
	static const char *const other_secret[] = { "another secret that is long enough" };
	struct signer *ours = make("jp_token", SIGNER_TIMESTAMPED, false, 1, one, 0);
	struct signer *name = make("other_token", SIGNER_TIMESTAMPED, false, 1, one, 0);
	struct signer *key = make("jp_token", SIGNER_TIMESTAMPED, false, 1, other_secret, 0);
	struct signer *justpy = make("jp_token", SIGNER_JUSTPY, false, 1, one, 0);
	char token[SIGNER_TOKEN_SIZE], csrf[SIGNER_CSRF_SIZE];
	size_t size;

	size = signer_sign(name, id, START, token);
	tap_ok(judge(ours, token, size, START) == SIGNER_FORGED, "a token of another cookie's name is forged");
	size = signer_sign(key, id, START, token);
	tap_ok(judge(ours, token, size, START) == SIGNER_FORGED, "a token of another key is forged");
	size = signer_sign(justpy, id, START, token);
	tap_ok(judge(ours, token, size, START) == SIGNER_FORGED, "a justpy token is forged where that layout is not accepted");
	size = signer_sign(ours, id, START, token);
	tap_ok(judge(justpy, token, size, START) == SIGNER_FORGED, "and the other way round");
	tap_ok(signer_csrf(ours, id, csrf) && signer_csrf_valid(ours, id, csrf, START), "a CSRF token is good for its id");
	tap_ok(strlen(csrf) == SESS_TOKEN_SIZE - 1, "and has 64 characters");
	tap_ok(!signer_csrf_valid(ours, "0123456789abcdef0123456789abcdee", csrf, START), "not for another");
	tap_ok(!signer_csrf_valid(name, id, csrf, START) && !signer_csrf_valid(key, id, csrf, START), "nor for another cookie or key");
	tap_ok(!signer_csrf_valid(ours, id, NULL, START) && !signer_csrf_valid(ours, id, "", START), "none at all is refused");
	for (unsigned i = 0, good = 0; i <= 64; i++) {
		char text[80];

		snprintf(text, sizeof(text), "%s", csrf);
		text[i] = i < 64 ? (char)(text[i] ^ 1) : 'A';
		text[i + 1 > 64 ? 65 : 64] = '\0';
		good += signer_csrf_valid(ours, id, text, START);
		if (i == 64)
			tap_ok(good == 0, "a CSRF token changed anywhere is refused");
	}
	signer_free(ours);
	signer_free(name);
	signer_free(key);
	signer_free(justpy);
}

static void times(void)
{
	struct signer *s = make("jp_token", SIGNER_TIMESTAMPED, false, 1, one, 0);
	static const int64_t issued[] = {
		0, 1, 63, 64, 255, 256, 65535, 65536, 1 << 24, START, UINT32_MAX, (int64_t)UINT32_MAX + 1, INT64_MAX - 1
	};
	char token[SIGNER_TOKEN_SIZE];
	struct signer_token read;
	size_t size = signer_sign(s, id, START, token);

	tap_ok(judge(s, token, size, START + 604800) == SIGNER_GOOD, "a token of COOKIE_MAX_AGE seconds is good");
	tap_ok(judge(s, token, size, START + 604801) == SIGNER_EXPIRED, "one of a second more is expired");
	tap_ok(judge(s, token, size, START - 60) == SIGNER_GOOD, "one from a minute ahead is good");
	tap_ok(judge(s, token, size, START - 61) == SIGNER_EXPIRED, "one from a second more ahead is expired");
	for (unsigned i = 0; i < sizeof(issued) / sizeof(issued[0]); i++) {
		size = signer_sign(s, id, issued[i], token);
		tap_ok(size < SIGNER_TOKEN_SIZE && signer_verify(s, token, size, issued[i], &read) == SIGNER_GOOD &&
		           read.issued == issued[i],
		       "the time %lld is written and read", (long long)issued[i]);
	}
	signer_free(s);
}

static void rings(void)
{
	static const char *const old_key[] = { "the old key, long enough" }, *const both[] = { SECRET, "the old key, long enough" };
	struct signer *old = make("jp_token", SIGNER_TIMESTAMPED, false, 1, old_key, 0);
	struct signer *ring = make("jp_token", SIGNER_TIMESTAMPED, true, 2, both, START + 100);
	struct signer *first = make("jp_token", SIGNER_TIMESTAMPED, false, 1, one, 0);
	struct signer *justpy = make("jp_token", SIGNER_JUSTPY, false, 1, one, 0);
	char token[SIGNER_TOKEN_SIZE], csrf[SIGNER_CSRF_SIZE];
	struct signer_token read;
	size_t size = signer_sign(old, id, START, token);

	tap_ok(signer_verify(ring, token, size, START, &read) == SIGNER_GOOD && read.outdated,
	       "an old key of the ring still verifies, and is told");
	tap_ok(signer_verify(ring, token, size, START + 99, &read) == SIGNER_GOOD, "until its time");
	tap_ok(signer_verify(ring, token, size, START + 100, &read) == SIGNER_FORGED, "and no longer");
	size = signer_sign(ring, id, START, token);
	tap_ok(signer_verify(first, token, size, START, &read) == SIGNER_GOOD && !read.outdated, "new tokens carry the first key");
	size = signer_sign(justpy, id, START, token);
	tap_ok(signer_verify(ring, token, size, START, &read) == SIGNER_GOOD && read.outdated && read.layout == SIGNER_JUSTPY,
	       "an accepted justpy token is good, and is told");
	tap_ok(signer_csrf(old, id, csrf) && signer_csrf_valid(ring, id, csrf, START + 99) &&
	           !signer_csrf_valid(ring, id, csrf, START + 100),
	       "a form's token lives as long as its key");
	signer_free(old);
	signer_free(ring);
	signer_free(first);
	signer_free(justpy);
}

/* The same through the whole library: nobody runs to the store for a forged cookie. */
static void the_store_is_not_asked(void)
{
	static struct visit v;
	struct sess_manager *m;
	struct browser b = { "" };
	char text[300];
	unsigned forged = 0, wanted = 0;

	settings(NULL);
	m = site_open();
	page_view(m, &b);
	store_calls(m);
	for (size_t i = 0; i < strlen(b.cookie) * 8; i++) {
		snprintf(text, sizeof(text), "jp_token=%s", b.cookie);
		text[9 + i / 8] = (char)(text[9 + i / 8] ^ 1 << i % 8);
		if (strpbrk(text + 9, ";\t ") || strlen(text) != strlen(b.cookie) + 9)
			continue; /* that is two pairs or a blank at an end */
		wanted++;
		visit_header(&v, m, text);
		forged += sess_state(v.s) == SESS_STATE_FORGED && sess_commit(v.s, v.head, sizeof(v.head)) == SESS_FORGED;
		visit_end(&v);
	}
	tap_ok(wanted > 600 && forged == wanted, "all %u cookies with one bit flipped are answered as bad cookies", wanted);
	tap_ok(store_calls(m) == 0, "and the store was not asked once");
	sess_manager_close(m);
}

int main(void)
{
	one_text_for_one_token();
	forms_of_an_id();
	purposes();
	times();
	rings();
	the_store_is_not_asked();
	return tap_done();
}

/*
 * layers - what each layer of a request costs by itself.
 *
 *     layers [NAME [COUNT]]
 *
 * Without a NAME: every layer, and the nanoseconds of one operation, the median of several runs. With NAME and COUNT: so many operations
 * and nothing else, for counting instructions; the difference of two such runs is that of the operations alone. The settings, as of any
 * program, come from the environment; SESSION_STORE has to be a folder that may be filled.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sesame.h>

#include "lib/cookie.h"
#include "lib/crypto.h"
#include "lib/keys.h"
#include "lib/manager.h"
#include "lib/signer.h"
#include "store/store.h"

#define LAYERS_SESSIONS 1000
#define LAYERS_RUNS 9
#define LAYERS_RUN_NS 100000000

/* What the operations work on, made once. */
static struct sess_manager *manager;
static struct store *memory;
static struct store_key keys[LAYERS_SESSIONS];
static char tokens[LAYERS_SESSIONS][SIGNER_TOKEN_SIZE];
static char headers[LAYERS_SESSIONS][SIGNER_TOKEN_SIZE + 80];
static char ids[LAYERS_SESSIONS][SESS_ID_SIZE];
static int64_t now;

static void layers_fail(const char *what, const char *why)
{
	fprintf(stderr, "layers: %s: %s\n", what, why);
	exit(71);
}

static const struct store_change one_visit = { .what = STORE_ADD, .name = "visits", .name_size = 6, .number = 1, .until = RECORD_NEVER };

static struct store_update update_of(enum store_condition condition)
{
	return (struct store_update){ .condition = condition,
		                      .now = now,
		                      .idle_deadline = now + 604800,
		                      .final_deadline = now + 2592000,
		                      .extend_before = INT64_MIN,
		                      .changes = &one_visit,
		                      .count = 1 };
}

static void apply(struct store *store, long i, enum store_condition condition)
{
	struct store_update update = update_of(condition);
	struct record record;
	int status;

	record_init(&record);
	status = store_apply(store, &keys[i % LAYERS_SESSIONS], &update, &record);
	if (status != STORE_OK)
		layers_fail("store_apply", store_status_name(status));
	record_free(&record);
}

static void load(struct store *store, long i)
{
	struct record record;
	int status;

	record_init(&record);
	status = store_load(store, &keys[i % LAYERS_SESSIONS], now, &record);
	if (status != STORE_OK)
		layers_fail("store_load", store_status_name(status));
	record_free(&record);
}

/* ---- the operations ------------------------------------------------------------------------------------------------ */

static void do_nothing(long i)
{
	(void)i;
	__asm__ volatile("" ::: "memory");
}

static void do_cookie(long i)
{
	char *envp[] = { "REQUEST_METHOD=GET", "PATH_INFO=/plain", headers[i % LAYERS_SESSIONS], NULL };
	struct cookie_scan scan = cookie_scan(envp, "jp_token");
	const char *value;
	size_t size;

	if (!cookie_next(&scan, &value, &size) || size < 80)
		layers_fail("cookie_next", "the cookie is not there");
}

static void do_verify(long i)
{
	const char *text = tokens[i % LAYERS_SESSIONS];
	const struct signer *signer = keys_begin(manager->keys);
	struct signer_token token;

	if (signer_verify(signer, text, strlen(text), now, &token) != SIGNER_GOOD)
		layers_fail("signer_verify", "a good token is refused");
	keys_end(manager->keys);
}

static void do_sign(long i)
{
	char token[SIGNER_TOKEN_SIZE];
	const struct signer *signer = keys_begin(manager->keys);

	if (signer_sign(signer, ids[i % LAYERS_SESSIONS], now, token) == 0)
		layers_fail("signer_sign", "out of memory");
	keys_end(manager->keys);
}

static void do_id(long i)
{
	char id[CRYPTO_ID_SIZE];

	(void)i;
	if (!crypto_random_id(id))
		layers_fail("crypto_random_id", "no randomness");
}

static void do_memory_load(long i)
{
	load(memory, i);
}

static void do_memory_apply(long i)
{
	apply(memory, i, STORE_IF_PRESENT);
}

static void do_gdbm_load(long i)
{
	load(manager->store, i);
}

static void do_gdbm_apply(long i)
{
	apply(manager->store, i, STORE_IF_PRESENT);
}

/* A whole request's use of libsesame, as session_test's P/plain has it. */
static void request(char *const *envp)
{
	char head[SESS_HEAD_SIZE];
	struct sess *s = sess_begin(manager, envp);

	if (!s)
		layers_fail("sess_begin", "out of memory");
	sess_add(s, "visits", 1);
	if (sess_commit(s, head, sizeof head) != SESS_OK || sess_int(s, "visits", 0) < 1 || !sess_id(s))
		layers_fail("sess_commit", "the visit was not counted");
	sess_end(s);
}

static void do_commit(long i)
{
	char *envp[] = { "REQUEST_METHOD=GET", "PATH_INFO=/plain", headers[i % LAYERS_SESSIONS], NULL };

	request(envp);
}

static void do_commit_new(long i)
{
	char *envp[] = { "REQUEST_METHOD=GET", "PATH_INFO=/plain", NULL };

	(void)i;
	request(envp);
}

static const struct layer {
	const char *name;
	const char *what;
	void (*operation)(long i);
} layers[] = {
	{ "nothing", "the loop that measures", do_nothing },
	{ "cookie", "finding the cookie in its header", do_cookie },
	{ "verify", "judging a token", do_verify },
	{ "sign", "making a token", do_sign },
	{ "id", "drawing an id", do_id },
	{ "memory-load", "memory store, reading", do_memory_load },
	{ "memory-apply", "memory store, one change", do_memory_apply },
	{ "gdbm-load", "GDBM store, reading", do_gdbm_load },
	{ "gdbm-apply", "GDBM store, one change", do_gdbm_apply },
	{ "commit", "sess_begin to sess_end, existing session", do_commit },
	{ "commit-new", "sess_begin to sess_end, new session", do_commit_new },
};

/* ---- around them --------------------------------------------------------------------------------------------------- */

/* One session through the front door, so that its token is found; and a record of the stores' own for it. */
static void prepare_one(long i)
{
	static char *const nothing[] = { NULL };
	char head[SESS_HEAD_SIZE];
	struct sess *s = sess_begin(manager, nothing);
	const char *at = NULL;

	sess_add(s, "visits", 1);
	if (sess_commit(s, head, sizeof head) != SESS_OK || !(at = strstr(head, "jp_token=")))
		layers_fail("sess_commit", "no cookie");
	snprintf(tokens[i], sizeof tokens[i], "%.*s", (int)strcspn(at + 9, ";\r"), at + 9);
	snprintf(headers[i], sizeof headers[i], "HTTP_COOKIE=theme=dark; _ga=GA1.1.1234567890.1234567890; jp_token=%.*s; lang=en",
	         (int)SIGNER_TOKEN_SIZE - 1, tokens[i]);
	strcpy(ids[i], sess_id(s));
	sess_end(s);
	for (size_t n = 0; n < 2; n++) {
		uint64_t sum = record_sum(ids[i], SESS_ID_SIZE, n);

		memcpy(keys[i].octets + 8 * n, &sum, sizeof sum);
	}
	apply(memory, i, STORE_IF_ABSENT);
	apply(manager->store, i, STORE_IF_ABSENT);
}

static void prepare(void)
{
	struct store_options options = { .location = "memory:", .wait_ms = 2000 };
	struct sess_why why;

	now = time(NULL);
	if (sess_manager_open(&manager, NULL, &why) != SESS_OK)
		layers_fail("sess_manager_open", why.text);
	if (store_open(&memory, &options) != STORE_OK)
		layers_fail("store_open", "memory:");
	for (long i = 0; i < LAYERS_SESSIONS; i++)
		prepare_one(i);
}

static int64_t run(const struct layer *layer, long count)
{
	struct timespec begin;
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (long i = 0; i < count; i++)
		layer->operation(i);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (end.tv_sec - begin.tv_sec) * INT64_C(1000000000) + end.tv_nsec - begin.tv_nsec;
}

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const struct layer *layer)
{
	double each[LAYERS_RUNS];
	long count = 1000;

	while (run(layer, count) < LAYERS_RUN_NS / 4 && count < 100000000)
		count *= 2;
	for (int i = 0; i < LAYERS_RUNS; i++)
		each[i] = (double)run(layer, count) / (double)count;
	qsort(each, LAYERS_RUNS, sizeof each[0], by_number);
	printf("%s\t%.1f\t%.1f\t%.1f\t%s\n", layer->name, each[LAYERS_RUNS / 2], each[0], each[LAYERS_RUNS - 1], layer->what);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	bool found = false;

	prepare();
	for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
		if (argc > 1 && strcmp(argv[1], layers[i].name) != 0)
			continue;
		found = true;
		if (argc > 2)
			run(&layers[i], strtol(argv[2], NULL, 10));
		else
			measure(&layers[i]);
	}
	store_close(memory);
	sess_manager_close(manager);
	if (!found)
		fprintf(stderr, "layers: there is no layer %s\n", argv[1]);
	return found ? 0 : 64;
}

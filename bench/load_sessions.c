/*
 * load_sessions - fills a store with sessions that a program of the same settings will find, and counts what became of them.
 *
 *     load_sessions fill COUNT SIZE      makes COUNT sessions, each with a text of SIZE octets beside its counter, and prints their
 *                                        cookies ("jp_token=..."), a line each, all of one length
 *     load_sessions sum                  prints how many sessions there are, and the sum of their visits
 *
 * The settings (SESSION_STORE, SECRET_KEY, ...) come from where programs have them from. With a COUNT of more than LOAD_PART sessions,
 * two threads fill.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sesame.h>

#include "lib/manager.h"
#include "store/store.h"

#define LOAD_THREADS 2
#define LOAD_PART 10000
#define LOAD_LINE 160

struct load_part {
	struct sess_manager *manager;
	const char *text;
	size_t count;
	char (*cookies)[LOAD_LINE];
	bool failed;
};

/* Keeps the cookie of a commit's head. */
static bool load_keep(const char *head, char *cookie)
{
	static const char begin[] = "Set-Cookie: ";
	const char *at = strstr(head, begin);
	size_t size;

	if (!at)
		return false;
	at += sizeof begin - 1;
	size = strcspn(at, ";\r");
	if (size >= LOAD_LINE)
		return false;
	memcpy(cookie, at, size);
	cookie[size] = '\0';
	return true;
}

static bool load_make(struct sess_manager *manager, const char *text, char *cookie)
{
	static char *const nothing[] = { NULL };
	char head[SESS_HEAD_SIZE];
	struct sess *s = sess_begin(manager, nothing);
	bool made;

	if (!s)
		return false;
	sess_set_int(s, "visits", 0);
	if (*text)
		sess_set(s, "text", text);
	made = sess_commit(s, head, sizeof head) == SESS_OK && load_keep(head, cookie);
	sess_end(s);
	return made;
}

static void *load_part_main(void *context)
{
	struct load_part *part = context;
	struct timespec pause = { .tv_nsec = 20000000 };

	/* A store that is busy merging says so; it is asked again. */
	for (size_t i = 0, tries = 0; i < part->count && !part->failed; tries++) {
		if (load_make(part->manager, part->text, part->cookies[i])) {
			i++;
			tries = 0;
		} else if (tries > 500) {
			part->failed = true;
		} else {
			nanosleep(&pause, NULL);
		}
	}
	return NULL;
}

static int load_print(char (*cookies)[LOAD_LINE], size_t count)
{
	for (size_t i = 0; i < count; i++)
		puts(cookies[i]);
	return fflush(stdout) == 0 ? 0 : 71;
}

static int load_fill(struct sess_manager *manager, size_t count, size_t size)
{
	char(*cookies)[LOAD_LINE] = calloc(count + 1, sizeof *cookies);
	char *text = calloc(size + 1, 1);
	struct load_part parts[LOAD_THREADS];
	pthread_t threads[LOAD_THREADS];
	size_t number = count > LOAD_PART ? LOAD_THREADS : 1;
	bool failed = !cookies || !text;
	int status = 71;

	if (text)
		memset(text, 'x', size);
	for (size_t i = 0; i < number && !failed; i++) {
		size_t first = count * i / number;

		parts[i] = (struct load_part){ manager, text, count * (i + 1) / number - first, cookies + first, false };
		if (pthread_create(&threads[i], NULL, load_part_main, &parts[i]) != 0) {
			number = i;
			failed = true;
		}
	}
	for (size_t i = 0; i < number && text && cookies; i++) {
		pthread_join(threads[i], NULL);
		failed = failed || parts[i].failed;
	}
	if (!failed)
		status = load_print(cookies, count);
	free(text);
	free(cookies);
	return status;
}

struct load_total {
	int64_t now;
	int64_t sessions;
	int64_t visits;
};

static bool load_count(void *context, const struct store_key *key, const uint8_t *record)
{
	struct load_total *total = context;
	struct record_field field;

	(void)key;
	total->sessions++;
	if (record_find(record, "visits", strlen("visits"), total->now, &field) && field.type == RECORD_INTEGER)
		total->visits += field.number;
	return true;
}

static int load_sum(struct sess_manager *manager)
{
	struct load_total total = { .now = time(NULL) };
	struct store_walk walk = { .each = load_count, .context = &total, .now = total.now };
	uint64_t cursor = 0;

	do {
		int status = store_walk(manager->store, &cursor, &walk);

		if (status != STORE_OK) {
			fprintf(stderr, "load_sessions: the walk through the store ended: %s\n", store_status_name(status));
			return 71;
		}
	} while (cursor != 0);
	printf("sessions=%" PRId64 " visits=%" PRId64 "\n", total.sessions, total.visits);
	return fflush(stdout) == 0 ? 0 : 71;
}

int main(int argc, char **argv)
{
	bool fill = argc == 4 && strcmp(argv[1], "fill") == 0;
	bool sum = argc == 2 && strcmp(argv[1], "sum") == 0;
	struct sess_manager *manager;
	struct sess_why why;
	int status;

	if (!fill && !sum) {
		fprintf(stderr, "usage: %s fill COUNT SIZE | sum\n", argv[0]);
		return 64;
	}
	if (sess_manager_open(&manager, NULL, &why) != SESS_OK) {
		fprintf(stderr, "load_sessions: %s\n", why.text);
		return 78;
	}
	status = fill ? load_fill(manager, strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10)) : load_sum(manager);
	sess_manager_close(manager);
	if (status != 0)
		fprintf(stderr, "load_sessions: the store or its memory was not enough\n");
	return status;
}

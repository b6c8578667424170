/*
 * visitor.h - a site with sessions and a browser before it, without any server: requests are CGI variables, and the jar keeps what
 * Set-Cookie says. One thread, unless said otherwise.
 */
#ifndef TESTS_LIB_VISITOR_H
#define TESTS_LIB_VISITOR_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sesame.h>

#include "lib/config.h"
#include "lib/manager.h"
#include "store/fault.h"
#include "store/store.h"
#include "tests/tap.h"

#define SECRET "a secret of this test, long enough"
#define START 1700000000 /* when the tests begin */

static int64_t site_now;

static int64_t site_clock(void *context)
{
	(void)context;
	return __atomic_load_n(&site_now, __ATOMIC_RELAXED);
}

/* Takes every setting out of the environment, then sets those given ("NAME=value", …, NULL). */
#define settings(...) settings_list(0, __VA_ARGS__)
__attribute__((unused, sentinel)) static void settings_list(int unused, ...)
{
	va_list list;

	unsetenv("SESAME_CONF");
	for (unsigned i = 0; i < CONFIG_COUNT; i++)
		unsetenv(config_name_text((enum config_name)i));
	setenv("SECRET_KEY", SECRET, 1);
	setenv("SECRET_KEY_FILE", "/nowhere/secret.key", 1);
	setenv("SESSION_STORE", "fault:0:memory:", 1);
	va_start(list, unused);
	for (const char *s = va_arg(list, const char *); s; s = va_arg(list, const char *)) {
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(s, "="), s);
		if (strchr(s, '='))
			setenv(name, strchr(s, '=') + 1, 1);
		else
			unsetenv(name);
	}
	va_end(list);
}

/* Opens a site with the settings of the environment; ends the test where that fails. */
__attribute__((unused)) static struct sess_manager *site_open(void)
{
	struct sess_manager *m;
	struct sess_why why;

	if (sess_manager_open(&m, NULL, &why) != SESS_OK) {
		printf("Bail out! %s\n", why.text);
		exit(1);
	}
	site_now = START;
	manager_set_clock(m, site_clock, NULL);
	return m;
}

/* Calls of the store since the last time this was asked. */
__attribute__((unused)) static unsigned long store_calls(struct sess_manager *m)
{
	unsigned long calls = store_fault_calls(m->store);

	store_fault_arm(m->store, 0, false);
	return calls;
}

/* One browser: the cookie's value, "" when there is none. */
struct browser {
	char cookie[256];
};

/* One request under way, and its response's head. */
struct visit {
	struct sess *s;
	char *envp[16];
	unsigned variables;
	char cookie[70000];
	char text[8][256];
	char head[SESS_HEAD_SIZE];
	int result, error; /* errno then */
};

__attribute__((unused, format(printf, 2, 3))) static void visit_variable(struct visit *v, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(v->text[v->variables % 8], sizeof(v->text[0]), format, arguments);
	va_end(arguments);
	v->envp[v->variables] = v->text[v->variables % 8];
	v->envp[++v->variables] = NULL;
}

/* Begins a request with a Cookie header, NULL for none. Variables set before are sent as well. */
__attribute__((unused)) static struct sess *visit_header(struct visit *v, struct sess_manager *m, const char *cookie)
{
	if (cookie) {
		snprintf(v->cookie, sizeof(v->cookie), "HTTP_COOKIE=%s", cookie);
		v->envp[v->variables++] = v->cookie;
	}
	v->envp[v->variables] = NULL;
	v->head[0] = '?';
	v->s = sess_begin(m, v->envp);
	return v->s;
}

__attribute__((unused)) static void visit_clear(struct visit *v)
{
	v->variables = 0;
	v->envp[0] = NULL;
	v->s = NULL;
}

/* Begins a request of the browser. */
__attribute__((unused)) static struct sess *visit_by(struct visit *v, struct sess_manager *m, const struct browser *b)
{
	char header[300];

	visit_clear(v);
	snprintf(header, sizeof(header), "other=1; jp_token=%s; last=2", b->cookie);
	return visit_header(v, m, *b->cookie ? header : NULL);
}

/* True if the head sets a cookie; its value goes to value. */
__attribute__((unused)) static bool head_cookie(const char *head, char *value, size_t size)
{
	const char *at = strstr(head, "Set-Cookie: jp_token=");

	if (!at)
		return false;
	at += strlen("Set-Cookie: jp_token=");
	snprintf(value, size, "%.*s", (int)strcspn(at, ";\r"), at);
	return true;
}

/* Commits, and lets the browser keep what it is told. True if it was told something. */
__attribute__((unused)) static bool visit_commit(struct visit *v, struct browser *b)
{
	v->result = sess_commit(v->s, v->head, sizeof(v->head));
	v->error = errno;
	return b ? head_cookie(v->head, b->cookie, sizeof(b->cookie)) : strstr(v->head, "Set-Cookie:") != NULL;
}

__attribute__((unused)) static void visit_end(struct visit *v)
{
	sess_end(v->s);
	visit_clear(v);
}

/* A whole request that logs in. The commit's result; the browser keeps the new cookie, v what the response was. */
__attribute__((unused)) static int visit_log_in(struct visit *v, struct sess_manager *m, struct browser *b, const char *user,
                                                const char *device)
{
	int result;

	visit_by(v, m, b);
	sess_login(v->s, user, device);
	visit_commit(v, b);
	result = v->result;
	visit_end(v);
	return result;
}

/* A whole request that adds 1 to visits. Returns the number afterwards, -1 where the commit failed. */
__attribute__((unused)) static int64_t page_view(struct sess_manager *m, struct browser *b)
{
	struct visit *v = calloc(1, sizeof(*v));
	int64_t visits = -1;

	visit_by(v, m, b);
	sess_add(v->s, "visits", 1);
	visit_commit(v, b);
	if (v->result == SESS_OK)
		visits = sess_int(v->s, "visits", -1);
	visit_end(v);
	free(v);
	return visits;
}

#endif

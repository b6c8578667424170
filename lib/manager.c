/* manager.c - opens settings, keys and store. */

#include "lib/manager.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/config.h"
#include "lib/crypto.h"
#include "lib/keys.h"
#include "lib/origin.h"
#include "lib/why.h"

#define APPLY_TRIES 16 /* of a race between those who make a record */

#define FIXED_LINES 128u /* octets for the lines other than Set-Cookie */

static int64_t system_clock(void *context)
{
	(void)context;
	return (int64_t)time(NULL);
}

void manager_set_clock(struct sess_manager *m, int64_t (*clock)(void *context), void *context)
{
	m->clock = clock;
	m->clock_context = context;
}

int manager_apply(struct sess_manager *m, const struct store_key *key, struct store_update *update, struct record *ret)
{
	int status = STORE_BUSY;

	update->condition = STORE_IF_PRESENT;
	for (int i = 0; i < APPLY_TRIES; i++) {
		status = store_apply(m->store, key, update, ret);
		if (status != STORE_ABSENT && status != STORE_EXISTS && status != STORE_DAMAGED)
			break;
		update->condition = status == STORE_EXISTS ? STORE_IF_PRESENT : STORE_IF_ABSENT;
	}
	return status;
}

struct store_tombstone manager_tombstone(const struct sess_manager *m, int64_t now)
{
	int64_t remembered = m->believes_justpy && m->lifetime > m->grace ? m->lifetime : m->grace;

	return (struct store_tombstone){ .grace = now + m->grace, .final_deadline = now + remembered };
}

static int64_t number(const struct sess_manager *m, enum config_name name)
{
	return config_number(m->config, name);
}

static void remember_settings(struct sess_manager *m)
{
	m->sessions = number(m, CONFIG_SESSIONS) == 1;
	m->replaces_forged = number(m, CONFIG_BAD_COOKIE) == CONFIG_BAD_COOKIE_REPLACE;
	m->goes_on = number(m, CONFIG_STORE_OUTAGE) == CONFIG_OUTAGE_ANONYMOUS;
	m->believes_justpy = number(m, CONFIG_COOKIE_FORMAT) == CONFIG_FORMAT_JUSTPY || number(m, CONFIG_COOKIE_ACCEPT_JUSTPY) == 1;
	m->max_age = number(m, CONFIG_COOKIE_MAX_AGE);
	m->tenth = m->max_age >= 10 ? m->max_age / 10 : 1;
	m->lifetime = number(m, CONFIG_SESSION_LIFETIME);
	m->user_sessions = (size_t)number(m, CONFIG_USER_SESSIONS_MAX);
	m->user_refuses = number(m, CONFIG_USER_SESSIONS_POLICY) == CONFIG_POLICY_REFUSE;
	/* Longer than the longest request, waiting in a queue before it included. */
	m->grace = 2 * number(m, CONFIG_REQUEST_TIMEOUT) + 5;
	m->head_size = cookie_line_size(&m->form) + FIXED_LINES;
}

/* What is to happen before the store is opened. */
struct preparation {
	sess_prepare *prepare; /* may be NULL */
	void *context;
};

static int prepare_all(struct sess_manager *m, const struct preparation *p, struct sess_why *why)
{
	int status;

	if (!p->prepare)
		return SESS_OK;
	status = m->sessions ? state_prepare(m->config, why) : SESS_OK;
	if (status != SESS_OK)
		return status;
	return p->prepare(m, p->context, why) ? SESS_OK : SESS_SETTINGS;
}

static int open_all(struct sess_manager *m, const char *conf, enum state_use use, const struct preparation *p, struct sess_why *why)
{
	int status = config_load(&m->config, conf, why), stored;

	if (status == SESS_OK)
		status = cookie_form_init(&m->form, m->config, why);
	if (status == SESS_OK)
		status = origin_new(&m->origin, m->config, why);
	if (status != SESS_OK)
		return status;
	remember_settings(m);
	if (!m->sessions && use != STATE_OPERATE)
		return prepare_all(m, p, why);
	if (!crypto_init()) {
		why_write(why, "libgcrypt is older than 1.8.0, which is needed");
		return SESS_SETTINGS;
	}
	if (use != STATE_OPERATE)
		status = keys_open(&m->keys, m->config, why);
	if (status == SESS_OK)
		status = prepare_all(m, p, why);
	if (status != SESS_OK)
		return status;
	stored = state_open_store(m->config, use, &m->store, why);
	if (stored == STORE_OK || stored == STORE_NO_MEMORY)
		return stored == STORE_OK ? SESS_OK : SESS_MEMORY;
	return use == STATE_OPERATE ? SESS_UNAVAILABLE : SESS_SETTINGS;
}

static int open_with(struct sess_manager **ret, const char *conf, enum state_use use, const struct preparation *p, struct sess_why *why)
{
	struct sess_manager *m = calloc(1, sizeof(*m));
	int status;

	if (!m) {
		why_write(why, "out of memory");
		return SESS_MEMORY;
	}
	m->clock = system_clock;
	status = open_all(m, conf, use, p, why);
	if (status != SESS_OK) {
		sess_manager_close(m);
		return status;
	}
	*ret = m;
	return SESS_OK;
}

int manager_open_for(struct sess_manager **ret, const char *conf, enum state_use use, struct sess_why *why)
{
	return open_with(ret, conf, use, &(struct preparation){ NULL, NULL }, why);
}

int sess_manager_open(struct sess_manager **ret, const char *conf, struct sess_why *why)
{
	return manager_open_for(ret, conf, STATE_SERVE, why);
}

int sess_manager_open_prepared(struct sess_manager **ret, const char *conf, sess_prepare *prepare, void *context, struct sess_why *why)
{
	return open_with(ret, conf, STATE_SERVE, &(struct preparation){ prepare, context }, why);
}

int sess_manager_open_brief(struct sess_manager **ret, const char *conf, struct sess_why *why)
{
	return manager_open_for(ret, conf, STATE_BRIEF, why);
}

void sess_manager_close(struct sess_manager *m)
{
	if (!m)
		return;
	store_close(m->store);
	keys_close(m->keys);
	origin_free(m->origin);
	cookie_form_free(&m->form);
	config_free(m->config);
	free(m);
}

const char *sess_manager_setting(const struct sess_manager *m, const char *name)
{
	enum config_name found = config_find(name);

	return found == CONFIG_COUNT || config_is_secret(found) ? NULL : config_text(m->config, found);
}

int64_t sess_manager_number(const struct sess_manager *m, const char *name)
{
	enum config_name found = config_find(name);

	return found == CONFIG_COUNT ? -1 : config_number(m->config, found);
}

const char *sess_manager_notes(const struct sess_manager *m)
{
	return config_notes(m->config);
}

bool sess_manager_trouble(struct sess_manager *m, struct sess_why *why)
{
	struct store_trouble trouble;

	if (m->keys && keys_trouble(m->keys, why))
		return true;
	if (!m->store || store_trouble(m->store, &trouble) != STORE_OK || (trouble.damaged == 0 && trouble.set_aside == 0))
		return false;
	why_write(why,
	          "the store has met %" PRIu64 " damaged places, and %" PRIu64
	          " of its files are set aside: 'sesamectl verify-store' tells which, 'sesamectl repair' puts back what can be read",
	          trouble.damaged, trouble.set_aside);
	return true;
}

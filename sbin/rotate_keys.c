/* rotate_keys.c - sesamectl rotate-keys: announce, switch, retire. */

#include "sbin/sesamectl.h"

#include <string.h>
#include <time.h>

#include "lib/config.h"
#include "lib/rotation.h"
#include "lib/signer.h"

#define DAY 86400
#define WAIT_DEFAULT 3u /* programs look at the file once a second */
#define WAIT_MOST 86400u
#define LIFETIME_MOST 3153600000u

enum step { STEP_ALL, STEP_ANNOUNCE, STEP_SWITCH, STEP_RETIRE, STEP_NONE };

struct rotating {
	struct ctl ctl;
	struct rotation rotation;
	struct sess_why why;
	unsigned wait;
	unsigned lifetime;
};

static enum step step_of(const struct ctl *ctl)
{
	static const char *const names[] = { "", "announce", "switch", "retire" };

	if (ctl->count == 0)
		return STEP_ALL;
	for (unsigned i = 1; i < STEP_NONE; i++)
		if (strcmp(ctl->arguments[0], names[i]) == 0)
			return (enum step)i;
	return STEP_NONE;
}

/*
 * What the old key signed may be in use for as long as a cookie or a session lives, whichever is longer. A cookie that outlived its key
 * would be a forged one, so there is a day for clocks that differ and files that have to be copied.
 */
static unsigned longest_lifetime(const struct config *config)
{
	int64_t cookie = config_number(config, CONFIG_COOKIE_MAX_AGE), session = config_number(config, CONFIG_SESSION_LIFETIME);
	int64_t longest = (cookie > session ? cookie : session) + DAY;

	return longest < (int64_t)LIFETIME_MOST ? (unsigned)longest : LIFETIME_MOST;
}

static int told(struct rotating *r, int status)
{
	return status == SESS_OK ? CTL_DONE : ctl_refuse(&r->ctl, CTL_SETTINGS, "%s", r->why.text);
}

static int announce(struct rotating *r)
{
	bool added;
	int status = told(r, rotation_announce(&r->rotation, &added, &r->why));

	if (status == CTL_DONE) {
		output_truth(&r->ctl.output, "announced", added);
		if (!r->ctl.output.json)
			puts(added ? "a fresh key was announced" : "a key is announced already");
	}
	return status;
}

static int change_over(struct rotating *r)
{
	int64_t until = ctl_now() + (int64_t)r->lifetime;
	char when[32];
	struct tm broken;
	int status = told(r, rotation_switch(&r->rotation, until, &r->why));

	if (status == CTL_DONE && gmtime_r(&until, &broken)) {
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &broken);
		output_pair(&r->ctl.output, "old_key_until", "the new key signs, the old one until", when);
	}
	return status;
}

static int retire(struct rotating *r)
{
	unsigned removed;
	int status = told(r, rotation_retire(&r->rotation, &removed, &r->why));

	if (status == CTL_DONE)
		output_number(&r->ctl.output, "retired", "keys retired", removed);
	return status;
}

/* An end between the steps leaves a key announced, with which the next call goes on. */
static int rotate(struct rotating *r)
{
	int status = retire(r);

	if (status == CTL_DONE)
		status = announce(r);
	if (status == CTL_DONE)
		fflush(stdout);
	if (status != CTL_DONE || !ctl_wait(r->wait * 1000))
		return status;
	return change_over(r);
}

static int begin(struct rotating *r)
{
	const struct config *config = r->ctl.config;
	int status;

	r->wait = WAIT_DEFAULT;
	r->lifetime = longest_lifetime(config);
	status = ctl_number(&r->ctl, "wait", 0, WAIT_MOST, &r->wait);
	if (status == CTL_GO_ON)
		status = ctl_number(&r->ctl, "lifetime", 1, LIFETIME_MOST, &r->lifetime);
	if (status != CTL_GO_ON)
		return status;
	if (config_is_set(config, CONFIG_SECRET_KEY))
		return ctl_refuse(&r->ctl, CTL_SETTINGS,
		                  "SECRET_KEY (%s) is set, so that it signs, whatever the key file says: move it there as 'sign KEY', and "
		                  "restart the programs without it",
		                  config_origin(config, CONFIG_SECRET_KEY));
	r->rotation = (struct rotation){ config_text(config, CONFIG_SECRET_KEY_FILE), config_number(config, CONFIG_ALLOW_WEAK_SECRET) == 1,
		                         ctl_now() };
	output_begin(&r->ctl.output);
	return CTL_GO_ON;
}

int ctl_rotate_keys(const struct ctl_command *self, int argc, char **argv)
{
	static int (*const steps[])(struct rotating * r) = { rotate, announce, change_over, retire };
	struct rotating r;
	int status = ctl_begin_settings(&r.ctl, self, argc, argv);
	enum step step;

	if (status != CTL_GO_ON)
		return status;
	step = step_of(&r.ctl);
	if (step == STEP_NONE)
		return ctl_end(&r.ctl,
		               ctl_refuse(&r.ctl, CTL_USAGE, "rotate-keys: '%s' is none of announce, switch, retire", r.ctl.arguments[0]));
	status = begin(&r);
	return ctl_end(&r.ctl, status == CTL_GO_ON ? steps[step](&r) : status);
}

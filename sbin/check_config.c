/* check_config.c - sesamectl check-config: the settings, the keys, the store. */

#include "sbin/sesamectl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/config.h"
#include "lib/cookie.h"
#include "lib/keys.h"
#include "lib/origin.h"
#include "lib/state.h"
#include "store/store.h"

/* A location may be a URL, or several, with a password before the '@' of each. Returns a copy without them. */
static char *without_passwords(const char *text)
{
	char *copy = strdup(text), *at = copy;

	while (at && (at = strstr(at, "://"))) {
		size_t host;
		char *sign, *colon;

		at += 3;
		host = strcspn(at, "/,");
		sign = memrchr(at, '@', host);
		colon = sign ? memchr(at, ':', (size_t)(sign - at)) : NULL;
		if (colon) {
			memmove(colon + 1, sign, strlen(sign) + 1);
			at = colon + 1;
		}
	}
	return copy;
}

/* Faults are told after the settings, whatever comes first. */
struct faults {
	char *sentences[CONFIG_COUNT + 16];
	size_t count;
};

static void add_fault(void *context, const char *sentence)
{
	struct faults *faults = context;

	if (faults->count < sizeof(faults->sentences) / sizeof(faults->sentences[0]))
		faults->sentences[faults->count] = without_passwords(sentence);
	faults->count += faults->count < sizeof(faults->sentences) / sizeof(faults->sentences[0]);
}

static void tell_setting(struct ctl *ctl, enum config_name name)
{
	struct output *o = &ctl->output;
	const char *text = config_text(ctl->config, name), *where = config_origin(ctl->config, name);
	bool secret = config_is_secret(name);
	char *shown = without_passwords(secret ? (*text ? "(hidden)" : "") : text);

	if (!o->json) {
		printf("%-22s %s  (%s)\n", config_name_text(name), shown ? shown : "", where);
	} else {
		output_item(o);
		output_text(o, "name", config_name_text(name));
		output_text(o, "value", shown ? shown : "");
		output_text(o, "origin", where);
		output_truth(o, "secret", secret);
		output_item_end(o);
	}
	free(shown);
}

/* What each may be by itself, and together may not. */
static void check_together(struct ctl *ctl, struct faults *faults)
{
	struct cookie_form form;
	struct origin *origin = NULL;
	struct sess_why why = { "" };

	if (cookie_form_init(&form, ctl->config, &why) != SESS_OK)
		add_fault(faults, why.text);
	cookie_form_free(&form);
	if (origin_new(&origin, ctl->config, &why) == SESS_OK)
		origin_free(origin);
	else
		add_fault(faults, why.text);
}

/* A key file that is not there yet is made by the first program that starts. */
static void check_keys(struct ctl *ctl, struct faults *faults)
{
	struct sess_why why = { "" };
	struct keys *keys;
	struct stat found;

	if (!config_is_set(ctl->config, CONFIG_SECRET_KEY) && lstat(config_text(ctl->config, CONFIG_SECRET_KEY_FILE), &found) != 0 &&
	    errno == ENOENT) {
		config_note(ctl->config, "%s is not there yet: the first program that starts makes it",
		            config_text(ctl->config, CONFIG_SECRET_KEY_FILE));
		return;
	}
	if (keys_open_existing(&keys, ctl->config, &why) == SESS_OK)
		keys_close(keys);
	else
		add_fault(faults, why.text);
}

static void check_store(struct ctl *ctl, struct faults *faults)
{
	struct sess_why why = { "" };
	struct store *store;
	int status;

	if (strncmp(config_text(ctl->config, CONFIG_SESSION_STORE), "memory:", 7) == 0)
		return;
	status = state_open_store(ctl->config, STATE_OPERATE, &store, &why);
	if (status == STORE_OK)
		store_close(store);
	else if (status == STORE_ABSENT)
		config_note(ctl->config, "there is no store yet: the first program that starts makes it");
	else
		add_fault(faults, why.text);
}

static void tell_faults(struct ctl *ctl, struct faults *faults)
{
	struct output *o = &ctl->output;

	output_list(o, "faults");
	for (size_t i = 0; i < faults->count; i++) {
		if (o->json) {
			output_item(o);
			output_text(o, "fault", faults->sentences[i] ? faults->sentences[i] : "");
			output_item_end(o);
		} else {
			printf("WRONG: %s\n", faults->sentences[i] ? faults->sentences[i] : "");
		}
		free(faults->sentences[i]);
	}
	output_list_end(o);
}

static void tell_notes(struct ctl *ctl)
{
	char *notes = strdup(config_notes(ctl->config)), *rest = notes, *line;
	struct output *o = &ctl->output;

	output_list(o, "notes");
	while (rest && (line = strsep(&rest, "\n")))
		if (*line && o->json) {
			output_item(o);
			output_text(o, "note", line);
			output_item_end(o);
		} else if (*line) {
			printf("note: %s\n", line);
		}
	output_list_end(o);
	free(notes);
}

int ctl_check_config(const struct ctl_command *self, int argc, char **argv)
{
	struct faults faults = { .count = 0 };
	struct ctl ctl;
	int status = ctl_begin_call(&ctl, self, argc, argv);

	if (status != CTL_GO_ON)
		return status;
	if (config_examine(&ctl.config, add_fault, &faults) != SESS_OK)
		return ctl_refuse(&ctl, CTL_SETTINGS, "out of memory");
	output_begin(&ctl.output);
	output_list(&ctl.output, "settings");
	for (unsigned i = 0; i < CONFIG_COUNT; i++)
		tell_setting(&ctl, (enum config_name)i);
	output_list_end(&ctl.output);
	check_together(&ctl, &faults);
	check_keys(&ctl, &faults);
	check_store(&ctl, &faults);
	status = faults.count > 0 ? CTL_SETTINGS : CTL_DONE;
	tell_faults(&ctl, &faults);
	tell_notes(&ctl);
	return ctl_end(&ctl, status);
}

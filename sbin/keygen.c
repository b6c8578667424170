/* keygen.c - sesamectl keygen: a fresh key. */

#include "sbin/sesamectl.h"

#include "lib/config.h"
#include "lib/crypto.h"
#include "lib/keyring.h"

static int print_key(struct ctl *ctl)
{
	char key[KEYRING_TEXT_SIZE];

	if (!keyring_make_key(key))
		return ctl_end(ctl, ctl_refuse(ctl, CTL_SETTINGS, "the system has no randomness to give"));
	output_begin(&ctl->output);
	output_text(&ctl->output, "key", key);
	crypto_wipe(key, sizeof(key));
	return ctl_end(ctl, CTL_DONE);
}

/* As the programs make it at their first run. */
static int make_file(struct ctl *ctl)
{
	const char *path = config_text(ctl->config, CONFIG_SECRET_KEY_FILE);
	struct keyring_source *source = keyring_source_new(NULL, path, config_number(ctl->config, CONFIG_ALLOW_WEAK_SECRET) == 1);
	bool was_there = source && keyring_source_changed(source);
	struct keyring *ring = NULL;
	struct sess_why why = { "out of memory" };
	int status = source ? keyring_source_read(source, true, &ring, &why) : SESS_MEMORY;

	keyring_free(ring);
	keyring_source_free(source);
	if (status != SESS_OK)
		return ctl_end(ctl, ctl_refuse(ctl, CTL_SETTINGS, "%s", why.text));
	output_begin(&ctl->output);
	output_pair(&ctl->output, "file", was_there ? "there already" : "made", path);
	output_truth(&ctl->output, "made", !was_there);
	return ctl_end(ctl, CTL_DONE);
}

int ctl_keygen(const struct ctl_command *self, int argc, char **argv)
{
	struct ctl ctl;
	int status = ctl_begin_settings(&ctl, self, argc, argv);

	if (status != CTL_GO_ON)
		return status;
	return ctl_option(&ctl, "file") ? make_file(&ctl) : print_key(&ctl);
}

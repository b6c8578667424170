/* The key file: made once, refused with a reason, and taken anew by a running program. */

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/keyring.h"
#include "tests/lib/visitor.h"
#include "tests/store/folder.h"

static char folder[64], path[128];
static struct visit v;

static void write_file(const char *at, const char *text, mode_t mode)
{
	char other[140];
	FILE *file;

	snprintf(other, sizeof(other), "%s.new", at);
	file = fopen(other, "w");
	fputs(text, file);
	fclose(file);
	chmod(other, mode);
	rename(other, at);
}

static void file_of(const char *text)
{
	write_file(path, text, 0600);
}

static void settings_with_file(void)
{
	char setting[160];

	snprintf(setting, sizeof(setting), "SECRET_KEY_FILE=%s", path);
	settings("SECRET_KEY", setting, NULL);
}

static const char *sentence(void)
{
	static struct sess_why why;
	struct sess_manager *m;

	strcpy(why.text, "(accepted)");
	settings_with_file();
	if (sess_manager_open(&m, NULL, &why) == SESS_OK)
		sess_manager_close(m);
	return why.text;
}

static void first_run(void)
{
	char state[160], key[160], text[80] = "";
	struct sess_manager *m;
	struct stat found;
	FILE *file;

	snprintf(state, sizeof(state), "STATE_DIRECTORY=%s/new/state", folder);
	snprintf(key, sizeof(key), "%s/new/state/secret.key", folder);
	settings("SECRET_KEY", "SECRET_KEY_FILE", state, NULL);
	m = site_open();
	sess_manager_close(m);
	tap_ok(stat(key, &found) == 0 && (found.st_mode & 07777) == 0600, "the first run makes a key file of mode 0600");
	snprintf(state, sizeof(state), "%s/new/state", folder);
	tap_ok(stat(state, &found) == 0 && (found.st_mode & 07777) == 0700, "in a folder of mode 0700");
	file = fopen(key, "r");
	tap_ok(fgets(text, sizeof(text), file) && strlen(text) == 49 && strncmp(text, "sign ", 5) == 0 && !fgets(text, sizeof(text), file),
	       "with one line, sign and 256 bits as 43 characters");
	fclose(file);
}

/* Each child makes the key if it is not there, and writes what it signs. */
static void first_runs_at_once(void)
{
	enum { CHILDREN = 12 };
	int ends[2];
	char texts[CHILDREN][44], names[200];
	bool same = true;

	unlink(path);
	if (pipe(ends) != 0)
		return;
	for (int i = 0; i < CHILDREN; i++)
		if (fork() == 0) {
			struct keyring_source *source = keyring_source_new(NULL, path, false);
			struct keyring *ring;
			struct sess_why why;

			if (keyring_source_read(source, true, &ring, &why) != SESS_OK || ring->keys[0].size != 43)
				_exit(1);
			_exit(write(ends[1], ring->keys[0].text, 43) == 43 ? 0 : 1);
		}
	for (int i = 0; i < CHILDREN; i++)
		wait(NULL);
	close(ends[1]);
	for (int i = 0; i < CHILDREN; i++) {
		same = same && read(ends[0], texts[i], 43) == 43;
		same = same && memcmp(texts[0], texts[i], 43) == 0;
	}
	close(ends[0]);
	tap_ok(same, "processes that start at once all get the same key");
	snprintf(names, sizeof(names), "ls %s | grep -q 'secret.key\\.'", folder);
	tap_ok(system(names) != 0, "and leave nothing else behind");
}

static const struct {
	const char *text, *part, *claim;
} wrong[] = {
	{ "", "no 'sign KEY' line, and exactly one is needed", "an empty file" },
	{ "# nothing\n\n", "no 'sign KEY' line", "a file of comments" },
	{ "verify 0123456789abcdefghij\n", "no 'sign KEY' line", "a file without a signing key" },
	{ "sign 0123456789abcdefghij\nsign 1123456789abcdefghij\n", ":2: a second 'sign' line, and exactly one is allowed",
	  "two signing keys" },
	{ "\nsign\n", ":2: the key is empty", "no key" },
	{ "sign 0123456789abcde\n", ":1: the key is shorter than 16 octets", "a short key" },
	{ "sign 0123456789abcdefghij\nverify short\n", ":2: the key is shorter than 16 octets", "a short old key" },
	{ "sign $$$my_secret_string$$$\n", ":1: the key is JustPy's published default", "the published key" },
	{ "0123456789abcdefghij\n", ":1: neither 'sign KEY' nor 'verify KEY [until TIME]'", "a key alone" },
	{ "SIGN 0123456789abcdefghij\n", ":1: neither 'sign KEY'", "a word in another case" },
	{ "sign=0123456789abcdefghij\n", ":1: neither 'sign KEY'", "a settings line" },
	{ "sign 0123456789abcdefghij until 9\n", ":1: more than 'sign KEY'", "a signing key with a time" },
	{ "sign 0123456789abcdefghij x\n", ":1: more than 'sign KEY'", "something after the key" },
	{ "verify 0123456789abcdefghij until\n", ":1: more than", "until without a time" },
	{ "verify 0123456789abcdefghij til 9\n", ":1: more than", "another word for until" },
	{ "verify 0123456789abcdefghij until 9 9\n", ":1: more than", "two times" },
	{ "verify 0123456789abcdefghij until tomorrow\n", ":1: the time after 'until' is neither Unix seconds", "a time in words" },
	{ "verify 0123456789abcdefghij until 2027-01-31\n", ":1: the time after 'until'", "half a time" },
};

static void refusals(void)
{
	char other[140];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		file_of(wrong[i].text);
		tap_ok(strstr(sentence(), wrong[i].part), "refused: %s", wrong[i].claim);
		tap_ok(strstr(sentence(), path) && !strstr(sentence(), "123456789"), "the sentence names the file, and no key");
	}
	file_of("sign 0123456789abcdefghij\nverify abcdefghij0123456789 until 2027-01-31T00:00:00Z\n\n# x\nverify abcdefghij9876543210 "
	        "until 1800000000\n");
	tap_text(sentence(), "(accepted)", "a good file is accepted");
	for (mode_t mode = 0604; mode >= 0601; mode = mode == 0604 ? 0640 : mode == 0640 ? 0620 : mode == 0620 ? 0610 : 0) {
		chmod(path, mode);
		tap_ok(strstr(sentence(), "can be read by other users: chmod 600 it"), "refused: mode %o", mode);
	}
	chmod(path, 0400);
	tap_text(sentence(), "(accepted)", "mode 0400 is accepted");
	snprintf(other, sizeof(other), "%s.there", path);
	rename(path, other);
	if (symlink(other, path) == 0)
		tap_ok(strstr(sentence(), "it is a symbolic link"), "refused: a symbolic link");
	unlink(path);
	mkdir(path, 0700);
	tap_ok(strstr(sentence(), "is not a regular file"), "refused: a folder");
	rmdir(path);
	mkfifo(path, 0600);
	tap_ok(strstr(sentence(), "is not a regular file"), "refused: a fifo, without waiting for it");
	unlink(path);
	chmod(folder, 0777);
	tap_ok(strstr(sentence(), "can be written to by other users: chmod go-w it"),
	       "no key is made in a folder that others can write to");
	chmod(folder, 0700);
}

/* With another uid, as CI is root. */
static void another_owner(void)
{
	int status = -1;

	if (geteuid() != 0) {
		tap_skip("refused: another user's key file", "root");
		return;
	}
	file_of("sign 0123456789abcdefghij\n");
	chmod(folder, 0755);
	if (chown(path, 12345, 12345) != 0)
		return;
	if (fork() == 0) {
		if (setgid(23456) != 0 || setuid(23456) != 0)
			_exit(2);
		_exit(strstr(sentence(), "Permission denied") ? 0 : 1);
	}
	wait(&status);
	tap_ok(status == 0, "refused: another user's key file that cannot be read");
	if (chown(path, 0, 0) != 0)
		return;
	chmod(folder, 0700);
}

static enum sess_state state_of(struct sess_manager *m, const struct browser *b)
{
	enum sess_state state;

	visit_by(&v, m, b);
	state = sess_state(v.s);
	visit_end(&v);
	return state;
}

static void taken_anew(void)
{
	struct sess_manager *m;
	struct browser a = { "" }, b = { "" };
	struct sess_why why;
	char old[256];

	file_of("sign the-first-key-of-them\n");
	settings_with_file();
	m = site_open();
	page_view(m, &a);
	snprintf(old, sizeof(old), "%s", a.cookie);
	file_of("verify the-first-key-of-them\nsign the-second-key-of-them\n");
	tap_ok(page_view(m, &a) == 2 && strcmp(a.cookie, old) == 0, "in the same second the key file is not looked at again");
	site_now++;
	tap_ok(page_view(m, &a) == 3, "a second later the new ring is in force, and the old key still verifies");
	tap_ok(strcmp(a.cookie, old) != 0, "a cookie under an old key is signed anew on the next response");
	site_now++;
	snprintf(old, sizeof(old), "%s", a.cookie);
	page_view(m, &a);
	tap_text(a.cookie, old, "and then left alone");
	page_view(m, &b);
	file_of("sign the-second-key-of-them\n");
	site_now++;
	tap_ok(state_of(m, &a) == SESS_STATE_LIVE && state_of(m, &b) == SESS_STATE_LIVE,
	       "who came in between is not logged out when the old key goes");
	tap_ok(!sess_manager_trouble(m, &why), "there is no trouble");

	file_of("sign\n");
	site_now++;
	tap_ok(state_of(m, &a) == SESS_STATE_LIVE, "a broken key file changes nothing");
	tap_ok(sess_manager_trouble(m, &why) && strstr(why.text, ":1: the key is empty"), "but the trouble is told");
	write_file(path, "sign the-third-key-of-them\n", 0644);
	site_now++;
	tap_ok(state_of(m, &a) == SESS_STATE_LIVE && sess_manager_trouble(m, &why) && strstr(why.text, "can be read by other users"),
	       "nor does one that others can read");
	unlink(path);
	site_now++;
	tap_ok(state_of(m, &a) == SESS_STATE_LIVE && sess_manager_trouble(m, &why) && strstr(why.text, "No such file"),
	       "nor does its absence");
	tap_ok(access(path, F_OK) != 0, "and no key is made in its place");
	file_of("sign the-third-key-of-them\n");
	site_now++;
	tap_ok(state_of(m, &a) == SESS_STATE_FORGED && !sess_manager_trouble(m, &why), "a good one is taken, and then the trouble is over");
	sess_manager_close(m);
}

static void a_key_until(void)
{
	struct sess_manager *m;
	struct browser b = { "" };

	file_of("sign the-first-key-of-them\n");
	settings_with_file();
	m = site_open();
	page_view(m, &b);
	file_of("sign the-second-key-of-them\nverify the-first-key-of-them until 2023-11-14T22:15:00Z\n"); /* START + 100 */
	site_now = START + 99;
	tap_ok(state_of(m, &b) == SESS_STATE_LIVE, "a key is believed until its time");
	site_now = START + 100;
	tap_ok(state_of(m, &b) == SESS_STATE_FORGED, "and not a second longer");
	sess_manager_close(m);
}

static void beside_a_secret(void)
{
	struct sess_manager *m;
	struct browser b = { "" };
	char setting[160], old[256];

	file_of("sign the-first-key-of-them\n");
	settings_with_file();
	m = site_open();
	page_view(m, &b);
	sess_manager_close(m);
	snprintf(old, sizeof(old), "%s", b.cookie);
	snprintf(setting, sizeof(setting), "SECRET_KEY_FILE=%s", path);
	settings(setting, NULL);
	m = site_open();
	tap_ok(state_of(m, &b) == SESS_STATE_LIVE, "SECRET_KEY, if set, leaves the file's keys to verify");
	page_view(m, &b);
	tap_ok(strcmp(b.cookie, old) != 0, "and signs itself");
	unlink(path);
	site_now++;
	tap_ok(state_of(m, &b) == SESS_STATE_LIVE && !sess_manager_trouble(m, NULL), "where it is set, no key file is needed");
	sess_manager_close(m);
}

int main(void)
{
	if (!test_folder_make(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/secret.key", folder);
	first_run();
	first_runs_at_once();
	refusals();
	another_owner();
	taken_anew();
	a_key_until();
	beside_a_secret();
	test_folder_remove(folder);
	return tap_done();
}

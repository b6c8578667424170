/* Another signing key, step by step: what the file holds after each, and what is refused and left as it was. */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sesame.h>

#include "lib/keyring.h"
#include "lib/rotation.h"
#include "tests/store/folder.h"
#include "tests/tap.h"

#define NOW 1700000000

static char folder[64], path[128];
static struct sess_why why;
static struct rotation rotation = { .path = path, .now = NOW };

static void file_of(const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
	chmod(path, 0600);
}

static const char *text_of_file(void)
{
	static char text[70000];
	FILE *file = fopen(path, "r");
	size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[size] = '\0';
	if (file)
		fclose(file);
	return text;
}

/* How a step on a file that holds this text is refused: the sentence without the path. The file has to stay as it was. */
static const char *refused(const char *text, int (*step)(void))
{
	static char sentence[512];

	file_of(text);
	strcpy(why.text, "(accepted)");
	snprintf(sentence, sizeof(sentence), "%s%s", step() == SESS_SETTINGS ? "" : "(status) ",
	         strcmp(text_of_file(), text) == 0 ? "" : "(changed) ");
	snprintf(sentence + strlen(sentence), sizeof(sentence) - strlen(sentence), "%s",
	         strncmp(why.text, path, strlen(path)) == 0 ? why.text + strlen(path) : why.text);
	return sentence;
}

static int announce(void)
{
	bool added;

	return rotation_announce(&rotation, &added, &why);
}

static int change_over(void)
{
	return rotation_switch(&rotation, NOW + 1000, &why);
}

static int retire(void)
{
	unsigned removed;

	return rotation_retire(&rotation, &removed, &why);
}

static void steps(void)
{
	char expected[200], key[KEYRING_TEXT_SIZE] = "";
	unsigned removed;
	bool added;

	file_of("# ours\n\nsign old-key-of-this-test\nverify other-key-of-this-test until 1699999999\n");
	tap_ok(rotation_announce(&rotation, &added, &why) == SESS_OK && added, "a key is announced");
	tap_ok(sscanf(text_of_file(),
	              "# ours\n\nsign old-key-of-this-test\nverify other-key-of-this-test until 1699999999\nverify %43s next\n", key) == 1,
	       "by a line of its own, and the others stay");
	tap_ok(rotation_announce(&rotation, &added, &why) == SESS_OK && !added, "it is announced once");
	tap_ok(rotation_retire(&rotation, &removed, &why) == SESS_OK && removed == 1, "a key whose time is over is taken out");
	tap_ok(change_over() == SESS_OK, "the keys are switched");
	snprintf(expected, sizeof(expected), "# ours\n\nverify old-key-of-this-test until 2023-11-14T22:30:00Z\nsign %s\n", key);
	tap_text(text_of_file(), expected, "the next one signs, and the other one is believed until then");
	rotation.now = NOW + 999;
	tap_ok(rotation_retire(&rotation, &removed, &why) == SESS_OK && removed == 0, "before its time it stays");
	rotation.now = NOW + 1000;
	tap_ok(rotation_retire(&rotation, &removed, &why) == SESS_OK && removed == 1, "at its time it goes");
	rotation.now = NOW;
}

static void refusals(void)
{
	char text[4096] = "sign old-key-of-this-test\n";

	tap_text(refused("sign old-key-of-this-test\n", change_over), ": no 'verify KEY next' line: announce a key first",
	         "nothing was announced");
	tap_text(refused("sign old-key-of-this-test\nverify other-key-of-test-1 next\nverify other-key-of-test-2 next\n", change_over),
	         ": more than one next key", "two were announced");
	tap_text(refused("sing old-key-of-this-test\n", retire), ":1: neither 'sign KEY' nor 'verify KEY [until TIME]'",
	         "a line that is none is named");
	tap_text(refused("sign old-key-of-this-test\nverify other-key-of-this-test then\n", retire),
	         ":2: more than 'sign KEY', 'verify KEY [until TIME]' or 'verify KEY next'", "so is one that says more");
	tap_text(refused("sign\n", announce), ":1: the key is empty", "and one without a key");
	for (unsigned i = 0; i < KEYRING_MAX - 2; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "verify other-key-of-this-test-%02u\n", i);
	tap_ok(strstr(refused(text, announce), "more than 31 keys") && strncmp(text_of_file(), text, sizeof(text)) == 0,
	       "what the programs would refuse does not take the place of the file");
	tap_ok(strstr(refused("sign short\n", announce), "shorter than 16 octets") != NULL, "a weak key is refused");
	rotation.allow_weak = true;
	file_of("sign short\n");
	tap_ok(announce() == SESS_OK, "unless it is allowed");
	rotation.allow_weak = false;
}

static void files(void)
{
	char other[140], large[65537];
	int fd;

	memset(large, '#', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	memcpy(large, "sign old-key-of-this-test\n", 26);
	large[65500] = '\0';
	tap_text(refused(large, announce), ": would be larger than 65536 octets", "a file that would become too large is left");
	unlink(path);
	tap_ok(announce() == SESS_SETTINGS && strstr(why.text, "No such file"), "no file is told");
	file_of("sign old-key-of-this-test\n");
	chmod(path, 0644);
	tap_ok(announce() == SESS_SETTINGS && strstr(why.text, "can be read by other users"), "a file that others can read is refused");
	chmod(path, 0600);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	flock(fd, LOCK_EX);
	tap_ok(announce() == SESS_SETTINGS && strstr(why.text, "another one is working on it"), "of two at once, one is refused");
	close(fd);
	snprintf(other, sizeof(other), "%s.aside", path);
	rename(path, other);
	tap_ok(symlink(other, path) == 0 && announce() == SESS_SETTINGS && strstr(why.text, "symbolic link"),
	       "a symbolic link is not followed");
	unlink(path);
	rename(other, path);
	tap_ok(announce() == SESS_OK, "the file itself is taken");
}

int main(void)
{
	test_folder_make(folder);
	snprintf(path, sizeof(path), "%s/secret.key", folder);
	steps();
	refusals();
	files();
	test_folder_remove(folder);
	return tap_done();
}

/* Settings: where they come from, and what is refused in which words. */

#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/visitor.h"
#include "tests/store/folder.h"

static char folder[64], path[128];

/* A settings file of these lines. */
static void file_of(const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
	chmod(path, 0600);
}

/* Opens with the settings file; the manager, or NULL and the sentence in why. */
static struct sess_manager *open_with(struct sess_why *why)
{
	struct sess_manager *m = NULL;

	strcpy(why->text, "(accepted)");
	if (sess_manager_open(&m, path, why) != SESS_OK)
		return NULL;
	return m;
}

static const char *sentence(const char *text)
{
	static struct sess_why why;
	struct sess_manager *m;

	settings("SECRET_KEY", strstr(text, "SECRET_KEY_FILE=") ? "SECRET_KEY_FILE" : "SANDBOX=try",
	         strstr(text, "SESSION_STORE=") ? "SESSION_STORE" : "SANDBOX=try", NULL);
	if (strstr(text, "SANDBOX="))
		unsetenv("SANDBOX");
	file_of(text);
	m = open_with(&why);
	sess_manager_close(m);
	return why.text;
}

static void defaults(void)
{
	static const struct {
		const char *name, *value;
	} expected[] = {
		{ "SESSIONS", "true" },
		{ "SESSION_COOKIE_NAME", "jp_token" },
		{ "COOKIE_MAX_AGE", "604800" },
		{ "SESSION_LIFETIME", "2592000" },
		{ "USER_SESSIONS_MAX", "50" },
		{ "USER_SESSIONS_POLICY", "oldest" },
		{ "COOKIE_FORMAT", "timestamped" },
		{ "COOKIE_SECURE", "auto" },
		{ "COOKIE_SAMESITE", "Lax" },
		{ "COOKIE_PATH", "/" },
		{ "COOKIE_DOMAIN", "" },
		{ "BAD_COOKIE", "reject" },
		{ "SESSION_STORE_WAIT_MS", "250" },
		{ "STORE_OUTAGE", "closed" },
		{ "SESSION_SYNC", "everysec" },
		{ "THREADS", "8" },
		{ "BODY_MAX", "1048576" },
		{ "PARAMS_MAX", "65536" },
		{ "REQUEST_TIMEOUT", "30" },
		{ "SANDBOX", "try" },
		{ "AUTHORIZE", "session" },
		{ "LOGIN_URL", "" },
		{ "ALLOWED_ORIGINS", "" },
		{ "SESSION_REDIS_WAIT", "0" },
		{ "TRUSTED_PROXY", "" },
		{ "COOKIE_ACCEPT_JUSTPY", "false" },
		{ "ALLOW_WEAK_SECRET", "false" },
	};
	struct sess_manager *m;
	char state[200];

	settings(NULL);
	m = site_open();
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		tap_text(sess_manager_setting(m, expected[i].name), expected[i].value, expected[i].name);
	tap_ok(sess_manager_number(m, "THREADS") == 8 && sess_manager_number(m, "SESSIONS") == 1, "numbers and booleans are numbers");
	tap_ok(sess_manager_number(m, "NONSENSE") == -1 && !sess_manager_setting(m, "NONSENSE"), "an unknown name has no value");
	tap_ok(!sess_manager_setting(m, "SECRET_KEY"), "a secret is not told");
	tap_text(sess_manager_notes(m), "", "there is nothing to note");
	sess_manager_close(m);

	snprintf(state, sizeof(state), "STATE_DIRECTORY=%s:/other", folder);
	settings(state, "SECRET_KEY_FILE", NULL);
	m = site_open();
	snprintf(state, sizeof(state), "%s/secret.key", folder);
	tap_text(sess_manager_setting(m, "SECRET_KEY_FILE"), state, "the key file is in the state folder, the first of a list");
	tap_text(sess_manager_setting(m, "STATE_DIRECTORY"), folder, "as systemd gives it");
	sess_manager_close(m);
}

static void sources(void)
{
	struct sess_manager *m;
	struct sess_why why;

	settings("COOKIE_MAX_AGE=100", NULL);
	file_of("COOKIE_MAX_AGE=200\nTHREADS=3\nTHREADS=4\n  BAD_COOKIE = replace  \n# "
	        "THREADS=9\n\nSESSION_COOKIE_NAME='\"sid\"'\r\nSESSIONS=TRUE\n");
	m = open_with(&why);
	tap_text(why.text, "(accepted)", "a settings file is read");
	tap_ok(sess_manager_number(m, "COOKIE_MAX_AGE") == 100, "the environment comes before the file");
	tap_ok(sess_manager_number(m, "THREADS") == 4, "of equal keys the later wins, and the file comes before the default");
	tap_text(sess_manager_setting(m, "BAD_COOKIE"), "replace", "blanks around key and value are dropped");
	tap_text(sess_manager_setting(m, "SESSION_COOKIE_NAME"), "sid", "any number of quotes at both ends too");
	tap_text(sess_manager_setting(m, "SESSIONS"), "true", "a boolean may be in any case");
	sess_manager_close(m);

	settings(NULL);
	setenv("SESAME_CONF", path, 1);
	tap_ok(sess_manager_open(&m, NULL, &why) == SESS_OK && sess_manager_number(m, "THREADS") == 4, "SESAME_CONF names the file");
	sess_manager_close(m);
	tap_ok(sess_manager_open(&m, "/nowhere/at.all", &why) == SESS_SETTINGS &&
	           strstr(why.text, "/nowhere/at.all: cannot be opened: No such file"),
	       "a settings file that is not there is refused");

	settings("SECRET_KEY", NULL);
	file_of("SECRET_KEY = \"a secret in the file, long enough\"\nDEBUG=False\nSTATIC_DIRECTORY = .\na line of "
	        "text\nCOOKIE_MAX_AGE=86400\n");
	chmod(path, 0644);
	m = open_with(&why);
	tap_text(why.text, "(accepted)", "a justpy.env works as it is");
	tap_ok(strstr(sess_manager_notes(m), ":2: passed over: DEBUG is JustPy's own\n") &&
	           strstr(sess_manager_notes(m), ":3: passed over: STATIC_DIRECTORY is JustPy's own\n"),
	       "JustPy's own settings are passed over with a note");
	tap_ok(strstr(sess_manager_notes(m), ":4: passed over: a line without '='\n"), "so is a line without '='");
	tap_ok(strstr(sess_manager_notes(m), "holds SECRET_KEY, and every user of this machine may read it"),
	       "a secret for everyone is noted");
	sess_manager_close(m);
}

static const struct {
	const char *line, *part, *claim;
} wrong[] = {
	{ "THREADS=0", "THREADS (%s:2): '0' is not a whole number from 1 to 1024", "a number below its range" },
	{ "THREADS=1025", "THREADS (%s:2): '1025' is not a whole number from 1 to 1024", "a number above its range" },
	{ "THREADS=8 threads", "'8 threads' is not a whole number", "garbage after a number" },
	{ "THREADS=", "'' is not a whole number", "no number" },
	{ "THREADS=+8", "'+8' is not a whole number", "a sign" },
	{ "THREADS=-1", "'-1' is not a whole number", "a number below nothing" },
	{ "THREADS=0x8", "'0x8' is not a whole number", "another base" },
	{ "THREADS=99999999999999999999999", "is not a whole number", "a number beyond all ranges" },
	{ "COOKIE_MAX_AGE=0", "COOKIE_MAX_AGE (%s:2): '0' is not a whole number from 1 to 34560000", "a cookie for no time" },
	{ "COOKIE_MAX_AGE=34560001", "from 1 to 34560000", "a cookie for longer than browsers allow" },
	{ "SESSION_LIFETIME=0", "SESSION_LIFETIME", "a session for no time" },
	{ "REQUEST_TIMEOUT=3601", "from 1 to 3600", "a request for more than an hour" },
	{ "PARAMS_MAX=1", "from 4096 to 16777216", "no room for parameters" },
	{ "SESSIONS=no", "SESSIONS (%s:2): 'no' is not one of true, 1, false, 0", "a boolean as JustPy would refuse it" },
	{ "COOKIE_FORMAT=jwt", "'jwt' is not one of timestamped, justpy", "an unknown format" },
	{ "COOKIE_SECURE=maybe", "'maybe' is not one of auto, true, false", "an unknown choice" },
	{ "COOKIE_SAMESITE=", "'' is not one of Lax, Strict, None", "no choice" },
	{ "SANDBOX=on", "'on' is not one of try, require, off", "an unknown sandbox" },
	{ "SESSION_STORE=nonsense:x", "SESSION_STORE (%s:2): 'nonsense:x' names no store", "an unknown store" },
	{ "STATE_DIRECTORY=var", "STATE_DIRECTORY (%s:2): 'var' is not an absolute path", "a relative folder" },
	{ "SECRET_KEY_FILE=key", "SECRET_KEY_FILE (%s:2): 'key' is not an absolute path", "a relative key file" },
	{ "ALLOWED_ORIGINS=example.org", "'example.org' is no origin like https://example.org", "an origin without scheme" },
	{ "ALLOWED_ORIGINS=https://a.org/x", "'https://a.org/x' is no origin", "an origin with a path" },
	{ "ALLOWED_ORIGINS=*", "'*' is no origin", "all origins" },
	{ "LOGIN_URL=login", "LOGIN_URL (%s:2): 'login' is neither a path like /login nor", "a login page without a '/'" },
	{ "LOGIN_URL=//evil.example/", "is neither a path", "a login page of another host that looks like a path" },
	{ "LOGIN_URL=javascript:alert(1)", "is neither a path", "a login page that is a script" },
	{ "LOGIN_URL=/log in", "is neither a path", "a login page with a blank" },
	{ "TRUSTED_PROXY=proxy.local", "'proxy.local' is no address", "a proxy's name" },
	{ "TRUSTED_PROXY=10.0.0.0/33", "'10.0.0.0/33' is no address", "a network of too many bits" },
	{ "TRUSTED_PROXY=10.0.0.0/", "'10.0.0.0/' is no address", "a network of no bits at all" },
	{ "TRUSTED_PROXY=10.0.0.0/8x", "is no address", "garbage after a network" },
	{ "COOKIE_MAXAGE=5", "%s:2: 'COOKIE_MAXAGE' is not a setting", "an unknown key" },
	{ "cookie_max_age=5", "'cookie_max_age' is not a setting", "a key in another case" },
	{ "export THREADS=5", "'export THREADS' is not a setting", "export" },
	{ "=5", "'' is not a setting", "no key" },
	{ "SECRET_KEY=", "SECRET_KEY (%s:2): the key is empty", "an empty secret" },
	{ "SECRET_KEY=0123456789abcde", "SECRET_KEY (%s:2): the key is shorter than 16 octets", "a short secret" },
	{ "SECRET_KEY=$$$my_secret_string$$$", "SECRET_KEY (%s:2): the key is JustPy's published default", "the published secret" },
};

static void refusals(void)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[300], part[300];

		snprintf(text, sizeof(text), "# the first line\n%s\n", wrong[i].line);
		if (!strstr(text, "\nSECRET_KEY="))
			strcat(text, "SECRET_KEY=a secret of this test, long enough\n");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(part, sizeof(part), wrong[i].part, path);
#pragma GCC diagnostic pop
		tap_ok(strstr(sentence(text), part), "refused: %s", wrong[i].claim);
		if (!strstr(sentence(text), part))
			printf("# is '%s'\n# and not '%s'\n", sentence(text), part);
	}
}

static void secrets_stay_secret(void)
{
	tap_ok(!strstr(sentence("SECRET_KEY=0123456789abcde\n"), "0123456789"), "a refused secret is not shown");
	tap_ok(!strstr(sentence("SECRET_KEYS=0123456789abcdef0123\n"), "0123456789"), "nor the value of an unknown key, which may be one");
	tap_ok(!strchr(sentence("THREADS=\x1b[31m\n"), 0x1b), "what is shown holds no control characters");
}

static void weak_but_allowed(void)
{
	struct sess_manager *m;
	struct sess_why why;

	settings("SECRET_KEY=$$$my_secret_string$$$", "ALLOW_WEAK_SECRET=true", NULL);
	file_of("");
	m = open_with(&why);
	tap_ok(m && strstr(sess_manager_notes(m), "WARNING: a weak secret key is in use"),
	       "ALLOW_WEAK_SECRET=true lets a weak key pass, loudly");
	sess_manager_close(m);
	settings("SECRET_KEY=", "ALLOW_WEAK_SECRET=true", NULL);
	tap_ok(!open_with(&why) && strstr(why.text, "the key is empty"), "but never an empty one");
	settings("SESSIONS=", NULL);
	tap_ok(!open_with(&why) && strstr(why.text, "SESSIONS (environment): '' is not one of"), "a variable that is set and empty is set");
	settings(NULL);
	file_of("");
	FILE *file = fopen(path, "w");
	fwrite("THREADS=4\0\n", 1, 11, file);
	fclose(file);
	tap_ok(!open_with(&why) && strstr(why.text, "holds a NUL octet"), "a settings file with a NUL is refused");
	file = fopen(path, "w");
	for (int i = 0; i < 70000; i++)
		fputc('#', file);
	fclose(file);
	tap_ok(!open_with(&why) && strstr(why.text, "is larger than 65536 octets"), "so is one that is too large");
}

int main(void)
{
	if (!test_folder_make(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/justpy.env", folder);
	defaults();
	sources();
	refusals();
	secrets_stay_secret();
	weak_but_allowed();
	test_folder_remove(folder);
	return tap_done();
}

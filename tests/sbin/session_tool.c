/*
 * session_tool.c - sessions from the command line, for the tests of sesamectl. The settings are those of the environment.
 *
 *     session_tool begin [FIELD]...                 begins a session; prints its cookie's value
 *     session_tool login USER DEVICE [FIELD]...     the same, with somebody logged in
 *     session_tool ask COOKIE                       prints "live", or what else is known, and the user
 *
 * FIELD is NAME=NUMBER, NAME:TEXT or NAME%HEX.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sesame.h>

static void set_hex(struct sess *s, const char *name, const char *hex)
{
	size_t size = strlen(hex) / 2;
	char *octets = malloc(size + 1);

	for (size_t i = 0; i < size; i++) {
		const char digits[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		octets[i] = (char)strtoul(digits, NULL, 16);
	}
	(void)sess_set_bytes(s, name, octets, size);
	free(octets);
}

static void set_field(struct sess *s, char *text)
{
	size_t name = strcspn(text, "=:%");
	char how = text[name];

	text[name] = '\0';
	if (how == '=')
		(void)sess_set_int(s, text, strtoll(text + name + 1, NULL, 10));
	else if (how == ':')
		(void)sess_set(s, text, text + name + 1);
	else
		set_hex(s, text, text + name + 1);
}

static int begin(struct sess_manager *m, const char *user, const char *device, char **fields)
{
	char *environment[] = { NULL }, head[SESS_HEAD_SIZE];
	struct sess *s = sess_begin(m, environment);
	const char *cookie;
	int error;

	if (user)
		(void)sess_login(s, user, device);
	(void)sess_id(s);
	for (; *fields; fields++)
		set_field(s, *fields);
	error = sess_commit(s, head, sizeof(head));
	sess_end(s);
	cookie = strstr(head, "Set-Cookie: jp_token=");
	if (error != SESS_OK || !cookie) {
		fprintf(stderr, "session_tool: %s\n", sess_error_text(error));
		return 1;
	}
	cookie += strlen("Set-Cookie: jp_token=");
	printf("%.*s\n", (int)strcspn(cookie, ";"), cookie);
	return 0;
}

static int ask(struct sess_manager *m, const char *cookie)
{
	static const char *const states[] = { "off", "new", "live", "expired", "forged", "gone", "unavailable" };
	char variable[200], *environment[] = { variable, NULL };
	struct sess *s;
	const char *user;

	snprintf(variable, sizeof(variable), "HTTP_COOKIE=jp_token=%s", cookie);
	s = sess_begin(m, environment);
	sess_passive(s);
	user = sess_user(s);
	printf("%s%s%s\n", states[sess_state(s)], user ? " " : "", user ? user : "");
	sess_end(s);
	return 0;
}

int main(int argc, char **argv)
{
	struct sess_manager *m;
	struct sess_why why;
	int status = 64;

	if (sess_manager_open_brief(&m, NULL, &why) != SESS_OK) {
		fprintf(stderr, "session_tool: %s\n", why.text);
		return 1;
	}
	if (argc >= 2 && strcmp(argv[1], "begin") == 0)
		status = begin(m, NULL, NULL, argv + 2);
	else if (argc >= 4 && strcmp(argv[1], "login") == 0)
		status = begin(m, argv[2], argv[3], argv + 4);
	else if (argc == 3 && strcmp(argv[1], "ask") == 0)
		status = ask(m, argv[2]);
	sess_manager_close(m);
	return status;
}

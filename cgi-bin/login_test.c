/*
 * login_test - who is logged in, and on which devices.
 *
 *     GET  P, P/         the account: who is logged in; the form to log in where nobody is
 *     GET  P/login       the form; ?next=/PATH leads back there afterwards
 *     POST P/login       user, password, next
 *     POST P/logout      ends this session
 *     GET  P/devices     all sessions of the user
 *     POST P/end         handle: ends one of them
 *     POST P/others      ends all others
 *     POST P/everywhere  ends all
 *     GET  P/style.css, P/icon.svg
 *
 *     login_test --hash USER     reads a password from standard input, and prints a line for the file that LOGIN_USERS names
 *
 * P is any path (SCRIPT_NAME). There is no script: everything works with the keyboard, and in every browser.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cgi-bin/page.h"
#include "cgi-bin/password.h"

/* So many passwords of one user are tried in so many seconds, right ones not counted. The others are refused unseen. */
#define LOGIN_TEST_TRIES 5
#define LOGIN_TEST_SECONDS 60

/* Whoever sees or ends sessions has proved who they are in the last so many seconds (ASVS 7.5.2). */
#define LOGIN_TEST_FRESH 900

#define LOGIN_TEST_NEXT_MAX 1024 /* octets of the way back */

#define LOGIN_TEST_SAID "login_test.said" /* the field with what the next page is to say */

static const char login_test_style[] =
    "header { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: center; max-width: 38rem; margin: 0 auto; "
    "padding: 1rem 1.25rem 0 }\n"
    "header form { margin-left: auto }\n"
    "main { padding-top: clamp(1rem, 4vw, 2.5rem) }\n"
    "a { color: var(--act); padding: .4rem 0 }\n"
    "a:focus-visible, input:focus-visible { outline: 3px solid var(--text); outline-offset: 3px }\n"
    "label { display: block; font-weight: 600; margin: 1rem 0 .3rem }\n"
    "input { font: inherit; color: inherit; background: var(--back); box-sizing: border-box; width: 100%; padding: .6rem .8rem; "
    "min-height: 3rem; border: 1px solid var(--quiet); border-radius: .6rem }\n"
    "main form { margin: 1.25rem 0 }\n"
    "main form button { margin-top: .5rem }\n"
    "p + p { margin-top: .7rem }\n"
    "ul { list-style: none; margin: 1rem 0 0; padding: 0 }\n"
    "li { border-top: 1px solid var(--line); padding: 1rem 0 }\n"
    "li form { margin: .6rem 0 0 }\n"
    "h2 { font-size: 1.15rem; margin: 0; overflow-wrap: anywhere }\n"
    ".note { font-size: 1rem; color: var(--quiet) }\n"
    ".said { border-left: .3rem solid var(--act); padding: .4rem .8rem; margin-bottom: 1.25rem }\n"
    ".bad { border-left-color: var(--bad) }\n"
    ".quiet { background: none; color: var(--act); border: 1px solid var(--quiet); min-height: 2.75rem; padding: .4rem 1.2rem }\n"
    ".row { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .75rem }\n";

/* ---- where to ------------------------------------------------------------------------------------------------------- */

/*
 * True if next leads to a page of this very site: an absolute path, as written in an address. Browsers take '\' for '/', and drop TAB and
 * line breaks, so that "/\host" or "/<TAB>/host" would be another's.
 */
static bool login_test_is_local(const char *next)
{
	static const char plain[] = "/-._~!$&'()*+,;=:@%?0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t size = strlen(next);

	return size < LOGIN_TEST_NEXT_MAX && next[0] == '/' && next[1] != '/' && next[strspn(next, plain)] == '\0';
}

static void login_test_go(struct http *h, const char *path)
{
	char mount[PAGE_MOUNT_SIZE], whole[PAGE_MOUNT_SIZE + 64];

	page_mount(h, mount, sizeof mount);
	snprintf(whole, sizeof whole, "%s%s", mount, path);
	http_redirect(h, whole);
}

/* ---- the parts of a page -------------------------------------------------------------------------------------------- */

/* What a page is made from. Prepared before the response begins, since the token counts as use of the session. */
struct login_test_page {
	struct http *h;
	struct sess *s;
	char mount[PAGE_MOUNT_SIZE];
	char token[SESS_TOKEN_SIZE];
	const char *said;  /* what the last action did, or NULL */
	const char *wrong; /* what is wrong with this one, or NULL */
};

static struct login_test_page login_test_prepare(struct http *h, struct sess *s)
{
	struct login_test_page p = { .h = h, .s = s };

	page_mount(h, p.mount, sizeof p.mount);
	if (http_is_head(h))
		sess_passive(s);
	page_token(s, p.token);
	p.said = http_is_head(h) ? sess_str(s, LOGIN_TEST_SAID, NULL) : sess_pop(s, LOGIN_TEST_SAID, NULL);
	return p;
}

/* The beginning of a form that posts to action. */
static void login_test_form_begin(const struct login_test_page *p, const char *action)
{
	http_printf(p->h, "<form method=\"post\" action=\"%s/%s\">\n<input type=\"hidden\" name=\"csrf_token\" value=\"%s\">\n", p->mount,
	            action, p->token);
}

/* A form with one button; look is empty or one of its attributes. */
static void login_test_button(const struct login_test_page *p, const char *action, const char *text, const char *look)
{
	login_test_form_begin(p, action);
	http_printf(p->h, "<button%s>%s</button>\n</form>\n", look, text);
}

/* Escaped: another program of the site may have written the field. */
static void login_test_said(const struct login_test_page *p)
{
	http_puts(p->h, "<p class=\"said\" role=\"status\">");
	http_puts_html(p->h, p->said);
	http_puts(p->h, "</p>\n");
}

/* Everything above the page's own part: on each page somebody who is logged in can log out (ASVS 7.4.4). */
static bool login_test_begin(const struct login_test_page *p, int status, const char *title)
{
	struct http *h = p->h;

	http_header(h, "Content-Security-Policy", PAGE_POLICY);
	if (!http_begin(h, status, "text/html"))
		return false;
	page_head(h, p->mount, title);
	http_puts(h, "</head>\n<body>\n");
	if (sess_user(p->s)) {
		http_printf(h,
		            "<header>\n<nav aria-label=\"Account\"><a href=\"%s/\">Account</a> &nbsp; <a href=\"%s/devices\">Your "
		            "devices</a></nav>\n",
		            p->mount, p->mount);
		login_test_button(p, "logout", "Log out", " class=\"quiet\"");
		http_puts(h, "</header>\n");
	}
	http_printf(h, "<main>\n<h1>%s</h1>\n", title);
	if (p->said)
		login_test_said(p);
	if (p->wrong)
		http_printf(h, "<p class=\"said bad\" role=\"alert\">%s</p>\n", p->wrong);
	return true;
}

static void login_test_end(const struct login_test_page *p)
{
	http_puts(p->h, "</main>\n</body>\n</html>\n");
}

static void login_test_time(struct http *h, int64_t when)
{
	time_t seconds = (time_t)when;
	char machine[32] = "", person[48] = "";
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		return;
	strftime(machine, sizeof machine, "%Y-%m-%dT%H:%M:%SZ", &tm);
	strftime(person, sizeof person, "%e %B %Y, %H:%M UTC", &tm);
	http_printf(h, "<time datetime=\"%s\">%s</time>", machine, person);
}

/* ---- the form ------------------------------------------------------------------------------------------------------- */

static void login_test_fields(const struct login_test_page *p, const char *user, const char *next)
{
	struct http *h = p->h;

	login_test_form_begin(p, "login");
	http_puts(h, "<input type=\"hidden\" name=\"next\" value=\"");
	http_puts_html(h, next);
	http_printf(h,
	            "\">\n<label for=\"user\">User name</label>\n<input id=\"user\" name=\"user\" autocomplete=\"username\" "
	            "autocapitalize=\"none\" "
	            "spellcheck=\"false\" maxlength=\"%d\" required%s value=\"",
	            PASSWORD_USER_MAX, *user ? "" : " autofocus");
	http_puts_html(h, user);
	http_printf(h,
	            "\">\n<label for=\"password\">Password</label>\n<input id=\"password\" name=\"password\" type=\"password\" "
	            "autocomplete=\"current-password\" maxlength=\"%d\" required%s>\n<button>Log in</button>\n</form>\n",
	            PASSWORD_MAX - 1, *user ? " autofocus" : "");
}

static void login_test_form(struct login_test_page *p, int status, const char *user, const char *next)
{
	const char *known = sess_user(p->s);

	if (!login_test_begin(p, status, known ? "Confirm that it is you" : "Log in"))
		return;
	if (sess_theft_suspected(p->s))
		http_puts(p->h, "<p class=\"said bad\" role=\"alert\">Your browser sent a cookie that was replaced some time ago. If this "
		                "is not an old "
		                "copy of your own, somebody may be using a stolen one.</p>\n");
	if (known)
		http_puts(p->h, "<p>This needs your password again.</p>\n");
	login_test_fields(p, known && !*user ? known : user, next);
	login_test_end(p);
}

/* The next that came, "" if it leads anywhere else. */
static const char *login_test_next(const char *next)
{
	return next && login_test_is_local(next) ? next : "";
}

static void login_test_login_form(struct http *h, struct sess *s)
{
	struct login_test_page p = login_test_prepare(h, s);
	const char *said = http_query(h, "said");

	if (said && strcmp(said, "out") == 0)
		p.said = "You are logged out.";
	else if (said && strcmp(said, "everywhere") == 0)
		p.said = "You are logged out on all devices.";
	login_test_form(&p, 200, "", login_test_next(http_query(h, "next")));
}

/* ---- logging in ----------------------------------------------------------------------------------------------------- */

/* The browser and the system, as far as the User-Agent tells; for its owner's eyes only, so that no more is needed. */
static void login_test_device(const struct http *h, char *device, size_t size)
{
	static const char *const browsers[][2] = { { "Edg", "Edge" },           { "OPR/", "Opera" },     { "Firefox/", "Firefox" },
		                                   { "Chromium/", "Chromium" }, { "Chrome/", "Chrome" }, { "Safari/", "Safari" } };
	static const char *const systems[][2] = { { "Android", "Android" }, { "iPhone", "an iPhone" }, { "iPad", "an iPad" },
		                                  { "Windows", "Windows" }, { "Mac OS X", "a Mac" },   { "Linux", "Linux" } };
	const char *agent = http_param(h, "HTTP_USER_AGENT");
	const char *browser = NULL, *system = NULL;

	for (size_t i = 0; agent && i < 6; i++) {
		browser = !browser && strstr(agent, browsers[i][0]) ? browsers[i][1] : browser;
		system = !system && strstr(agent, systems[i][0]) ? systems[i][1] : system;
	}
	if (browser && system)
		snprintf(device, size, "%s on %s", browser, system);
	else
		snprintf(device, size, "%.60s", agent && *agent ? agent : "An unknown device");
}

/* What an attempt came to. */
enum login_test_outcome { LOGIN_TEST_RIGHT, LOGIN_TEST_WRONG, LOGIN_TEST_TOO_OFTEN, LOGIN_TEST_NO_STORE, LOGIN_TEST_NO_FILE };

static bool login_test_check(struct sess *s, const char *user, const char *password, bool *right)
{
	char hash[PASSWORD_HASH_SIZE], why[512];
	const char *path = sess_manager_setting(sess_manager_of(s), "LOGIN_USERS");

	if (!password_find(path, user, hash, why, sizeof why)) {
		fprintf(stderr, "login_test: LOGIN_USERS: %s\n", why);
		return false;
	}
	*right = password_matches(password, hash);
	explicit_bzero(hash, sizeof hash);
	return true;
}

/*
 * An attempt is counted before its password is looked at, and taken back if that was right: of any number at once, no more than
 * LOGIN_TEST_TRIES wrong ones are ever looked at in LOGIN_TEST_SECONDS. Users who do not exist are counted alike.
 */
static enum login_test_outcome login_test_try(struct sess *s, const char *user, const char *password)
{
	struct sess_manager *m = sess_manager_of(s);
	char counter[32 + PASSWORD_USER_MAX];
	int64_t tries;
	bool right;

	snprintf(counter, sizeof counter, "login_test.failed:%s", user);
	if (sess_counter_add(m, counter, 1, LOGIN_TEST_SECONDS, &tries) != SESS_OK)
		return LOGIN_TEST_NO_STORE;
	if (tries > LOGIN_TEST_TRIES)
		return LOGIN_TEST_TOO_OFTEN;
	if (!login_test_check(s, user, password, &right))
		return LOGIN_TEST_NO_FILE;
	if (!right)
		return LOGIN_TEST_WRONG;
	/* Should this fail, one more wrong attempt is counted than there was. */
	(void)sess_counter_add(m, counter, -1, LOGIN_TEST_SECONDS, &tries);
	return LOGIN_TEST_RIGHT;
}

static void login_test_enter(struct http *h, struct sess *s, const char *user, const char *next)
{
	char device[SESS_DEVICE_MAX + 1];

	login_test_device(h, device, sizeof device);
	sess_login(s, user, device);
	if (*next)
		http_redirect(h, next);
	else
		login_test_go(h, "/");
}

static void login_test_again(struct http *h, struct sess *s, enum login_test_outcome outcome, const char *user, const char *next)
{
	struct login_test_page p = login_test_prepare(h, s);
	char seconds[16];
	int status = 503;

	switch (outcome) {
	case LOGIN_TEST_TOO_OFTEN:
		status = 429;
		p.wrong = "Too many attempts to log in as this user. Wait a minute, and try again.";
		snprintf(seconds, sizeof seconds, "%d", LOGIN_TEST_SECONDS);
		http_header(h, "Retry-After", seconds);
		break;
	case LOGIN_TEST_WRONG:
		status = 403;
		p.wrong = "User name or password is wrong.";
		break;
	case LOGIN_TEST_NO_FILE:
		p.wrong = "Nobody can log in at the moment: the file of users cannot be read. The server's log says why.";
		break;
	default:
		p.wrong = "Nobody can log in at the moment. Try again soon.";
		break;
	}
	login_test_form(&p, status, user, next);
}

static void login_test_login(struct http *h, struct sess *s)
{
	const char *user = http_field(h, "user"), *password = http_field(h, "password");
	const char *next = login_test_next(http_field(h, "next"));
	enum login_test_outcome outcome = LOGIN_TEST_WRONG;

	if (user && password && password_user_valid(user))
		outcome = login_test_try(s, user, password);
	if (outcome == LOGIN_TEST_RIGHT)
		login_test_enter(h, s, user, next);
	else
		login_test_again(h, s, outcome, user && password_user_valid(user) ? user : "", next);
}

/* ---- the account ---------------------------------------------------------------------------------------------------- */

static void login_test_account(struct http *h, struct sess *s)
{
	struct login_test_page p = login_test_prepare(h, s);

	if (!sess_user(s)) {
		login_test_form(&p, 200, "", "");
		return;
	}
	if (!login_test_begin(&p, 200, "Your account"))
		return;
	http_puts(h, "<p id=\"user\">You are logged in as <strong>");
	http_puts_html(h, sess_user(s) ? sess_user(s) : "");
	http_printf(h, "</strong>.</p>\n<p><a href=\"%s/devices\">See where else, and log out there</a></p>\n", p.mount);
	login_test_end(&p);
}

/* ---- devices -------------------------------------------------------------------------------------------------------- */

/* True if somebody is logged in who has lately proved who they are; else it has led to the form, and that leads back. */
static bool login_test_is_sure(struct http *h, struct sess *s)
{
	char mount[PAGE_MOUNT_SIZE], path[2 * PAGE_MOUNT_SIZE + 64];

	if (sess_fresh_within(s, LOGIN_TEST_FRESH))
		return true;
	page_mount(h, mount, sizeof mount);
	snprintf(path, sizeof path, "%s/login?next=%s/devices", mount, mount);
	http_redirect(h, path);
	return false;
}

static void login_test_device_item(const struct login_test_page *p, const struct sess_device *d)
{
	struct http *h = p->h;

	http_puts(h, "<li>\n<h2>");
	http_puts_html(h, d->device);
	http_puts(h, d->current ? " (this one)" : "");
	http_puts(h, "</h2>\n<p class=\"note\">Logged in ");
	login_test_time(h, d->created);
	http_puts(h, ", last seen ");
	login_test_time(h, d->used);
	http_puts(h, "</p>\n");
	login_test_form_begin(p, "end");
	http_printf(h, "<input type=\"hidden\" name=\"handle\" value=\"%s\">\n<button class=\"quiet\" aria-label=\"Log out%s: ", d->handle,
	            d->current ? "" : " there");
	http_puts_html(h, d->device);
	http_puts(h, d->current ? "\">Log out</button>\n</form>\n</li>\n" : "\">Log out there</button>\n</form>\n</li>\n");
}

static void login_test_device_list(const struct login_test_page *p, const struct sess_device *devices, size_t count)
{
	http_printf(p->h, "<p>%zu %s logged in as you.</p>\n<ul id=\"devices\">\n", count, count == 1 ? "device is" : "devices are");
	for (size_t i = count; i > 0; i--)
		login_test_device_item(p, &devices[i - 1]);
	http_puts(p->h, "</ul>\n<div class=\"row\">\n");
	if (count > 1)
		login_test_button(p, "others", "Log out all others", "");
	login_test_button(p, "everywhere", "Log out everywhere", " class=\"quiet\"");
	http_puts(p->h, "</div>\n");
}

/* Answers for what could not be done with a user's sessions. */
static void login_test_refuse(struct http *h, int error)
{
	if (error == SESS_ABSENT || error == SESS_GONE) {
		http_refuse(h, 409, "That session is no more, or yours has changed meanwhile. Load the page again.");
		return;
	}
	http_header(h, "Retry-After", "1");
	http_refuse(h, 503, "Sessions are not available at the moment. Try again soon.");
}

static void login_test_devices(struct http *h, struct sess *s)
{
	struct login_test_page p;
	struct sess_device *devices;
	size_t count;
	int error;

	if (!login_test_is_sure(h, s))
		return;
	error = sess_devices(s, &devices, &count);
	if (error != SESS_OK) {
		login_test_refuse(h, error);
		return;
	}
	p = login_test_prepare(h, s);
	if (login_test_begin(&p, 200, "Your devices")) {
		login_test_device_list(&p, devices, count);
		login_test_end(&p);
	}
	free(devices);
}

/* ---- the end of sessions -------------------------------------------------------------------------------------------- */

static void login_test_logout(struct http *h, struct sess *s)
{
	sess_logout(s);
	login_test_go(h, "/login?said=out");
}

static void login_test_everywhere(struct http *h, struct sess *s)
{
	if (!login_test_is_sure(h, s))
		return;
	sess_logout_everywhere(s);
	login_test_go(h, "/login?said=everywhere");
}

static void login_test_others(struct http *h, struct sess *s)
{
	int error;

	if (!login_test_is_sure(h, s))
		return;
	error = sess_end_other_devices(s);
	if (error != SESS_OK) {
		login_test_refuse(h, error);
		return;
	}
	sess_set(s, LOGIN_TEST_SAID, "All other devices are logged out.");
	login_test_go(h, "/devices");
}

static void login_test_end_one(struct http *h, struct sess *s)
{
	const char *handle = http_field(h, "handle");
	int error;

	if (!login_test_is_sure(h, s))
		return;
	error = handle ? sess_end_device(s, handle) : SESS_ABSENT;
	if (error != SESS_OK) {
		login_test_refuse(h, error);
		return;
	}
	if (!sess_user(s)) { /* it was this one */
		login_test_go(h, "/login?said=out");
		return;
	}
	sess_set(s, LOGIN_TEST_SAID, "That device is logged out.");
	login_test_go(h, "/devices");
}

/* ---- files, and the table ------------------------------------------------------------------------------------------- */

static void login_test_style_css(struct http *h, struct sess *s)
{
	(void)s;
	page_style(h, login_test_style);
}

static const struct http_route login_test_routes[] = {
	{ "GET", "/", login_test_account, 0 },
	{ "GET", "/login", login_test_login_form, 0 },
	{ "POST", "/login", login_test_login, 0 },
	{ "POST", "/logout", login_test_logout, 0 },
	{ "GET", "/devices", login_test_devices, 0 },
	{ "POST", "/end", login_test_end_one, 0 },
	{ "POST", "/others", login_test_others, 0 },
	{ "POST", "/everywhere", login_test_everywhere, 0 },
	{ "GET", "/style.css", login_test_style_css, HTTP_ROUTE_STATIC },
	{ "GET", "/icon.svg", page_icon, HTTP_ROUTE_STATIC },
	{ NULL, NULL, NULL, 0 },
};

/* ---- a line for the file -------------------------------------------------------------------------------------------- */

/* Reads a line from standard input, which does not show it where that is a terminal. */
static bool login_test_read(char *password, size_t size)
{
	struct termios shown, hidden;
	bool terminal = tcgetattr(STDIN_FILENO, &shown) == 0, read;

	if (terminal) {
		fputs("Password: ", stderr);
		hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	}
	read = fgets(password, (int)size, stdin) != NULL;
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
		fputc('\n', stderr);
	}
	if (read)
		password[strcspn(password, "\r\n")] = '\0';
	return read && *password && strlen(password) < size - 2;
}

static int login_test_hash(const char *user)
{
	char password[PASSWORD_MAX + 1], hash[PASSWORD_HASH_SIZE];
	bool made;

	if (!password_user_valid(user)) {
		fprintf(stderr, "login_test: a user's name has 1 to %d octets, no ':' among them, and does not begin with '#' or a blank\n",
		        PASSWORD_USER_MAX);
		return 64;
	}
	if (!login_test_read(password, sizeof password)) {
		fprintf(stderr, "login_test: standard input has to give a password of 1 to %d octets in one line\n", PASSWORD_MAX - 2);
		return 65;
	}
	made = password_hash(password, hash);
	explicit_bzero(password, sizeof password);
	if (!made) {
		perror("login_test: the password cannot be hashed");
		return 71;
	}
	return printf("%s:%s\n", user, hash) < 0 || fflush(stdout) != 0 ? 74 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--hash") == 0)
		return login_test_hash(argv[2]);
	return sess_serve(argc, argv, login_test_routes);
}

/* config.c - the table of settings, and where each value comes from. */

#include "lib/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "lib/conffile.h"
#include "lib/crypto.h"
#include "lib/why.h"

#ifndef LOCALSTATEDIR
#define LOCALSTATEDIR "/usr/local/var"
#endif

enum kind { TEXT, SECRET, FOLDER, ADDRESS, BOOLEAN, NUMBER, CHOICE };

struct row {
	const char *name;
	enum kind kind;
	const char *otherwise; /* the default; NULL: made from STATE_DIRECTORY */
	int64_t least, most;   /* NUMBER: the value; TEXT: its octets */
	const char *choices;   /* CHOICE: "one|two|three", in the order of the enums in config.h */
};

#define YEARS_100 3153600000

/* clang-format off */
static const struct row table[CONFIG_COUNT] = {
	[CONFIG_SESSIONS]              = { "SESSIONS", BOOLEAN, "true", 0, 1, NULL },
	[CONFIG_SESSION_COOKIE_NAME]   = { "SESSION_COOKIE_NAME", TEXT, "jp_token", 1, 128, NULL },
	/* Browsers keep no cookie for longer than 400 days (RFC 6265bis section 5.5). */
	[CONFIG_COOKIE_MAX_AGE]        = { "COOKIE_MAX_AGE", NUMBER, "604800", 1, 34560000, NULL },
	[CONFIG_SESSION_LIFETIME]      = { "SESSION_LIFETIME", NUMBER, "2592000", 1, YEARS_100, NULL },
	/* The index of a user's sessions is one record, which may hold no more than some 900. */
	[CONFIG_USER_SESSIONS_MAX]     = { "USER_SESSIONS_MAX", NUMBER, "50", 1, 256, NULL },
	[CONFIG_USER_SESSIONS_POLICY]  = { "USER_SESSIONS_POLICY", CHOICE, "oldest", 0, 0, "oldest|refuse" },
	[CONFIG_SECRET_KEY]            = { "SECRET_KEY", SECRET, "", 0, 4096, NULL },
	[CONFIG_SECRET_KEY_FILE]       = { "SECRET_KEY_FILE", FOLDER, NULL, 1, 4000, NULL },
	[CONFIG_ALLOW_WEAK_SECRET]     = { "ALLOW_WEAK_SECRET", BOOLEAN, "false", 0, 1, NULL },
	[CONFIG_COOKIE_FORMAT]         = { "COOKIE_FORMAT", CHOICE, "timestamped", 0, 0, "timestamped|justpy" },
	[CONFIG_COOKIE_ACCEPT_JUSTPY]  = { "COOKIE_ACCEPT_JUSTPY", BOOLEAN, "false", 0, 1, NULL },
	[CONFIG_COOKIE_SECURE]         = { "COOKIE_SECURE", CHOICE, "auto", 0, 0, "auto|true|false" },
	[CONFIG_COOKIE_SAMESITE]       = { "COOKIE_SAMESITE", CHOICE, "Lax", 0, 0, "Lax|Strict|None" },
	[CONFIG_COOKIE_PATH]           = { "COOKIE_PATH", TEXT, "/", 1, 512, NULL },
	[CONFIG_COOKIE_DOMAIN]         = { "COOKIE_DOMAIN", TEXT, "", 0, 253, NULL },
	[CONFIG_BAD_COOKIE]            = { "BAD_COOKIE", CHOICE, "reject", 0, 0, "reject|replace" },
	[CONFIG_STATE_DIRECTORY]       = { "STATE_DIRECTORY", FOLDER, LOCALSTATEDIR "/lib/sesame", 1, 3900, NULL },
	[CONFIG_SESSION_STORE]         = { "SESSION_STORE", TEXT, NULL, 1, 4096, NULL },
	[CONFIG_SESSION_STORE_WAIT_MS] = { "SESSION_STORE_WAIT_MS", NUMBER, "250", 1, 60000, NULL },
	[CONFIG_STORE_OUTAGE]          = { "STORE_OUTAGE", CHOICE, "closed", 0, 0, "closed|anonymous" },
	[CONFIG_SESSION_SYNC]          = { "SESSION_SYNC", CHOICE, "everysec", 0, 0, "everysec|always|no" },
	[CONFIG_SESSION_REDIS_WAIT]    = { "SESSION_REDIS_WAIT", NUMBER, "0", 0, 16, NULL },
	[CONFIG_THREADS]               = { "THREADS", NUMBER, "8", 1, 1024, NULL },
	[CONFIG_BODY_MAX]              = { "BODY_MAX", NUMBER, "1048576", 0, 1073741824, NULL },
	[CONFIG_PARAMS_MAX]            = { "PARAMS_MAX", NUMBER, "65536", 4096, 16777216, NULL },
	[CONFIG_REQUEST_TIMEOUT]       = { "REQUEST_TIMEOUT", NUMBER, "30", 1, 3600, NULL },
	[CONFIG_SANDBOX]               = { "SANDBOX", CHOICE, "try", 0, 0, "try|require|off" },
	[CONFIG_AUTHORIZE]             = { "AUTHORIZE", CHOICE, "session", 0, 0, "session|user" },
	[CONFIG_LOGIN_URL]             = { "LOGIN_URL", ADDRESS, "", 0, 1024, NULL },
	[CONFIG_LOGIN_USERS]           = { "LOGIN_USERS", FOLDER, NULL, 1, 4000, NULL },
	[CONFIG_ALLOWED_ORIGINS]       = { "ALLOWED_ORIGINS", TEXT, "", 0, 4096, NULL },
	[CONFIG_TRUSTED_PROXY]         = { "TRUSTED_PROXY", TEXT, "", 0, 4096, NULL },
};
/* clang-format on */

/* JustPy's settings that have no meaning here: a justpy.env may hold them. */
static const char *const justpys_own[] = {
	"AGGRID",
	"AGGRID_ENTERPRISE",
	"BOKEH",
	"CRASH",
	"DEBUG",
	"DECKGL",
	"FAVICON",
	"FRONTEND_ENGINE_LIBS",
	"FRONTEND_ENGINE_TYPE",
	"HIGHCHARTS",
	"HOST",
	"KATEX",
	"LATENCY",
	"LOGGING_LEVEL",
	"NO_INTERNET",
	"PLOTLY",
	"PORT",
	"QUASAR",
	"QUASAR_VERSION",
	"SSL_CERTFILE",
	"SSL_KEYFILE",
	"SSL_VERSION",
	"STATIC_DIRECTORY",
	"STATIC_MOUNT",
	"STATIC_NAME",
	"STATIC_ROUTE",
	"TAILWIND",
	"TEMPLATES_DIRECTORY",
	"UVICORN_LOGGING_LEVEL",
	"VEGA",
};

struct value {
	char *text;
	char *origin;
	int64_t number;
	bool set;
};

struct config {
	struct value values[CONFIG_COUNT];
	char *notes;
	void (*fault)(void *context, const char *sentence); /* NULL: a fault is the end */
	void *context;
};

/* ---- reading -------------------------------------------------------------------------------------------------------- */

const char *config_text(const struct config *c, enum config_name name)
{
	return c->values[name].text;
}

int64_t config_number(const struct config *c, enum config_name name)
{
	return c->values[name].number;
}

const char *config_origin(const struct config *c, enum config_name name)
{
	return c->values[name].origin;
}

bool config_is_set(const struct config *c, enum config_name name)
{
	return c->values[name].set;
}

const char *config_notes(const struct config *c)
{
	return c->notes ? c->notes : "";
}

const char *config_name_text(enum config_name name)
{
	return table[name].name;
}

bool config_is_secret(enum config_name name)
{
	return table[name].kind == SECRET;
}

enum config_name config_find(const char *text)
{
	for (unsigned i = 0; i < CONFIG_COUNT; i++)
		if (strcmp(table[i].name, text) == 0)
			return (enum config_name)i;
	return CONFIG_COUNT;
}

bool config_note(struct config *c, const char *format, ...)
{
	struct sess_why line;
	va_list arguments;
	char *longer;

	va_start(arguments, format);
	why_write_list(&line, format, arguments);
	va_end(arguments);
	if (asprintf(&longer, "%s%s\n", config_notes(c), line.text) < 0)
		return false;
	free(c->notes);
	c->notes = longer;
	return true;
}

int config_refuse(const struct config *c, enum config_name name, struct sess_why *why, const char *format, ...)
{
	struct sess_why sentence;
	va_list arguments;

	va_start(arguments, format);
	why_write_list(&sentence, format, arguments);
	va_end(arguments);
	why_write(why, "%s (%s): %s", table[name].name, c->values[name].origin, sentence.text);
	return SESS_SETTINGS;
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

/* Replaces the value of name. Takes over neither text nor origin. */
static int put(struct config *c, enum config_name name, const char *text, const char *origin, bool set)
{
	struct value *value = &c->values[name];
	char *copy = strdup(text), *where = strdup(origin);

	if (!copy || !where) {
		free(copy);
		free(where);
		return SESS_MEMORY;
	}
	if (value->text)
		crypto_wipe(value->text, strlen(value->text));
	free(value->text);
	free(value->origin);
	*value = (struct value){ copy, where, -1, set };
	return SESS_OK;
}

/* Puts another spelling in the place of a value. */
static int respell(struct config *c, enum config_name name, const char *text, int64_t number)
{
	char *origin = strdup(c->values[name].origin);
	int status = origin ? put(c, name, text, origin, c->values[name].set) : SESS_MEMORY;

	free(origin);
	c->values[name].number = number;
	return status;
}

static int check_boolean(struct config *c, enum config_name name, struct sess_why *why)
{
	const char *text = c->values[name].text;
	bool yes = strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;

	if (!yes && strcasecmp(text, "false") != 0 && strcmp(text, "0") != 0)
		return config_refuse(c, name, why, "'%.100s' is not one of true, 1, false, 0", text);
	return respell(c, name, yes ? "true" : "false", yes);
}

static int check_number(struct config *c, enum config_name name, struct sess_why *why)
{
	const struct row *row = &table[name];
	const char *text = c->values[name].text;
	long long number;

	errno = 0;
	number = strtoll(text, NULL, 10);
	if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0' || errno != 0 || number < row->least || number > row->most)
		return config_refuse(c, name, why, "'%.100s' is not a whole number from %lld to %lld", text, (long long)row->least,
		                     (long long)row->most);
	c->values[name].number = number;
	return SESS_OK;
}

/* The allowed words, the last one after "or". */
static void list_choices(const char *choices, char *text, size_t size)
{
	char *end = text + size, *at = text;

	for (const char *c = choices; *c && at + 2 < end; c++) {
		if (*c == '|')
			*at++ = ',';
		*at++ = *c == '|' ? ' ' : *c;
	}
	*at = '\0';
}

/* true and false may be written 1 and 0 wherever they are among the choices. */
static const char *choice_spelling(const struct row *row, const char *text)
{
	if (strstr(row->choices, "|true|") && strcmp(text, "1") == 0)
		return "true";
	if (strstr(row->choices, "|true|") && strcmp(text, "0") == 0)
		return "false";
	return text;
}

static int check_choice(struct config *c, enum config_name name, struct sess_why *why)
{
	const struct row *row = &table[name];
	const char *text = choice_spelling(row, c->values[name].text), *choice = row->choices;
	char list[128], spelled[32];

	for (int64_t i = 0; *choice; i++) {
		size_t size = strcspn(choice, "|");

		if (strlen(text) == size && strncasecmp(choice, text, size) == 0) {
			snprintf(spelled, sizeof(spelled), "%.*s", (int)size, choice);
			return respell(c, name, spelled, i);
		}
		choice += size + (choice[size] == '|');
	}
	list_choices(row->choices, list, sizeof(list));
	return config_refuse(c, name, why, "'%.100s' is not one of %s", text, list);
}

/* A path of this site, or a whole address, as it stands in a Location: "//host" is neither. */
static bool is_address(const char *text)
{
	bool whole = strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;

	return text[strcspn(text, " \\\"<>")] == '\0' && (whole || (text[0] == '/' && text[1] != '/'));
}

static int check_text(struct config *c, enum config_name name, struct sess_why *why)
{
	const struct row *row = &table[name];
	const char *text = c->values[name].text;
	size_t size = strlen(text);

	if (size < (size_t)row->least || size > (size_t)row->most)
		return config_refuse(c, name, why, "%zu octets, and %lld to %lld are allowed", size, (long long)row->least,
		                     (long long)row->most);
	for (const char *t = text; row->kind != SECRET && *t; t++)
		if ((unsigned char)*t < ' ' || *t == 0x7f)
			return config_refuse(c, name, why, "'%.100s' holds a control character", text);
	if (row->kind == FOLDER && text[0] != '/')
		return config_refuse(c, name, why, "'%.100s' is not an absolute path: it has to begin with '/'", text);
	if (row->kind == ADDRESS && size > 0 && !is_address(text))
		return config_refuse(c, name, why, "'%.100s' is neither a path like /login nor an address like https://example.org/login",
		                     text);
	return SESS_OK;
}

static int check(struct config *c, enum config_name name, struct sess_why *why)
{
	switch (table[name].kind) {
	case BOOLEAN:
		return check_boolean(c, name, why);
	case NUMBER:
		return check_number(c, name, why);
	case CHOICE:
		return check_choice(c, name, why);
	case TEXT:
	case SECRET:
	case FOLDER:
	case ADDRESS:
		break;
	}
	return check_text(c, name, why);
}

/* Where all faults are to be told, one of a setting is no end. */
static int go_on(const struct config *c, int status, const struct sess_why *why)
{
	if (status != SESS_SETTINGS || !c->fault)
		return status;
	c->fault(c->context, why->text);
	return SESS_OK;
}

/* As check; what was refused and told has its default afterwards. */
static int check_on(struct config *c, enum config_name name, struct sess_why *why)
{
	int status = check(c, name, why);

	if (status != SESS_SETTINGS || !c->fault)
		return status;
	status = go_on(c, status, why);
	if (status == SESS_OK && table[name].otherwise)
		status = put(c, name, table[name].otherwise, "default, the value was refused", false);
	return status == SESS_OK && table[name].otherwise ? check(c, name, why) : status;
}

/* ---- sources -------------------------------------------------------------------------------------------------------- */

static bool is_justpys_own(const char *key)
{
	for (size_t i = 0; i < sizeof(justpys_own) / sizeof(justpys_own[0]); i++)
		if (strcmp(justpys_own[i], key) == 0)
			return true;
	return false;
}

/* The value is not shown where the key is unknown: it may be a secret whose name was mistyped. */
static int take_line(struct config *c, const char *path, const struct conffile_line *line, struct sess_why *why)
{
	enum config_name name = line->key ? config_find(line->key) : CONFIG_COUNT;
	char *origin;
	int status;

	if (!line->key)
		return config_note(c, "%s:%u: passed over: a line without '='", path, line->number) ? SESS_OK : SESS_MEMORY;
	if (name == CONFIG_COUNT && is_justpys_own(line->key))
		return config_note(c, "%s:%u: passed over: %s is JustPy's own", path, line->number, line->key) ? SESS_OK : SESS_MEMORY;
	if (name == CONFIG_COUNT) {
		why_write(why,
		          "%s:%u: '%.100s' is not a setting; allowed are SESSIONS, SESSION_COOKIE_NAME, COOKIE_MAX_AGE, SECRET_KEY and "
		          "the others of sesame.conf(5)",
		          path, line->number, line->key);
		return SESS_SETTINGS;
	}
	if (asprintf(&origin, "%s:%u", path, line->number) < 0)
		return SESS_MEMORY;
	status = put(c, name, line->value, origin, true);
	free(origin);
	return status;
}

static int take_file(struct config *c, const char *path, struct sess_why *why)
{
	struct conffile file = { conffile_read(path, why), 0 };
	struct conffile_line line;
	char *text = file.at;
	struct stat found;
	int status = SESS_OK;

	if (!text)
		return SESS_SETTINGS;
	while (status == SESS_OK && conffile_next(&file, &line))
		status = go_on(c, take_line(c, path, &line, why), why);
	conffile_free(text);
	if (status == SESS_OK && c->values[CONFIG_SECRET_KEY].set && stat(path, &found) == 0 && (found.st_mode & S_IROTH) &&
	    !config_note(c, "%s: holds SECRET_KEY, and every user of this machine may read it: chmod o= it", path))
		return SESS_MEMORY;
	return status;
}

static int take_environment(struct config *c)
{
	int status = SESS_OK;

	for (unsigned i = 0; i < CONFIG_COUNT && status == SESS_OK; i++) {
		const char *text = getenv(table[i].name);

		if (text)
			status = put(c, (enum config_name)i, text, "environment", true);
		else if (!c->values[i].text)
			status = put(c, (enum config_name)i, table[i].otherwise ? table[i].otherwise : "", "default", false);
	}
	return status;
}

/* The default of a setting that lies in the state folder. */
static int derive_one(struct config *c, enum config_name name, const char *before, const char *after)
{
	char *text;
	int status;

	if (c->values[name].set)
		return SESS_OK;
	if (asprintf(&text, "%s%s%s", before, c->values[CONFIG_STATE_DIRECTORY].text, after) < 0)
		return SESS_MEMORY;
	status = put(c, name, text, "default", false);
	free(text);
	return status;
}

/* What systemd sets may be a list; the first folder is ours. */
static int derive(struct config *c)
{
	char *state = c->values[CONFIG_STATE_DIRECTORY].text;
	int status;

	state[strcspn(state, ":")] = '\0';
	status = derive_one(c, CONFIG_SECRET_KEY_FILE, "", "/secret.key");
	if (status == SESS_OK)
		status = derive_one(c, CONFIG_SESSION_STORE, "gdbm:", "/sessions");
	if (status == SESS_OK)
		status = derive_one(c, CONFIG_LOGIN_USERS, "", "/login_users");
	return status;
}

static int load(struct config *c, const char *conf, struct sess_why *why)
{
	int status = SESS_OK;

	if (!conf)
		conf = getenv("SESAME_CONF");
	if (conf && *conf)
		status = go_on(c, take_file(c, conf, why), why);
	if (status == SESS_OK)
		status = take_environment(c);
	if (status == SESS_OK)
		status = check_on(c, CONFIG_STATE_DIRECTORY, why);
	if (status == SESS_OK)
		status = derive(c);
	for (unsigned i = 0; i < CONFIG_COUNT && status == SESS_OK; i++)
		status = check_on(c, (enum config_name)i, why);
	return status;
}

static int finish(struct config **ret, struct config *c, int status, struct sess_why *why)
{
	if (status == SESS_MEMORY)
		why_write(why, "out of memory");
	if (status != SESS_OK) {
		config_free(c);
		return status;
	}
	*ret = c;
	return SESS_OK;
}

int config_load(struct config **ret, const char *conf, struct sess_why *why)
{
	struct config *c = calloc(1, sizeof(*c));

	return finish(ret, c, c ? load(c, conf, why) : SESS_MEMORY, why);
}

int config_examine(struct config **ret, void (*fault)(void *context, const char *sentence), void *context)
{
	struct config *c = calloc(1, sizeof(*c));
	struct sess_why why;

	if (!c)
		return SESS_MEMORY;
	c->fault = fault;
	c->context = context;
	return finish(ret, c, load(c, NULL, &why), NULL);
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < CONFIG_COUNT; i++) {
		if (c->values[i].text)
			crypto_wipe(c->values[i].text, strlen(c->values[i].text));
		free(c->values[i].text);
		free(c->values[i].origin);
	}
	free(c->notes);
	free(c);
}

/* cookie.c - finds our cookie in a request, and writes it into a response. */

#include "lib/cookie.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/signer.h"
#include "lib/why.h"

static const char variable_name[] = "HTTP_COOKIE=";
static const char line_begin[] = "Set-Cookie: ";
static const char secure_end[] = "; Secure";

/* ---- in ------------------------------------------------------------------------------------------------------------- */

struct cookie_scan cookie_scan(char *const *envp, const char *name)
{
	return (struct cookie_scan){ envp, NULL, name, strlen(name) };
}

/* Octet by octet: of a request's thirty variables most differ in the first, and a call for each would cost more than it finds. */
static bool is_cookie_variable(const char *variable)
{
	const char *expected = variable_name;

	while (*expected && *variable == *expected) {
		variable++;
		expected++;
	}
	return *expected == '\0';
}

/* Goes on to the next header; false when there is none. */
static bool next_header(struct cookie_scan *scan)
{
	for (; *scan->variable; scan->variable++)
		if (is_cookie_variable(*scan->variable)) {
			scan->at = *scan->variable++ + sizeof(variable_name) - 1;
			return true;
		}
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The value in the pair from begin to end, if its name is ours and it is not empty. */
static bool match(const struct cookie_scan *scan, const char *begin, const char *end, const char **value, size_t *size)
{
	while (begin < end && is_blank(*begin))
		begin++;
	if ((size_t)(end - begin) <= scan->name_size || memcmp(begin, scan->name, scan->name_size) != 0)
		return false;
	begin += scan->name_size;
	while (begin < end && is_blank(*begin))
		begin++;
	if (begin == end || *begin != '=')
		return false;
	begin++;
	while (begin < end && is_blank(*begin))
		begin++;
	while (end > begin && is_blank(end[-1]))
		end--;
	*value = begin;
	*size = (size_t)(end - begin);
	return begin < end;
}

bool cookie_next(struct cookie_scan *scan, const char **value, size_t *size)
{
	while (scan->at || next_header(scan)) {
		const char *begin = scan->at, *end = strchrnul(begin, ';');

		scan->at = *end ? end + 1 : NULL;
		if (match(scan, begin, end, value, size))
			return true;
	}
	return false;
}

/* ---- what may stand in a line --------------------------------------------------------------------------------------- */

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool all_are(const char *text, const char *others)
{
	for (; *text; text++)
		if (!is_letter_or_digit(*text) && !strchr(others, *text))
			return false;
	return true;
}

/* RFC 9110 section 5.6.2: token. */
static bool name_valid(const char *name)
{
	return *name && all_are(name, "!#$%&'*+-.^_`|~");
}

static bool path_valid(const char *path)
{
	return path[0] == '/' && all_are(path, "/-._~!$&'()*+=:@%");
}

static bool has_letter(const char *text)
{
	return text[strcspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] != '\0';
}

static bool domain_valid(const char *domain)
{
	size_t size = strlen(domain);

	return is_letter_or_digit(domain[0]) && is_letter_or_digit(domain[size - 1]) && all_are(domain, "-.") && has_letter(domain) &&
	       !strstr(domain, "..") && strchr(domain, '.');
}

static bool begins(const char *name, const char *prefix)
{
	return strncasecmp(name, prefix, strlen(prefix)) == 0;
}

/* ---- settings ------------------------------------------------------------------------------------------------------- */

static int check_prefix(const struct config *c, bool secure_off, struct sess_why *why)
{
	const char *name = config_text(c, CONFIG_SESSION_COOKIE_NAME);
	static const char *const prefixes[] = { "__Host-Http-", "__Host-", "__Secure-", "__Http-" };
	const char *prefix = NULL;

	for (size_t i = 0; i < 4 && !prefix; i++)
		if (begins(name, prefixes[i]))
			prefix = prefixes[i];
	if (!prefix)
		return SESS_OK;
	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return config_refuse(c, CONFIG_SESSION_COOKIE_NAME, why, "'%.100s': the prefix has to be written '%s'", name, prefix);
	if (secure_off)
		return config_refuse(c, CONFIG_SESSION_COOKIE_NAME, why, "'%.100s' needs COOKIE_SECURE=auto or true, and it is false",
		                     name);
	if (!begins(name, "__Host-"))
		return SESS_OK;
	if (*config_text(c, CONFIG_COOKIE_DOMAIN))
		return config_refuse(c, CONFIG_SESSION_COOKIE_NAME, why, "'%.100s' allows no COOKIE_DOMAIN, and it is '%.200s'", name,
		                     config_text(c, CONFIG_COOKIE_DOMAIN));
	if (strcmp(config_text(c, CONFIG_COOKIE_PATH), "/") != 0)
		return config_refuse(c, CONFIG_SESSION_COOKIE_NAME, why, "'%.100s' needs COOKIE_PATH=/, and it is '%.200s'", name,
		                     config_text(c, CONFIG_COOKIE_PATH));
	return SESS_OK;
}

static int check(const struct config *c, struct sess_why *why)
{
	const char *name = config_text(c, CONFIG_SESSION_COOKIE_NAME), *path = config_text(c, CONFIG_COOKIE_PATH);
	const char *domain = config_text(c, CONFIG_COOKIE_DOMAIN);
	int64_t secure = config_number(c, CONFIG_COOKIE_SECURE);

	if (!name_valid(name))
		return config_refuse(c, CONFIG_SESSION_COOKIE_NAME, why,
		                     "'%.100s' cannot name a cookie: letters, digits and !#$%%&'*+-.^_`|~ are allowed", name);
	if (!path_valid(path))
		return config_refuse(c, CONFIG_COOKIE_PATH, why,
		                     "'%.100s' is no path: it begins with '/', and letters, digits and -._~!$&'()*+=:@%% may follow", path);
	if (*domain && !domain_valid(domain))
		return config_refuse(c, CONFIG_COOKIE_DOMAIN, why, "'%.100s' is no domain name like example.org", domain);
	if (config_number(c, CONFIG_COOKIE_SAMESITE) == CONFIG_SAMESITE_NONE && secure != CONFIG_SECURE_TRUE)
		return config_refuse(c, CONFIG_COOKIE_SAMESITE, why,
		                     "'None' needs COOKIE_SECURE=true, and it is '%s': browsers drop such cookies",
		                     config_text(c, CONFIG_COOKIE_SECURE));
	return check_prefix(c, secure == CONFIG_SECURE_FALSE, why);
}

static int attributes(char **ret, const char *path, const char *domain, const char *samesite, const char *age)
{
	return asprintf(ret, "; Path=%s%s%s; %s; HttpOnly; SameSite=%s", path, *domain ? "; Domain=" : "", domain, age, samesite) < 0
	           ? SESS_MEMORY
	           : SESS_OK;
}

static int fill(struct cookie_form *form, const struct config *c)
{
	static const char over[] = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
	const char *path = config_text(c, CONFIG_COOKIE_PATH), *domain = config_text(c, CONFIG_COOKIE_DOMAIN);
	const char *samesite = config_text(c, CONFIG_COOKIE_SAMESITE), *name = config_text(c, CONFIG_SESSION_COOKIE_NAME);
	bool elsewhere = *domain || strcmp(path, "/") != 0;
	char age[40];

	snprintf(age, sizeof(age), "Max-Age=%lld", (long long)config_number(c, CONFIG_COOKIE_MAX_AGE));
	form->secure = begins(name, "__Host-") || begins(name, "__Secure-") || begins(name, "__Http-")
	                   ? CONFIG_SECURE_TRUE
	                   : (enum config_secure)config_number(c, CONFIG_COOKIE_SECURE);
	form->name = strdup(name);
	if (!form->name || attributes(&form->attributes, path, domain, samesite, age) != SESS_OK ||
	    attributes(&form->clear, path, domain, samesite, over) != SESS_OK ||
	    (elsewhere && attributes(&form->clear_root, "/", "", samesite, over) != SESS_OK))
		return SESS_MEMORY;
	return SESS_OK;
}

int cookie_form_init(struct cookie_form *form, const struct config *c, struct sess_why *why)
{
	int status;

	memset(form, 0, sizeof(*form));
	status = check(c, why);
	if (status == SESS_OK) {
		status = fill(form, c);
		if (status != SESS_OK)
			why_write(why, "out of memory");
	}
	return status;
}

void cookie_form_free(struct cookie_form *form)
{
	free(form->name);
	free(form->attributes);
	free(form->clear);
	free(form->clear_root);
	memset(form, 0, sizeof(*form));
}

/* ---- out ------------------------------------------------------------------------------------------------------------ */

bool cookie_is_secure(const struct cookie_form *form, bool https)
{
	return form->secure == CONFIG_SECURE_TRUE || (form->secure == CONFIG_SECURE_AUTO && https);
}

static char *append(char *at, const char *text)
{
	size_t size = strlen(text);

	memcpy(at, text, size + 1);
	return at + size;
}

static char *append_line(char *at, const struct cookie_form *form, const char *value, const char *rest, bool secure)
{
	at = append(at, line_begin);
	at = append(at, form->name);
	at = append(at, "=");
	at = append(at, value);
	at = append(at, rest);
	if (secure)
		at = append(at, secure_end);
	return append(at, "\r\n");
}

static size_t line_size(const struct cookie_form *form, const char *rest)
{
	return rest ? sizeof(line_begin) + strlen(form->name) + strlen(rest) + sizeof(secure_end) + SIGNER_TOKEN_SIZE + 4 : 0;
}

size_t cookie_line_size(const struct cookie_form *form)
{
	size_t set = line_size(form, form->attributes), clear = line_size(form, form->clear) + line_size(form, form->clear_root);

	return set > clear ? set : clear;
}

size_t cookie_set(const struct cookie_form *form, const char *token, bool secure, char *text)
{
	*text = '\0';
	if (strlen(token) >= SIGNER_TOKEN_SIZE || !all_are(token, "-_."))
		return 0;
	return (size_t)(append_line(text, form, token, form->attributes, secure) - text);
}

size_t cookie_clear(const struct cookie_form *form, bool secure, char *text)
{
	char *at = append_line(text, form, "", form->clear, secure);

	if (form->clear_root)
		at = append_line(at, form, "", form->clear_root, secure);
	return (size_t)(at - text);
}

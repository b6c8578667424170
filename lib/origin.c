/* origin.c - Fetch Metadata, Origin and trusted proxies. */

#include "lib/origin.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/config.h"
#include "lib/why.h"

#define LIST_SEPARATORS " \t,"

struct network {
	int family;
	unsigned bits;
	uint8_t octets[16];
};

struct origin {
	char *allowed; /* the list, cut into texts that follow each other; an empty one ends it */
	struct network *proxies;
	size_t proxy_count;
};

const char *origin_variable(char *const *envp, const char *name)
{
	size_t size = strlen(name);

	for (; *envp; envp++)
		if (strncmp(*envp, name, size) == 0 && (*envp)[size] == '=')
			return *envp + size + 1;
	return NULL;
}

/* ---- addresses ------------------------------------------------------------------------------------------------------ */

static bool address_read(const char *text, struct network *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, ret->octets) == 1) {
		ret->family = AF_INET;
		ret->bits = 32;
		return true;
	}
	if (inet_pton(AF_INET6, text, ret->octets) != 1)
		return false;
	ret->family = AF_INET6;
	ret->bits = 128;
	if (memcmp(ret->octets, mapped, sizeof(mapped)) == 0) { /* ::ffff:192.0.2.1 is 192.0.2.1 */
		memmove(ret->octets, ret->octets + sizeof(mapped), 4);
		ret->family = AF_INET;
		ret->bits = 32;
	}
	return true;
}

static bool network_read(char *text, struct network *ret)
{
	char *slash = strchr(text, '/');
	char *end = NULL;
	unsigned long bits = 0;
	bool whole;

	if (slash) {
		bits = slash[1] >= '0' && slash[1] <= '9' ? strtoul(slash + 1, &end, 10) : 1000;
		*slash = '\0';
	}
	whole = address_read(text, ret);
	if (slash)
		*slash = '/';
	if (!whole || (slash && (bits > ret->bits || *end)))
		return false;
	if (slash)
		ret->bits = (unsigned)bits;
	return true;
}

static bool network_holds(const struct network *network, const struct network *address)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;
	unsigned mask = 0xffu << (8 - rest) & 0xff;

	return network->family == address->family && memcmp(network->octets, address->octets, whole) == 0 &&
	       (rest == 0 || ((network->octets[whole] ^ address->octets[whole]) & mask) == 0);
}

static bool is_trusted(const struct origin *o, const char *text)
{
	struct network address;

	if (!text || !address_read(text, &address))
		return false;
	for (size_t i = 0; i < o->proxy_count; i++)
		if (network_holds(&o->proxies[i], &address))
			return true;
	return false;
}

/* ---- settings ------------------------------------------------------------------------------------------------------- */

/* The part of an origin after its scheme; NULL when it is neither http nor https. */
static const char *after_scheme(const char *text)
{
	if (strncasecmp(text, "https://", 8) == 0)
		return text + 8;
	return strncasecmp(text, "http://", 7) == 0 ? text + 7 : NULL;
}

static bool origin_valid(const char *text)
{
	const char *host = after_scheme(text);

	return host && *host && strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]") == strlen(host);
}

static int read_origins(struct origin *o, const struct config *c, struct sess_why *why)
{
	const char *list = config_text(c, CONFIG_ALLOWED_ORIGINS);
	char *copy = strdup(list), *at, *rest = copy;

	o->allowed = calloc(1, strlen(list) + 2);
	if (!copy || !o->allowed) {
		free(copy);
		return SESS_MEMORY;
	}
	at = o->allowed;
	for (char *word = strtok_r(copy, LIST_SEPARATORS, &rest); word; word = strtok_r(NULL, LIST_SEPARATORS, &rest)) {
		if (!origin_valid(word)) {
			int status = config_refuse(c, CONFIG_ALLOWED_ORIGINS, why,
			                           "'%.100s' is no origin like https://example.org or http://example.org:8080", word);
			free(copy);
			return status;
		}
		at = stpcpy(at, word) + 1;
	}
	free(copy);
	return SESS_OK;
}

static int read_proxies(struct origin *o, const struct config *c, struct sess_why *why)
{
	const char *list = config_text(c, CONFIG_TRUSTED_PROXY);
	char *copy = strdup(list), *rest = copy;
	int status = SESS_OK;

	o->proxies = calloc(strlen(list) / 2 + 1, sizeof(o->proxies[0])); /* a word and its separator take two octets or more */
	if (!copy || !o->proxies)
		status = SESS_MEMORY;
	for (char *word = copy ? strtok_r(copy, LIST_SEPARATORS, &rest) : NULL; word && status == SESS_OK;
	     word = strtok_r(NULL, LIST_SEPARATORS, &rest))
		if (!network_read(word, &o->proxies[o->proxy_count++]))
			status = config_refuse(c, CONFIG_TRUSTED_PROXY, why,
			                       "'%.100s' is no address like 192.0.2.1 or 2001:db8::1 and no network like 10.0.0.0/8", word);
	free(copy);
	return status;
}

int origin_new(struct origin **ret, const struct config *c, struct sess_why *why)
{
	struct origin *o = calloc(1, sizeof(*o));
	int status = o ? read_origins(o, c, why) : SESS_MEMORY;

	if (status == SESS_OK)
		status = read_proxies(o, c, why);
	if (status == SESS_MEMORY)
		why_write(why, "out of memory");
	if (status != SESS_OK) {
		origin_free(o);
		return status;
	}
	*ret = o;
	return SESS_OK;
}

void origin_free(struct origin *o)
{
	if (!o)
		return;
	free(o->allowed);
	free(o->proxies);
	free(o);
}

/* ---- https ---------------------------------------------------------------------------------------------------------- */

/* Each proxy of a chain may have added its own word; the last is that of the one we know. */
static bool last_word_is_https(const char *list)
{
	const char *comma = strrchr(list, ',');
	const char *word = comma ? comma + 1 : list;
	size_t size;

	word += strspn(word, " \t");
	size = strcspn(word, " \t");
	return size == 5 && strncasecmp(word, "https", 5) == 0;
}

bool origin_https(const struct origin *o, char *const *envp)
{
	const char *text = origin_variable(envp, "HTTPS");

	if (text && *text && strcasecmp(text, "off") != 0 && strcmp(text, "0") != 0)
		return true;
	text = origin_variable(envp, "REQUEST_SCHEME");
	if (text && strcasecmp(text, "https") == 0)
		return true;
	if (o->proxy_count == 0)
		return false;
	text = origin_variable(envp, "HTTP_X_FORWARDED_PROTO");
	return text && last_word_is_https(text) && is_trusted(o, origin_variable(envp, "REMOTE_ADDR"));
}

/* ---- whose request -------------------------------------------------------------------------------------------------- */

/* The length of host[:port] without a port that the scheme implies. */
static size_t host_size(const char *host, bool https)
{
	const char *port = https ? ":443" : ":80";
	size_t size = strlen(host), port_size = strlen(port);

	return size > port_size && strcmp(host + size - port_size, port) == 0 ? size - port_size : size;
}

static bool same_host(const char *a, const char *b, bool https)
{
	size_t size = host_size(a, https);

	return size > 0 && size == host_size(b, https) && strncasecmp(a, b, size) == 0;
}

static bool same_origin(const char *a, const char *b)
{
	const char *host_a = after_scheme(a), *host_b = after_scheme(b);
	bool https = host_a == a + 8;

	return host_a && host_b && https == (host_b == b + 8) && same_host(host_a, host_b, https);
}

static bool is_allowed(const struct origin *o, const char *text)
{
	for (const char *allowed = o->allowed; *allowed; allowed += strlen(allowed) + 1)
		if (same_origin(text, allowed))
			return true;
	return false;
}

static bool is_our_own(const struct origin *o, char *const *envp, const char *text)
{
	const char *host = after_scheme(text), *ours = origin_variable(envp, "HTTP_HOST");
	bool https = host == text + 8;

	return host && ours && https == origin_https(o, envp) && same_host(host, ours, https);
}

static bool is_safe(const char *method)
{
	return method && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0);
}

enum origin_verdict origin_judge(const struct origin *o, char *const *envp)
{
	const char *site, *text;

	if (is_safe(origin_variable(envp, "REQUEST_METHOD")))
		return ORIGIN_OURS;
	site = origin_variable(envp, "HTTP_SEC_FETCH_SITE");
	text = origin_variable(envp, "HTTP_ORIGIN");
	if (site && (strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0))
		return ORIGIN_OURS;
	/* An allowed origin is another site to the browser, so here the list has the last word. */
	if (site && (strcmp(site, "same-site") == 0 || strcmp(site, "cross-site") == 0))
		return text && is_allowed(o, text) ? ORIGIN_OURS : ORIGIN_FOREIGN;
	if (text)
		return is_our_own(o, envp, text) || is_allowed(o, text) ? ORIGIN_OURS : ORIGIN_FOREIGN;
	return ORIGIN_UNKNOWN;
}

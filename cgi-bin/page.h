/*
 * page.h - what the pages of this folder share: their mount, the head of their HTML, their look, and the policy that the browser enforces.
 */
#ifndef CGI_BIN_PAGE_H
#define CGI_BIN_PAGE_H

#include <sesame-fcgi.h>

#define PAGE_MOUNT_SIZE 512 /* octets of a mount, its NUL included */

/* Nothing but what the program itself serves, and nothing inside a page. */
#define PAGE_POLICY                                                                                                                        \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "                \
	"base-uri 'none'; frame-ancestors 'none'"

/* What stands in an address as it is: '/', and the unreserved ones of RFC 3986, 2.3. */
#define PAGE_PLAIN "/-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Appends text to address, which has size octets, each octet that is not in plain as %XX. False when there is no room: a part is there
 * then. */
bool page_encode(char *address, size_t size, const char *text, const char *plain);

/* Writes the mount, the path that comes before PATH_INFO, as a URL path; "" when it cannot be one, and at the root. */
void page_mount(const struct http *h, char *mount, size_t size);

/* Writes the beginning of a page: all that <head> needs but its end. title is ours. */
void page_head(struct http *h, const char *mount, const char *title);

/*
 * Writes the token for a form, SESS_TOKEN_SIZE octets; on a visitor's HEAD, which must not make a session, and where none can be had,
 * something as long.
 */
void page_token(struct sess *s, char *token);

/* Answers with a file that is the same for everybody. */
void page_file(struct http *h, const char *type, const char *text);

/* Answers with the style of all pages, and then the page's own. */
void page_style(struct http *h, const char *own);

/* The handler of "/icon.svg". */
void page_icon(struct http *h, struct sess *s);

#endif

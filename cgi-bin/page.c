/* page.c - what the pages of this folder share. */

#include "cgi-bin/page.h"

#include <string.h>

static const char page_base[] =
    ":root { color-scheme: light dark; --line: #c9ced6; --back: #fff; --text: #1b2430; --act: #1552b8; --on-act: #fff; --quiet: #566173;\n"
    "  --bad: #a8201a }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  :root { --line: #3d4654; --back: #12161c; --text: #e6eaf0; --act: #8ab4ff; --on-act: #0b1422; --quiet: #a3adbb; --bad: #ff9c94 }\n"
    "}\n"
    "body { margin: 0; background: var(--back); color: var(--text); font: 1.125rem/1.6 system-ui, sans-serif }\n"
    "main { max-width: 38rem; margin: 0 auto; padding: clamp(1rem, 6vw, 4rem) 1.25rem }\n"
    "h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 1.5rem }\n"
    "p { margin: 0; overflow-wrap: anywhere }\n"
    "button { font: inherit; font-weight: 600; padding: .7rem 1.4rem; min-height: 3rem; border: 0; border-radius: 1.5rem;\n"
    "  background: var(--act); color: var(--on-act); cursor: pointer; font-variant-numeric: tabular-nums }\n"
    "button:hover { filter: brightness(1.1) }\n"
    "button:focus-visible { outline: 3px solid var(--text); outline-offset: 3px }\n";

static const char page_icon_svg[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\"><circle cx=\"8\" cy=\"8\" r=\"7\" fill=\"#1552b8\"/>"
    "<path d=\"M4.5 8.5l2.5 2.5 4.5-5.5\" fill=\"none\" stroke=\"#fff\" stroke-width=\"2\"/></svg>\n";

bool page_encode(char *address, size_t size, const char *text, const char *plain)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = strlen(address);

	for (; *text && n + 4 < size; text++) {
		if (strchr(plain, *text)) {
			address[n++] = *text;
			continue;
		}
		address[n++] = '%';
		address[n++] = digits[(unsigned char)*text >> 4];
		address[n++] = digits[*text & 15];
	}
	address[n] = '\0';
	return *text == '\0';
}

void page_mount(const struct http *h, char *mount, size_t size)
{
	const char *script = http_param(h, "SCRIPT_NAME");
	size_t n;

	mount[0] = '\0';
	/* "//host/click" would be another host's. */
	if (!script || script[0] != '/' || script[1] == '/' || !page_encode(mount, size, script, PAGE_PLAIN "!$()*,;:@")) {
		mount[0] = '\0';
		return;
	}
	n = strlen(mount);
	if (mount[n - 1] == '/')
		mount[n - 1] = '\0';
}

void page_token(struct sess *s, char *token)
{
	if (sess_csrf_token(s, token, SESS_TOKEN_SIZE) == SESS_OK)
		return;
	memset(token, '0', SESS_TOKEN_SIZE - 1);
	token[SESS_TOKEN_SIZE - 1] = '\0';
}

void page_head(struct http *h, const char *mount, const char *title)
{
	http_printf(h,
	            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n"
	            "<link rel=\"icon\" href=\"%s/icon.svg\">\n<link rel=\"stylesheet\" href=\"%s/style.css\">\n",
	            title, mount, mount);
}

/* Two texts, of which the second may be "". */
static void page_texts(struct http *h, const char *type, const char *first, const char *second)
{
	http_header(h, "Cache-Control", "public, max-age=300");
	if (http_begin(h, 200, type)) {
		http_puts(h, first);
		http_puts(h, second);
	}
}

void page_file(struct http *h, const char *type, const char *text)
{
	page_texts(h, type, text, "");
}

void page_style(struct http *h, const char *own)
{
	page_texts(h, "text/css", page_base, own);
}

void page_icon(struct http *h, struct sess *s)
{
	(void)s;
	page_file(h, "image/svg+xml", page_icon_svg);
}

/*
 * cgi_empty - a CGI program that does nothing but answer with a page as large as session_test's P/plain: what a process costs.
 * Each variant is linked as ours is; where that is with the same libraries, they are only loaded.
 */
#include <string.h>
#include <unistd.h>

static const char cgi_empty_page[] =
    "Content-Type: text/html; charset=utf-8\r\nContent-Length: 529\r\n\r\n"
    "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Empty CGI program</title></head>\n<body>\n"
    "<p id=\"session-id\">My session id: 00000000000000000000000000000000</p>\n<p id=\"visits\">Number of visits: 1</p>\n"
    "<p id=\"events\">Number of Click Events: 0</p>\n"
    "<p>This page has no style and no script, and no session behind it either. It is what the pages of programs with sessions are\n"
    "measured against, and it is padded to their size of some five hundred octets: . . . . . . . .</p>\n</body>\n</html>\n";

int main(void)
{
	return write(STDOUT_FILENO, cgi_empty_page, strlen(cgi_empty_page)) > 0 ? 0 : 1;
}

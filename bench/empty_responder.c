/*
 * empty_responder - what a FastCGI program costs that does nothing: the partner of every figure. It is the textbook's threaded responder:
 * each of N threads takes requests with FCGX_Accept_r from descriptor 0 and answers with one small page, as large as session_test's
 * P/plain.
 *
 *     empty_responder [THREADS]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcgiapp.h>

static const char empty_responder_page[] =
    "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Empty responder</title></head>\n<body>\n"
    "<p id=\"session-id\">My session id: 00000000000000000000000000000000</p>\n<p id=\"visits\">Number of visits: 1</p>\n"
    "<p id=\"events\">Number of Click Events: 0</p>\n"
    "<p>This page has no style and no script, and no session behind it either. It is what the pages of programs with sessions are\n"
    "measured against, and it is padded to their size of some five hundred octets: . . . . . . . .</p>\n</body>\n</html>\n";

static void *empty_responder_thread(void *unused)
{
	FCGX_Request request;

	if (FCGX_InitRequest(&request, 0, 0) != 0)
		return unused;
	while (FCGX_Accept_r(&request) == 0) {
		FCGX_FPrintF(request.out, "Content-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s",
		             (int)sizeof empty_responder_page - 1, empty_responder_page);
		FCGX_Finish_r(&request);
	}
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t threads[64];
	int wanted = argc > 1 ? atoi(argv[1]) : 8;
	int started = 0;

	if (wanted < 1 || wanted > 64 || FCGX_Init() != 0) {
		fprintf(stderr, "usage: %s [THREADS], 1 to 64, started by a web server or spawn-fcgi\n", argv[0]);
		return 64;
	}
	while (started < wanted && pthread_create(&threads[started], NULL, empty_responder_thread, NULL) == 0)
		started++;
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return started == wanted ? 0 : 71;
}

/*
 * load_fcgi - one FastCGI request after the other, each on a connection of its own, as a web server without FCGI_KEEP_CONN sends them.
 *
 *     load_fcgi SOCKET COUNT [COOKIE]
 *
 * Asks for GET /plain through the Unix socket; prints the mean nanoseconds of a round trip, from connect to the end of the answer.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LOAD_REQUEST_SIZE 4096

/* FastCGI specification, 3.3 and 8. */
enum { LOAD_BEGIN = 1, LOAD_PARAMETERS = 4, LOAD_INPUT = 5 };

struct load_request {
	unsigned char octets[LOAD_REQUEST_SIZE];
	size_t size;
};

static void load_record(struct load_request *r, unsigned type, const unsigned char *content, size_t size)
{
	unsigned char head[8] = { 1, (unsigned char)type, 0, 1, (unsigned char)(size >> 8), (unsigned char)size, 0, 0 };

	if (r->size + sizeof head + size > sizeof r->octets)
		exit(70);
	memcpy(r->octets + r->size, head, sizeof head);
	if (size > 0)
		memcpy(r->octets + r->size + sizeof head, content, size);
	r->size += sizeof head + size;
}

/* Both shorter than 128 octets, but for the value, whose length may take the long form. */
static size_t load_pair(unsigned char *to, const char *name, const char *value)
{
	size_t name_size = strlen(name);
	size_t value_size = strlen(value);
	unsigned char *next = to;

	*next++ = (unsigned char)name_size;
	if (value_size >= 128) {
		*next++ = 0x80;
		*next++ = 0;
		*next++ = (unsigned char)(value_size >> 8);
	}
	*next++ = (unsigned char)value_size;
	next = mempcpy(next, name, name_size);
	next = mempcpy(next, value, value_size);
	return (size_t)(next - to);
}

static void load_compose(struct load_request *r, const char *cookie)
{
	/* What lighttpd sends for a client like wrk. */
	static const char *const variables[][2] = {
		{ "CONTENT_LENGTH", "0" },         { "SCRIPT_NAME", "" },
		{ "PATH_INFO", "/plain" },         { "PATH_TRANSLATED", "/srv/www/plain" },
		{ "SCRIPT_FILENAME", "/srv/www" }, { "DOCUMENT_ROOT", "/srv/www" },
		{ "REQUEST_URI", "/plain" },       { "QUERY_STRING", "" },
		{ "REQUEST_METHOD", "GET" },       { "SERVER_PROTOCOL", "HTTP/1.1" },
		{ "SERVER_SOFTWARE", "lighttpd" }, { "GATEWAY_INTERFACE", "CGI/1.1" },
		{ "REQUEST_SCHEME", "http" },      { "SERVER_PORT", "8080" },
		{ "SERVER_ADDR", "127.0.0.1" },    { "SERVER_NAME", "127.0.0.1:8080" },
		{ "REMOTE_ADDR", "127.0.0.1" },    { "REMOTE_PORT", "40000" },
		{ "HTTP_HOST", "127.0.0.1:8080" }, { "REDIRECT_STATUS", "200" },
	};
	static const unsigned char begin[8] = { 0, 1, 0 };
	unsigned char pairs[LOAD_REQUEST_SIZE / 2];
	size_t size = 0;

	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
		size += load_pair(pairs + size, variables[i][0], variables[i][1]);
	if (cookie)
		size += load_pair(pairs + size, "HTTP_COOKIE", cookie);
	load_record(r, LOAD_BEGIN, begin, sizeof begin);
	load_record(r, LOAD_PARAMETERS, pairs, size);
	load_record(r, LOAD_PARAMETERS, NULL, 0);
	load_record(r, LOAD_INPUT, NULL, 0);
}

/* True if an answer came that is not one of a failure. */
static bool load_ask(const struct sockaddr_un *address, const struct load_request *r)
{
	char answer[8192];
	size_t got = 0;
	ssize_t n = 0;
	int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool sent = connection >= 0 && connect(connection, (const struct sockaddr *)address, sizeof *address) == 0 &&
	            write(connection, r->octets, r->size) == (ssize_t)r->size;

	while (sent && got < sizeof answer - 1 && (n = read(connection, answer + got, sizeof answer - 1 - got)) > 0)
		got += (size_t)n;
	close(connection);
	if (!sent || n < 0 || got < 16)
		return false;
	answer[got] = '\0';
	return strncmp(answer + 8, "Status: ", 8) != 0 || strncmp(answer + 8, "Status: 200", 11) == 0;
}

int main(int argc, char **argv)
{
	static struct load_request request;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timespec begin;
	struct timespec end;
	long count = argc >= 3 ? strtol(argv[2], NULL, 10) : 0;

	if (count < 1 || argc > 4 || strlen(argv[1]) >= sizeof address.sun_path) {
		fprintf(stderr, "usage: %s SOCKET COUNT [COOKIE]\n", argv[0]);
		return 64;
	}
	strcpy(address.sun_path, argv[1]);
	load_compose(&request, argc == 4 ? argv[3] : NULL);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (long i = 0; i < count; i++) {
		if (!load_ask(&address, &request)) {
			fprintf(stderr, "load_fcgi: no good answer to request %ld\n", i + 1);
			return 71;
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%" PRId64 "\n", ((end.tv_sec - begin.tv_sec) * INT64_C(1000000000) + end.tv_nsec - begin.tv_nsec) / count);
	return 0;
}

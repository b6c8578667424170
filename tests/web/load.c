/*
 * load - clients that visit and click as fast as they are answered, and say what was answered.
 *
 *     load PORT CLIENTS REQUESTS COOKIE [SECONDS]
 *
 * So many clients at once, each on a kept connection to 127.0.0.1, together send so many requests (0: until SIGTERM) with that Cookie
 * header: every other one a visit, every other one a click. However slow the server, it ends after so many seconds (280). Prints one line:
 *
 *     visits=N clicks=N unanswered_visits=N unanswered_clicks=N longest_ms=N
 *
 * visits and clicks were answered with 200. The unanswered ones were not, or with 5xx: the server may have counted them or not.
 * longest_ms is the longest time for which one client got no good answer to what it asked again and again. Any other answer ends it
 * with status 1.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LOAD_CLIENTS_MAX 256
#define LOAD_SECONDS 280

enum load_result { LOAD_GOOD, LOAD_UNANSWERED, LOAD_WRONG };

struct load_client {
	pthread_t thread;
	int connection; /* -1: none */
	long visits, clicks, unanswered_visits, unanswered_clicks, longest_ms;
	char received[65536];
};

static struct sockaddr_in load_server;
static const char *load_cookie;
static atomic_long load_left;
static atomic_bool load_stop;
static atomic_bool load_wrong;

static long load_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool load_connect(struct load_client *c)
{
	struct timeval patience = { .tv_sec = 20 };
	int yes = 1;

	if (c->connection >= 0)
		return true;
	c->connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->connection < 0)
		return false;
	setsockopt(c->connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(c->connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	return connect(c->connection, (struct sockaddr *)&load_server, sizeof load_server) == 0;
}

static void load_disconnect(struct load_client *c)
{
	if (c->connection >= 0)
		close(c->connection);
	c->connection = -1;
}

/* The size of the whole answer once its head is there; 0 before. -1 if it has no length. */
static long load_answer_size(const char *received)
{
	const char *end = strstr(received, "\r\n\r\n");
	const char *length;

	if (!end)
		return 0;
	length = strcasestr(received, "\r\nContent-Length:");
	if (!length || length > end)
		return -1;
	return end + 4 - received + strtol(length + 17, NULL, 10);
}

/* Receives one answer into c->received. Its status, or 0 if none came. */
static int load_receive(struct load_client *c)
{
	size_t have = 0;
	long size = 0;
	int status;

	while (size == 0 || (long)have < size) {
		ssize_t n = recv(c->connection, c->received + have, sizeof c->received - 1 - have, 0);

		if (n <= 0)
			return 0;
		have += (size_t)n;
		c->received[have] = '\0';
		size = load_answer_size(c->received);
		if (size < 0 || size >= (long)sizeof c->received)
			return 0;
	}
	if (sscanf(c->received, "HTTP/1.1 %d", &status) != 1)
		return 0;
	if (strcasestr(c->received, "\r\nConnection: close"))
		load_disconnect(c);
	return status;
}

/* One request on a connection that was used before may find it closed by a server that wanted no more; that is asked again. */
static int load_ask(struct load_client *c, const char *request)
{
	bool kept = c->connection >= 0;
	size_t size = strlen(request);
	int status = 0;

	if (load_connect(c) && send(c->connection, request, size, MSG_NOSIGNAL) == (ssize_t)size)
		status = load_receive(c);
	if (status != 0)
		return status;
	load_disconnect(c);
	return kept && c->received[0] == '\0' ? load_ask(c, request) : 0;
}

static enum load_result load_once(struct load_client *c, bool click)
{
	static const char *const form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b";
	char request[2048];
	int status;

	snprintf(request, sizeof request,
	         "%s HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: %s\r\nSec-Fetch-Site: same-origin\r\nAccept: application/json\r\n%s",
	         click ? "POST /click" : "GET /", load_cookie, click ? form : "\r\n");
	c->received[0] = '\0';
	status = load_ask(c, request);
	if (status == 200)
		return LOAD_GOOD;
	if (status == 0 || status >= 500)
		return LOAD_UNANSWERED;
	fprintf(stderr, "load: answered with status %d\n", status);
	return LOAD_WRONG;
}

static void *load_client_run(void *argument)
{
	struct load_client *c = argument;
	long good_ms = load_now_ms();

	while (!load_stop && !load_wrong) {
		long number = atomic_fetch_sub(&load_left, 1);
		bool click = number & 1;

		if (number <= 0)
			break;
		switch (load_once(c, click)) {
		case LOAD_GOOD:
			*(click ? &c->clicks : &c->visits) += 1;
			good_ms = load_now_ms();
			break;
		case LOAD_UNANSWERED:
			*(click ? &c->unanswered_clicks : &c->unanswered_visits) += 1;
			if (load_now_ms() - good_ms > c->longest_ms)
				c->longest_ms = load_now_ms() - good_ms;
			break;
		case LOAD_WRONG:
			load_wrong = true;
		}
	}
	load_disconnect(c);
	return NULL;
}

static void load_told_to_stop(int signal_number)
{
	(void)signal_number;
	load_stop = true;
}

static void load_report(const struct load_client *clients, size_t count)
{
	struct load_client sum = { .longest_ms = 0 };

	for (size_t i = 0; i < count; i++) {
		sum.visits += clients[i].visits;
		sum.clicks += clients[i].clicks;
		sum.unanswered_visits += clients[i].unanswered_visits;
		sum.unanswered_clicks += clients[i].unanswered_clicks;
		if (clients[i].longest_ms > sum.longest_ms)
			sum.longest_ms = clients[i].longest_ms;
	}
	printf("visits=%ld clicks=%ld unanswered_visits=%ld unanswered_clicks=%ld longest_ms=%ld\n", sum.visits, sum.clicks,
	       sum.unanswered_visits, sum.unanswered_clicks, sum.longest_ms);
}

int main(int argc, char **argv)
{
	static struct load_client clients[LOAD_CLIENTS_MAX];
	struct sigaction stop = { .sa_handler = load_told_to_stop, .sa_flags = SA_RESTART };
	size_t count = argc == 5 || argc == 6 ? strtoul(argv[2], NULL, 10) : 0;

	if (count < 1 || count > LOAD_CLIENTS_MAX) {
		fprintf(stderr, "usage: load PORT CLIENTS REQUESTS COOKIE [SECONDS]\n");
		return 64;
	}
	load_server.sin_family = AF_INET;
	load_server.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	load_server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	load_left = strcmp(argv[3], "0") == 0 ? 2000000000 : strtol(argv[3], NULL, 10);
	load_cookie = argv[4];
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGALRM, &stop, NULL);
	alarm(argc == 6 ? (unsigned)strtoul(argv[5], NULL, 10) : LOAD_SECONDS);
	for (size_t i = 0; i < count; i++) {
		clients[i].connection = -1;
		if (pthread_create(&clients[i].thread, NULL, load_client_run, &clients[i]) != 0)
			return 70;
	}
	for (size_t i = 0; i < count; i++)
		pthread_join(clients[i].thread, NULL);
	load_report(clients, count);
	return load_wrong ? 1 : 0;
}

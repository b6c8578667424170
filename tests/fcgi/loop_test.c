/*
 * loop_test - handlers that a test of the accept loop needs: slow ones, wide ones, and one that counts how often it ran.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sesame-fcgi.h>

static _Atomic int loop_test_count;

/* Runs for QUERY_STRING milliseconds. */
static void loop_test_slow(struct http *h, struct sess *s)
{
	const char *milliseconds = http_param(h, "QUERY_STRING");
	long wanted = milliseconds ? strtol(milliseconds, NULL, 10) : 0;
	struct timespec pause = { .tv_sec = wanted / 1000, .tv_nsec = wanted % 1000 * 1000000L };

	(void)s;
	while (nanosleep(&pause, &pause) != 0)
		;
	http_answer(h, 200, "slept");
}

/* Answers with QUERY_STRING octets. */
static void loop_test_wide(struct http *h, struct sess *s)
{
	const char *octets = http_param(h, "QUERY_STRING");
	long wanted = octets ? strtol(octets, NULL, 10) : 0;
	char part[1024];

	(void)s;
	memset(part, 'w', sizeof part);
	if (!http_begin(h, 200, "text/plain"))
		return;
	for (; wanted > 0; wanted -= (long)sizeof part)
		http_write(h, part, wanted < (long)sizeof part ? (size_t)wanted : sizeof part);
}

/* Sends the body back, and says how many requests came here. */
static void loop_test_echo(struct http *h, struct sess *s)
{
	size_t size;
	const void *body = http_body(h, &size);

	(void)s;
	atomic_fetch_add(&loop_test_count, 1);
	if (http_begin(h, 200, "application/octet-stream"))
		http_write(h, body, size);
}

/* A page with a session; /counted tells that it ran. */
static void loop_test_session(struct http *h, struct sess *s)
{
	atomic_fetch_add(&loop_test_count, 1);
	sess_add(s, "visits", 1);
	http_answer(h, 200, "counted");
}

static void loop_test_counted(struct http *h, struct sess *s)
{
	(void)s;
	if (http_begin(h, 200, "text/plain"))
		http_printf(h, "%d", atomic_load(&loop_test_count));
}

/* Says which process answers. */
static void loop_test_process(struct http *h, struct sess *s)
{
	(void)s;
	if (http_begin(h, 200, "text/plain"))
		http_printf(h, "%ld", (long)getpid());
}

/* Shows a field of the form, escaped. */
static void loop_test_field(struct http *h, struct sess *s)
{
	const char *field = http_field(h, "f");

	(void)s;
	if (http_begin(h, 200, "text/html"))
		http_puts_html(h, field ? field : "(none)");
}

/* Tries headers that must not get through; says how many were taken. */
static void loop_test_headers(struct http *h, struct sess *s)
{
	int taken = 0;

	(void)s;
	taken += http_header(h, "X-Split", "a\r\nSet-Cookie: a=b");
	taken += http_header(h, "X Split", "a");
	taken += http_header(h, "", "a");
	taken += http_header(h, "X-Accel-Redirect", "/etc/passwd");
	taken += http_header(h, "x-sendfile", "/etc/passwd");
	taken += http_header(h, "Status", "500");
	if (http_begin(h, 200, "text/plain"))
		http_printf(h, "%d", taken);
}

static void loop_test_elsewhere(struct http *h, struct sess *s)
{
	(void)s;
	http_redirect(h, "//elsewhere.example/");
}

/* ---- what an intruder would do, by name; each returns what came of it, errno with it -------------------------------- */

static long escape_execute(void)
{
	char *arguments[] = { "/bin/true", NULL };

	return execv(arguments[0], arguments);
}

static long escape_fork(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return child > 0 ? waitpid(child, NULL, 0) : child;
}

static long escape_trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long escape_connect(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long escape_kill(void)
{
	return kill(getppid(), 0);
}

static long escape_read(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static long escape_list(void)
{
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static long escape_write(void)
{
	return open("/var/tmp/sesame-test-escape", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static long escape_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

/* What is no escape: the state folder is there to be written to. */
static long escape_state(void)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/written", getenv("STATE_DIRECTORY"));
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static void *escape_thread_main(void *context)
{
	return context;
}

static long escape_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, escape_thread_main, NULL);
	return errno != 0 ? -1 : pthread_join(thread, NULL);
}

static long escape_core(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_CORE, &limit);
}

static const struct {
	const char *name;
	long (*run)(void);
} escapes[] = {
	{ "execute", escape_execute }, { "fork", escape_fork },   { "trace", escape_trace }, { "connect", escape_connect },
	{ "kill", escape_kill },       { "read", escape_read },   { "list", escape_list },   { "write", escape_write },
	{ "code", escape_code },       { "state", escape_state }, { "core", escape_core },   { "thread", escape_thread },
};

/* Does what QUERY_STRING names, and says what came of it. */
static void loop_test_escape(struct http *h, struct sess *s)
{
	const char *name = http_param(h, "QUERY_STRING");
	long result;

	(void)s;
	for (size_t i = 0; name && i < sizeof escapes / sizeof escapes[0]; i++)
		if (strcmp(escapes[i].name, name) == 0) {
			errno = 0;
			result = escapes[i].run();
			http_answer(h, 200, result >= 0 ? "done" : strerrorname_np(errno));
			return;
		}
	http_answer(h, 404, "no such escape");
}

static void loop_test_nothing(struct http *h, struct sess *s)
{
	(void)h;
	(void)s;
}

static const struct http_route loop_test_routes[] = {
	{ "GET", "/slow", loop_test_slow, HTTP_ROUTE_STATIC },
	{ "GET", "/wide", loop_test_wide, HTTP_ROUTE_STATIC },
	{ "POST", "/echo", loop_test_echo, HTTP_ROUTE_STATIC | HTTP_ROUTE_ANY_BODY },
	{ "GET", "/session", loop_test_session, 0 },
	{ "GET", "/counted", loop_test_counted, HTTP_ROUTE_STATIC },
	{ "GET", "/process", loop_test_process, HTTP_ROUTE_STATIC },
	{ "POST", "/field", loop_test_field, HTTP_ROUTE_STATIC },
	{ "GET", "/headers", loop_test_headers, HTTP_ROUTE_STATIC },
	{ "GET", "/elsewhere", loop_test_elsewhere, HTTP_ROUTE_STATIC },
	{ "GET", "/escape", loop_test_escape, HTTP_ROUTE_STATIC },
	{ "GET", "/nothing", loop_test_nothing, HTTP_ROUTE_STATIC },
	{ NULL, NULL, NULL, 0 },
};

int main(int argc, char **argv)
{
	return sess_serve(argc, argv, loop_test_routes);
}

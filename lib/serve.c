#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve_log.h"
#include "serve_sandbox.h"

#include "serve.h"

static const char serve_usage[] =
    "usage: %s\n"
    "A program for a web server. It is started with a listening socket as standard input (FastCGI: lighttpd, spawn-fcgi,\n"
    "systemd), or once for each request with CGI variables in its environment. --version tells the version.\n"
    "Settings come from the environment and from the file that SESAME_CONF names.\n";

void serve_prepare(struct http *h, struct sess_manager *manager, const struct http_route *routes)
{
	h->manager = manager;
	h->routes = routes;
	h->limits.parameters = (size_t)sess_manager_number(manager, "PARAMS_MAX");
	h->limits.body = (size_t)sess_manager_number(manager, "BODY_MAX");
}

/*
 * A web server may leave a program nothing but its listening socket (FastCGI specification, 2.2). Then a file of the store would become
 * standard error, and a line of the log would be written into it.
 */
static bool serve_fill_standard_streams(void)
{
	for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++)
		if (fcntl(descriptor, F_GETFD) < 0 && open("/dev/null", O_RDWR) != descriptor)
			return false;
	return true;
}

static bool serve_is_listening(int descriptor)
{
	int listening = 0;
	socklen_t size = sizeof listening;

	return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

/* Accepted connections inherit it (tcp(7)), at no cost each. Another family of sockets has no such option, and needs none. */
static void serve_send_at_once(int descriptor)
{
	int on = 1;

	(void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void serve_interrupted(int signal_number)
{
	(void)signal_number;
}

static bool serve_is_ignored(int signal_number)
{
	struct sigaction now;

	return sigaction(signal_number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static void serve_ignore_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

/*
 * Blocks in this thread, and in all that it starts, the signals that the first thread waits for; ret gets them. What the parent wants
 * ignored (nohup, a shell's background) stays so.
 */
static void serve_take_signals(sigset_t *ret)
{
	struct sigaction interrupt;

	memset(&interrupt, 0, sizeof interrupt);
	interrupt.sa_handler = serve_interrupted; /* without SA_RESTART: it is to end system calls */
	sigemptyset(&interrupt.sa_mask);
	sigaction(WATCHDOG_SIGNAL, &interrupt, NULL);
	sigemptyset(ret);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGUSR1);
	sigaddset(ret, WATCHDOG_SIGNAL);
	if (!serve_is_ignored(SIGINT))
		sigaddset(ret, SIGINT);
	if (!serve_is_ignored(SIGHUP))
		sigaddset(ret, SIGHUP);
	pthread_sigmask(SIG_BLOCK, ret, NULL);
}

/* Waits for a signal, for milliseconds or, if negative, for ever. True if the process is to stop. */
static bool serve_wait(const sigset_t *signals, int milliseconds)
{
	struct timespec limit = { .tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L };
	int got = milliseconds < 0 ? sigwaitinfo(signals, NULL) : sigtimedwait(signals, NULL, &limit);

	return got > 0 && got != WATCHDOG_SIGNAL;
}

/*
 * Large buffers go back to the system when they are freed: malloc would otherwise learn from the first one to keep them, in each thread.
 * And what is freed is joined at once: libfcgi's buffers of each request would otherwise have malloc go through all that was freed before.
 */
static void serve_return_memory(void)
{
	mallopt(M_MXFAST, 0);
	mallopt(M_MMAP_THRESHOLD, SERVE_LARGE);
	mallopt(M_TRIM_THRESHOLD, SERVE_LARGE);
}

/* What was last said of the manager's trouble, and when to look again (milliseconds). */
struct serve_complaint {
	struct sess_why why;
	int64_t look_at;
};

/* Trouble that is new is told once, and what becomes of it not more often than once a minute. */
static void serve_complain(struct sess_manager *manager, struct serve_complaint *said, int64_t now)
{
	struct sess_why why = { "" };

	if (now < said->look_at)
		return;
	said->look_at = now + SERVE_TROUBLE_LOOK;
	if (!sess_manager_trouble(manager, &why) || strcmp(why.text, said->why.text) == 0)
		return;
	serve_log("%s", why.text);
	said->why = why;
	said->look_at = now + SERVE_TROUBLE_PAUSE;
}

/* Watches over the threads until a signal asks for the end. */
static void serve_watch(struct serve *serve, const sigset_t *signals)
{
	struct watchdog *w = &serve->watchdog;
	struct serve_complaint said = { .look_at = INT64_MIN };
	bool stop = false;

	while (!stop) {
		int64_t now = watchdog_clock();
		bool busy = watchdog_look(w, now, INT64_MAX);

		serve_line_tick(serve, now, serve_rota_tick(serve, now));
		serve_complain(serve->manager, &said, now);
		stop = serve_wait(signals, !busy && watchdog_may_sleep(w) ? serve_line_pause(serve) : WATCHDOG_TICK);
		atomic_store(&w->asleep, false);
	}
}

/* Lets what is under way end, and all threads leave. False if one did not. */
static bool serve_stop(struct serve *serve, const sigset_t *signals)
{
	int64_t now = watchdog_clock();
	int64_t latest = now + SERVE_STOP;

	/* In this order: who sees the stop finds the time until which the queue is emptied. */
	atomic_store(&serve->drain_until, now + SERVE_DRAIN);
	atomic_store(&serve->stopping, true);
	serve_line_call(serve);
	serve_rota_end(serve);
	while (watchdog_present(&serve->watchdog) > 0) {
		watchdog_interrupt(&serve->watchdog);
		if (serve_wait(signals, SERVE_STOP_TICK)) {
			latest = now;
			atomic_store(&serve->drain_until, now);
		}
		now = watchdog_clock();
		watchdog_look(&serve->watchdog, now, latest);
		if (now > latest + 2000)
			return false;
	}
	return true;
}

static void serve_notes(const struct sess_manager *manager)
{
	char *notes = strdup(sess_manager_notes(manager));
	char *rest = NULL;

	for (char *line = notes ? strtok_r(notes, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest))
		serve_log("%s", line);
	free(notes);
}

static bool serve_ready(struct serve *serve)
{
	struct sess_manager *manager = serve->manager;

	serve->workers_number = (int)sess_manager_number(manager, "THREADS");
	serve->watchdog.timeout = sess_manager_number(manager, "REQUEST_TIMEOUT") * 1000;
	serve->watchdog.thread = pthread_self();
	serve->line.stay = SERVE_LINE_LULL;
	serve_send_at_once(SERVE_LISTENER);
	if (!serve_fcgi_init() || serve_worker_start(serve) == 0) {
		serve_log("no thread could be started");
		return false;
	}
	if (serve->workers_number < serve->watchdog.slots_number)
		serve_log("only %d of %d threads could be started", serve->workers_number, serve->watchdog.slots_number);
	return true;
}

static int serve_fastcgi(const struct http_route *routes)
{
	static struct serve serve;
	struct sess_why why = { "" };
	sigset_t signals;

	/* Before anything that may start a thread: the mask is handed down. */
	serve_take_signals(&signals);
	serve_return_memory();
	if (sess_manager_open_prepared(&serve.manager, NULL, serve_sandbox_begin, NULL, &why) != SESS_OK) {
		serve_log("%s", why.text);
		return SERVE_EXIT_SETTINGS;
	}
	serve_notes(serve.manager);
	serve.routes = routes;
	if (!serve_sandbox_close(serve.manager, &why)) {
		serve_log("%s", why.text);
		sess_manager_close(serve.manager);
		return SERVE_EXIT_SETTINGS;
	}
	if (!serve_ready(&serve)) {
		sess_manager_close(serve.manager);
		return SERVE_EXIT_SYSTEM;
	}
	serve_watch(&serve, &signals);
	if (!serve_stop(&serve, &signals)) {
		serve_log("a handler does not return; ending without it");
		_exit(SERVE_EXIT_FAULT);
	}
	serve_worker_join(&serve);
	sess_manager_close(serve.manager);
	return atomic_load(&serve.status);
}

static int serve_help(FILE *to, const char *program, int status)
{
	fprintf(to, serve_usage, program);
	return fflush(to) == 0 ? status : SERVE_EXIT_SYSTEM;
}

int sess_serve(int argc, char **argv, const struct http_route *routes)
{
	const char *program = argc > 0 ? argv[0] : "program";

	if (!serve_fill_standard_streams())
		return SERVE_EXIT_SYSTEM;
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts(SESAME_VERSION);
		return fflush(stdout) == 0 ? 0 : SERVE_EXIT_SYSTEM;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return serve_help(stdout, program, 0);
	if (argc > 1)
		return serve_help(stderr, program, SERVE_EXIT_USAGE);
	serve_ignore_signals();
	if (serve_is_listening(SERVE_LISTENER))
		return serve_fastcgi(routes);
	if (getenv("REQUEST_METHOD"))
		return serve_cgi(routes);
	return serve_help(stderr, program, SERVE_EXIT_USAGE);
}

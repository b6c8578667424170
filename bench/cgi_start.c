/*
 * cgi_start - starts programs as a web server starts CGI programs, in turn, and says how long each took until its answer was whole, and
 * until its end.
 *
 *     cgi_start ROUNDS TIMES PROGRAM...
 *
 * Each round runs each program TIMES times, with the environment given, reads what it writes and waits for its end. Prints a line for each
 * round: for each program, in the order given, the mean nanoseconds until the end of its output and until its own.
 */
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t cgi_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void cgi_fail(const char *what)
{
	perror(what);
	exit(71);
}

/* Reads all that comes; it has to begin as a CGI answer does that went well. */
static void cgi_read(int from, const char *program)
{
	char answer[8192];
	size_t got = 0;
	ssize_t n;

	while ((n = read(from, answer + got, sizeof answer - 1 - got)) > 0)
		got += (size_t)n;
	answer[got] = '\0';
	if (!strstr(answer, "\r\n\r\n") || (strncmp(answer, "Status: ", 8) == 0 && strncmp(answer, "Status: 200", 11) != 0)) {
		fprintf(stderr, "cgi_start: %s answered: %.200s\n", program, answer);
		exit(71);
	}
}

/* The time at which the answer was whole. */
static int64_t cgi_run(char *program)
{
	char *arguments[] = { program, NULL };
	posix_spawn_file_actions_t actions;
	int answer[2];
	int64_t answered;
	int status;
	pid_t child;

	if (pipe(answer) < 0 || posix_spawn_file_actions_init(&actions) != 0)
		cgi_fail("pipe");
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
	posix_spawn_file_actions_adddup2(&actions, answer[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, answer[0]);
	posix_spawn_file_actions_addclose(&actions, answer[1]);
	if (posix_spawn(&child, program, &actions, NULL, arguments, environ) != 0)
		cgi_fail(program);
	posix_spawn_file_actions_destroy(&actions);
	close(answer[1]);
	cgi_read(answer[0], program);
	answered = cgi_now();
	close(answer[0]);
	if (waitpid(child, &status, 0) < 0 || status != 0)
		cgi_fail(program);
	return answered;
}

static void cgi_round(char *program, int times)
{
	int64_t answers = 0;
	int64_t ends = 0;

	for (int i = 0; i < times; i++) {
		int64_t begin = cgi_now();

		answers += cgi_run(program) - begin;
		ends += cgi_now() - begin;
	}
	printf("%" PRId64 "\t%" PRId64 "\t", answers / times, ends / times);
}

int main(int argc, char **argv)
{
	int rounds = argc > 3 ? atoi(argv[1]) : 0;
	int times = argc > 3 ? atoi(argv[2]) : 0;

	if (rounds < 1 || times < 1) {
		fprintf(stderr, "usage: %s ROUNDS TIMES PROGRAM...\n", argv[0]);
		return 64;
	}
	for (int i = 3; i < argc; i++)
		cgi_run(argv[i]);
	for (int round = 0; round < rounds; round++) {
		for (int i = 3; i < argc; i++)
			cgi_round(argv[i], times);
		puts("");
		fflush(stdout);
	}
	return 0;
}

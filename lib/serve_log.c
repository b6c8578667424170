#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "serve_log.h"

static pthread_mutex_t serve_log_mutex = PTHREAD_MUTEX_INITIALIZER;
static int serve_log_allowed = SERVE_LOG_BURST;
static unsigned long serve_log_left_out;
static time_t serve_log_refilled;

/* Takes one line from the allowance, which grows by one a second. */
static bool serve_log_take(void)
{
	struct timespec now;
	time_t seconds;

	clock_gettime(CLOCK_MONOTONIC, &now);
	seconds = now.tv_sec - serve_log_refilled;
	if (seconds > 0) {
		serve_log_refilled = now.tv_sec;
		serve_log_allowed = seconds >= SERVE_LOG_BURST - serve_log_allowed ? SERVE_LOG_BURST : serve_log_allowed + (int)seconds;
	}
	if (serve_log_allowed == 0) {
		serve_log_left_out++;
		return false;
	}
	serve_log_allowed--;
	return true;
}

/* Writes text to line, escaped and ended by a newline; returns the number of octets. */
static size_t serve_log_escape(const char *text, char *line, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (const unsigned char *p = (const unsigned char *)text; *p && n + 5 < size; p++) {
		if (*p >= 0x20 && *p < 0x7f && *p != '\\') {
			line[n++] = (char)*p;
			continue;
		}
		line[n++] = '\\';
		line[n++] = 'x';
		line[n++] = digits[*p >> 4];
		line[n++] = digits[*p & 15];
	}
	line[n++] = '\n';
	return n;
}

static void serve_log_line(const char *text)
{
	char line[SERVE_LOG_LINE];
	size_t size = serve_log_escape(text, line, sizeof line);

	/* One write, so that lines of several processes do not mix. There is nobody to tell if it fails. */
	if (write(STDERR_FILENO, line, size) < 0)
		return;
}

void serve_log(const char *format, ...)
{
	char text[SERVE_LOG_LINE];
	char note[80];
	va_list arguments;
	unsigned long left_out;
	bool take;

	pthread_mutex_lock(&serve_log_mutex);
	take = serve_log_take();
	left_out = serve_log_left_out;
	if (take)
		serve_log_left_out = 0;
	pthread_mutex_unlock(&serve_log_mutex);
	if (!take)
		return;
	if (left_out) {
		snprintf(note, sizeof note, "sesame: %lu lines were left out", left_out);
		serve_log_line(note);
	}
	memcpy(text, "sesame: ", 8);
	va_start(arguments, format);
	vsnprintf(text + 8, sizeof text - 8, format, arguments);
	va_end(arguments);
	serve_log_line(text);
}

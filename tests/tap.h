/*
 * tap.h - the whole of our test harness: claims, printed in the Test Anything Protocol.
 *
 *     int main(void)
 *     {
 *         tap_ok(1 + 1 == 2, "one and one is two");
 *         return tap_done();
 *     }
 *
 * A claim that fails prints where it stands. tap_ok may be called by one thread at a time.
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;

#define tap_ok(claim_holds, ...) tap_claim((claim_holds), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 4, 5), unused)) static bool tap_claim(bool holds, const char *file, int line, const char *format, ...)
{
	va_list arguments;

	printf("%sok %d - ", holds ? "" : "not ", ++tap_count);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	if (!holds) {
		tap_failed++;
		printf("# failed at %s:%d\n", file, line);
	}
	fflush(stdout);
	return holds;
}

/* A claim about two texts, which shows both when they differ. NULL is a value of its own. */
__attribute__((unused)) static bool tap_text(const char *is, const char *expected, const char *claim)
{
	bool same = is == expected || (is && expected && strcmp(is, expected) == 0);

	tap_ok(same, "%s", claim);
	if (!same)
		printf("# is       '%s'\n# expected '%s'\n", is ? is : "(null)", expected ? expected : "(null)");
	return same;
}

/* Passes over one claim for want of something that the message names. */
__attribute__((unused)) static void tap_skip(const char *claim, const char *missing)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_count, claim, missing);
}

/* Prints the plan; the exit status of the test program. */
__attribute__((unused)) static int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}

#endif

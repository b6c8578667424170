/* times.c - moments and spans. */

#include "sbin/times.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *times_moment(int64_t time, char text[TIMES_SIZE])
{
	time_t when = (time_t)time;
	struct tm broken;

	if (time == INT64_MAX)
		snprintf(text, TIMES_SIZE, "never");
	else if (!gmtime_r(&when, &broken) || strftime(text, TIMES_SIZE, "%Y-%m-%d %H:%M:%SZ", &broken) == 0)
		snprintf(text, TIMES_SIZE, "%" PRId64, time);
	return text;
}

const char *times_span(int64_t seconds, char text[TIMES_SIZE])
{
	static const struct {
		int64_t least, unit;
		const char *name;
	} units[] = { { 172800, 86400, "d" }, { 7200, 3600, "h" }, { 120, 60, "min" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (seconds >= units[i].least) {
			snprintf(text, TIMES_SIZE, "%" PRId64 " %s", seconds / units[i].unit, units[i].name);
			return text;
		}
	snprintf(text, TIMES_SIZE, "%" PRId64 " s", seconds);
	return text;
}

/* times.h - moments and spans as people read them. */
#ifndef SBIN_TIMES_H
#define SBIN_TIMES_H

#include <stddef.h>
#include <stdint.h>

#define TIMES_SIZE 32u /* octets that are enough for each */

/* "2027-01-31 17:05:09Z"; "never" for INT64_MAX. Returns text. */
const char *times_moment(int64_t time, char text[TIMES_SIZE]);

/* "17 s", "5 min", "3 h", "12 d". Returns text. */
const char *times_span(int64_t seconds, char text[TIMES_SIZE]);

#endif

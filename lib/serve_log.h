/*
 * serve_log.h - lines for the operator, on standard error, which the web server or the service manager keeps.
 *
 * One event is one line, "sesame: …", whatever a client put into it: what is not printable ASCII is escaped, what is too long is cut. At
 * most SERVE_LOG_BURST lines at once and then one a second; how many were left out is said by the next one. Any thread may log.
 */
#ifndef SERVE_LOG_H
#define SERVE_LOG_H

#define SERVE_LOG_BURST 20
#define SERVE_LOG_LINE 600 /* octets of one line at most */

void serve_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif

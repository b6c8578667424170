/*
 * screen.h - a terminal as a screen of its own: drawn anew as a whole, keys read at once. What was on it before comes back at the end.
 */
#ifndef SBIN_SCREEN_H
#define SBIN_SCREEN_H

#include <stdbool.h>

/* False, and nothing is changed, where standard input or output is no terminal. */
bool screen_begin(void);

/* Gives the terminal back as it was. Does nothing unless screen_begin was true. */
void screen_end(void);

/* Begins a picture: what is printed afterwards stands at the top. Flushing standard output puts it before the eye. */
void screen_clear(void);

/* The lines that there are. */
unsigned screen_lines(void);

/* Waits for a key for so long: its octet, or -1 when none came or a signal did. */
int screen_key(unsigned milliseconds);

#endif

/* why.h - the sentence that goes with a refusal. */
#ifndef LIB_WHY_H
#define LIB_WHY_H

#include <sesame.h>

/* Writes the sentence, cut if it must be. Control characters of what it quotes come out as '?'. why may be NULL. */
void why_write(struct sess_why *why, const char *format, ...) SESS_PRINTF(2, 3);
void why_write_list(struct sess_why *why, const char *format, va_list arguments);

#endif

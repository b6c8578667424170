/* screen.c - termios(3) and the sequences that every terminal of today knows (ECMA-48, and xterm's second screen). */

#include "sbin/screen.h"

#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define LINES_UNKNOWN 24u

static struct termios before;
static bool begun;

bool screen_begin(void)
{
	struct termios ours;

	if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1 || tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	ours = before;
	ours.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	ours.c_cc[VMIN] = 1;
	ours.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &ours) != 0)
		return false;
	begun = true;
	/* The second screen, no cursor, long lines cut. */
	fputs("\033[?1049h\033[?25l\033[?7l", stdout);
	fflush(stdout);
	return true;
}

void screen_end(void)
{
	if (!begun)
		return;
	fputs("\033[?7h\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	begun = false;
}

void screen_clear(void)
{
	fputs("\033[H\033[J", stdout);
}

unsigned screen_lines(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : LINES_UNKNOWN;
}

/* A terminal that is gone is as good as somebody who quits. */
int screen_key(unsigned milliseconds)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	unsigned char key;

	if (poll(&input, 1, (int)milliseconds) != 1)
		return -1;
	return read(STDIN_FILENO, &key, 1) == 1 ? key : 'q';
}

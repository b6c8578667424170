/*
 * failures.c - each system call and each allocation of a run fails in turn: the caller gets an error, nothing that was answered is lost,
 * nothing leaks, and all works again when the cause is gone.
 *
 * SESAME_LONG: every call, with every error; otherwise every STRIDEth.
 */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/store/folder.h"
#include "tests/store/life_story.h"
#include "tests/store/steps.h"
#include "tests/tap.h"

#define STRIDE 5

static char top[64], template[96], folder[96];
static const int errors[] = { ENOSPC, EIO, ENOMEM, EMFILE, EROFS, EDQUOT, EINTR };

#define ERRORS (sizeof(errors) / sizeof(errors[0]))

static unsigned open_descriptors(void)
{
	DIR *entries = opendir("/proc/self/fd");
	unsigned count = 0;

	while (entries && readdir(entries))
		count++;
	if (entries)
		closedir(entries);
	return count;
}

/* The exit status: 0 when the story came to its end, 1 when a call was refused, 2 when it does not work again, 3 when descriptors leak. */
static void run_failing(struct story *story, unsigned long n, bool on, int error)
{
	unsigned before = open_descriptors();
	int status;

	steps_reset();
	steps.fail_at = n;
	steps.fail_on = on && error != EINTR; /* a call that is always interrupted is one that waits */
	steps.error = error;
	status = story_run(story, folder);
	steps_reset();
	if (open_descriptors() != before)
		exit(3);
	if (story_works(story, folder) != NULL)
		exit(2);
	if (open_descriptors() != before)
		exit(3);
	exit(status == STORE_OK ? 0 : 1);
}

struct figures {
	unsigned long calls, refused, wrong;
};

static bool try_one(struct figures *figures, struct story *story, unsigned long n, bool on, int error)
{
	int status;
	const char *wrong;
	pid_t child;

	story_remove(folder);
	story_copy(template, folder);
	story->begun = story->answered = story->refused = 0;
	fflush(stdout);
	child = fork();
	if (child == 0)
		run_failing(story, n, on, error);
	waitpid(child, &status, 0);
	wrong = story_check(story, folder, false);
	if (wrong || !WIFEXITED(status) || WEXITSTATUS(status) > 1) {
		printf("# call %lu failed with %s%s: %s, status %d\n", n, strerror(error), on ? " and all after it" : "",
		       wrong ? wrong : "-", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
		figures->wrong++;
	}
	figures->calls++;
	figures->refused += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	return figures->wrong < 20;
}

/* The calls of a whole run, counted in a child of its own. */
static unsigned long count_calls(struct story *story)
{
	int ends[2];
	unsigned long calls = 0;

	story_remove(folder);
	story_copy(template, folder);
	story->begun = story->answered = 0;
	if (pipe(ends) != 0)
		return 0;
	fflush(stdout);
	if (fork() == 0) {
		steps_reset();
		(void)story_run(story, folder);
		_exit(write(ends[1], &steps.calls, sizeof(steps.calls)) == (ssize_t)sizeof(steps.calls) ? 0 : 1);
	}
	wait(NULL);
	if (read(ends[0], &calls, sizeof(calls)) != (ssize_t)sizeof(calls))
		calls = 0;
	close(ends[0]);
	close(ends[1]);
	return calls;
}

int main(void)
{
	bool all = getenv("SESAME_LONG") != NULL, go_on = true;
	unsigned long stride = all ? 1 : STRIDE, first = all ? 1 : 1 + (unsigned long)(time(NULL) / 86400) % STRIDE, calls;
	struct figures figures = { 0 };
	struct story *story = story_new();

	if (!test_folder_make(top))
		return 99;
	snprintf(template, sizeof(template), "%s/template", top);
	snprintf(folder, sizeof(folder), "%s/store", top);
	tap_ok(story_prepare(story, template), "a store is made");
	calls = count_calls(story);
	tap_ok(calls > 200, "a run makes many calls");
	for (unsigned long n = first; n <= calls && go_on; n += stride)
		for (size_t e = 0; e < (all ? ERRORS : 1) && go_on; e++)
			go_on = try_one(&figures, story, n, n % 2 == 0, errors[all ? e : n / stride % ERRORS]);
	printf("# %lu of %lu calls failed, %lu times the caller was told\n", figures.calls, calls, figures.refused);
	tap_ok(figures.wrong == 0, "whichever call fails, nothing answered is lost, nothing leaks, and all works again");
	tap_ok(figures.refused > 0, "and callers are told");
	test_folder_remove(top);
	return tap_done();
}

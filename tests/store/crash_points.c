/*
 * crash_points.c - a process is killed after its first, second, … last step: every store into mapped memory and every system call of a
 * run that creates, adds, removes, renames, fills segments, merges, sweeps, closes; and of the opening after a reboot. Afterwards, and
 * after a reboot, nothing that was answered is lost or doubled.
 *
 * SESAME_LONG: every step; otherwise every STRIDEth, beginning at one that changes from day to day.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/store/folder.h"
#include "tests/store/life_story.h"
#include "tests/store/steps.h"
#include "tests/tap.h"

#define STRIDE 9

static char top[64], template[96], folder[96];

/* The state before the story: some sessions in GDBM files. */
static bool make_template(void)
{
	return story_prepare(story_new(), template);
}

/* What the killed process did: the whole story, or what comes after a reboot in the middle of it. */
static void run_story(struct story *story)
{
	_exit(story_run(story, folder) == STORE_OK ? 0 : 3);
}

static void run_recovery(struct story *story)
{
	_exit(story_check(story, folder, true) == NULL ? 0 : 3);
}

/* True if the process was killed at its nth step, false if it came to its end before. */
static bool killed_at(unsigned long n, struct story *story, void (*run)(struct story *story), int *status)
{
	pid_t child = fork();

	if (child == 0) {
		steps_reset();
		steps.kill_at = n;
		run(story);
	}
	waitpid(child, status, 0);
	return WIFSIGNALED(*status) && WTERMSIG(*status) == SIGKILL;
}

static void fresh(struct story *story, bool always)
{
	story_remove(folder);
	story_copy(template, folder);
	story->begun = story->answered = 0;
	story->always_syncs = always;
}

struct figures {
	unsigned long points, wrong;
	uint64_t longest_us;
};

/* After each kill the store is checked; reboot: what is mapped is lost first, so only what was synced counts. */
static void sweep(struct figures *figures, struct story *story, bool reboot, unsigned long first, unsigned long stride)
{
	int status = 0;

	for (unsigned long n = first;; n += stride) {
		const char *wrong;
		bool killed;

		fresh(story, reboot);
		killed = killed_at(n, story, run_story, &status);
		if (!killed && status != 0)
			figures->wrong++;
		if (reboot)
			story_reboot(folder);
		wrong = story_check(story, folder, reboot);
		if (!wrong)
			wrong = story_check(story, folder, reboot);
		if (wrong) {
			printf("# killed after step %lu: %s\n", n, wrong);
			figures->wrong++;
		}
		figures->points++;
		if (story->longest_us > figures->longest_us)
			figures->longest_us = story->longest_us;
		if (!killed)
			return;
	}
}

/* A reboot in the middle of the story, and the one who puts things in order is killed at each step in turn. */
static void sweep_recovery(struct figures *figures, struct story *story, unsigned long first, unsigned long stride)
{
	int status = 0;

	for (unsigned long n = first;; n += stride) {
		const char *wrong;
		bool killed;

		fresh(story, true);
		(void)killed_at(330, story, run_story, &status);
		story_reboot(folder);
		killed = killed_at(n, story, run_recovery, &status);
		wrong = story_check(story, folder, true);
		if (wrong || (!killed && status != 0)) {
			printf("# recovery killed after step %lu: %s\n", n, wrong ? wrong : "it said that something is wrong");
			figures->wrong++;
		}
		figures->points++;
		if (!killed)
			return;
	}
}

int main(void)
{
	bool all = getenv("SESAME_LONG") != NULL;
	unsigned long stride = all ? 1 : STRIDE, first = all ? 1 : 1 + (unsigned long)(time(NULL) / 86400) % STRIDE;
	struct figures boot = { 0 }, reboot = { 0 }, recovery = { 0 };
	struct story *story = story_new();

	if (!test_folder_make(top))
		return 99;
	snprintf(template, sizeof(template), "%s/template", top);
	snprintf(folder, sizeof(folder), "%s/store", top);
	if (!tap_ok(make_template(), "a store is made"))
		return tap_done();
	printf("# every %lu. step from %lu on\n", stride, first);
	sweep(&boot, story, false, first, stride);
	tap_ok(boot.wrong == 0, "killed after any step, nothing answered is lost or doubled");
	sweep(&reboot, story, true, first, stride);
	tap_ok(reboot.wrong == 0, "nor after a reboot, where changes are synced before they are answered");
	sweep_recovery(&recovery, story, 1, all ? 1 : 3);
	tap_ok(recovery.wrong == 0, "nor when the recovery itself is killed after any step");
	tap_ok(boot.points > 30 && reboot.points > 30 && recovery.points > 5, "there were many steps to be killed at");
	printf("# %lu + %lu + %lu points, %lu wrong, longest step %.1f ms\n", boot.points, reboot.points, recovery.points,
	       boot.wrong + reboot.wrong + recovery.wrong, (double)boot.longest_us / 1e3);
	tap_ok(boot.longest_us < 1000000, "no operation takes a second");
	test_folder_remove(top);
	return tap_done();
}

/*
 * life_story.h - a short run that does everything a store can, with a record of what was begun and what was answered, in memory that
 * outlives the process; and the check of a store against such a record.
 */
#ifndef TESTS_STORE_LIFE_STORY_H
#define TESTS_STORE_LIFE_STORY_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

#define STORY_KEYS 400u

/* Shared between the run and its judge. */
struct story {
	_Atomic uint32_t begun, answered; /* steps of the script */
	_Atomic uint32_t refused;         /* steps that were answered by an error */
	_Atomic uint64_t longest_us;      /* the longest step */
	bool always_syncs;
	unsigned pause_us;                         /* between two steps; with a pause a keeper works beside the run */
	uint32_t certain;                          /* story_check: of the answered steps, so many must be there; UINT32_MAX: all */
	void (*moment)(const struct story *story); /* if set: called after each answer */
	int64_t now;
};

/* Memory for a story that a fork shares. */
struct story *story_new(void);

/* Makes the store in folder with what is there before the story begins. */
bool story_prepare(const struct story *story, const char *folder);

/* The number of steps. */
unsigned story_length(void);

/*
 * Does the script's steps from story->begun on, opening the store in folder first and closing it last (both are part of the run). Ends
 * early with the status of the first step that is not answered as it should be.
 */
int story_run(struct story *story, const char *folder);

/*
 * Opens the store in folder and compares it with what the story's answered steps have made of it; the step that was begun and not answered
 * may have happened or not. NULL if all is right, else what is wrong, until the next call. reboot: the mapped state was lost before.
 */
const char *story_check(const struct story *story, const char *folder, bool reboot);

/* Opens the store in folder, makes and reads a session. NULL if that works, else what does not. */
const char *story_works(const struct story *story, const char *folder);

/* As after a reboot: nothing of this boot is left in folder. */
void story_reboot(const char *folder);

/* Copies the files of a closed store. */
bool story_copy(const char *from, const char *to);

/* Removes a folder of files. */
void story_remove(const char *folder);

#endif

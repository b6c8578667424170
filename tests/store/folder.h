/* folder.h - a folder of a test's own, gone when the test is. */
#ifndef TESTS_STORE_FOLDER_H
#define TESTS_STORE_FOLDER_H

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Makes a folder below TMPDIR (or /tmp) and puts its path into path. */
__attribute__((unused)) static bool test_folder_make(char path[64])
{
	const char *parent = getenv("TMPDIR");
	int n = snprintf(path, 64, "%s/sesame-XXXXXX", parent && *parent ? parent : "/tmp");

	return n > 0 && n < 64 && mkdtemp(path);
}

static inline int test_folder_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

__attribute__((unused)) static void test_folder_remove(const char *path)
{
	nftw(path, test_folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif

# The tests that kill processes, and those with many of them.

if HAVE_GDBM
check_PROGRAMS += tests/store/kill_points
tests_store_kill_points_SOURCES = tests/store/kill_points.c $(steps_sources)
tests_store_kill_points_CPPFLAGS = $(AM_CPPFLAGS) -DSTORE_HOOKS
tests_store_kill_points_LDFLAGS = $(steps_ldflags)
tests_store_kill_points_LDADD = store/libstore-hooks.la
TESTS += tests/store/kill_points
endif

# The tests that kill processes, and those with many of them.

if HAVE_GDBM
check_PROGRAMS += tests/store/kill_points
tests_store_kill_points_SOURCES = tests/store/kill_points.c tests/store/kill_ledger.c tests/store/kill_ledger.h $(steps_sources)
tests_store_kill_points_CPPFLAGS = $(AM_CPPFLAGS) -DSTORE_HOOKS
tests_store_kill_points_LDFLAGS = $(steps_ldflags)
tests_store_kill_points_LDADD = store/libstore-hooks.la
TESTS += tests/store/kill_points

check_PROGRAMS += tests/store/lock_holders
tests_store_lock_holders_SOURCES = tests/store/lock_holders.c $(steps_sources)
tests_store_lock_holders_CPPFLAGS = $(AM_CPPFLAGS) -DSTORE_HOOKS
tests_store_lock_holders_LDFLAGS = $(steps_ldflags)
tests_store_lock_holders_LDADD = store/libstore-hooks.la
TESTS += tests/store/lock_holders

check_PROGRAMS += tests/store/prepare
tests_store_prepare_SOURCES = tests/store/prepare.c $(steps_sources)
tests_store_prepare_CPPFLAGS = $(AM_CPPFLAGS) -DSTORE_HOOKS
tests_store_prepare_LDFLAGS = $(steps_ldflags)
tests_store_prepare_LDADD = store/libstore-hooks.la
TESTS += tests/store/prepare

# The longest wait for each lock is measured where the library waits.
check_PROGRAMS += tests/store/processes
tests_store_processes_SOURCES = tests/store/processes.c tests/store/folder.h tests/tap.h
tests_store_processes_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=pthread_mutex_clocklock,--wrap=mmap
tests_store_processes_LDADD = store/libstore.la
TESTS += tests/store/processes

TESTS += tests/store/stale.sh
if !SANITIZED
TESTS += tests/store/kill_calls.sh
endif
endif
dist_check_SCRIPTS += tests/store/kill_calls.sh tests/store/stale.sh

# The store and a world that fails: power cuts, damage, errors of the system. The C library's calls are defined again in these programs.

if HAVE_GDBM
shim_sources = tests/store/shim_calls.c tests/store/shim_calls.h tests/store/shim_libc.h tests/store/folder.h tests/tap.h
if SANITIZED
shim_ldflags = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
else
shim_ldflags = $(AM_LDFLAGS)
endif

check_PROGRAMS += tests/store/power_cut
tests_store_power_cut_SOURCES = tests/store/power_cut.c tests/store/power_book.c tests/store/power_book.h tests/store/shim_trace.c \
	tests/store/shim_trace.h $(shim_sources)
tests_store_power_cut_LDFLAGS = $(shim_ldflags)
tests_store_power_cut_LDADD = store/libstore.la
if !SANITIZED
TESTS += tests/store/power_cut
endif

check_PROGRAMS += tests/store/failures
tests_store_failures_SOURCES = tests/store/failures.c $(shim_sources)
tests_store_failures_LDFLAGS = $(shim_ldflags)
tests_store_failures_LDADD = store/libstore.la
TESTS += tests/store/failures

check_PROGRAMS += tests/store/limits
tests_store_limits_SOURCES = tests/store/limits.c tests/store/folder.h tests/tap.h
tests_store_limits_LDADD = store/libstore.la
TESTS += tests/store/limits tests/store/inject.sh
endif
dist_check_SCRIPTS += tests/store/inject.sh

# The stores' own tests.

check_PROGRAMS += tests/store/contract
tests_store_contract_SOURCES = tests/store/contract.c tests/store/folder.h tests/tap.h
tests_store_contract_LDADD = store/libstore.la
TESTS += tests/store/contract

check_PROGRAMS += tests/store/store_tool
tests_store_store_tool_SOURCES = tests/store/store_tool.c tests/tap.h
tests_store_store_tool_LDADD = store/libstore.la

if HAVE_GDBM
TESTS += tests/store/files.sh tests/store/gdbm_files.sh
endif
dist_check_SCRIPTS += tests/store/files.sh tests/store/gdbm_files.sh tests/store/read_sessions.py

if HAVE_GDBM
check_PROGRAMS += tests/store/life
tests_store_life_SOURCES = tests/store/life.c tests/store/folder.h tests/tap.h
tests_store_life_LDADD = store/libstore.la
TESTS += tests/store/life

check_PROGRAMS += tests/store/join
tests_store_join_SOURCES = tests/store/join.c tests/store/folder.h tests/tap.h
tests_store_join_LDADD = store/libstore.la $(PTHREAD_LIBS)
TESTS += tests/store/join
endif

# The tests that end a process at each of its steps have its system calls wrapped.
if HAVE_GDBM
steps_sources = tests/store/steps.c tests/store/steps.h tests/store/folder.h tests/tap.h
steps_ldflags = $(AM_LDFLAGS) -Wl,--wrap=pwrite,--wrap=pread,--wrap=fdatasync,--wrap=fsync,--wrap=renameat,--wrap=unlinkat \
	-Wl,--wrap=ftruncate,--wrap=posix_fallocate,--wrap=openat,--wrap=mmap,--wrap=memfd_create,--wrap=copy_file_range \
	-Wl,--wrap=sendfile,--wrap=flock,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup

check_PROGRAMS += tests/store/repair
tests_store_repair_SOURCES = tests/store/repair.c tests/store/folder.h tests/tap.h
tests_store_repair_LDADD = store/libstore.la
TESTS += tests/store/repair

check_PROGRAMS += tests/store/damage
tests_store_damage_SOURCES = tests/store/damage.c tests/store/folder.h tests/tap.h
tests_store_damage_LDADD = store/libstore.la
if !SANITIZED
TESTS += tests/store/damage
endif

check_PROGRAMS += tests/store/crash_random
tests_store_crash_random_SOURCES = tests/store/crash_random.c tests/store/folder.h tests/tap.h
tests_store_crash_random_LDADD = store/libstore.la
TESTS += tests/store/crash_random
endif
include tests/store/local-power.mk
include tests/store/local-kill.mk

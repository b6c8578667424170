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
endif

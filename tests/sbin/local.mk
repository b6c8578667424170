# What operators call, as they call it.

check_PROGRAMS += tests/sbin/session_tool
tests_sbin_session_tool_SOURCES = tests/sbin/session_tool.c
tests_sbin_session_tool_LDADD = lib/libsesame-core.la

sbin_tests = tests/sbin/keys.sh
sbin_store_tests = \
	tests/sbin/sesamectl.sh \
	tests/sbin/sessions.sh \
	tests/sbin/top.sh \
	tests/sbin/transfer.sh
TESTS += $(sbin_tests)
if HAVE_GDBM
TESTS += $(sbin_store_tests)
endif
dist_check_SCRIPTS += $(sbin_tests) $(sbin_store_tests)
EXTRA_DIST += tests/sbin/lib.sh tests/sbin/top.py

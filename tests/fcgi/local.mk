# The accept loop, spoken to by a raw FastCGI client.

check_PROGRAMS += tests/fcgi/loop_test
tests_fcgi_loop_test_SOURCES = tests/fcgi/loop_test.c
tests_fcgi_loop_test_LDADD = lib/libsesame-fcgi.la lib/libsesame.la

fcgi_tests = \
	tests/fcgi/cgi.py \
	tests/fcgi/cut.py \
	tests/fcgi/deadline.py \
	tests/fcgi/kept.py \
	tests/fcgi/limits.py \
	tests/fcgi/line.py \
	tests/fcgi/sandbox.py \
	tests/fcgi/stop.py

TESTS += $(fcgi_tests)
if HAVE_GDBM
TESTS += tests/fcgi/authorizer.py tests/fcgi/resources.py
endif
dist_check_SCRIPTS += $(fcgi_tests) tests/fcgi/authorizer.py tests/fcgi/resources.py
EXTRA_DIST += tests/fcgi/fcgi_client.py

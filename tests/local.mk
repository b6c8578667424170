# How tests are run: every test prints TAP (testanything.org), tests/driver bounds its time and hands it to Automake's driver.

TEST_EXTENSIONS = .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/tests/driver '$(top_srcdir)/build-aux/tap-driver.sh'
SH_LOG_DRIVER = $(LOG_DRIVER)
SH_LOG_COMPILER = $(SHELL)

# The settings of whoever runs the tests must not reach them.
AM_TESTS_ENVIRONMENT = \
	. $(top_srcdir)/tests/environment; \
	SESAME_SOURCE='$(abs_top_srcdir)'; export SESAME_SOURCE; \
	SESAME_BUILD='$(abs_top_builddir)'; export SESAME_BUILD; \
	SESAME_SANITIZERS='$(SESAME_SANITIZERS)'; export SESAME_SANITIZERS; \
	CC='$(CC)'; export CC;

EXTRA_DIST += tests/driver tests/environment tests/sources.sh tests/tap.h tests/tap.sh

# A real lighttpd, a real browser. Sessions are there after a restart, so they need a store that lasts.
web_tests = \
	tests/web/browser.sh \
	tests/web/cgi.sh \
	tests/web/cookie.sh \
	tests/web/crowd.sh \
	tests/web/damaged.sh \
	tests/web/https.sh \
	tests/web/itsdangerous.sh \
	tests/web/kill.sh \
	tests/web/login.sh \
	tests/web/refuse.sh \
	tests/web/restart.sh \
	tests/web/rotate.sh \
	tests/web/run.sh \
	tests/web/servers.sh \
	tests/web/session.sh \
	tests/web/settings.sh \
	tests/web/store.sh
if HAVE_GDBM
TESTS += $(web_tests)
endif
dist_check_SCRIPTS += $(web_tests) tests/web/on-a-socket
EXTRA_DIST += tests/build/man.py tests/web/browser.py tests/web/lib.sh tests/web/visitor.sh tests/web/signal_workers.py tests/long/debian.sh tests/long/fresh.sh tests/long/valgrind.sh

check_PROGRAMS += tests/web/load
tests_web_load_SOURCES = tests/web/load.c
tests_web_load_LDADD = $(PTHREAD_LIBS)

# What the sources say about themselves is the same whatever they are compiled with.
build_tests = \
	tests/build/headers.sh \
	tests/build/house.sh \
	tests/build/layers.sh \
	tests/build/man.sh \
	tests/build/names.sh \
	tests/build/sandbox.sh \
	tests/build/shell.sh \
	tests/build/size.sh \
	tests/build/warnings.sh
built_tests = tests/build/bench.sh tests/build/install.sh
dist_check_SCRIPTS += $(build_tests) $(built_tests)
if !SANITIZED
TESTS += $(build_tests)
if HAVE_GDBM
TESTS += $(built_tests)
endif
endif

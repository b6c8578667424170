# libsesame's own tests. They link the library's parts, so that they reach what it does not export.

lib_tests = \
	tests/lib/config \
	tests/lib/cookie \
	tests/lib/crypto \
	tests/lib/devices \
	tests/lib/keyring \
	tests/lib/lifetime \
	tests/lib/login \
	tests/lib/origin \
	tests/lib/outage \
	tests/lib/races \
	tests/lib/rotation \
	tests/lib/session \
	tests/lib/signer \
	tests/lib/threads

check_PROGRAMS += $(lib_tests) tests/lib/token
TESTS += $(lib_tests)

LIB_TEST_LIBS = lib/libsesame-core.la $(GCRYPT_LIBS) $(PTHREAD_LIBS)

if HAVE_GDBM
check_PROGRAMS += tests/lib/answer
tests_lib_answer_SOURCES = tests/lib/answer.c tests/lib/visitor.h tests/store/shim_calls.c tests/store/shim_calls.h \
	tests/store/shim_libc.h tests/store/folder.h
tests_lib_answer_LDFLAGS = $(shim_ldflags)
tests_lib_answer_LDADD = $(LIB_TEST_LIBS)
TESTS += tests/lib/answer
endif

tests_lib_config_SOURCES = tests/lib/config.c tests/lib/visitor.h tests/store/folder.h tests/tap.h
tests_lib_config_LDADD = $(LIB_TEST_LIBS)
tests_lib_cookie_SOURCES = tests/lib/cookie.c tests/lib/visitor.h
tests_lib_cookie_LDADD = $(LIB_TEST_LIBS)
tests_lib_crypto_SOURCES = tests/lib/crypto.c
tests_lib_crypto_LDADD = $(LIB_TEST_LIBS)
tests_lib_devices_SOURCES = tests/lib/devices.c tests/lib/visitor.h
tests_lib_devices_LDADD = $(LIB_TEST_LIBS)
tests_lib_keyring_SOURCES = tests/lib/keyring.c tests/lib/visitor.h
tests_lib_keyring_LDADD = $(LIB_TEST_LIBS)
tests_lib_lifetime_SOURCES = tests/lib/lifetime.c tests/lib/visitor.h
tests_lib_lifetime_LDADD = $(LIB_TEST_LIBS)
tests_lib_login_SOURCES = tests/lib/login.c tests/lib/visitor.h
tests_lib_login_LDADD = $(LIB_TEST_LIBS)
tests_lib_origin_SOURCES = tests/lib/origin.c tests/lib/visitor.h
tests_lib_origin_LDADD = $(LIB_TEST_LIBS)
tests_lib_outage_SOURCES = tests/lib/outage.c tests/lib/visitor.h
tests_lib_outage_LDADD = $(LIB_TEST_LIBS)
tests_lib_races_SOURCES = tests/lib/races.c tests/lib/visitor.h tests/store/folder.h
tests_lib_races_LDADD = $(LIB_TEST_LIBS)
tests_lib_rotation_SOURCES = tests/lib/rotation.c tests/store/folder.h tests/tap.h
tests_lib_rotation_LDADD = $(LIB_TEST_LIBS)
tests_lib_session_SOURCES = tests/lib/session.c tests/lib/visitor.h
tests_lib_session_LDADD = $(LIB_TEST_LIBS)
tests_lib_signer_SOURCES = tests/lib/signer.c tests/lib/visitor.h
tests_lib_signer_LDADD = $(LIB_TEST_LIBS)
tests_lib_threads_SOURCES = tests/lib/threads.c tests/lib/visitor.h
tests_lib_threads_LDADD = $(LIB_TEST_LIBS)

# Our side of the conversation in itsdangerous.sh.
tests_lib_token_SOURCES = tests/lib/token.c
tests_lib_token_LDADD = $(LIB_TEST_LIBS)

lib_scripts = tests/lib/interface.sh tests/lib/itsdangerous.sh
TESTS += tests/lib/itsdangerous.sh
if SHARED
TESTS += tests/lib/interface.sh
endif
dist_check_SCRIPTS += $(lib_scripts)
EXTRA_DIST += tests/lib/tokens.py

# libsesame: sessions, with the stores inside and neither libfcgi nor a web server.

lib_LTLIBRARIES += lib/libsesame.la
noinst_LTLIBRARIES += lib/libsesame-core.la

# All of it, for the library and for tests, which reach what the library does not export.
lib_libsesame_core_la_SOURCES = \
	lib/change.c \
	lib/change.h \
	lib/commit.c \
	lib/conffile.c \
	lib/conffile.h \
	lib/config.c \
	lib/config.h \
	lib/cookie.c \
	lib/cookie.h \
	lib/counter.c \
	lib/crypto.c \
	lib/crypto.h \
	lib/device.c \
	lib/field.c \
	lib/keyring.c \
	lib/keyring.h \
	lib/keys.c \
	lib/keys.h \
	lib/login.c \
	lib/manager.c \
	lib/manager.h \
	lib/origin.c \
	lib/origin.h \
	lib/reserved.c \
	lib/reserved.h \
	lib/rotation.c \
	lib/rotation.h \
	lib/sesame.h \
	lib/session.c \
	lib/session.h \
	lib/signer.c \
	lib/signer.h \
	lib/state.c \
	lib/state.h \
	lib/user.c \
	lib/user.h \
	lib/why.c \
	lib/why.h
lib_libsesame_core_la_LIBADD = store/libstore.la $(GCRYPT_LIBS) $(PTHREAD_LIBS)

lib_libsesame_la_SOURCES =
lib_libsesame_la_LIBADD = lib/libsesame-core.la
lib_libsesame_la_LDFLAGS = $(AM_LDFLAGS) -version-info $(SESAME_LIBRARY_VERSION) -no-undefined \
	-Wl,--version-script=$(top_srcdir)/lib/libsesame.map
EXTRA_lib_libsesame_la_DEPENDENCIES = $(top_srcdir)/lib/libsesame.map
EXTRA_DIST += lib/libsesame.map doc/cookie.md

include_HEADERS += lib/sesame.h
pkgconfig_DATA += lib/sesame.pc

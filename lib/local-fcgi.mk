# libsesame-fcgi: the accept loop for programs, on libfcgi, which serve_fcgi.c alone calls.

lib_LTLIBRARIES += lib/libsesame-fcgi.la

lib_libsesame_fcgi_la_SOURCES = \
	lib/http.c \
	lib/http_buffer.c \
	lib/http_buffer.h \
	lib/http_form.c \
	lib/http_form.h \
	lib/http_private.h \
	lib/http_request.c \
	lib/http_response.c \
	lib/http_route.c \
	lib/serve.c \
	lib/serve.h \
	lib/serve_cgi.c \
	lib/serve_fcgi.c \
	lib/serve_fcgi.h \
	lib/serve_line.c \
	lib/serve_log.c \
	lib/serve_log.h \
	lib/serve_rota.c \
	lib/serve_sandbox.c \
	lib/serve_sandbox.h \
	lib/serve_seccomp.c \
	lib/serve_worker.c \
	lib/watchdog.c \
	lib/watchdog.h
lib_libsesame_fcgi_la_LIBADD = lib/libsesame.la $(FCGI_LIBS) $(SECCOMP_LIBS) $(PTHREAD_LIBS)
lib_libsesame_fcgi_la_LDFLAGS = $(AM_LDFLAGS) -version-info $(SESAME_LIBRARY_VERSION) -no-undefined \
	-Wl,--version-script=$(top_srcdir)/lib/libsesame-fcgi.map
EXTRA_lib_libsesame_fcgi_la_DEPENDENCIES = lib/libsesame-fcgi.map

include_HEADERS += lib/sesame-fcgi.h
pkgconfig_DATA += lib/sesame-fcgi.pc
EXTRA_DIST += lib/libsesame-fcgi.map

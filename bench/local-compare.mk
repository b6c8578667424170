# What bench/run starts beside the programs themselves.

noinst_PROGRAMS += bench/cgi_empty bench/cgi_empty_libraries bench/cgi_start bench/layers bench/load_fcgi bench/load_sessions
bench_cgi_empty_SOURCES = bench/cgi_empty.c
bench_cgi_empty_LDADD =
bench_cgi_start_SOURCES = bench/cgi_start.c
bench_cgi_start_LDADD =
bench_layers_SOURCES = bench/layers.c
bench_layers_LDADD = lib/libsesame-core.la
bench_load_fcgi_SOURCES = bench/load_fcgi.c
bench_load_fcgi_LDADD =
bench_load_sessions_SOURCES = bench/load_sessions.c
bench_load_sessions_LDADD = lib/libsesame-core.la

bench_cgi_empty_libraries_SOURCES = bench/cgi_empty.c
bench_cgi_empty_libraries_LDFLAGS = $(AM_LDFLAGS) -Wl,--no-as-needed
bench_cgi_empty_libraries_LDADD = $(FCGI_LIBS) $(GCRYPT_LIBS) $(GDBM_LIBS) $(XXHASH_LIBS) $(PTHREAD_LIBS)

# Linked in another way; bench/run makes them, since not every build can.
EXTRA_PROGRAMS = bench/cgi_empty_static bench/cgi_session_static
bench_cgi_empty_static_SOURCES = bench/cgi_empty.c
bench_cgi_empty_static_LDFLAGS = $(AM_LDFLAGS) -all-static
bench_cgi_empty_static_LDADD =
bench_cgi_session_static_SOURCES = cgi-bin/session_test.c
bench_cgi_session_static_LDFLAGS = $(AM_LDFLAGS) -all-static
bench_cgi_session_static_LDADD = lib/libsesame-fcgi.la lib/libsesame.la -lgpg-error
CLEANFILES += $(EXTRA_PROGRAMS)

bench_scripts = \
	bench/compare/page.go \
	bench/compare/page.js \
	bench/compare/page.php \
	bench/compare/page.pl \
	bench/compare/page.py \
	bench/plain_cgi.py \
	bench/figures.py \
	bench/growth.py \
	bench/layers.py \
	bench/load.lua \
	bench/load.py \
	bench/measure.py \
	bench/packages \
	bench/pages.py \
	bench/plot.py \
	bench/run \
	bench/systems.py
EXTRA_DIST += $(bench_scripts) bench/README.md doc/bench-peers.svg

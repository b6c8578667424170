# What the figures are measured with; built by default, not installed.

noinst_PROGRAMS += bench/empty_responder
bench_empty_responder_SOURCES = bench/empty_responder.c
bench_empty_responder_LDADD = $(FCGI_LIBS) $(PTHREAD_LIBS)

if HAVE_GDBM
noinst_PROGRAMS += bench/store
bench_store_SOURCES = \
	bench/crew.c \
	bench/crew.h \
	bench/held.c \
	bench/held.h \
	bench/ours.c \
	bench/ours.h \
	bench/report.c \
	bench/report.h \
	bench/store.c \
	tests/store/folder.h
bench_store_LDFLAGS = \
	-Wl,--wrap=pthread_mutex_lock -Wl,--wrap=pthread_mutex_trylock -Wl,--wrap=pthread_mutex_clocklock \
	-Wl,--wrap=pthread_mutex_unlock -Wl,--wrap=pthread_cond_timedwait
bench_store_LDADD = store/libstore.la $(GDBM_LIBS) $(PTHREAD_LIBS)
endif

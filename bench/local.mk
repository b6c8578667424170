# What the figures are measured with; built by default, not installed.

noinst_PROGRAMS += bench/empty_responder
bench_empty_responder_SOURCES = bench/empty_responder.c
bench_empty_responder_LDADD = $(FCGI_LIBS) $(PTHREAD_LIBS)

if HAVE_GDBM
noinst_PROGRAMS += bench/store
bench_store_SOURCES = bench/store.c tests/store/folder.h
bench_store_LDADD = store/libstore.la $(GDBM_LIBS) $(PTHREAD_LIBS)
endif

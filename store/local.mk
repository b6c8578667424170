# The stores: a library for ourselves, which libsesame takes in whole.

noinst_LTLIBRARIES += store/libstore.la

store_libstore_la_SOURCES = \
	store/fault.c \
	store/fault.h \
	store/memory.c \
	store/open.c \
	store/record.c \
	store/record.h \
	store/store.h
store_libstore_la_CPPFLAGS = $(AM_CPPFLAGS)
store_libstore_la_LIBADD = $(XXHASH_LIBS) $(PTHREAD_LIBS)

# The same with hooks at each store into mapped memory, for the tests that end a writer there.
check_LTLIBRARIES += store/libstore-hooks.la
store_libstore_hooks_la_SOURCES = $(store_libstore_la_SOURCES)
store_libstore_hooks_la_CPPFLAGS = $(AM_CPPFLAGS) -DSTORE_HOOKS
store_libstore_hooks_la_LIBADD = $(store_libstore_la_LIBADD)

if HAVE_GDBM
gdbm_sources = \
	store/gdbm/append.c \
	store/gdbm/base.c \
	store/gdbm/base.h \
	store/gdbm/behind.c \
	store/gdbm/control.c \
	store/gdbm/control.h \
	store/gdbm/files.c \
	store/gdbm/files.h \
	store/gdbm/frame.h \
	store/gdbm/gdbm.c \
	store/gdbm/gdbm.h \
	store/gdbm/hook.h \
	store/gdbm/identity.c \
	store/gdbm/identity.h \
	store/gdbm/image.c \
	store/gdbm/image.h \
	store/gdbm/index.c \
	store/gdbm/journal.c \
	store/gdbm/journal.h \
	store/gdbm/keeper.c \
	store/gdbm/keeper.h \
	store/gdbm/membership.c \
	store/gdbm/membership.h \
	store/gdbm/merge.c \
	store/gdbm/merge.h \
	store/gdbm/repair.c \
	store/gdbm/segment.c \
	store/gdbm/segment.h \
	store/gdbm/walk.c
store_libstore_la_SOURCES += $(gdbm_sources)
store_libstore_la_LIBADD += $(GDBM_LIBS)
endif

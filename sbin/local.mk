# What operators call.

sbin_PROGRAMS += sbin/sesamectl
sbin_sesamectl_SOURCES = \
	sbin/gc.c \
	sbin/output.c \
	sbin/output.h \
	sbin/progress.c \
	sbin/progress.h \
	sbin/repair.c \
	sbin/sesamectl.c \
	sbin/sesamectl.h \
	sbin/stat.c \
	sbin/verify_store.c
sbin_sesamectl_LDADD = lib/libsesame-core.la

completiondir = $(datadir)/bash-completion/completions
EXTRA_DIST += sbin/sesamectl.bash

# bash looks for the file by the command's name.
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(completiondir)'
	$(INSTALL_DATA) $(srcdir)/sbin/sesamectl.bash '$(DESTDIR)$(completiondir)/sesamectl'
uninstall-local:
	rm -f '$(DESTDIR)$(completiondir)/sesamectl'

# What operators call.

sbin_PROGRAMS += sbin/sesamectl
sbin_sesamectl_SOURCES = \
	sbin/call.c \
	sbin/census.c \
	sbin/census.h \
	sbin/check_config.c \
	sbin/export.c \
	sbin/gc.c \
	sbin/handle.c \
	sbin/handle.h \
	sbin/import.c \
	sbin/json.c \
	sbin/json.h \
	sbin/keygen.c \
	sbin/kill.c \
	sbin/kill_user.c \
	sbin/list.c \
	sbin/output.c \
	sbin/output.h \
	sbin/progress.c \
	sbin/progress.h \
	sbin/repair.c \
	sbin/rotate_keys.c \
	sbin/screen.c \
	sbin/screen.h \
	sbin/sesamectl.c \
	sbin/sesamectl.h \
	sbin/show.c \
	sbin/sign.c \
	sbin/stat.c \
	sbin/times.c \
	sbin/times.h \
	sbin/token.c \
	sbin/token.h \
	sbin/top.c \
	sbin/transfer.h \
	sbin/verify.c \
	sbin/verify_store.c \
	sbin/view.c \
	sbin/view.h \
	sbin/walk.c \
	sbin/walk.h
sbin_sesamectl_LDADD = lib/libsesame-core.la

completiondir = $(datadir)/bash-completion/completions
EXTRA_DIST += sbin/sesamectl.bash

# bash looks for the file by the command's name.
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(completiondir)'
	$(INSTALL_DATA) $(srcdir)/sbin/sesamectl.bash '$(DESTDIR)$(completiondir)/sesamectl'
uninstall-local:
	rm -f '$(DESTDIR)$(completiondir)/sesamectl'

# What operators call, as they call it.

if HAVE_GDBM
TESTS += tests/sbin/sesamectl.sh
endif
dist_check_SCRIPTS += tests/sbin/sesamectl.sh

# The manual: mdoc, free of complaints of "mandoc -Tlint" (tests/build/man.sh).

# Each has several functions, and is found by the name of each (below).
function_pages = \
	man/http_begin.3 \
	man/http_method.3 \
	man/sess_begin.3 \
	man/sess_commit.3 \
	man/sess_counter_add.3 \
	man/sess_csrf_ok.3 \
	man/sess_devices.3 \
	man/sess_int.3 \
	man/sess_login.3 \
	man/sess_manager_open.3 \
	man/sess_passive.3 \
	man/sess_serve.3 \
	man/sess_set.3

dist_man_MANS += \
	man/authorizer.8 \
	$(function_pages) \
	man/login_test.8 \
	man/sesame.3 \
	man/sesame.conf.5 \
	man/sesamectl.8 \
	man/session_test.8

page_names = sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([a-z_]*\).*/\1/p'

install-data-hook:
	@for page in $(function_pages); do \
		first=`basename $$page .3`; \
		for name in `$(page_names) $(srcdir)/$$page`; do \
			test $$name = $$first || echo ".so man3/$$first.3" >'$(DESTDIR)$(man3dir)'/$$name.3 || exit 1; \
		done; \
	done
uninstall-hook:
	@for page in $(function_pages); do \
		for name in `$(page_names) $(srcdir)/$$page`; do \
			rm -f '$(DESTDIR)$(man3dir)'/$$name.3; \
		done; \
	done

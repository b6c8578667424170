# The programs that a web server starts; each runs as FastCGI and as plain CGI.

cgibin_PROGRAMS += cgi-bin/authorizer cgi-bin/session_test cgi-bin/login_test
cgi_bin_authorizer_SOURCES = cgi-bin/authorizer.c cgi-bin/page.c cgi-bin/page.h
cgi_bin_authorizer_LDADD = lib/libsesame-fcgi.la lib/libsesame.la
cgi_bin_session_test_SOURCES = cgi-bin/session_test.c cgi-bin/page.c cgi-bin/page.h
cgi_bin_session_test_LDADD = lib/libsesame-fcgi.la lib/libsesame.la
cgi_bin_login_test_SOURCES = cgi-bin/login_test.c cgi-bin/page.c cgi-bin/page.h cgi-bin/password.c cgi-bin/password.h
cgi_bin_login_test_LDADD = lib/libsesame-fcgi.la lib/libsesame.la $(CRYPT_LIBS)

# The programs that a web server starts; each runs as FastCGI and as plain CGI.

cgibin_PROGRAMS += cgi-bin/session_test
cgi_bin_session_test_SOURCES = cgi-bin/session_test.c
cgi_bin_session_test_LDADD = lib/libsesame-fcgi.la lib/libsesame.la

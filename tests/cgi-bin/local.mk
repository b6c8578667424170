# The programs, by their answers.

cgi_bin_tests = tests/cgi-bin/session_test.py

TESTS += $(cgi_bin_tests)
dist_check_SCRIPTS += $(cgi_bin_tests)

# The manual: mdoc, free of complaints of "mandoc -Tlint" (tests/build/man.sh).

dist_man_MANS += \
	man/authorizer.8 \
	man/login_test.8 \
	man/sesame.3 \
	man/sesame.conf.5 \
	man/sesamectl.8 \
	man/session_test.8

#!/bin/sh
# The library, the accept loop and the served page under valgrind: no invalid access, no use of what was never set, nothing lost.

. "$SESAME_SOURCE/tests/tap.sh"
command -v valgrind >/dev/null || skip_all "valgrind is not installed"

work=$(mktemp -d "${TMPDIR:-/tmp}/sesame.XXXXXX") || bail_out "no temporary folder"
trap 'rm -rf "$work"' EXIT

# libfcgi answers an unknown management record with octets that it has not set.
cat >"$work/suppressions" <<-'END'
	{
	   reserved octets of a record of libfcgi
	   Memcheck:Param
	   write(buf)
	   ...
	   fun:OS_Write
	   obj:*/libfcgi.so*
	}
END
under="valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --suppressions=$work/suppressions"

# Tests that make many processes or kill them are left to the sanitizers.
for program in store/contract lib/config lib/cookie lib/crypto lib/keyring lib/lifetime lib/origin lib/outage lib/session lib/signer; do
	[ -x "$SESAME_BUILD/tests/$program" ] || continue
	# shellcheck disable=SC2086
	if $under "$SESAME_BUILD/tests/$program" >"$work/log" 2>&1; then
		pass "$program has nothing to report"
	else
		fail "$program has nothing to report"
		comment "$(grep -v '^ok' "$work/log" | head -40)"
	fi
done

# A build whose programs run under valgrind, each with a log of its own.
for program in cgi-bin/session_test tests/fcgi/loop_test; do
	mkdir -p "$work/build/$(dirname "$program")"
	printf '#!/bin/sh\nexec %s --log-file=%s/reports/%%p %s/%s "$@"\n' "$under" "$work" "$SESAME_BUILD" "$program" \
		>"$work/build/$program"
	chmod 755 "$work/build/$program"
done
mkdir -p "$work/build/tests/web" "$work/reports"
ln -s "$SESAME_BUILD/tests/web/load" "$work/build/tests/web/load"

# What these tests say of the time that something takes is not to be believed here: they have to come to their end, without a report.
for name in fcgi/cgi.py fcgi/cut.py fcgi/deadline.py fcgi/kept.py fcgi/limits.py fcgi/stop.py cgi-bin/session_test.py web/cgi.sh \
	web/cookie.sh web/https.sh web/itsdangerous.sh web/refuse.sh web/restart.sh web/session.sh web/settings.sh web/store.sh; do
	case $name in
	*.sh) interpreter="sh" ;;
	*) interpreter="/usr/bin/python3 -B" ;;
	esac
	# shellcheck disable=SC2086
	SESAME_BUILD=$work/build SESAME_SANITIZERS=valgrind SANDBOX=off SESAME_LONG='' \
		timeout 900 $interpreter "$SESAME_SOURCE/tests/$name" >"$work/log" 2>&1
	like "$(cat "$work/log")" '^1\.\.[1-9]' "$name comes to its end"
	sed -n 's/^not ok/# there: not ok/p' "$work/log"
	is "$(find "$work/reports" -type f -size +0 -exec head -n 40 '{}' +)" "" "and what it started has nothing to report"
	rm -f "$work"/reports/*
done
tap_done

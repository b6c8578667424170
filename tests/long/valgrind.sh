#!/bin/sh
# The library's and the stores' tests under valgrind: no invalid access, no use of what was never set, nothing lost.

. "$SESAME_SOURCE/tests/tap.sh"
command -v valgrind >/dev/null || skip_all "valgrind is not installed"

log=$(mktemp) || bail_out "no temporary file"
trap 'rm -f "$log"' EXIT

# Programs that make many processes or kill them are left to the sanitizers.
for program in store/contract lib/config lib/cookie lib/crypto lib/keyring lib/lifetime lib/origin lib/outage lib/session lib/signer; do
	[ -x "$SESAME_BUILD/tests/$program" ] || continue
	if valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
		"$SESAME_BUILD/tests/$program" >"$log" 2>&1; then
		pass "$program has nothing to report"
	else
		fail "$program has nothing to report"
		comment "$(grep -v '^ok' "$log" | head -40)"
	fi
done
tap_done

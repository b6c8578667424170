# tap.sh - claims for tests in shell, printed in the Test Anything Protocol. Sourced by a test, which ends with "tap_done".
#
#     ok "one is one" test 1 = 1
#     is "$got" "expected" "the answer is as expected"
#
# shellcheck shell=sh

tap_count=0
tap_failed=0
tap_prefix='' # of every claim

# pass CLAIM, fail CLAIM: say it directly.
pass() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s%s\n' "$tap_count" "$tap_prefix" "$1"
}

fail() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	printf 'not ok %d - %s%s\n' "$tap_count" "$tap_prefix" "$1"
	return 1
}

# ok CLAIM COMMAND...: holds if the command succeeds. What the command prints is shown as a comment if not.
ok() {
	tap_claim=$1
	shift
	if tap_output=$("$@" 2>&1); then
		pass "$tap_claim"
	else
		fail "$tap_claim"
		comment "command: $*"
		[ -z "$tap_output" ] || comment "$tap_output"
		return 1
	fi
}

# not_ok CLAIM COMMAND...: holds if the command fails.
not_ok() {
	tap_claim=$1
	shift
	if tap_output=$("$@" 2>&1); then
		fail "$tap_claim"
		comment "command: $*"
		[ -z "$tap_output" ] || comment "$tap_output"
		return 1
	else
		pass "$tap_claim"
	fi
}

# is TEXT EXPECTED CLAIM
is() {
	if [ "$1" = "$2" ]; then
		pass "$3"
	else
		fail "$3"
		comment "is       '$1'"
		comment "expected '$2'"
		return 1
	fi
}

# like TEXT PATTERN CLAIM: an extended regular expression, on any of the text's lines.
like() {
	if printf '%s\n' "$1" | grep -Eq -e "$2"; then
		pass "$3"
	else
		fail "$3"
		comment "is       '$1'"
		comment "expected to match '$2'"
		return 1
	fi
}

# unlike TEXT PATTERN CLAIM
unlike() {
	if printf '%s\n' "$1" | grep -Eq -e "$2"; then
		fail "$3"
		comment "is       '$1'"
		comment "expected not to match '$2'"
		return 1
	else
		pass "$3"
	fi
}

# skip CLAIM MISSING: passes over a claim for want of something.
skip() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$1" "$2"
}

comment() {
	printf '%s\n' "$1" | sed 's/^/# /'
}

# skip_all MISSING: ends a test program that can say nothing here.
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# bail_out REASON: ends a test program whose ground is missing. That is a failure.
bail_out() {
	echo "Bail out! $1"
	exit 1
}

# tap_done: prints the plan; ends the test program.
tap_done() {
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ]
	exit
}

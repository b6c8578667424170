# lib.sh - sesamectl in a state folder of its own, for the tests of this folder. Sourced.
#
#     run ARGUMENT...     sets status, said (standard output) and told (standard error)
#     value NAME          of the JSON object in $said
#
# shellcheck shell=sh disable=SC2034

# shellcheck source=../tap.sh
. "$SESAME_SOURCE/tests/tap.sh"

tool=$SESAME_BUILD/tests/sbin/session_tool
ctl=$SESAME_BUILD/sbin/sesamectl
[ -x "$ctl" ] || bail_out "$ctl is not built"
work=$(mktemp -d "${TMPDIR:-/tmp}/sesame.XXXXXX") || bail_out "no temporary folder"
trap 'rm -rf "$work"' EXIT
STATE_DIRECTORY=$work/state
SESSION_STORE_WAIT_MS=10000
export STATE_DIRECTORY SESSION_STORE_WAIT_MS
mkdir -m 0700 "$STATE_DIRECTORY"

run() {
	"$ctl" "$@" >"$work/said" 2>"$work/told" </dev/null
	status=$?
	said=$(cat "$work/said")
	told=$(cat "$work/told")
}

value() {
	printf '%s' "$said" | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

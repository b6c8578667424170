#!/bin/sh
# sesamectl: list, show, kill, kill-user, beside a running program.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/sbin/lib.sh"

# column NUMBER: of the lines of list, without the head.
column() {
	printf '%s\n' "$said" | sed 1d | awk -v n="$1" '{ print $n }' | sort | tr '\n' ' '
}

# member NAME: of each JSON line, sorted.
member() {
	printf '%s\n' "$said" | /usr/bin/python3 -c 'import json, sys
print(" ".join(sorted(str(json.loads(line).get(sys.argv[1], "-")) for line in sys.stdin)))' "$1"
}

anonymous=$("$tool" begin visits=7 name:Zoë 'bad%ff00fe')
alice=$("$tool" login alice "her telephone" visits=1)
alice2=$("$tool" login alice "her desk" visits=2)
bob=$("$tool" login "$(printf 'bob\n\033[31m')" "x")
ok "there are sessions" test -n "$anonymous" -a -n "$alice" -a -n "$alice2" -a -n "$bob" || tap_done

run list
is "$status:$told" "0:" "list ends well"
is "$(printf '%s\n' "$said" | wc -l)" 5 "with a head and a line for each session, and none for what is no session"
like "$said" "^[0-9a-f]{16} .* alice\$" "handle and user are told"
like "$said" " bob\\?\\?\\[31m\$" "and nothing that moves a terminal"
unlike "$said" "$(printf '%s' "$alice" | cut -c1-32)" "an id is not"
run list --json
is "$(printf '%s\n' "$said" | wc -l)" 4 "with --json it is an object a line"
is "$(member device)" "- her desk her telephone x" "with the device"
is "$(printf '%s\n' "$said" | /usr/bin/python3 -c 'import json, sys
for line in sys.stdin:
    o = json.loads(line)
    if "user" not in o:
        print(o["fields"]["visits"], o["fields"]["name"], o["fields"]["bad"]["base64"], o["created"] <= o["last_seen"] < o["expires"])')" \
	"7 Zoë _wD- True" "with the fields, and octets that are no text"
run list --user alice
is "$(column 1 | wc -w):$(printf '%s\n' "$said" | grep -c alice)" "2:2" "list --user lists those of one user"
run list --user nobody
is "$status:$(printf '%s\n' "$said" | wc -l)" "0:1" "of somebody who has none there are none"

run list --json
telephone=$(printf '%s\n' "$said" | sed -n 's/^{"handle":"\([0-9a-f]*\)",.*"her telephone".*/\1/p')
run show "$telephone"
is "$status" 0 "show ends well"
like "$said" "^device +her telephone\$" "and tells what is stored"
like "$said" "^  visits = 1\$" "field by field"
run show --json "$telephone"
is "$(value handle):$(value user)" "$telephone:alice" "in JSON, too"
run verify --json "$alice"
is "$(value handle)" "$telephone" "verify gives the cookie's session the same handle"
run show 0123456789abcdef
is "$status:$told" "1:sesamectl: there is no session 0123456789abcdef" "a session that is not there is told"
run show 0123
is "$status" 64 "a handle that is none is a wrong call"

# A program that has the store open all the while.
mkfifo "$work/hold"
"$SESAME_BUILD/tests/store/store_tool" "gdbm:$STATE_DIRECTORY/sessions" hold <"$work/hold" >"$work/held" &
holder=$!
exec 3>"$work/hold"
until grep -qs open "$work/held"; do sleep 0.02; done
is "$("$tool" ask "$alice")" "live alice" "the session of the telephone is live"
run kill "$telephone"
is "$status:$said" "0:$telephone ended" "kill ends it"
is "$("$tool" ask "$alice" | grep -c alice)" 0 "its cookie opens nothing any more"
is "$("$tool" ask "$alice2")" "live alice" "the user's other session lives on"
run list --user alice --json
is "$(member device)" "her desk" "and is the only one that is listed"
run kill "$telephone"
is "$status" 1 "one that has ended cannot be ended"
run list --json
free=$(printf '%s\n' "$said" | grep -v '"user"' | sed 's/^{"handle":"\([0-9a-f]*\)".*/\1/')
run kill --json "$free" 0123456789abcdef
is "$status:$(member ended)" "1:False True" "of several, each is told"
is "$("$tool" ask "$anonymous" | grep -c live)" 0 "a session without a user ends as well"
run kill-user alice
is "$status:$said" "0:sessions ended                     1" "kill-user ends all of a user"
is "$("$tool" ask "$alice2" | grep -c alice)" 0 "who is logged out everywhere"
run kill-user alice --json
is "$status:$(value ended)" "1:0" "once"
run list
is "$(printf '%s\n' "$said" | wc -l)" 2 "others are left alone"
exec 3>&-
wait "$holder"
ok "handles are short" test "${#telephone}" -eq 16
SESSIONS=false "$ctl" list >"$work/said" 2>&1
is "$?:$(wc -l <"$work/said")" "0:2" "an operator sees the store where sessions are switched off, too"

# Completion, as bash calls it.
if command -v bash >/dev/null; then
	# shellcheck disable=SC2016
	complete='PATH=$1:$PATH; . "$2"; COMP_WORDS=("${@:3}"); COMP_CWORD=$(($# - 3)); _sesamectl; echo "${COMPREPLY[@]}"'
	is "$(bash -c "$complete" bash "$SESAME_BUILD/sbin" "$SESAME_SOURCE/sbin/sesamectl.bash" sesamectl kill)" "kill kill-user" \
		"bash completes a command"
	is "$(bash -c "$complete" bash "$SESAME_BUILD/sbin" "$SESAME_SOURCE/sbin/sesamectl.bash" sesamectl list --u)" "--user" \
		"and an option of it"
	is "$(bash -c "$complete" bash "$SESAME_BUILD/sbin" "$SESAME_SOURCE/sbin/sesamectl.bash" sesamectl rotate-keys a)" "announce" \
		"and a step"
fi
tap_done

#!/bin/sh
# sesamectl top: a live view in a terminal, and lines elsewhere.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/sbin/lib.sh"

"$tool" begin visits=7 >/dev/null
"$tool" login alice "her telephone" visits=1 >/dev/null

run top --count 2
is "$status:$told" "0:" "elsewhere than in a terminal it ends after as many looks as it was told"
is "$(printf '%s\n' "$said" | grep -c 'sessions 2  logged in 1  new in a minute 2')" 2 "each is a line, with what there is"
run top --count 1 --json
is "$(value sessions):$(value logged_in):$(value new_hour):$(value damaged)" "2:1:2:0" "or an object in JSON"
run top --interval 0
is "$status" 64 "an interval that is none is refused"

said=$(/usr/bin/python3 "$SESAME_SOURCE/tests/sbin/top.py" "$ctl" q)
like "$said" "^keys at once\$" "in a terminal keys are read at once"
like "$said" "^sessions +2, in 1 of them somebody is logged in" "it shows the sessions"
like "$said" "^[0-9a-f]{16} .* alice" "and those used last"
like "$said" "^status 0\$" "q quits"
like "$said" "^restored\$" "the terminal is as it was"
like "$said" "^screen given back\$" "and so is what was on it"
said=$(/usr/bin/python3 "$SESAME_SOURCE/tests/sbin/top.py" "$ctl" SIGINT)
like "$said" "^status -2\$" "Ctrl-C ends it by the signal"
like "$said" "^restored\$" "and the terminal is as it was, too"
like "$said" "^screen given back\$" "with what was on it"
tap_done

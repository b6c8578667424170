#!/bin/sh
# bench/run measures, writes what it saw, and leaves nothing behind. Two rounds of a second: whether it works, no verdict on speed.

. "$SESAME_SOURCE/tests/tap.sh"
command -v wrk >/dev/null || skip_all "wrk is not installed"

work=$(mktemp -d) || bail_out "no temporary folder"
chmod 711 "$work"
trap 'rm -rf "$work"' EXIT
mkdir "$work/stores"
chmod 711 "$work/stores"

# measure SECTION [OPTION...]
measure() {
	BENCH_INSTALL_NOTHING=yes BENCH_BUILT=yes BENCH_BUILD=$SESAME_BUILD "$SESAME_SOURCE/bench/run" "$@" --quick --minutes 2 \
		--results "$work/results" --folder "$work/stores" >"$work/out" 2>&1 || {
		cat "$work/out"
		return 1
	}
}

# row FILE TEXT PATTERN: a row of the table with this text has also what the pattern says.
row() {
	grep -F "$2" "$work/results/$1.md" | grep -Eq "$3"
}

ok "the floors are measured" measure floors --server lighttpd --only existing one
ok "the empty responder is in the table" row floors "no session" '\| 1\.000 \['
ok "existing sessions are, and no update was lost" row floors "existing sessions" '\| 0 of [1-9][0-9,]* \|$'
ok "one session for all is, and no update was lost" row floors "all connections on one session" '\| 0 of [1-9][0-9,]* \|$'
ok "several processes are" row floors "4 × 2" 'existing sessions'
ok "the plot is XML" python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$work/results/floors.svg"
unset MAKEFLAGS MFLAGS MAKELEVEL
ok "plain CGI is measured" measure cgi
ok "with a ratio" row cgi "same libraries | until the answer is whole" '\| [0-9]+\.[0-9]+ \['
not_ok "a section that is none is refused" measure nonsense
is "$(ls "$work/stores")" "" "the stores are gone"
is "$(grep -lszF "BENCH_FOLDER=$work" /proc/[0-9]*/environ)" "" "no process is left"
tap_done

#!/bin/sh
# It is GDBM: after an orderly stop every session is in files that others' tools read; what is not merged yet is in the journal.

. "${SESAME_SOURCE:-.}/tests/tap.sh"

tool=${SESAME_BUILD:-.}/tests/store/store_tool
read_sessions="/usr/bin/python3 ${SESAME_SOURCE:-.}/tests/store/read_sessions.py"
folder=$(mktemp -d)
holder=
trap '[ -z "$holder" ] || kill "$holder" 2>/dev/null; rm -rf "$folder"' EXIT
store=$folder/sessions

"$tool" "gdbm:$store" create a visits=3 events=2 who:Ada >/dev/null
"$tool" "gdbm:$store" fill 1 400 >/dev/null
is "$(find "$store" -name 'journal.*' -o -name 'hot.*' -o -name control)" "" "after an orderly stop there are GDBM files and nothing else"
is "$($read_sessions "$store" | wc -l)" 401 "Python reads every session out of them"
is "$($read_sessions "$store" | grep -c 'visits=3 events=2 who=Ada$')" 1 "numbers and texts alike"
keys=0
for file in "$store"/*.gdbm; do
	keys=$((keys + $(gdbmtool -r "$file" count | grep -o '[0-9][0-9]*' | head -n 1)))
done
is "$keys" 401 "gdbmtool counts as many"

# A program that is killed leaves its changes in the journal.
"$tool" "gdbm:$store" die >/dev/null 2>&1
is "$($read_sessions "$store" | wc -l)" 401 "what a killed program changed is not in the GDBM files yet"
ok "but in the journal" test -n "$(find "$store" -name 'journal.*')"
is "$("$tool" --brief "gdbm:$store" get x n)" 1 "a plain CGI program sees it"
is "$($read_sessions "$store" | wc -l)" 401 "and leaves it where it is"
is "$("$tool" "gdbm:$store" get x n)" 1 "the next long-running program sees it"
is "$($read_sessions "$store" | wc -l)" 402 "and its orderly stop merges it"

# Plain CGI only: changes gather in the journal and survive.
i=0
while [ $i -lt 20 ]; do
	"$tool" --brief "gdbm:$store" change a visits=1 >/dev/null
	i=$((i + 1))
done
is "$("$tool" --brief "gdbm:$store" get a visits)" 23 "plain CGI programs alone keep count"
# After a reboot neither the control file nor the mapped part is trusted: the journal tells what was synced.
sed -i 's/^.*$/x/' "$store/control" 2>/dev/null
rm -f "$store"/hot.*
is "$("$tool" --brief "gdbm:$store" get a visits)" 23 "and a reboot finds what they changed"
is "$("$tool" "gdbm:$store" count)" "402 401" "walking meets each session once, merged or not"

# A running store is backed up by copying: what is the journal's first, then the GDBM files.
mkfifo "$folder/hold"
"$tool" "gdbm:$store" hold <"$folder/hold" >"$folder/said" &
holder=$!
exec 3>"$folder/hold"
while ! grep -q open "$folder/said"; do :; done
"$tool" --brief "gdbm:$store" change a visits=7 >/dev/null
mkdir -m 700 "$folder/backup"
cp -p "$store"/store "$store"/journal.* "$folder/backup/"
cp -p "$store"/*.gdbm "$folder/backup/"
"$tool" --brief "gdbm:$store" change a visits=1000 >/dev/null
is "$("$tool" "gdbm:$folder/backup" get a visits)" 30 "a copy of a running store opens with what was there"
is "$("$tool" "gdbm:$folder/backup" count)" "402 401" "all of it"
# The journal was copied before a merge, the GDBM files after it: the newer record counts.
rm -rf "$folder/late"
mkdir -m 700 "$folder/late"
cp -p "$store"/store "$store"/journal.* "$folder/late/"
exec 3>&-
wait "$holder"
holder=
"$tool" "gdbm:$store" change a visits=5000 >/dev/null
cp -p "$store"/*.gdbm "$folder/late/"
is "$("$tool" "gdbm:$folder/late" get a visits)" 6030 "a record that was merged while the copy was made is not undone by the older journal"
is "$($read_sessions "$folder/late" | grep -c 'visits=6030 ')" 1 "nor when the copy is merged in turn"
is "$("$tool" "gdbm:$store" get a visits)" 6030 "the original has gone on"

tap_done

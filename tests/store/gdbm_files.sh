#!/bin/sh
# It is GDBM: after an orderly stop every session is in files that others' tools read; what is not merged yet is in the journal.

. "${SESAME_SOURCE:-.}/tests/tap.sh"

tool=${SESAME_BUILD:-.}/tests/store/store_tool
ctl=${SESAME_BUILD:-.}/sbin/sesamectl
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

# by_gdbmtool KEY: the record's first two numbers, by the offsets of doc/record.md. The key is four numbers to it.
by_gdbmtool() {
	words=$(printf '%s' "$1" | sed 's/\(..\)\(..\)\(..\)\(..\)/0x\4\3\2\1 /g' | xargs printf '%u,' | sed 's/,$//')
	for file in "$store"/*.gdbm; do
		gdbmtool -r "$file" 2>/dev/null <<-EOF
			define key { uint a, uint b, uint c, uint d }
			define content { pad 71, ullong visits, pad 16, ullong events }
			fetch { $words }
		EOF
	done
}

key=$($read_sessions "$store" | sed -n 's/^\([0-9a-f]*\) visits=3 .*/\1/p')
is "$(by_gdbmtool "$key")" "visits=3,events=2" "and reads visits and events"

# counted_by_ctl: live sessions, and records at most.
counted_by_ctl() {
	SESSION_STORE="gdbm:$store" "$ctl" verify-store --json | sed -n 's/.*"live":\([0-9]*\).*/\1/p'
}
is "$(counted_by_ctl)" 401 "sesamectl counts as many"

# A program that is killed leaves its changes in the journal.
"$tool" "gdbm:$store" die >/dev/null 2>&1
is "$($read_sessions "$store" | wc -l)" 401 "what a killed program changed is not in the GDBM files yet"
ok "but in the journal" test -n "$(find "$store" -name 'journal.*')"
is "$("$tool" --brief "gdbm:$store" get x n)" 1 "a plain CGI program sees it"
is "$("$tool" --brief "gdbm:$store" count)" "402 401" "walking, too"
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

# Beside a running program, plain CGI and sesamectl see the same numbers at any time.
mkfifo "$folder/hold"
"$tool" "gdbm:$store" hold <"$folder/hold" >"$folder/said" &
holder=$!
exec 3>"$folder/hold"
while ! grep -qs open "$folder/said"; do :; done
"$tool" --brief "gdbm:$store" create fresh n=1 >/dev/null
is "$(counted_by_ctl)" 403 "sesamectl counts what a plain CGI program has just made"
is "$("$tool" "gdbm:$store" count)" "403 402" "as do long-running programs"
ok "sesamectl leaves the journal to those who are there" test -n "$(find "$store" -name 'journal.*')"

# copy_to FOLDER: the backup of doc/store.md.
copy_to() {
	mkdir -m 700 "$1"
	until find "$store" -name 'journal.*' -exec cp -p -t "$1" {} + 2>/dev/null; do :; done
	cp -p "$store"/store "$store"/*.gdbm "$1"
}
"$tool" --brief "gdbm:$store" change a visits=7 >/dev/null
copy_to "$folder/backup"
"$tool" --brief "gdbm:$store" change a visits=1000 >/dev/null
is "$("$tool" "gdbm:$folder/backup" get a visits)" 30 "a copy of a running store opens with what was there"
is "$("$tool" "gdbm:$folder/backup" count)" "403 402" "all of it"
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

# Copies under load: plain CGI programs change sessions, and merge after merge goes on beside them.
# work_on ID: changes it until told to stop, and notes after each answer how often it was.
work_on() {
	changes=0
	while [ ! -e "$folder/stop" ]; do
		[ "$("$tool" --brief "gdbm:$store" change "$1" n=1)" = ok ] || break
		changes=$((changes + 1))
		echo $changes >"$folder/$1.new"
		mv "$folder/$1.new" "$folder/$1.done"
	done
}
merge_on() {
	while [ ! -e "$folder/stop" ]; do
		"$tool" "gdbm:$store" sweep >/dev/null
	done
}
workers=
for id in 1 2 3; do
	echo 0 >"$folder/$id.done"
	work_on $id &
	workers="$workers $!"
done
merge_on &
workers="$workers $!"
lost=
for round in 1 2 3 4 5; do
	answered=$(cat "$folder/1.done" "$folder/2.done" "$folder/3.done" | paste -sd' ')
	copy_to "$folder/copy.$round"
	for id in 1 2 3; do
		"$tool" "gdbm:$folder/copy.$round" get $id n
	done | paste -sd' ' >"$folder/copied"
	# Each was 1 before.
	echo "$answered $(cat "$folder/copied")" | awk '$4 < $1 + 1 || $5 < $2 + 1 || $6 < $3 + 1 { exit 1 }' ||
		lost="$lost round $round: $answered in $(cat "$folder/copied");"
	[ "$("$tool" "gdbm:$folder/copy.$round" count | cut -d' ' -f1)" = 403 ] || lost="$lost round $round: sessions are missing;"
	rm -rf "$folder/copy.$round"
done
: >"$folder/stop"
# shellcheck disable=SC2086
wait $workers
is "$lost" "" "each of five copies under load has all that was answered when it began"
comment "changes meanwhile: $(cat "$folder/1.done" "$folder/2.done" "$folder/3.done" | paste -sd' ')"
is "$(for id in 1 2 3; do "$tool" "gdbm:$store" get $id n; done | paste -sd' ')" \
	"$(for id in 1 2 3; do echo $(($(cat "$folder/$id.done") + 1)); done | paste -sd' ')" "and the store itself has counted every one"

tap_done

#!/bin/sh
# sesamectl: its call, its output, its exit statuses, and its work beside running programs.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/sbin/lib.sh"

# The store's own tool, on a store that lies in the open.
tool=$SESAME_BUILD/tests/store/store_tool
rmdir "$STATE_DIRECTORY"
STATE_DIRECTORY=$work
unset SESSION_STORE SESSION_STORE_WAIT_MS SESAME_CONF
store=$work/sessions
holder=
trap '[ -z "$holder" ] || kill "$holder" 2>/dev/null; rm -rf "$work"' EXIT

# sample COMMAND: what it needs to be called at all, so that it ends by itself.
sample() {
	case $1 in
	kill | show) echo 0123456789abcdef ;;
	kill-user) echo somebody ;;
	rotate-keys) echo "--wait 0" ;;
	top) echo "--count 1" ;;
	esac
}

# needs_store COMMAND
needs_store() {
	case $1 in
	check-config | keygen | rotate-keys | sign | verify) return 1 ;;
	esac
}

run
is "$status" 64 "without a command it is a wrong call"
like "$told" "^usage: sesamectl COMMAND" "and it tells how to call it"
run --help
is "$status:$told" "0:" "--help is none"
help=$said
run frobnicate
is "$status" 64 "nor is an unknown command right"
like "$told" "'frobnicate' is no command" "which it names"
run --version
is "$said" "$(sed -n 's/^#define SESAME_VERSION "\(.*\)"/\1/p' "$SESAME_SOURCE/lib/sesame.h")" "--version tells the version"
run --commands
commands=$said
ok "it lists its commands" test -n "$commands"
for command in $commands; do
	like "$help" "^  $command " "--help has $command"
	run "$command" --help
	is "$status" 0 "$command --help explains it"
	like "$said" "^usage: sesamectl $command" "with its call"
	run "$command" --frobnicate
	is "$status" 64 "$command refuses an unknown option"
	# shellcheck disable=SC2046
	run "$command" $(sample "$command") $(seq 1001)
	is "$status" 64 "and arguments too many"
	manual=$(grep -E "^\\.It Cm $command( |\$)" "$SESAME_SOURCE/man/sesamectl.8")
	ok "sesamectl(8) has $command" test -n "$manual"
	run --options "$command"
	for option in $said; do
		case $option in
		--json | --help) ;;
		*) like "$manual" "Fl -${option#--}( |\$)" "and its option $option" ;;
		esac
	done
	needs_store "$command" || continue
	# shellcheck disable=SC2046
	run "$command" $(sample "$command")
	is "$status" 69 "$command makes no store where there is none"
	like "$told" "SESSION_STORE \\(default\\): there is no store in $store" "but says so"
done
is "$(find "$work" -mindepth 1 ! -name said ! -name told)" "" "and leaves nothing behind"

SESSION_SYNC=sometimes "$ctl" stat >/dev/null 2>"$work/told"
is "$?" 78 "wrong settings have a status of their own"
like "$(cat "$work/told")" "SESSION_SYNC \\(environment\\): 'sometimes'" "and are named"
SESSION_STORE=memory: "$ctl" stat >/dev/null 2>"$work/told"
is "$?" 69 "a store in memory is not to be had from outside"

"$tool" "gdbm:$store" fill 1 1000 >/dev/null
LIFE=1 "$tool" "gdbm:$store" create brief n=1 >/dev/null
run stat
is "$status" 0 "stat ends well"
like "$said" "^records, at most +100[01]$" "and tells how many records there are"
run stat --json
is "$(value records | sed 's/100[01]/some/'):$(value set_aside):$(value damaged)" "some:0:0" "in JSON, too"
ok "octets as du counts them" test "$(value octets)" -gt 1000000
printf 'STATE_DIRECTORY=%s\n' "$work" >"$work/conf"
is "$(env -u STATE_DIRECTORY SESAME_CONF="$work/conf" "$ctl" stat --json | tr ',' '\n' | grep -c '"records":100')" 1 \
	"a settings file leads to the store, as for the programs"
run verify-store
is "$status" 0 "a store in order is verified"
"$ctl" stat >/dev/full 2>"$work/told"
is "$?" 74 "output that cannot be written is an error"

while [ "$("$tool" "gdbm:$store" get brief n)" != absent ]; do sleep 0.1; done
run verify-store --json
is "$(value live):$(value expired):$(value damaged)" "1000:1:0" "an expired session is counted as such"
run gc
like "$status:$said" "^0:expired records removed +1$" "gc removes it"
run gc --json
is "$(value removed)" 0 "once"

# Beside a running program, which has files open and changes in the journal.
mkfifo "$work/hold"
"$tool" "gdbm:$store" hold <"$work/hold" >"$work/held" &
holder=$!
exec 3>"$work/hold"
while ! grep -qs open "$work/held"; do :; done
"$tool" --brief "gdbm:$store" change 5 n=1 >/dev/null
damaged=$(find "$store" -name '*.gdbm' | sort | head -2)
for file in $damaged; do
	dd if=/dev/zero of="$file" bs=4096 count=1 conv=notrunc 2>/dev/null
done
run verify-store
is "$status" 1 "a damaged file is found"
for file in $damaged; do
	like "$said" "^$(basename "$file"): 1 damaged places$" "and named"
done
like "$said" "^of these damaged +2$" "and counted"
before=$(find "$store" -type f -name '*.damaged')
is "$before" "" "verify-store touches nothing"
run verify-store --json
is "$status:$(value damaged_files)" "1:2" "the same in JSON"
is "$(value reports | grep -o "'report'" | wc -l)" 2 "with the reports"
run repair
is "$status" 0 "repair ends well, for nothing was lost"
like "$said" "^[0-9]+\\.gdbm\\.damaged: 0 put back, [0-9]+ known already, 0 expired, 0 lost$" "and tells what was in each file"
run verify-store --json
is "$status:$(value live):$(value set_aside)" "0:1000:0" "afterwards every session is there, and nothing is set aside"
is "$("$tool" --brief "gdbm:$store" get 5 n)" 2 "what the journal had, too"

file=$(find "$store" -name '*.gdbm' | sort | sed -n 3p)
cp -p "$file" "$file.damaged"
dd if=/dev/urandom of="$file.damaged" bs=1 seek=13000 count=300 conv=notrunc 2>/dev/null
dd if=/dev/zero of="$file.damaged" bs=1 seek=17000 count=300 conv=notrunc 2>/dev/null
run verify-store
is "$status" 1 "a file that was set aside is found"
like "$said" "^$(basename "$file").damaged was set aside" "and named"
run repair --json
ok "repair in JSON adds up its files" test "$(value known)" -gt 0 -a "$(value put_back)" = 0
if [ "$(value lost)" -gt 0 ]; then
	is "$status:$(find "$store" -name '*.salvaged')" "1:$file.salvaged" "what was lost is told by the status, and the file kept"
else
	is "$status:$(find "$store" -name '*.salvaged')" "0:" "nothing was lost, and the file removed"
fi
is "$(find "$store" -name '*.damaged')" "" "nothing is set aside afterwards"
exec 3>&-
wait "$holder"
holder=
is "$(find "$store" -name 'journal.*')" "" "the program's orderly stop merges, as ever"

# Ctrl-C, on a store with more in it than a moment's work.
"$tool" "gdbm:$store" fill 2000 22000 >/dev/null
cp -p "$file" "$file.damaged"
interrupted=''
for delay in 0.005 0.01 0.02 0.04 0.08 0.16; do
	for command in verify-store gc repair; do
		[ -e "$file.damaged" ] || cp -p "$file" "$file.damaged"
		# A shell lets background commands ignore SIGINT.
		/usr/bin/python3 -c 'import signal, subprocess, sys, time
p = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
time.sleep(float(sys.argv[1]))
p.send_signal(signal.SIGINT)
sys.exit(9 if p.wait() == -signal.SIGINT else 0)' $delay "$ctl" $command
		[ $? -ne 9 ] || interrupted=yes
	done
done
ok "Ctrl-C ends it by the signal" test -n "$interrupted"
run repair
run verify-store --json
is "$status:$(value live):$(value damaged)" "0:21001:0" "and leaves all whole"
is "$(find "$store" -name 'journal.*' -o -name '*.new' -o -name '*.damaged')" "" "and nothing behind"

# On a terminal a bar goes before the eye, and away again.
cat >"$work/terminal.py" <<-'EOF'
	import os, pty, sys
	said = b""
	def read(descriptor):
	    global said
	    data = os.read(descriptor, 4096)
	    said += data
	    return b""
	pty.spawn(sys.argv[1:], read)
	sys.stdout.buffer.write(said)
EOF
bar=$(/usr/bin/python3 "$work/terminal.py" "$ctl" verify-store </dev/null | tr '\r' '\n')
like "$bar" "verify-store \\[#*\\.*\\] +[0-9]+ %  [0-9]+ records, [0-9]+ a second, [0-9]+:[0-9]+ left" \
	"on a terminal a bar shows progress, rate and time left"
run verify-store
is "$told" "" "elsewhere a short run says nothing but its result"

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod 0711 "$work"
	rm -rf "$store"
	mkdir -m 700 "$store"
	chown 65534:65534 "$store"
	as_service="setpriv --reuid=65534 --regid=65534 --clear-groups"
	$as_service "$tool" "gdbm:$store" fill 1 300 >/dev/null
	$as_service "$tool" "gdbm:$store" die >/dev/null 2>&1
	file=$(find "$store" -name '*.gdbm' | sort | head -1)
	dd if=/dev/zero of="$file" bs=4096 count=1 conv=notrunc 2>/dev/null
	dd if=/dev/urandom of="$file" bs=1 seek=20480 count=200 conv=notrunc 2>/dev/null
	run keygen --file
	for command in $commands; do
		# shellcheck disable=SC2046
		run "$command" $(sample "$command")
		is "$(find "$store" ! -user 65534 -o ! -group 65534)" "" "after root's $command every file is still the service's"
	done
	is "$($as_service "$tool" "gdbm:$store" get x n)" 1 "and the service works on"
	is "$($as_service "$tool" "gdbm:$store" count)" "301 301" "with all of its sessions"
else
	skip "after root's work every file is still the service's" "root"
fi
tap_done

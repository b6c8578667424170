#!/bin/sh
# The programs as they are, killed at each of their system calls by strace: a plain CGI program that creates, changes, removes, renames,
# fills segments and merges them, walks, sweeps; the first one after a reboot; one that stops in order. After each kill another program
# finds what was answered, and what was not either done or not.
#
# SESAME_LONG: every call from the first one on that has to do with the store; otherwise some of them, others each day.

. "${SESAME_SOURCE:-.}/tests/tap.sh"
command -v strace >/dev/null || skip_all "strace is not installed"

tool=${SESAME_BUILD:-.}/tests/store/store_tool
tries=6
[ -z "$SESAME_LONG" ] || tries=1000000
# A kill is no power cut, so no disk is waited for.
if [ -w /dev/shm ]; then
	TMPDIR=/dev/shm
	export TMPDIR
fi
folder=$(mktemp -d) || bail_out "no temporary folder"
trap 'rm -rf "$folder"' EXIT
store=$folder/sessions
# The sanitizers' leak check cannot work under strace.
ASAN_OPTIONS=detect_leaks=0
export ASAN_OPTIONS

brief() {
	"$tool" --brief --always --tiny "gdbm:$store" "$@"
}

long_running() {
	"$tool" --always --tiny "gdbm:$store" "$@"
}

reboot() {
	rm -f "$store"/control "$store"/hot.*
}

# points COMMAND...: "CALL N" for the calls of the command that come after the store's folder was opened, no more than there are tries.
points() {
	strace -f -qq -o "$folder/calls" "$@" >/dev/null 2>&1
	awk -v store="$store" -v tries="$tries" -v day="$(($(date +%s) / 86400))" '
		{ sub(/^[0-9]+ +/, "") }
		!/^[a-z_0-9]+\(/ || /^(exit_group|execve)\(/ { next }
		{
			call = $0
			sub(/\(.*/, "", call)
			seen[call]++
			begun = begun || index($0, store)
			if (begun)
				points[count++] = call " " seen[call]
		}
		END {
			stride = int((count + tries - 1) / tries)
			for (i = day % stride; i < count; i += stride)
				print points[i]
		}' "$folder/calls"
}

# Each operation has: its command, what is done before each kill, and what must be so after it (which says what is not).
number=0
before_create() { number=$((number + 1)); }
command_create() { set_command --brief create "c$number" n=7; }
after_create() {
	got=$(brief get "c$number" n)
	case $got in 7 | absent) ;; *) echo "the new session is $got" ;; esac
}

before_change() { :; }
command_change() { set_command --brief change a n=1; }
after_change() {
	got=$(brief get a n)
	case $got in "$value" | $((value + 1))) value=$got ;; *) echo "the session is $got, was $value" ;; esac
}

before_remove() {
	number=$((number + 1))
	brief create "d$number" n=3 >/dev/null
}
command_remove() { set_command --brief remove "d$number"; }
after_remove() {
	got=$(brief get "d$number" n)
	case $got in 3 | gone) ;; *) echo "the session is $got" ;; esac
}

before_rename() {
	number=$((number + 1))
	brief create "r$number" n=5 >/dev/null
}
command_rename() { set_command --brief rename "r$number" "s$number"; }
after_rename() {
	got=$(brief get "r$number" n)/$(brief get "s$number" n)
	case $got in 5/absent | gone/5) ;; *) echo "old and new session are $got" ;; esac
}

# Those that are there are the first ones, each whole; the rest is made after it.
filled=0
before_fill() { filled=$((filled + 40)); }
command_fill() { set_command --brief fill "$((filled - 39))" "$filled"; }
after_fill() {
	next=$((filled - 39))
	while [ "$next" -le "$filled" ] && [ "$(brief get "$next" n)" = 1 ]; do
		next=$((next + 1))
	done
	[ "$next" -gt "$filled" ] || [ "$(brief fill "$next" "$filled")" = ok ] || echo "sessions after $next were there, but not that one"
	got=$(brief count)
	[ "${got#* }" -eq $((filled + value)) ] || echo "all sessions together have ${got#* } instead of $((filled + value))"
}

before_sweep() {
	number=$((number + 1))
	brief create "x$number" n=1 >/dev/null
	LIFE=-1 brief create "y$number" n=1 >/dev/null
}
command_sweep() { set_command --brief sweep; }
after_sweep() {
	got=$(brief get "x$number" n)/$(brief get "y$number" n)/$(brief get a n)
	[ "$got" = "1/absent/$value" ] || echo "the living, the dead and the old session are $got"
}

before_walk() { :; }
command_walk() { set_command --brief count; }
after_walk() { after_change; }

before_recovery() {
	brief change a n=1 >/dev/null
	value=$((value + 1))
	reboot
}
command_recovery() { set_command --brief get a n; }
after_recovery() { after_change; }

before_stop() { brief change a n=1 >/dev/null && value=$((value + 1)); }
command_stop() { set_command --long change a n=1; }
after_stop() { after_change; }

# set_command --brief|--long ARGUMENT...: what is to be killed.
set_command() {
	kind=$1
	shift
	if [ "$kind" = --brief ]; then
		victim="$tool --brief --always --tiny gdbm:$store $*"
	else
		victim="$tool --always --tiny gdbm:$store $*"
	fi
}

# sweep OPERATION CLAIM
sweep() {
	killed=0
	wrong=0
	"before_$1"
	"command_$1"
	# shellcheck disable=SC2086
	points $victim >"$folder/points"
	wrong_then=$("after_$1")
	"after_$1" >/dev/null
	[ -z "$wrong_then" ] || comment "not killed: $wrong_then"
	while read -r call when <&4; do
		"before_$1"
		"command_$1"
		# shellcheck disable=SC2086
		strace -f -qq -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$when" $victim >/dev/null 2>&1
		[ $? -ne 137 ] || killed=$((killed + 1))
		"after_$1" >"$folder/wrong"
		if [ -s "$folder/wrong" ]; then
			wrong=$((wrong + 1))
			comment "killed at $call $when: $(cat "$folder/wrong")"
		fi
	done 4<"$folder/points"
	ok "$2: recovered from $((killed - wrong)) of $killed kills" test "$wrong" -eq 0 -a "$killed" -gt 0
}

long_running create a n=1000 >/dev/null
value=1000
sweep fill "segments are filled and merged"
sweep create "a session is made"
sweep change "a session is changed"
sweep remove "a session is removed"
sweep rename "a session gets a new id"
sweep sweep "expired sessions are swept"
sweep walk "all sessions are visited"
sweep recovery "the first one comes after a reboot"
sweep stop "the last one leaves in order"
is "$(long_running get a n)" "$value" "at last every answered change is there"
reboot
is "$(long_running get a n)" "$value" "after a reboot too"
is "$(find "$store" -type f ! -name store ! -name store.copy ! -name "??.gdbm")" "" \
	"and after an orderly stop there are GDBM files and nothing else"
tap_done

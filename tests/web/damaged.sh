#!/bin/sh
# The store of a running service is damaged: who is concerned has a new session at worst, all others notice nothing, and the log tells.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"
ctl=$SESAME_BUILD/sbin/sesamectl
sessions=$STATE_DIRECTORY/sessions
start

# Forty visitors, each with a jar of its own.
visitors=$(seq 1 40)
for visitor in $visitors; do
	jar=$work/jar.$visitor
	get /
done
stop
start
is "$(grep -c 'damaged places' "$work/programs.log")" 0 "where all is well, the log says nothing of damage"

# The headers of half of the files, so that GDBM can open none of them.
half=$(find "$sessions" -name '*.gdbm' | sort | awk 'NR % 2')
for file in $half; do
	dd if=/dev/zero of="$file" bs=4096 count=1 conv=notrunc 2>/dev/null
done
refused=0
anew=0
for visitor in $visitors; do
	jar=$work/jar.$visitor
	get /
	[ "$status" = 200 ] || refused=$((refused + 1))
	[ "$(visits_of "$body")" = 2 ] || anew=$((anew + 1))
done
is "$refused" 0 "every visitor is served"
is "$anew" 0 "and every one has his session: a file without a header is read all the same"

# What is gone for good: the other half. (After an orderly stop nothing is in the journal.)
stop
start
for file in $(find "$sessions" -name '*.gdbm' | sort | awk 'NR % 2 == 0'); do
	dd if=/dev/urandom of="$file" bs=4096 count=$(($(stat -c %s "$file") / 4096)) conv=notrunc 2>/dev/null
done
refused=0
anew=0
kept=0
for visitor in $visitors; do
	jar=$work/jar.$visitor
	get /
	[ "$status" = 200 ] || refused=$((refused + 1))
	case $(visits_of "$body") in
	1) anew=$((anew + 1)) ;;
	3) kept=$((kept + 1)) ;;
	esac
done
is "$refused" 0 "when nothing is left of a file, every visitor is served"
is "$((anew + kept))" 40 "some with a new session ($anew), the others with their own ($kept)"
ok "and of these there are some" test "$anew" -gt 0 -a "$kept" -gt 0

told() {
	grep -q "^sesame: the store has met [0-9]* damaged places, and [1-9][0-9]* of its files are set aside: 'sesamectl verify-store'" \
		"$work/programs.log"
}
# The look is taken when a request is served, a second after the last one at the earliest.
told_by_now() {
	get /
	told
}
ok "the program's log tells of it" until_true 20 told_by_now
"$ctl" repair >"$work/repaired"
ok "repair sees to all of it beside the running programs" "$ctl" verify-store
get /
is "$status" 200 "the service goes on"
lines=$(grep -c 'damaged places' "$work/programs.log")
ok "and has told it a few times, not at every request ($lines)" test "$lines" -ge 1 -a "$lines" -le 5
tap_done

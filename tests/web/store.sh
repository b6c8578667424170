#!/bin/sh
# A store that cannot be used: a clear message at the start; afterwards 503, no crash and no lost count.

# The claims about disks that are full or read-only need one of their own, which is gone with the name space that it is mounted in.
if [ -z "$own_mounts" ] && unshare --mount true 2>/dev/null; then
	own_mounts=yes exec unshare --mount sh "$0"
fi

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"

start
get /
stop
store=$STATE_DIRECTORY/sessions

mv "$store" "$work/elsewhere"
ln -s "$work/elsewhere" "$store"
refused "a link in the place of the store" 'SESSION_STORE.*link'
rm "$store"
: >"$store"
refused "a file in the place of the store" 'SESSION_STORE.*folder'
rm "$store"
mv "$work/elsewhere" "$store"
chmod 0777 "$store"
refused "a store that others can write to" 'SESSION_STORE.*chmod go-w'
answer=$(REQUEST_METHOD=GET PATH_INFO=/ "$program" 2>"$work/said" </dev/null)
like "$answer" '^Status: 503' "as plain CGI the program answers 503 there"
like "$answer" '^Retry-After: [0-9]' "with Retry-After"
like "$(cat "$work/said")" 'SESSION_STORE.*chmod go-w' "and says the same on standard error"
chmod 0700 "$store"
chmod 0770 "$STATE_DIRECTORY"
refused "a state folder that others can write to" "$STATE_DIRECTORY.*chmod go-w"
chmod 0700 "$STATE_DIRECTORY"
if [ "$(id -u)" = 0 ]; then
	chown 12345 "$store/store"
	refused "another user's file in the store" 'SESSION_STORE.*another user'
	chown 0 "$store/store"
else
	skip "another user's file in the store: the program does not start" "root"
fi
start
get /
is "$(visits_of "$body")" 2 "put right again, the store has what it had"
stop

if [ -z "$own_mounts" ]; then
	for claim in "a read-only disk" "a full disk"; do
		skip "$claim" "the right to mount a file system"
	done
	tap_done
fi

mount -t tmpfs -o size=48m,mode=0700 tmpfs "$STATE_DIRECTORY" || bail_out "no file system in memory"
mount -o remount,ro "$STATE_DIRECTORY"
refused "a read-only disk" "$STATE_DIRECTORY.*Read-only"
mount -o remount,rw "$STATE_DIRECTORY"

: >"$jar"
start
get /
id=$(session_id_of "$body")
! dd if=/dev/zero of="$STATE_DIRECTORY/filler" bs=4096 2>/dev/null || bail_out "the disk does not become full"
# What the store has reserved lasts for a while.
all_visits=0
all_clicks=0
refused_requests=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	answered=$("$SESAME_BUILD/tests/web/load" "$port" 16 20000 "jp_token=$(cookie)") || break
	comment "$answered"
	visits='' clicks='' unanswered_visits='' unanswered_clicks=''
	eval "$answered"
	all_visits=$((all_visits + visits))
	all_clicks=$((all_clicks + clicks))
	refused_requests=$((unanswered_visits + unanswered_clicks))
	[ "$refused_requests" -eq 0 ] || break
done
ok "on a full disk requests are refused in the end" test "$refused_requests" -gt 0
is "$((visits + clicks + refused_requests))" 20000 "and each is answered, with 200 or 503"
click
is "$status" 503 "where there is no room, a click is 503"
like "$(header Content-Type)" '^text/plain' "in plain text"
like "$(header Retry-After)" '^[0-9]+$' "with Retry-After"
is "$(header Set-Cookie)" "" "and the cookie is kept"
like "$(cat "$work/programs.log")" 'the session store does not answer: No space left on device' "the log says why"
visit GET /script.js
is "$status" 200 "what needs no session is served"

rm "$STATE_DIRECTORY/filler"
click_is_counted() {
	click
	[ "$status" = 200 ]
}
ok "with room again, clicks are counted again" until_true 20 click_is_counted
click
numbers="{\"session_id\":\"$id\",\"visits\":$((all_visits + 1)),\"events\":$((all_clicks + 2))}"
is "$body" "$numbers" "what was answered with 200 is counted, and what was answered with 503 is not"
ok "the programs end in order" stop
start
get /session
is "$body" "$numbers" "a restart finds the same numbers"
stop
umount "$STATE_DIRECTORY"
tap_done

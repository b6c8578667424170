#!/bin/sh
# SIGKILL of random workers under load: nothing that was answered is lost. SIGTERM: nothing at all.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"

processes=4
THREADS=4
export THREADS
kills=50
seconds=280
if [ -n "$SESAME_LONG" ]; then
	kills=1000
	seconds=3000
fi
start

# The programs themselves, not the shells that keep them.
workers() {
	for keeper in $(cat "/proc/$programs_pid/task/$programs_pid/children"); do
		cat "/proc/$keeper/task/$keeper/children" 2>/dev/null
	done | tr ' ' '\n' | grep .
}

# signal_one SIGNAL: nobody gets a second SIGTERM, which would cut what it is finishing. False if there was nobody.
signal_one() {
	[ "$1" = TERM ] || : >"$work/signalled"
	victim=$(workers | grep -vxF -f "$work/signalled" | shuf -n 1)
	printf '%s\n' "$victim" | grep . >>"$work/signalled" && kill -"$1" "$victim" 2>/dev/null
}

# signal_workers SIGNAL TIMES: under load. Sets signalled, and what the load says, in load_status, visits, clicks, …
signal_workers() {
	"$SESAME_BUILD/tests/web/load" "$port" 16 0 "jp_token=$(cookie)" "$seconds" >"$work/answered" 2>"$work/load.log" &
	load_pid=$!
	signalled=0
	: >"$work/signalled"
	while [ "$signalled" -lt "$2" ] && alive "$load_pid"; do
		! signal_one "$1" || signalled=$((signalled + 1))
		sleep 0.03
	done
	kill -TERM "$load_pid"
	wait "$load_pid"
	load_status=$?
	comment "$(cat "$work/answered" "$work/load.log")"
	visits='' clicks='' unanswered_visits='' unanswered_clicks='' longest_ms=''
	eval "$(cat "$work/answered")"
}

get /
id=$(session_id_of "$body")
signal_workers KILL "$kills"
is "$load_status" 0 "every answer was a good one, or none, while workers were killed"
is "$signalled" "$kills" "$kills workers were killed under load"
ok "there was load meanwhile" test "$((visits + clicks))" -gt "$kills"
get /session
is "$(session_id_of "$body")" "$id" "the session is there"
stored_visits=$(visits_of "$body")
stored_events=$(events_of "$body")
comment "stored: $stored_visits visits, $stored_events events"
ok "no answered visit was lost" test "$stored_visits" -ge "$((visits + 1))"
ok "no answered click was lost" test "$stored_events" -ge "$clicks"
ok "no visit was counted twice" test "$stored_visits" -le "$((visits + 1 + unanswered_visits))"
ok "no click was counted twice" test "$stored_events" -le "$((clicks + unanswered_clicks))"
# A worker is replaced within milliseconds; the rest is for a busy machine.
ok "nobody was without a good answer for longer than ten seconds" test "$longest_ms" -le 10000

signal_workers TERM 30
is "$load_status/$signalled" 0/30 "30 workers were told to end under load"
is "$((unanswered_visits + unanswered_clicks))" 0 "and not one request went unanswered"
stored_visits=$((stored_visits + visits))
stored_events=$((stored_events + clicks))
get /session
is "$(visits_of "$body")/$(events_of "$body")" "$stored_visits/$stored_events" "each was counted once"

ok "what is left ends in order" stop
start
get /session
is "$(visits_of "$body")/$(events_of "$body")" "$stored_visits/$stored_events" "a restart finds the same numbers"
tap_done

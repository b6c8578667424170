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

# signal_workers SIGNAL TIMES: under load. Sets what the load says, in load_status, visits, clicks, …, and what signal_workers.py does.
signal_workers() {
	"$SESAME_BUILD/tests/web/load" "$port" 16 0 "jp_token=$(cookie)" "$seconds" >"$work/answered" 2>"$work/load.log" &
	load_pid=$!
	"$python" -B "$SESAME_SOURCE/tests/web/signal_workers.py" "$programs_pid" "$1" "$2" "$load_pid" "$THREADS" >"$work/signalled"
	kill -TERM "$load_pid"
	wait "$load_pid"
	load_status=$?
	comment "$(cat "$work/signalled" "$work/answered" "$work/load.log")"
	visits='' clicks='' unanswered_visits='' unanswered_clicks='' longest_ms='' signalled='' restarts='' restart_longest_ms=''
	eval "$(cat "$work/answered" "$work/signalled")"
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
ok "each was replaced, by one that takes requests" test "$restarts" -gt 0
# What a request waits for its turn on a busy machine comes to the restart.
ok "nobody was without a good answer for longer than a killed worker's restart (and two seconds for a busy machine)" \
	test "$longest_ms" -le "$((restart_longest_ms + 2000))"

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

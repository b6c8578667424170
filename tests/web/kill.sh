#!/bin/sh
# SIGKILL of random workers under load: nothing that was answered is lost.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"

processes=4
THREADS=4
export THREADS
kills=50
[ -z "$SESAME_LONG" ] || kills=1000
start

# The programs themselves, not the shells that keep them.
workers() {
	for keeper in $(cat "/proc/$programs_pid/task/$programs_pid/children"); do
		cat "/proc/$keeper/task/$keeper/children" 2>/dev/null
	done | tr ' ' '\n' | grep .
}

# kill_one: false if there was none.
kill_one() {
	kill -KILL "$(workers | shuf -n 1)" 2>/dev/null
}

get /
id=$(session_id_of "$body")
"$SESAME_BUILD/tests/web/load" "$port" 16 0 "jp_token=$(cookie)" >"$work/answered" 2>"$work/load.log" &
load_pid=$!
killed=0
while [ "$killed" -lt "$kills" ] && alive "$load_pid"; do
	! kill_one || killed=$((killed + 1))
	sleep 0.03
done
kill -TERM "$load_pid"
wait "$load_pid"
is "$?" 0 "every answer was a good one, or none, while workers were killed"
comment "$(cat "$work/answered" "$work/load.log")"
is "$killed" "$kills" "$kills workers were killed under load"

visits='' clicks='' unanswered_visits='' unanswered_clicks='' longest_ms=''
eval "$(cat "$work/answered")"
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
ok "nobody waited longer than two seconds for a good answer" test "$longest_ms" -le 2000

ok "what is left ends in order" stop
start
get /session
is "$(visits_of "$body")/$(events_of "$body")" "$stored_visits/$stored_events" "a restart finds the same numbers"
tap_done

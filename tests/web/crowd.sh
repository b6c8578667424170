#!/bin/sh
# Many at once on one session: four processes of four threads count exactly.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"

processes=4
THREADS=4
export THREADS
start

get /
id=$(session_id_of "$body")
requests=20000
case $SESAME_SANITIZERS in
no) ;;
*) [ -n "$SESAME_LONG" ] || requests=4000 ;;
esac
answered=$("$SESAME_BUILD/tests/web/load" "$port" 16 "$requests" "jp_token=$(cookie)")
is "$?" 0 "16 clients at once were answered"
comment "$answered"
visits='' clicks='' unanswered_visits='' unanswered_clicks=''
eval "$answered"
is "$((unanswered_visits + unanswered_clicks))" 0 "no request failed"
is "$((visits + clicks))" "$requests" "all $requests were answered"
get /session
is "$body" "{\"session_id\":\"$id\",\"visits\":$((visits + 1)),\"events\":$clicks}" "the counters equal the answered requests exactly"

ok "four processes end in order" stop
start
get /session
is "$(visits_of "$body")/$(events_of "$body")" "$((visits + 1))/$clicks" "a restart keeps each of them"
tap_done

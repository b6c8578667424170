#!/bin/sh
# Many at once on one session: four processes of four threads, and plain CGI programs beside them, count exactly.

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

# cgi_clicks: a hundred clicks, each answered by a process of its own; prints a line for each.
cgi_clicks() {
	for _ in $(seq 100); do
		REQUEST_METHOD=POST PATH_INFO=/click HTTP_COOKIE="jp_token=$(cookie)" HTTP_SEC_FETCH_SITE=same-origin \
			"$program" </dev/null | grep '^Status: 303'
	done
}

cgi_clicks >"$work/cgi.1" &
first_pid=$!
cgi_clicks >"$work/cgi.2" &
second_pid=$!
answered=$("$SESAME_BUILD/tests/web/load" "$port" 16 "$requests" "jp_token=$(cookie)")
is "$?" 0 "16 clients at once were answered"
wait "$first_pid" "$second_pid"
cgi_clicks=$(cat "$work/cgi.1" "$work/cgi.2" | wc -l)
is "$cgi_clicks" 200 "so were 200 plain CGI programs beside them"
comment "$answered"
visits='' clicks='' unanswered_visits='' unanswered_clicks=''
eval "$answered"
is "$((unanswered_visits + unanswered_clicks))" 0 "no request failed"
is "$((visits + clicks))" "$requests" "all $requests were answered"
clicks=$((clicks + cgi_clicks))
get /session
is "$body" "{\"session_id\":\"$id\",\"visits\":$((visits + 1)),\"events\":$clicks}" "the counters equal the answered requests exactly"

ok "four processes end in order" stop
start
get /session
is "$(visits_of "$body")/$(events_of "$body")" "$((visits + 1))/$clicks" "a restart keeps each of them"
tap_done

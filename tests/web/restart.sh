#!/bin/sh
# What a restart keeps, and what another key ends.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"
start

get /
id=$(session_id_of "$body")
click
click
ok "everything ends in order" stop
start
get /
is "$status" 200 "after a restart the browser is served"
is "$(session_id_of "$body")" "$id" "after a restart it has the same session"
is "$(visits_of "$body")" 2 "its visits went on"
is "$(events_of "$body")" 2 "its clicks are still there"
is "$(header Set-Cookie)" "" "no cookie was needed for that"
is "$(stat -c %a "$STATE_DIRECTORY/secret.key")" 600 "the key that was made is readable by its owner only"

stop
mv "$STATE_DIRECTORY/secret.key" "$work/old.key"
start
get /
is "$status" 400 "under another key the old cookie is a bad one"
get /
is "$status" 200 "and the next request starts afresh"
ok "with a new id" test "$(session_id_of "$body")" != "$id"

stop
SECRET_KEY=$(openssl rand -hex 32)
export SECRET_KEY
start
get /
is "$status" 200 "with SECRET_KEY set, the file's key still verifies"
: >"$jar"
get /
signed=$(cookie)
stop
SECRET_KEY=$(openssl rand -hex 32)
start
get /
is "$status" 400 "under another SECRET_KEY the old cookie is a bad one"
ask GET / -b "jp_token=$signed"
is "$status" 400 "and stays one"

# Killed all at once, as a power switch does it to the processes.
: >"$jar"
get /
id=$(session_id_of "$body")
click
keepers=$(cat "/proc/$programs_pid/task/$programs_pid/children")
workers=$(for keeper in $keepers; do cat "/proc/$keeper/task/$keeper/children"; done)
# shellcheck disable=SC2086
kill -KILL "$server_pid" "$programs_pid" $keepers $workers
end_process "$programs_pid" KILL
wait "$server_pid" 2>/dev/null
server_pid=''
programs_pid=''
start
get /
is "$(session_id_of "$body")" "$id" "when all processes were killed, the session is there afterwards"
is "$(visits_of "$body")/$(events_of "$body")" 2/1 "with everything that was answered"

tap_done

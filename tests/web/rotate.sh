#!/bin/sh
# sesamectl rotate-keys beside programs under load: nobody is logged out, no request fails, nothing is started again.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"
ctl=$SESAME_BUILD/sbin/sesamectl
load=$SESAME_BUILD/tests/web/load
keys=$STATE_DIRECTORY/secret.key
load_pid=''
trap '[ -z "$load_pid" ] || kill "$load_pid" 2>/dev/null; clean_up' EXIT

# workers: the process ids of the program.
workers() {
	for keeper in $(cat "/proc/$programs_pid/task/$programs_pid/children"); do
		cat "/proc/$keeper/task/$keeper/children"
	done | tr ' ' '\n' | sort | tr '\n' ' '
}

processes=4
start
get /
id=$(session_id_of "$body")
old=$(cookie)
before=$(workers)
"$load" "$port" 6 0 "jp_token=$old" >"$work/answered" 2>"$work/wrong" &
load_pid=$!
visit_during() {
	while [ ! -e "$work/rotated" ]; do
		get /
		echo "$status $(session_id_of "$body")"
	done | sort | uniq -c | awk '{ print $2, $3 }'
}
(
	"$ctl" rotate-keys >"$work/rotation" 2>&1
	echo $? >"$work/rotation.status"
	# What the new key signs is believed by all processes, from the first moment.
	echo "$id" | "$ctl" sign >"$work/new"
	"$load" "$port" 6 600 "jp_token=$(cat "$work/new")" >"$work/answered.new" 2>"$work/wrong.new"
	echo $? >"$work/load.status"
	: >"$work/rotated"
) &
rotation_pid=$!
during=$(visit_during)
wait "$rotation_pid"
is "$(cat "$work/rotation.status")" 0 "the keys are rotated" || comment "$(cat "$work/rotation")"
is "$during" "200 $id" "a browser that visits all the while has its session, whatever key signed its cookie"
is "$(cat "$work/load.status")$(cat "$work/wrong.new")" 0 "a cookie of the new key is good at once, in every process"
like "$(cat "$work/answered.new")" "unanswered_visits=0 unanswered_clicks=0" "and each of its requests was answered"
ok "the load with the old cookie went on" kill -TERM "$load_pid"
wait "$load_pid"
is "$?$(cat "$work/wrong")" 0 "and never met another answer than 200"
load_pid=''
like "$(cat "$work/answered")" "unanswered_visits=0 unanswered_clicks=0" "no request failed"
comment "$(cat "$work/answered")"
is "$(workers)" "$before" "no process was started again"
get /
is "$(session_id_of "$body")" "$id" "afterwards the browser has its session still"
is_signed_anew() {
	get /
	"$ctl" verify "$(cookie)" >"$work/said" && ! grep -q anew "$work/said"
}
ok "its cookie is good, and signed with the new key" until_true 30 is_signed_anew

# The time of the old key ends.
ask GET / -b "jp_token=$old"
is "$status" 200 "a cookie that was not used meanwhile is good"
sed -i 's/until .*/until 1700000000/' "$keys"
old_is_forged() {
	ask GET / -b "jp_token=$old"
	[ "$status" = 400 ]
}
ok "until its key's time is over" until_true 30 old_is_forged
ok "which rotate-keys retire takes out" "$ctl" rotate-keys retire
is "$(grep -c verify "$keys")" 0 "of the file"
get /
is "$(session_id_of "$body")" "$id" "and the browser has its session"
tap_done

#!/bin/sh
# A cookie that was tampered with: 400, cleared, nothing counted; the next request starts afresh.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"
start

get /
id=$(session_id_of "$body")
good=$(cookie)
last=${good#"${good%?}"}
other_last=$(printf '%s' "$last" | tr 'A-Za-z0-9_-' 'B-ZAb-za1-90_-')

# refused CLAIM COOKIE
refused() {
	ask GET / -b "jp_token=$2"
	if [ "$status" = 400 ] && [ "$(printf '%s\n' "$body" | head -n 1)" = "Bad Cookie" ]; then
		pass "$1 is a bad cookie"
	else
		fail "$1 is a bad cookie"
		comment "$status $body"
	fi
}

refused "another id under the same signature" "$(printf '%s' "$good" | sed 's/^./x/')"
refused "another digit of the id" "$(printf '%s' "$good" | head -c 5 | tr '0-9a-f' '1-9a-f0')$(printf '%s' "$good" | tail -c +6)"
refused "another time under the same signature" "$(printf '%s' "$good" | sed 's/\.\(.\)/.z\1/')"
refused "another last character" "${good%?}$other_last"
refused "a cookie cut by one character" "${good%?}"
refused "a cookie cut to its id" "$id"
refused "a lengthened cookie" "${good}A"
refused "a padded cookie" "$good="
refused "something else altogether" "hello"
refused "an empty signature" "${good%.*}."

ask GET / -b "jp_token=${good}A"
like "$(header Content-Type)" '^text/plain' "the answer to a bad cookie is plain text"
like "$(header Set-Cookie)" '^jp_token=;.*Max-Age=0' "the answer clears the bad cookie"
like "$(header Set-Cookie)" 'Path=/(;|$)' "the cookie is cleared where it was set"
like "$(header Cache-Control)" 'no-store' "no cache keeps the answer to a bad cookie"

ask POST /click -b "jp_token=${good}A" -H 'Sec-Fetch-Site: same-origin' --data a=b
is "$status" 400 "a click with a bad cookie is refused"

ask GET / -b "jp_token=$good"
is "$(visits_of "$body")" 2 "nothing of all that was counted"
is "$(session_id_of "$body")" "$id" "the good cookie is still good"

# A browser whose jar holds a bad cookie.
sed -i "s/$good/${good}A/" "$jar"
get /
is "$status" 400 "a browser with a tampered cookie is told so"
get /
is "$status" 200 "its next request is answered"
ok "with a fresh session" test "$(session_id_of "$body")" != "$id"
is "$(visits_of "$body")" 1 "whose first visit it is"

ask GET / -H "Cookie: jp_token=${good}A; jp_token=$good"
is "$(session_id_of "$body")" "$id" "one good cookie beside a forged one is taken"
ask GET / -H "Cookie: JP_TOKEN=x; other=1; jp_token=$good; jp_token2=y"
is "$(session_id_of "$body")" "$id" "other cookies do not matter"
ask GET / -H "Cookie: jp_token=$good; jp_token=$(cookie)"
is "$status" 400 "two good cookies of two sessions are a bad cookie"

ask GET / -H 'Cookie: jp_token='
is "$status" 200 "an empty cookie is as none"

tap_done

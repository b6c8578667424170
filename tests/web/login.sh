#!/bin/sh
# login_test behind a real lighttpd: logging in and out, devices, failed logins, the way back.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"
program=$SESAME_BUILD/cgi-bin/login_test
LOGIN_USERS=$work/users
USER_SESSIONS_MAX=4
export LOGIN_USERS USER_SESSIONS_MAX

# Made for this test, as no password stands in a source.
password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" | "$program" --hash ada >"$LOGIN_USERS"
printf '%s\n' "$password" | "$program" --hash grace >>"$LOGIN_USERS"
chmod 600 "$LOGIN_USERS"
start

# hash_of USER FILE
hash_of() {
	"$program" --hash "$1" <"$work/$2"
}

like "$(head -1 "$LOGIN_USERS")" '^ada:[$]y[$]' "a password is hashed by yescrypt"
is "$(cut -d: -f2 "$LOGIN_USERS" | sort -u | wc -l)" 2 "with a salt of its own"
echo secret >"$work/secret"
echo >"$work/empty"
not_ok "a name with ':' is refused" hash_of a:b secret
ok "a good one is not" hash_of a.b secret
not_ok "an empty password is refused" hash_of ada empty

# use BROWSER: another one, with a jar of its own.
use() {
	jar=$work/jar.$1
}

# log_in USER PASSWORD [CURL OPTION...]: as a browser sends the form.
log_in() {
	log_in_user=$1
	log_in_password=$2
	shift 2
	visit POST /login -H 'Sec-Fetch-Site: same-origin' --data-urlencode "user=$log_in_user" \
		--data-urlencode "password=$log_in_password" "$@"
}

# act PATH [CURL OPTION...]: presses a button.
act() {
	act_path=$1
	shift
	visit POST "$act_path" -H 'Sec-Fetch-Site: same-origin' --data "from=$act_path" "$@"
}

is_in() {
	get /
	[ "$(printf '%s\n' "$body" | sed -n 's,.*You are logged in as <strong>\([^<]*\)<.*,\1,p')" = "$1" ]
}

# handle_of DEVICE: of the list in $body, which has the newest first.
handle_of() {
	printf '%s\n' "$body" | awk -v device="<h2>$1" 'index($0, device) { there = 1 }
		there && /name="handle"/ { sub(/.*value="/, ""); sub(/".*/, ""); print; exit }'
}

use desk
get /
is "$status" 200 "a visitor gets the form"
like "$body" '<label for="user">' "whose fields have labels"
like "$body" 'type="password" autocomplete="current-password"' "for a password manager"
unlike "$body" 'Log out' "and nothing to log out from"
like "$(header Content-Security-Policy)" "default-src 'none'" "the policy begins with nothing"
unlike "$body" '<script|<style|style=|https?://| on[a-z]*=' "and the page keeps to it"
before=$(cookie)
log_in ada wrong
is "$status" 403 "a wrong password is refused"
like "$body" 'role="alert">User name or password is wrong' "and told, to a screen reader as well"
is "$(cookie)" "$before" "which changes no cookie"
refusal=$body
log_in nobody "$password"
is "$status" 403 "so is a user who does not exist"
is "$(printf '%s\n' "$body" | sed 's/nobody/ada/; s/csrf_token" value="[^"]*/csrf_token" value="/')" \
	"$(printf '%s\n' "$refusal" | sed 's/csrf_token" value="[^"]*/csrf_token" value="/')" "with the very same answer"
log_in ada "$password" -A 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'
is "$status $(header Location)" "303 /" "the right one logs in"
is "$(printf '%s\n' "$headers" | grep -ci '^set-cookie:')" 1 "with one cookie"
ok "of a new id" test "${before%%.*}" != "$(cookie | cut -d. -f1)"
ok "the page says who it is" is_in ada
get /
like "$body" 'action="/logout"' "and has a button to log out"
ask GET / -b "jp_token=$before"
unlike "$body" 'You are logged in' "the id from before the login is nobody"
is "$(header Set-Cookie)" "" "and its answer does not touch the cookie"

use phone
log_in ada "$password" -A 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1'
get /devices
is "$status" 200 "the devices are listed"
like "$body" '<h2>Safari on an iPhone \(this one\)</h2>' "the one that asks"
like "$body" '<h2>Firefox on Linux</h2>' "and the other"
like "$body" 'aria-label="Log out there: Firefox on Linux"' "each button says what it ends"
like "$body" 'action="/logout"' "one can log out here as well"
desk=$(handle_of 'Firefox on Linux')
act /end --data "handle=$desk"
is "$status $(header Location)" "303 /devices" "one is ended"
get /devices
like "$body" 'role="status">That device is logged out' "the next page says so"
unlike "$body" 'Firefox' "and lists it no more"
get /devices
unlike "$body" 'That device' "and says it once"
use desk
ok "the other browser is logged out" eval '! is_in ada'
log_in ada "$password" -A 'curl<script>'
is "$status" 303 "and may log in again at once"
get /devices
like "$body" '<h2>curl&lt;script&gt;' "what a browser calls itself is escaped"
for browser in a b; do
	use $browser
	log_in ada "$password"
done
use phone
act /others
get /devices
is "$(printf '%s\n' "$body" | grep -c '<li>')" 1 "all others are ended at once"
like "$body" '1 device is logged in' "and the page counts"
for browser in c d e f; do
	use $browser
	log_in ada "$password"
done
use phone
ok "USER_SESSIONS_MAX holds: the oldest is out" eval '! is_in ada'
use f
act /logout
is "$status $(header Location)" "303 /login?said=out" "a button logs out"
like "$(header Set-Cookie)" '^jp_token=;.*Max-Age=0' "which clears the cookie"
is "$(header Clear-Site-Data)" '"cache", "storage"' "and what the browser keeps"
get '/login?said=out'
like "$body" 'role="status">You are logged out' "and says so"
use e
act /everywhere
is "$status $(header Location)" "303 /login?said=everywhere" "another logs out everywhere"
for browser in c d e; do
	use $browser
	ok "browser $browser is out" eval '! is_in ada'
done

# Other sites cannot press the buttons.
use grace
log_in grace "$password"
for path in /logout /others /everywhere /end /login; do
	visit POST $path -H 'Sec-Fetch-Site: cross-site' --data 'user=ada'
	is "$status" 403 "another site's POST of $path is refused"
	get $path
	ok "and a GET of it ends nothing" is_in grace
done
visit POST /logout --data 'from=nowhere'
is "$status" 403 "a browser that tells no origin needs the token"
get /
token=$(printf '%s\n' "$body" | sed -n 's/.*name="csrf_token" value="\([^"]*\)".*/\1/p' | head -1)
visit POST /logout --data-urlencode "csrf_token=$token"
is "$status" 303 "and with it logs out"

# The way back stays on this site.
for next in /app/page '/a?b=c&d=%2e' '/devices'; do
	use back
	rm -f "$jar"
	get "/login?$($python -c 'import sys, urllib.parse; print(urllib.parse.urlencode({"next": sys.argv[1]}))' "$next")"
	like "$body" 'name="next" value="/' "the form keeps the way back to $next"
	log_in grace "$password" --data-urlencode "next=$next"
	is "$(header Location)" "$next" "and a login leads there"
done
for next in //evil.example '/\evil.example' https://evil.example evil.example '' "$(printf '/\t/evil.example')" "$(printf '/a\r\nX: y')" \
	'javascript:alert(1)' '/"><script>' ' /a'; do
	use back
	get "/login?$($python -c 'import sys, urllib.parse; print(urllib.parse.urlencode({"next": sys.argv[1]}))' "$next")"
	unlike "$body" 'name="next" value="[^"]' "a way that leads elsewhere is dropped: $(printf '%s' "$next" | tr '\t\r\n' '???')"
	log_in grace "$password" --data-urlencode "next=$next"
	is "$(header Location)" / "and not followed"
done

# As many at once as one likes: five are looked at in a minute.
attempts() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
		curl -sS --noproxy '*' --max-time 60 -o /dev/null -w '%{http_code}\n' -H 'Sec-Fetch-Site: same-origin' \
			--data "user=$1&password=wrong" "$url/login" &
		set -- "$1" "$2 $!"
	done
	# shellcheck disable=SC2086
	wait $2
}
for user in mallory grace; do
	answers=$(attempts $user '' | sort | uniq -c | awk '{ printf "%s%s of %s", (NR > 1 ? ", " : ""), $1, $2 }')
	is "$answers" "5 of 403, 7 of 429" "of twelve wrong logins of $user at once five are looked at"
done
use throttled
log_in grace "$password"
is "$status" 429 "then not even the right password is"
is "$(header Retry-After)" 60 "and the answer says how long"
log_in ada "$password"
is "$status" 303 "other users are not concerned"

# Nobody is let in by an unusable file.
chmod 644 "$LOGIN_USERS"
use file
log_in ada "$password"
is "$status" 503 "a file that others may read lets nobody in"
like "$(cat "$work/programs.log")" 'login_test: LOGIN_USERS: .*chmod o=' "and the log says why"
chmod 600 "$LOGIN_USERS"
log_in ada "$password"
is "$status" 303 "until it is put right, without a restart"
ok "programs and server end in order" stop
tap_done

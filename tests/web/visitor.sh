# visitor.sh - what holds for a visitor of session_test behind any server. Sourced after lib.sh.
#
# shellcheck shell=sh disable=SC2154

# The way of one visitor: a page, clicks, another page, another browser. $mount is where the program is, "" for the whole site.
visitor() {
	rm -f "$jar"
	get "$mount/"
	is "$status" 200 "a first visit is answered with a page"
	like "$(header Content-Type)" '^text/html; *charset=utf-8$' "the page is HTML in UTF-8"
	id=$(session_id_of "$body")
	like "$body" "My session id: $id" "the page tells the session id, 32 hexadecimal digits"
	is "$(visits_of "$body")" 1 "the first visit is counted"
	is "$(events_of "$body")" 0 "no click was counted yet"
	is "$(printf '%s\n' "$headers" | grep -ci '^set-cookie:')" 1 "the first answer sets one cookie"
	set_cookie=$(header Set-Cookie)
	like "$set_cookie" "^jp_token=$id\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{43}(;|\$)" "the cookie is the id, the time and a signature"
	like "$set_cookie" '; *HttpOnly(;|$)' "scripts cannot read the cookie"
	like "$set_cookie" '; *SameSite=Lax(;|$)' "other sites' requests come without the cookie"
	like "$set_cookie" '; *Path=/(;|$)' "the cookie is for the whole site"
	like "$set_cookie" '; *Max-Age=604800(;|$)' "the cookie stays for seven days"
	unlike "$set_cookie" 'Secure' "over plain HTTP the cookie is not marked Secure"
	like "$(header Cache-Control)" 'no-store' "no cache keeps the page"
	like "$(header Vary)" 'Cookie' "a cache is told that the page depends on the cookie"
	like "$(header Content-Security-Policy)" "default-src 'none'" "the policy on content begins with nothing"
	unlike "$(header Content-Security-Policy)" 'unsafe' "the policy on content allows nothing unsafe"
	# Apache takes no program's word for it (ap_trust_cgilike_cl).
	[ "$server $(header Transfer-Encoding)" = "apache chunked" ] ||
		is "$(header Content-Length)" "$(wc -c <"$work/body" | tr -d ' ')" "the length is the body's"
	like "$body" 'id="session-id"' "the id's element has its name"
	like "$body" 'id="visits"' "the visits' element has its name"
	like "$body" '<button[^>]*id="events"[^>]*>Number of Click Events: 0<' "the button says how often it was clicked"

	get "$mount/"
	is "$(session_id_of "$body")" "$id" "a second visit has the same session"
	is "$(visits_of "$body")" 2 "the second visit is counted"
	is "$(header Set-Cookie)" "" "a second visit sets no cookie again"

	click
	is "$status" 200 "a click is answered"
	like "$(header Content-Type)" '^application/json' "a script gets JSON"
	is "$body" "{\"session_id\":\"$id\",\"visits\":2,\"events\":1}" "a click is counted, and the answer has all numbers"
	is "$(header Set-Cookie)" "" "a click sets no cookie"
	click
	is "$(events_of "$body")" 2 "a second click is counted"

	get "$mount/session"
	is "$body" "{\"session_id\":\"$id\",\"visits\":2,\"events\":2}" "the session can be asked for as JSON, which counts nothing"

	token=$(get "$mount/" && printf '%s\n' "$body" | sed -n 's/.*name="csrf_token" value="\([^"]*\)".*/\1/p')
	visit POST "$mount/click" -H "Origin: $url" --data-urlencode "csrf_token=$token"
	is "$status" 303 "without a script the form's click leads back"
	is "$(header Location)" "${mount:-/}" "it leads back to the page"
	visit POST "$mount/click" --data-urlencode "csrf_token=$token"
	is "$status" 303 "a form from a browser that tells neither site nor origin is taken with the form's token"
	get "$mount/"
	is "$(events_of "$body")" 4 "clicks without a script are counted"
	is "$(visits_of "$body")" 4 "so are the visits between them"

	ask GET "$mount/"
	other=$(session_id_of "$body")
	is "$(visits_of "$body")" 1 "another browser begins with its own first visit"
	ok "another browser has another id" test -n "$other" -a "$other" != "$id"

	ask POST "$mount/click" -b "jp_token=$(cookie)" -H 'Sec-Fetch-Site: same-origin' -H 'Accept: application/json' \
		--data "session_id=$other"
	is "$(session_id_of "$body")" "$id" "an id in the body is not looked at: the cookie's counts"
	ask POST "$mount/click" -H 'Sec-Fetch-Site: same-origin' -H 'Accept: application/json' --data "session_id=$id"
	unlike "$body" "$id" "an id in the body without a cookie reaches nobody's session"

	ask GET "$mount/session"
	is "$(header Set-Cookie)" "" "asking for the session without having one makes none"
	like "$body" '"session_id":null' "who has no session is told so"
}

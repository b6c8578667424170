#!/bin/sh
# The same program as plain CGI behind the same lighttpd, on the same store as the FastCGI one.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"

configuration=$work/cgi.conf
# lighttpd looks for an included file beside the first one.
ln -s "$SESAME_SOURCE/deploy/lighttpd/sesame.conf" "$work/sesame.conf"
cat >"$configuration" <<-END
	include "$SESAME_SOURCE/deploy/lighttpd/lighttpd.conf"
	var.sesame_program = "$program"
	var.sesame_cgi_mount = "/cgi"
	var.sesame_state = "$STATE_DIRECTORY"
	include "$SESAME_SOURCE/deploy/lighttpd/cgi.conf"
END
start

get /cgi
is "$status" 200 "as plain CGI the page is served"
id=$(session_id_of "$body")
is "$(visits_of "$body")" 1 "a visit is counted"
like "$(header Set-Cookie)" "^jp_token=$id\\." "and the cookie set"
is "$(header Content-Length)" "$(wc -c <"$work/body" | tr -d ' ')" "with the right length"
like "$body" 'action="/cgi/click"' "the page's addresses are below its mount"
get /cgi/
is "$(visits_of "$body")/$(header Set-Cookie)" 2/ "the next visit has the same session, and no cookie is set again"
visit POST /cgi/click -H 'Accept: application/json' -H 'Sec-Fetch-Site: same-origin' --data 'from=script'
is "$body" "{\"session_id\":\"$id\",\"visits\":2,\"events\":1}" "a click is counted"
visit POST /cgi/click -H 'Sec-Fetch-Site: same-origin' --data 'from=form'
is "$status $(header Location)" "303 /cgi" "a form's click leads back to the page"

get /
is "$(session_id_of "$body")/$(visits_of "$body")/$(events_of "$body")" "$id/3/2" "the FastCGI program has the same session"
click
get /cgi/session
is "$body" "{\"session_id\":\"$id\",\"visits\":3,\"events\":3}" "and what it counted, the CGI program finds"

visit HEAD /cgi
is "$status" 200 "HEAD is answered"
is "$(wc -c <"$work/headers")" "$(wc -c <"$work/body")" "without a body"
visit POST /cgi/click -H 'Sec-Fetch-Site: cross-site' --data a=b
is "$status" 403 "another site's click is refused"
head -c 1048577 /dev/zero | tr '\0' a >"$work/large"
visit POST /cgi/click -H 'Sec-Fetch-Site: same-origin' -H 'Expect:' --data-binary "@$work/large"
is "$status" 413 "a body that is too large is refused"
ask GET /cgi -b "jp_token=$(cookie)A"
is "$status $(printf '%s\n' "$body" | head -n 1)" "400 Bad Cookie" "a bad cookie is one"
visit GET /cgi/nothing
is "$status" 404 "an unknown path is not found"
get /cgi/session
is "$(visits_of "$body")/$(events_of "$body")" 3/3 "none of these counted anything"

stop
start
get /cgi
is "$(session_id_of "$body")/$(visits_of "$body")" "$id/4" "after a restart of all the session is there"
tap_done

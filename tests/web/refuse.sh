#!/bin/sh
# Requests that are no visit and no click: each gets its answer of HTTP, and nothing is counted.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"
start

get /
id=$(session_id_of "$body")

visit GET /nothing-here
is "$status" 404 "an unknown path is not found"
like "$(header Content-Type)" '^text/plain' "it is told in plain text"
is "$(header Content-Length)" "$(wc -c <"$work/body" | tr -d ' ')" "with its length"
visit GET '/%3Cscript%3Ealert(1)%3C/script%3E?<script>alert(1)</script>'
is "$status" 404 "a path with a script in it is not found"
unlike "$body" 'script|alert' "nothing of it comes back"

visit DELETE /
is "$status" 405 "the page cannot be deleted"
is "$(header Allow)" "GET, HEAD" "the answer names the page's methods"
visit GET /click
is "$status" 405 "a click cannot be got"
is "$(header Allow)" "POST" "the answer names the click's method"
visit PUT /session --data x=y
is "$status" 405 "the session cannot be put"

ask HEAD /
is "$status" 200 "HEAD is answered"
is "$(wc -c <"$work/headers")" "$(wc -c <"$work/body")" "HEAD has no body"
visit HEAD /
is "$status" 200 "HEAD with a session is answered"
length=$(header Content-Length)
get /session
is "$(visits_of "$body")" 1 "HEAD counts no visit"
get /
is "$length" "$(header Content-Length)" "HEAD tells the length that GET has"

visit POST /click -H 'Sec-Fetch-Site: cross-site' --data a=b
is "$status" 403 "a click from another site is refused"
visit POST /click -H 'Sec-Fetch-Site: same-site' --data a=b
is "$status" 403 "a click from a neighbouring host is refused"
visit POST /click -H 'Origin: https://evil.example' --data a=b
is "$status" 403 "a click with a foreign origin is refused"
visit POST /click -H 'Origin: null' --data a=b
is "$status" 403 "a click with the origin null is refused"
visit POST /click --data a=b
is "$status" 403 "a click without site, origin and token is refused"
visit POST /click --data csrf_token=0123456789
is "$status" 403 "a click with a wrong token is refused"
visit POST /click -H 'Sec-Fetch-Site: same-origin' -H 'Content-Type: text/xml' --data '<a/>'
is "$status" 415 "a body of another type is refused"
visit POST /click -H 'Sec-Fetch-Site: same-origin' --data 'a=%zz'
is "$status" 400 "a malformed form is refused"
head -c 1048577 /dev/zero | tr '\0' a >"$work/large"
visit POST /click -H 'Sec-Fetch-Site: same-origin' -H 'Expect:' --data-binary "@$work/large"
is "$status" 413 "a body of more than 1 MiB is refused"
head -c 70000 /dev/zero | tr '\0' b >"$work/cookie"
ask GET / -H "Cookie: a=$(head -c 60000 "$work/cookie")"
ok "a cookie of 60,000 octets is refused or answered" test "$status" = 431 -o "$status" = 400 -o "$status" = 200 -o "$status" = 413

get /session
is "$body" "{\"session_id\":\"$id\",\"visits\":2,\"events\":0}" "none of these counted anything"

visit POST /click -H 'Transfer-Encoding: chunked' -H 'Sec-Fetch-Site: same-origin' -H 'Accept: application/json' --data a=b
is "$(events_of "$body")" 1 "a click whose body comes in chunks is counted"

tap_done

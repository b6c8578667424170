#!/bin/sh
# Over HTTPS the cookie is Secure, and may have the prefix __Host-.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"

printf 'server.modules = ( "mod_openssl" )\nserver.document-root = "%s"\n' "$work" >"$work/probe.conf"
"$lighttpd" -tt -f "$work/probe.conf" 2>/dev/null || skip_all "lighttpd-mod-openssl is not installed"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -days 2 \
	-subj /CN=localhost -addext 'subjectAltName=IP:127.0.0.1' 2>"$work/openssl.log" || bail_out "openssl made no certificate"
configuration=$work/https.conf
# lighttpd looks for an included file beside the first one.
ln -s "$SESAME_SOURCE/deploy/lighttpd/sesame.conf" "$work/sesame.conf"
cat >"$configuration" <<-END
	server.modules += ( "mod_openssl" )
	ssl.engine = "enable"
	ssl.pemfile = "$work/cert.pem"
	ssl.privkey = "$work/key.pem"
	include "$SESAME_SOURCE/deploy/lighttpd/lighttpd.conf"
END
start
url=https://127.0.0.1:$port

get / --cacert "$work/cert.pem"
is "$status" 200 "the page is served over HTTPS"
like "$(header Set-Cookie)" '; *Secure(;|$)' "over HTTPS the cookie is marked Secure"
get / --cacert "$work/cert.pem"
is "$(visits_of "$body")" 2 "a session works over HTTPS"
stop

SESSION_COOKIE_NAME=__Host-visitor
COOKIE_SECURE=true
export SESSION_COOKIE_NAME COOKIE_SECURE
: >"$jar"
start
url=https://127.0.0.1:$port
get / --cacert "$work/cert.pem"
like "$(header Set-Cookie)" '^__Host-visitor=.*; *Secure(;|$)' "a cookie may be named with the prefix __Host-"
unlike "$(header Set-Cookie)" 'Domain' "such a cookie names no domain"
get / --cacert "$work/cert.pem"
is "$(visits_of "$body")" 2 "such a cookie is a session"

tap_done

#!/bin/sh
# The settings of the seed: from the environment, then a file, then defaults.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"

# with NAME=VALUE...: starts with these in the environment.
with() {
	for with_setting; do
		export "${with_setting?}"
	done
	: >"$jar"
	start
}

# without NAME...: stops, and takes them out again.
without() {
	stop
	for without_setting; do
		unset "$without_setting"
	done
}

with SESSION_COOKIE_NAME=visitor COOKIE_MAX_AGE=3600
get /
like "$(header Set-Cookie)" '^visitor=' "SESSION_COOKIE_NAME names the cookie"
like "$(header Set-Cookie)" '; *Max-Age=3600(;|$)' "COOKIE_MAX_AGE says how long it stays"
get /
is "$(visits_of "$body")" 2 "a cookie of that name is a session"
without SESSION_COOKIE_NAME COOKIE_MAX_AGE

with SESSIONS=false
get /
is "$status" 200 "with SESSIONS=false the page is served"
is "$(header Set-Cookie)" "" "with SESSIONS=false no cookie is set"
ask GET / -b 'jp_token=hello'
is "$status" 200 "with SESSIONS=false no cookie is read"
without SESSIONS

cat >"$work/justpy.env" <<-END
	# A file as JustPy has it.
	SESSION_COOKIE_NAME = "from_file"
	COOKIE_MAX_AGE=7200
	SECRET_KEY='$(openssl rand -hex 32)'
	DEBUG=True
END
chmod 600 "$work/justpy.env"
with SESAME_CONF="$work/justpy.env"
get /
like "$(header Set-Cookie)" '^from_file=.*Max-Age=7200' "the file that SESAME_CONF names is read"
get /
is "$(visits_of "$body")" 2 "a session works by the file's settings"
without
with COOKIE_MAX_AGE=1800
get /
like "$(header Set-Cookie)" '^from_file=.*Max-Age=1800' "the environment goes before the file"
without COOKIE_MAX_AGE SESAME_CONF

with COOKIE_FORMAT=justpy SECRET_KEY="$(openssl rand -hex 32)"
get /
like "$(header Set-Cookie)" '^jp_token=[0-9a-f]{32}\.[A-Za-z0-9_-]{27};' "COOKIE_FORMAT=justpy makes a cookie as JustPy does"
get /
is "$(visits_of "$body")" 2 "it is a session as well"
without COOKIE_FORMAT SECRET_KEY

with BAD_COOKIE=replace
ask GET / -b 'jp_token=hello'
is "$status" 200 "BAD_COOKIE=replace treats a bad cookie as none"
like "$(header Set-Cookie)" '^jp_token=[0-9a-f]{32}\.' "and replaces it"
without BAD_COOKIE

refused "a cookie age that is no number" 'COOKIE_MAX_AGE.*soon' COOKIE_MAX_AGE=soon
refused "threads beyond the range" 'THREADS.*100000' THREADS=100000
refused "an empty secret" 'SECRET_KEY' SECRET_KEY=
refused "a short secret" 'SECRET_KEY' SECRET_KEY=short
# What JustPy signs with when nobody sets it.
# shellcheck disable=SC2016
refused "the published secret" 'SECRET_KEY' 'SECRET_KEY=$$$my_secret_string$$$'
printf 'SESION_COOKIE_NAME=x\n' >"$work/typo.conf"
refused "an unknown name in the file" 'typo.conf.*1.*SESION_COOKIE_NAME' SESAME_CONF="$work/typo.conf"
refused "a store of an unknown kind" 'SESSION_STORE|nosuch' SESSION_STORE=nosuch:/x
refused "a file that is not there" 'not-there.conf' SESAME_CONF="$work/not-there.conf"

# weak secrets are let through by ALLOW_WEAK_SECRET, loudly
with ALLOW_WEAK_SECRET=true SECRET_KEY=short
get /
is "$status" 200 "ALLOW_WEAK_SECRET=true lets a weak secret pass"
like "$(cat "$work/programs.log")" 'weak|SECRET_KEY' "with a warning"
without ALLOW_WEAK_SECRET SECRET_KEY

tap_done

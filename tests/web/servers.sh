#!/bin/sh
# session_test behind each server, from the files in deploy/: one and the same list of claims for all.
#
# shellcheck disable=SC2034

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"
# shellcheck source=visitor.sh
. "$SESAME_SOURCE/tests/web/visitor.sh"

apache=$(PATH=$PATH:/usr/sbin command -v apache2)
nginx=$(PATH=$PATH:/usr/sbin command -v nginx)
SESAME_DEPLOY=$SESAME_SOURCE/deploy
SESAME_MOUNT=''
SESAME_PROGRAMS=$work/cgi-bin
export SESAME_DEPLOY SESAME_MOUNT SESAME_PROGRAMS

# Started by root, the servers change to a user of their own, who must get at the socket or, where he starts the programs, at their folder.
if [ "$(id -u)" -eq 0 ]; then
	SESAME_USER=www-data
	SESAME_GROUP=www-data
else
	SESAME_USER=$(id -un)
	SESAME_GROUP=$(id -gn)
fi
export SESAME_USER SESAME_GROUP
mkdir "$SESAME_PROGRAMS"
cp "$program" "$SESAME_PROGRAMS/"
chmod 0711 "$work" "$SESAME_RUN" "$SESAME_PROGRAMS"

# ---- the programs' ways ---------------------------------------------------------------------------------------------------

# by_socket, by_tcp: spawn-fcgi starts them. by_server: the server does, as its user.
by_socket() {
	start_programs && chown "$SESAME_USER" "$SESAME_SOCKET"
}

by_tcp() {
	tcp_port=$(free_port)
	SESAME_BACKEND=fcgi://127.0.0.1:$tcp_port
	export SESAME_BACKEND
	spawn-fcgi -n -a 127.0.0.1 -p "$tcp_port" -- "$SESAME_DEPLOY/supervise" "$processes" "$program" >>"$work/programs.log" 2>&1 &
	programs_pid=$!
}

by_server() {
	STATE_DIRECTORY=$work/state-$row
	mkdir -m 0700 "$STATE_DIRECTORY" && chown "$1" "$STATE_DIRECTORY"
}

# ---- the servers ----------------------------------------------------------------------------------------------------------

# lighttpd_with FILE: a whole lighttpd with this file of ours; it looks for included files beside the first one.
lighttpd_with() {
	configuration=$work/$row.conf
	sed -e '/^var.sesame_/d' -e '/^include /d' "$SESAME_DEPLOY/lighttpd/lighttpd.conf" >"$configuration"
	cat >>"$configuration" <<-END
		var.sesame_program = "$program"
		var.sesame_socket = "$SESAME_SOCKET"
		var.sesame_mount = "${mount:-/}"
		var.sesame_cgi_mount = "$mount"
		var.sesame_state = "$STATE_DIRECTORY"
		include "$SESAME_DEPLOY/lighttpd/$1"
	END
	server=lighttpd
	serve=serve_lighttpd
}

serve_apache() {
	exec "$apache" -D FOREGROUND -D "$apache_way" -f "$SESAME_DEPLOY/apache/apache.conf"
}

apache_with() {
	apache_way=$1
	server=apache
	serve=serve_apache
}

serve_nginx() {
	exec "$SESAME_DEPLOY/nginx/start"
}

with_nginx() {
	SESAME_KEEP=$1
	export SESAME_KEEP
	server=nginx
	serve=serve_nginx
}

# ---- the table ------------------------------------------------------------------------------------------------------------

# at MOUNT
at() {
	mount=$1
	SESAME_MOUNT=$1
}

set_up() {
	processes=4
	at ''
	SESAME_BACKEND="unix:$SESAME_SOCKET|fcgi://localhost"
	export SESAME_BACKEND
	case $row in
	lighttpd-starts-them) by_server "$(id -un)" && lighttpd_with bin-path.conf ;;
	lighttpd-cgi) at /session_test && by_server "$(id -un)" && lighttpd_with cgi.conf ;;
	apache-proxy-socket) by_socket && apache_with SesameProxy ;;
	apache-proxy-mounted) at /session_test && by_socket && apache_with SesameProxy ;;
	apache-proxy-tcp) by_tcp && apache_with SesameProxy ;;
	apache-fcgid) by_server "$SESAME_USER" && apache_with SesameFcgid ;;
	apache-cgi) at /session_test && by_server "$SESAME_USER" && apache_with SesameCgi ;;
	nginx) by_socket && with_nginx '' ;;
	nginx-mounted) at /session_test && by_socket && with_nginx '' ;;
	nginx-keeps-connections) by_socket && with_nginx 2 ;;
	esac
}

# What a client sends is not taken for what the server says.
forgeries() {
	ask GET "$mount/session" -H 'Proxy: http://evil.example/' -H 'Path-Info: /click' -H 'Script-Name: /elsewhere' -H 'Https: on'
	is "$status" 200 "headers that are called as variables are change nothing"
	ask GET "$mount/" -H 'X-Forwarded-Proto: https' -H 'Https: on'
	unlike "$(header Set-Cookie)" 'Secure' "a client cannot say that its connection is encrypted"
	ask GET "$mount/%73ession"
	like "$body" '"session_id":null' "an encoded address is the same address"
	ask POST "$mount/click" -H 'Sec-Fetch-Site: cross-site' -H 'Accept: application/json' --data x=y
	is "$status" 403 "a click from another site is refused"
	ask GET "$mount/" -b 'jp_token=00000000000000000000000000000000.AAAAAA.AAAA'
	is "$status $(printf '%s\n' "$body" | head -1)" "400 Bad Cookie" "a cookie that was tampered with is answered with Bad Cookie"
	ask GET "$mount/absent"
	is "$status" 404 "an address that there is not is answered with 404"
}

# As doc/deploy.md has it for a socket that the server's user may not write to.
wrong_owner() {
	if [ "$SESAME_USER" = "$(id -un)" ]; then
		skip "a socket of another user" "tests run as root have another user"
		return
	fi
	chown "$(id -un)" "$SESAME_SOCKET"
	ask GET "$mount/"
	is "$status" "$1" "a socket that the server may not write to is answered with $1"
	like "$(cat "$SESAME_RUN/$server.log")" 'Permission denied' "and the server's log says why"
}

for row in lighttpd-starts-them lighttpd-cgi apache-proxy-socket apache-proxy-mounted apache-proxy-tcp apache-fcgid apache-cgi nginx \
	nginx-mounted nginx-keeps-connections; do
	tap_prefix="$row: "
	case $row in
	apache-*) needed=$apache ;;
	nginx*) needed=$nginx ;;
	*) needed=$lighttpd ;;
	esac
	if [ ! -x "$needed" ]; then
		skip "a visitor's way" "the server is not installed"
		continue
	fi
	set_up
	if start_server; then
		visitor
		forgeries
		case $row in
		apache-proxy-socket) wrong_owner 503 ;;
		nginx) wrong_owner 502 ;;
		esac
	else
		fail "the server starts"
		show_logs
	fi
	stop_server
	[ -z "$programs_pid" ] || ok "the programs end in order" stop_programs
done
tap_prefix=''
tap_done

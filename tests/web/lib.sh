# lib.sh - a real lighttpd with session_test behind it, in a folder of its own, for the tests of this folder. Sourced.
#
#     start                      the programs and the server; sets $url, $port
#     server, serve              the server's name, and the function that becomes it (exec); lighttpd, unless a test sets others
#     stop                       both, in order
#     get PATH, post PATH …      curl with the test's own jar of cookies; the answer is in $status, $headers, $body
#
# What a test sets before "start" (SECRET_KEY, THREADS, …) reaches the programs. Everything is ended, by its process id, at the end.
#
# shellcheck shell=sh disable=SC2034

# shellcheck source=../tap.sh
. "$SESAME_SOURCE/tests/tap.sh"

work=$(mktemp -d "${TMPDIR:-/tmp}/sesame.XXXXXX") || bail_out "no temporary folder"
jar=$work/jar
program=$SESAME_BUILD/cgi-bin/session_test
lighttpd=$(PATH=$PATH:/usr/sbin command -v lighttpd)
python=/usr/bin/python3
processes=1
mount=''
server_pid=''
programs_pid=''
STATE_DIRECTORY=$work/state
SESAME_RUN=$work/run
SESAME_SOCKET=$SESAME_RUN/session_test.socket
SESAME_ADDRESS=127.0.0.1
configuration=$SESAME_SOURCE/deploy/lighttpd/lighttpd.conf
server=lighttpd
serve=serve_lighttpd
# A busy machine may keep a process that holds a lock from its work for longer than the default.
SESSION_STORE_WAIT_MS=10000
export SESSION_STORE_WAIT_MS STATE_DIRECTORY SESAME_RUN SESAME_SOCKET SESAME_ADDRESS SESAME_PORT
mkdir -m 0700 "$SESAME_RUN" "$STATE_DIRECTORY"

[ -x "$lighttpd" ] || bail_out "lighttpd is not installed"
[ -x "$program" ] || bail_out "$program is not built"

# alive PID: there, and not a zombie.
alive() {
	read -r alive_stat 2>/dev/null <"/proc/$1/stat" || return 1
	case ${alive_stat##*) } in
	[ZX]*) return 1 ;;
	esac
}

# until_true SECONDS COMMAND...: tries it every few milliseconds; false when the time is over.
until_true() {
	tries=$(($1 * 50))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.02
	done
}

has_ended() {
	! alive "$1"
}

# end_process PID SIGNAL: waits for the end; after twenty seconds by force, which is false.
end_process() {
	[ -n "$1" ] || return 0
	kill -"$2" "$1" 2>/dev/null
	end_result=0
	if ! until_true 20 has_ended "$1"; then
		kill -KILL "$1" 2>/dev/null
		end_result=1
	fi
	wait "$1" 2>/dev/null
	return $end_result
}

free_port() {
	$python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

serve_lighttpd() {
	exec "$lighttpd" -D -f "$configuration"
}

start_programs() {
	rm -f "$SESAME_SOCKET"
	spawn-fcgi -n -s "$SESAME_SOCKET" -M 0600 -- "$SESAME_SOURCE/deploy/supervise" "$processes" "$program" >>"$work/programs.log" 2>&1 &
	programs_pid=$!
	programs_started() {
		[ -S "$SESAME_SOCKET" ] || ! alive "$programs_pid"
	}
	until_true 20 programs_started
	alive "$programs_pid"
}

# A port that was free a moment ago may be taken now by a test beside us: then another one. With same_port set: that one.
start_server() {
	for attempt in 1 2 3 4 5; do
		SESAME_PORT=${same_port:-$(free_port)}
		rm -f "$SESAME_RUN/$server.pid"
		$serve >>"$work/server.log" 2>&1 &
		server_pid=$!
		server_started() {
			[ -s "$SESAME_RUN/$server.pid" ] || ! alive "$server_pid"
		}
		until_true 20 server_started
		if alive "$server_pid"; then
			port=$SESAME_PORT
			url=http://127.0.0.1:$port
			return 0
		fi
	done
	return 1
}

show_logs() {
	for log in "$work/programs.log" "$work/server.log" "$SESAME_RUN/$server.log"; do
		[ ! -s "$log" ] || comment "$log: $(tail -20 "$log")"
	done
}

start() {
	start_programs || {
		show_logs
		bail_out "the programs did not start"
	}
	start_server || {
		show_logs
		bail_out "$server did not start"
	}
}

# refused CLAIM PATTERN NAME=VALUE...: the program does not start, and says why in one line that has PATTERN.
refused() {
	refused_claim=$1
	refused_pattern=$2
	shift 2
	refused_message=$(env "$@" timeout 20 "$SESAME_SOURCE/tests/web/on-a-socket" "$SESAME_SOCKET.x" "$program" 2>&1)
	refused_status=$?
	is "$refused_status" 78 "$refused_claim: the program does not start"
	like "$refused_message" "$refused_pattern" "$refused_claim: it says why"
}

stop_programs() {
	end_process "$programs_pid" TERM
	stop_result=$?
	programs_pid=''
	return $stop_result
}

# Each server has a signal of its own for an end in order.
stop_server() {
	case $server in
	lighttpd) end_process "$server_pid" INT ;;
	apache) end_process "$server_pid" WINCH ;;
	nginx) end_process "$server_pid" QUIT ;;
	esac
	stop_result=$?
	server_pid=''
	return $stop_result
}

stop() {
	stop_server && stop_programs
}

clean_up() {
	clean_status=$?
	[ -z "$server_pid" ] || end_process "$server_pid" TERM
	[ -z "$programs_pid" ] || end_process "$programs_pid" TERM
	# A sanitizer that goes on after its report would not be noticed otherwise.
	if reports=$(grep -hE -A 20 'Sanitizer|runtime error' "$work"/*.log 2>/dev/null); then
		fail "no sanitizer has anything to report"
		comment "$reports"
		clean_status=1
	fi
	rm -rf "$work"
	exit "$clean_status"
}
trap clean_up EXIT
trap 'exit 129' HUP INT TERM

# ask METHOD PATH [CURL OPTION...]: sets status, headers (CR taken off) and body. No cookies but those that the options give.
ask() {
	ask_method=$1
	ask_path=$2
	shift 2
	case $ask_method in
	HEAD) set -- --head "$@" ;;
	GET) ;;
	*) set -- -X "$ask_method" "$@" ;;
	esac
	rm -f "$work/headers" "$work/body"
	status=$(curl -sS --noproxy '*' --max-time 30 -o "$work/body" -D "$work/headers" -w '%{http_code}' "$@" "$url$ask_path")
	headers=$(tr -d '\r' <"$work/headers" 2>/dev/null)
	body=$(cat "$work/body" 2>/dev/null)
}

# visit METHOD PATH [CURL OPTION...]: as ask, like a browser: with the jar's cookies, which the answer may change.
visit() {
	visit_method=$1
	visit_path=$2
	shift 2
	[ -e "$jar" ] || : >"$jar"
	ask "$visit_method" "$visit_path" -b "$jar" -c "$jar" "$@"
}

get() {
	get_path=$1
	shift
	visit GET "$get_path" "$@"
}

# click [CURL OPTION...]: as the page's script does it.
click() {
	visit POST "$mount/click" -H 'Accept: application/json' -H 'Sec-Fetch-Site: same-origin' --data 'from=script' "$@"
}

# header NAME: the value in the last answer; a line each where there are several.
header() {
	printf '%s\n' "$headers" | sed -n "s/^$1: *//Ip"
}

# The session cookie in the jar.
cookie() {
	awk '$6 == "jp_token" { print $7 }' "$jar"
}

# Of a page or of a JSON answer.
session_id_of() {
	printf '%s\n' "$1" | grep -Eo '[0-9a-f]{32}' | head -1
}

visits_of() {
	printf '%s\n' "$1" | sed -n -E 's/.*Number of visits: *(<[^>]*>)?([0-9]+).*/\2/p; s/.*"visits": *([0-9]+).*/\1/p' | head -1
}

events_of() {
	printf '%s\n' "$1" | sed -n -E 's/.*Number of Click Events: *(<[^>]*>)?([0-9]+).*/\2/p; s/.*"events": *([0-9]+).*/\1/p' | head -1
}

#!/bin/sh
# ./run itself: serves, twice beside itself, stops in order and leaves nothing behind.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"

# start_run NAME OPTION...: starts ./run, waits until it says that it serves. Sets run_pid.
start_run() {
	run_log=$work/$1.log
	run_state=$work/$1
	shift
	rm -f "$run_log"
	"$SESAME_SOURCE/run" --build "$SESAME_BUILD" --state "$run_state" "$@" >"$run_log" 2>&1 &
	run_pid=$!
	run_started() {
		grep -qs 'Ctrl-C stops' "$run_log" || ! alive "$run_pid"
	}
	until_true 60 run_started
	alive "$run_pid" || bail_out "./run ended: $(cat "$run_log")"
}

# left_of STATE: the processes whose environment names that state folder.
left_of() {
	grep -lszFx "STATE_DIRECTORY=$1" /proc/[0-9]*/environ | while IFS=/ read -r _ _ left_pid _; do
		! alive "$left_pid" || echo "$left_pid"
	done
}

nothing_left() {
	[ -z "$(left_of "$1")" ]
}

first_port=$(free_port)
start_run first --port "$first_port" --processes 2 --threads 3
first_pid=$run_pid
first_state=$run_state
like "$(cat "$run_log")" "http://127.0.0.1:$first_port/" "./run prints the address"
url=http://127.0.0.1:$first_port
get /
is "$status" 200 "the page is there when the address is printed"
click
is "$(events_of "$body")" 1 "it works"
id=$(session_id_of "$body")
ok "the sessions are under the state folder" test -e "$first_state/sessions"
is "$(stat -c %a "$first_state")" 700 "which is its owner's alone"

second_port=$(free_port)
start_run second --port "$second_port" --store "gdbm:$work/kept"
url=http://127.0.0.1:$second_port
ask GET /
is "$status" 200 "a second one serves on another port"
ok "--store says where sessions are kept" test -e "$work/kept" -a ! -e "$run_state/sessions"
kill -HUP "$run_pid"
ok "SIGHUP stops it" until_true 20 has_ended "$run_pid"
ok "with nothing left of it" nothing_left "$run_state"

url=http://127.0.0.1:$first_port
get /
is "$status" 200 "the first goes on"
"$SESAME_SOURCE/run" --build "$SESAME_BUILD" --state "$work/third" --port "$first_port" >"$work/third.log" 2>&1
is "$?" 1 "a port that is taken is a failure"
like "$(cat "$work/third.log")" "$first_port" "which names the port"
ok "and leaves nothing" nothing_left "$work/third"

kill -TERM "$first_pid"
wait "$first_pid"
is "$?" 0 "SIGTERM stops it, with status 0"
ok "no process is left" nothing_left "$first_state"
is "$(find "$first_state" -name '*.socket' -o -name 'run.*')" "" "no socket is left"

start_run first --port "$first_port"
get /
is "$(session_id_of "$body")" "$id" "started again, the browser has its session"
kill -KILL "$run_pid"
ok "even when ./run is killed, everything ends" until_true 20 nothing_left "$first_state"

# On a terminal, whose Ctrl-C reaches every process that it has. Prints what ./run says, and its status.
on_a_terminal() {
	$python - "$@" <<-'END'
		import os, pty, sys
		pid, terminal = pty.fork()
		if pid == 0:
		    os.execv(sys.argv[1], sys.argv[1:])
		said, pressed = b"", False
		while True:
		    try:
		        said += os.read(terminal, 4096)
		    except OSError:
		        break
		    if b"Ctrl-C stops" in said and not pressed:
		        os.write(terminal, b"\x03")
		        pressed = True
		print(said.decode(), "status", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
}
said=$(on_a_terminal "$SESAME_SOURCE/run" --build "$SESAME_BUILD" --state "$work/typed" --port "$first_port" --processes 2)
like "$said" 'run: stopped' "Ctrl-C stops it"
like "$said" 'status 0$' "with status 0"
ok "and nothing is left" nothing_left "$work/typed"

start_run alone --server none --processes 2
socket=$(sed -n 's/.* socket \([^,]*\),.*/\1/p' "$run_log")
ok "--server none prints the programs' socket" test -S "$socket"
answer=$(REQUEST_METHOD=GET SCRIPT_NAME='' PATH_INFO=/ cgi-fcgi -bind -connect "$socket" 2>&1)
like "$answer" 'Number of visits: 1' "which answers FastCGI"
kill -TERM "$run_pid"
wait "$run_pid"
is "$?" 0 "it stops with status 0"
ok "no process is left of it" nothing_left "$run_state"

for name in apache nginx; do
	start_run "$name" --server "$name" --port "$second_port" --processes 2
	url=http://127.0.0.1:$second_port
	ask GET /
	is "$status $(visits_of "$body")" "200 1" "--server $name serves the page"
	kill -TERM "$run_pid"
	wait "$run_pid"
	is "$?" 0 "it stops with status 0"
	ok "no process is left of it" nothing_left "$run_state"
done

wrong=$("$SESAME_SOURCE/run" --port 70000 2>&1)
is "$?" 64 "a port out of range is refused"
like "$wrong" '1 to 65535.*70000' "naming the range and the value"
usage=$("$SESAME_SOURCE/run" --help)
is "$?" 0 "./run --help works"
for option in server store port processes threads no-serve; do
	like "$usage" "--$option" "./run --help names --$option"
done
wrong=$(SECRET_KEY=short "$SESAME_SOURCE/run" --build "$SESAME_BUILD" --state "$work/weak" --port "$second_port" 2>&1)
is "$?" 1 "settings that the program refuses end ./run"
like "$wrong" 'SECRET_KEY' "with the program's own words"
is "$(printf '%s\n' "$wrong" | grep -c .)" 2 "and nothing but them and ours"
ok "and leave nothing" nothing_left "$work/weak"

# A machine without our packages, and a user who may not install them.
mkdir "$work/bin"
printf '#!/bin/sh\nexit 1\n' >"$work/bin/dpkg-query"
printf '#!/bin/sh\necho 1000\n' >"$work/bin/id"
chmod 755 "$work/bin/dpkg-query" "$work/bin/id"
for command in run check; do
	wrong=$(PATH=$work/bin:$PATH "$SESAME_SOURCE/$command" 2>&1)
	is "$?" 1 "without packages and without root ./$command stops"
	is "$(printf '%s\n' "$wrong" | grep -c 'apt-get')" 1 "with one line that brings them"
	like "$wrong" 'apt-get install .* autoconf .*libgdbm-dev .*lighttpd' "by their names"
done

tap_done

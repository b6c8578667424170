#!/bin/sh
# A fresh Debian system in a folder, with gcc and make and nothing of ours: ./run and ./check bring what they need, or say it.

. "$SESAME_SOURCE/tests/tap.sh"
# shellcheck source=../sources.sh
. "$SESAME_SOURCE/tests/sources.sh"

[ "$(id -u)" = 0 ] || skip_all "a fresh Debian system in a folder needs root"
command -v debootstrap >/dev/null || skip_all "debootstrap is not installed"
unshare --mount --pid --fork true 2>/dev/null || skip_all "a fresh Debian system in a folder needs the right to mount"

work=$(mktemp -d "${TMPDIR:-/tmp}/sesame.XXXXXX") || bail_out "no temporary folder"
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 129' HUP INT TERM
root=$work/root

if ! debootstrap --variant=minbase --include=gcc,make bookworm "$root" >"$work/log" 2>&1; then
	comment "$(tail -5 "$work/log")"
	skip_all "debootstrap cannot make a system in a folder here"
fi

# machine COMMAND...: runs it in the fresh system. What it leaves behind, processes and mounts, is gone afterwards.
machine() {
	# shellcheck disable=SC2016
	unshare --mount --pid --fork --kill-child sh -c '
		root=$1
		shift
		mkdir -p "$root/dev/pts" && mount -t proc proc "$root/proc" && mount -t tmpfs tmpfs "$root/dev/shm" &&
			mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts" || exit 99
		[ -L "$root/dev/ptmx" ] || ln -sf pts/ptmx "$root/dev/ptmx"
		exec chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' \
		sh "$root" "$@" </dev/null
}

sources=$root/srv/sesame
copy_sources "$sources" >"$work/log" 2>&1
ok "the sources are there" test -x "$sources/run" || tap_done

machine useradd --create-home visitor
before=$(find "$sources" | sort)
for command in ./run "./run --no-serve" ./check .ci/run; do
	said=$(machine su visitor -c "cd /srv/sesame && $command" 2>&1)
	is "$?" 1 "without root, $command stops"
	is "$(printf '%s\n' "$said" | grep -c 'apt-get.* install')" 1 "with one line to run"
	like "$said" 'apt-get install .*autoconf.*lighttpd' "which names the packages"
done
is "$(find "$sources" | sort)" "$before" "and made nothing"

# in_sources COMMAND: in the machine's shell, by root.
in_sources() {
	machine sh -c "cd /srv/sesame && $1"
}

in_sources "./run --no-serve" >"$work/log" 2>&1
is "$?" 0 "./run --no-serve installs what is missing, and builds" || comment "$(tail -20 "$work/log")"
ok "the program is there" test -x "$sources/build/cgi-bin/session_test"
is "$(in_sources "./run --no-serve" 2>&1)" "" "a second one has nothing to do"

cat >"$root/tmp/serve" <<-'END'
	cd /srv/sesame || exit 1
	./run --port "$1" >/tmp/run.log 2>&1 &
	run_pid=$!
	tries=600
	until grep -q 'Ctrl-C stops' /tmp/run.log; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || break
		sleep 0.1
	done
	cat /tmp/run.log
	perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or exit 1;
		print $s "GET / HTTP/1.0\r\n\r\n";
		print <$s>' "$1"
	kill -TERM "$run_pid"
	wait "$run_pid"
	echo "status $?"
	for process in /proc/[0-9]*; do
		case $(readlink "$process/exe") in
		*session_test | *lighttpd | *spawn-fcgi) echo "left: $process" ;;
		esac
	done
END
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
said=$(machine sh /tmp/serve "$port" 2>&1)
like "$said" "http://127.0.0.1:$port/" "./run prints the address"
like "$said" 'Number of visits: 1' "the page is served"
like "$said" '^status 0' "it stops with status 0"
unlike "$said" '^left' "and leaves no process"

in_sources ./check >"$work/log" 2>&1
is "$?" 0 "./check installs the rest, builds and finds no fault" || comment "$(sed -n '/^---- /,$p' "$work/log" | head -200)"
like "$(tail -1 "$work/log")" '^[0-9]+ passed, 0 failed, [0-9]+ skipped$' "it ends with the count"
comment "$(tail -1 "$work/log")"
is "$(grep 'SKIP.*not installed' "$work/log")" "" "and nothing was missing"
tap_done

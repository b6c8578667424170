#!/bin/sh
# The kernel refuses a program one system call after the other (strace): it says so or does without, never crashes, and what it answered
# stays. The program is as it is installed: nothing in it is wrapped. SESAME_LONG: each call that it makes, with each error.

. "${SESAME_SOURCE:-.}/tests/tap.sh"

tool=${SESAME_BUILD:-.}/tests/store/store_tool
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
store=$folder/sessions
calls="openat read pread64 pwrite64 lseek fstat newfstatat fallocate ftruncate fdatasync fsync renameat unlinkat mmap memfd_create fcntl
	copy_file_range sendfile flock getdents64 madvise"
errors="ENOSPC EIO EDQUOT EROFS EMFILE EINTR ENOMEM"

command -v strace >/dev/null 2>&1 || skip_all "strace"
case $SESAME_SANITIZERS in
no | "") ;;
*) skip_all "a build without sanitizers" ;;
esac
strace -o /dev/null true 2>/dev/null || skip_all "the right to trace"

"$tool" "gdbm:$folder/template" fill 1 20 >/dev/null
"$tool" --brief "gdbm:$folder/template" fill 21 40 >/dev/null

# A store as a power cut leaves it, so that opening it puts it in order.
fresh() {
	rm -rf "$store"
	cp -rp "$folder/template" "$store"
	rm -f "$store"/control "$store"/hot.*
}

# made CALL HOW: how often the program makes a call; HOW is "--brief" or nothing. The loader's own come first.
made() {
	fresh
	# shellcheck disable=SC2086
	strace -f -qq -e trace="$1" -o "$folder/trace" "$tool" $2 --always "gdbm:$store" create x n=1 >/dev/null 2>&1
	grep -c "$1(" "$folder/trace"
}

# loaded CALL: how many of them are the loader's.
loaded() {
	strace -f -qq -e trace="$1" -o "$folder/trace" "$tool" >/dev/null 2>&1
	grep -c "$1(" "$folder/trace"
}

complain() {
	comment "$1"
	wrong=$((wrong + 1))
}

# refuse CALL N ERROR HOW: lets the Nth fail, and looks at the store afterwards.
refuse() {
	fresh
	# shellcheck disable=SC2086
	said=$(strace -f -qq -o /dev/null -e trace="$1" -e inject="$1:error=$3:when=$2" "$tool" $4 --always "gdbm:$store" create x n=1 2>&1)
	status=$?
	there=$("$tool" "gdbm:$store" count 2>&1)
	tried=$((tried + 1))
	[ "$status" -le 1 ] || complain "$1 $2 $3 $4: exit status $status ($said)"
	case $said:$there in
	"ok:41 41") ;;
	ok:*) complain "$1 $2 $3 $4: answered ok, and there is $there" ;;
	*":40 40" | *":41 41") told=$((told + 1)) ;;
	*) complain "$1 $2 $3 $4: answered $said, and there is $there" ;;
	esac
}

tried=0
told=0
wrong=0
day=$(($(date +%s) / 86400))
for call in $calls; do
	before=$(loaded "$call")
	for how in --brief ""; do
		all=$(made "$call" "$how")
		n=$((before + 1))
		step=1
		if [ -z "$SESAME_LONG" ]; then
			step=$((all - before + 1))
			n=$((n + day % step))
		fi
		while [ "$n" -le "$all" ]; do
			# shellcheck disable=SC2086
			set -- $errors
			if [ -z "$SESAME_LONG" ]; then
				shift $(((n + day) % 7))
				set -- "$1"
			fi
			for error; do
				refuse "$call" "$n" "$error" "$how"
			done
			n=$((n + step))
		done
	done
done
comment "$tried calls refused, $told times the caller was told"
is "$wrong" 0 "whichever call the kernel refuses, the program ends in order and what it answered is there"
ok "and some refusals are told" test "$told" -gt 0
tap_done

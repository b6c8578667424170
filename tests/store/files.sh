#!/bin/sh
# What stands in the place of the store's files is looked at before it is trusted, and the refusal says what to do.

. "${SESAME_SOURCE:-.}/tests/tap.sh"

tool=${SESAME_BUILD:-.}/tests/store/store_tool
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
store=$folder/sessions

# refused WORDS CLAIM: the store does not open, and the message has these words.
refused() {
	said=$("$tool" "gdbm:$store" count 2>&1)
	status=$?
	case $status:$said in
	1:*"$1"*) pass "$2" ;;
	*)
		fail "$2"
		comment "status $status: $said"
		;;
	esac
}

fresh() {
	chmod -R u+rwX "$store" 2>/dev/null
	rm -rf "$store"
	"$tool" "gdbm:$store" create a n=1 >/dev/null
	file=$(basename "$(ls "$store"/*.gdbm)")
}

fresh
is "$("$tool" "gdbm:$store" get a n)" 1 "a store is opened again"
is "$(stat -c %a "$store")" 700 "its folder is closed to others"
is "$(find "$store" -type f ! -perm 600)" "" "and so is every file in it"

chmod 0777 "$store"
refused "chmod go-w" "a folder that others can write to is refused"
fresh
chmod 0644 "$store/$file"
refused "chmod 0600" "a file that others can read is refused"
fresh
mv "$store/$file" "$store/elsewhere"
ln -s elsewhere "$store/$file"
refused "symbolic link" "a symbolic link in the place of a file is refused"
fresh
ln "$store/$file" "$store/second"
refused "hard link" "a file with a second name is refused"
fresh
rm "$store/$file"
mkfifo -m 600 "$store/$file"
refused "not a regular file" "a fifo in the place of a file is refused, without waiting for it"
fresh
rm "$store/store"
mkdir "$store/store"
refused "not a regular file" "a folder in the place of a file is refused"
fresh
mv "$store" "$folder/real"
ln -s real "$store"
refused "not a link" "a link in the place of the folder is refused"
rm "$store"
mv "$folder/real" "$store"
rm -rf "$store"
: >"$store"
refused "folder" "a file in the place of the folder is refused"
rm "$store"

fresh
printf 'x' | dd of="$store/store" bs=1 seek=0 conv=notrunc 2>/dev/null
refused "is not a store's" "a file 'store' of something else is refused"
fresh
printf '\001\002\003\004' | dd of="$store/store" bs=1 seek=16 conv=notrunc 2>/dev/null
refused "byte order" "a store of another byte order is refused"
fresh
printf '\002' | dd of="$store/store" bs=1 seek=20 conv=notrunc 2>/dev/null
refused "version" "a store of another version is refused"
fresh
printf '\377' | dd of="$store/store" bs=1 seek=34 conv=notrunc 2>/dev/null
refused "damaged" "a damaged file 'store' is refused"

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
	chmod 0711 "$folder"
	fresh
	said=$($as_nobody "$tool" "gdbm:$store" count 2>&1)
	case $said in
	*denied* | *"belongs to"*) pass "another user's store is refused" ;;
	*) fail "another user's store is refused" && comment "$said" ;;
	esac
	rm -rf "$store"
	mkdir -m 700 "$store"
	chown 65534:65534 "$store"
	$as_nobody "$tool" "gdbm:$store" create service n=1 >/dev/null
	is "$("$tool" "gdbm:$store" get service n)" 1 "root reads the service's store"
	"$tool" "gdbm:$store" fill 1 300 >/dev/null
	is "$(find "$store" ! -user 65534)" "" "what root makes there is the service's"
	is "$($as_nobody "$tool" "gdbm:$store" get 7 n)" 1 "and the service reads it"
	chown 0 "$store/store"
	refused "another user" "a file of another user in a folder is refused"
	rm -rf "$store"
	mkdir -m 500 "$store"
	chown 65534:65534 "$store"
	said=$($as_nobody "$tool" "gdbm:$store" create a n=1 2>&1)
	case $said in
	*denied*) pass "a folder that cannot be written is a clear message" ;;
	*) fail "a folder that cannot be written is a clear message" && comment "$said" ;;
	esac
else
	skip "another user's store is refused" "root"
fi

tap_done

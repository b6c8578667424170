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

# As the programs of a web server leave it: nothing merged yet.
joined() {
	fresh
	"$tool" --brief "gdbm:$store" change a n=1 >/dev/null
}

# put_wrong NAME FAULT: makes the file what it must not be.
put_wrong() {
	case $2 in
	mode) chmod 0644 "$store/$1" ;;
	symlink) mv "$store/$1" "$store/elsewhere" && ln -s elsewhere "$store/$1" ;;
	dangling) rm "$store/$1" && ln -s "$folder/nowhere" "$store/$1" ;;
	hardlink) ln "$store/$1" "$store/second" ;;
	fifo) rm "$store/$1" && mkfifo -m 600 "$store/$1" ;;
	folder) rm "$store/$1" && mkdir -m 700 "$store/$1" ;;
	owner) chown 65533 "$store/$1" ;;
	esac
}

words_of() {
	case $1 in
	mode) echo "is open to others: chmod 0600 it" ;;
	symlink | dangling) echo "is a symbolic link: move it away" ;;
	hardlink) echo "has a second name (a hard link): remove the other name" ;;
	fifo | folder) echo "is not a regular file: move it away" ;;
	owner) echo "belongs to another user than its folder: chown it" ;;
	esac
}

joined
faults="mode symlink dangling hardlink fifo folder"
[ "$(id -u)" != 0 ] || faults="$faults owner"
for name in $(find "$store" -type f | sed 's,.*/,,; s/^[0-9][0-9]\.gdbm$/NN.gdbm/' | sort -u); do
	for fault in $faults; do
		joined
		[ "$name" != NN.gdbm ] || name=$file
		put_wrong "$name" "$fault"
		refused "$store/$name $(words_of "$fault")" "$name: a wrong $fault is refused"
	done
done
is "$(ls "$folder")" sessions "nothing was made at the end of a link"
joined
chmod 0644 "$store/$file"
ok "a file that nobody asks for may be anything" touch "$store/notes"
chmod 0600 "$store/$file"
is "$("$tool" "gdbm:$store" get a n)" 2 "put right, the store opens again, and nothing is lost"

for mode in 0777 0773 0757 0702; do
	fresh
	mkdir -p "$folder/above/between"
	mv "$store" "$folder/above/between/"
	chmod $mode "$folder/above"
	store=$folder/above/between/sessions
	refused "who could exchange what is in it: chmod o-w it" "a folder below one that everybody can write to (mode $mode) is refused"
	chmod 1777 "$folder/above"
	is "$("$tool" "gdbm:$store" get a n)" 1 "with the sticky bit nobody can exchange it"
	store=$folder/sessions
	rm -rf "$folder/above"
done

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

# poke AT OCTETS: into the identity and its copy.
poke() {
	for name in store store.copy; do
		# shellcheck disable=SC2059
		printf "$2" | dd of="$store/$name" bs=1 seek="$1" conv=notrunc 2>/dev/null
	done
}

fresh
poke 0 'x'
refused "is not a store's" "a file 'store' of something else is refused"
fresh
poke 16 '\001\002\003\004'
refused "byte order: carry the sessions over" "a store of another byte order is refused"
fresh
poke 20 '\002'
refused "of version 2" "a store of another version is refused"
fresh
poke 24 '\040'
refused "32 shards" "a store with another number of shards is refused"
fresh
poke 34 '\377'
refused "damaged: restore it from a backup" "a store whose seed and its copy are damaged is refused"
is "$(find "$store" -name '*.new' -o -name '*.damaged')" "" "and nothing in it was touched"

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

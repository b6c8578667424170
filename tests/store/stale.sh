#!/bin/sh
# What is valid for one boot and one place is not trusted at another: the control file of an earlier boot, mapped files without one, a
# copied folder. And nothing of it is left after an orderly stop.

. "${SESAME_SOURCE:-.}/tests/tap.sh"

tool=${SESAME_BUILD:-.}/tests/store/store_tool
folder=$(mktemp -d) || bail_out "no temporary folder"
trap 'rm -rf "$folder"' EXIT
store=$folder/sessions

synced() {
	"$tool" --brief --always "gdbm:$store" "$@"
}

# Where the id of the boot stands in the control file.
boot_at=24

synced create a n=1 >/dev/null
"$tool" "gdbm:$store" die >/dev/null 2>&1
is "$("$tool" --brief "gdbm:$store" get x n)" 1 "what a killed process changed is there, although it was not synced"

# The same files after a reboot: the locks are of processes that are gone, and the mapped part may be of any age.
is "$(dd if="$store/control" bs=1 skip=$boot_at count=36 2>/dev/null)" "$(cat /proc/sys/kernel/random/boot_id)" \
	"the control file names the boot"
synced change a n=1 >/dev/null
before=$(stat -c %i "$store/control")
for hot in "$store"/hot.*; do
	dd if=/dev/urandom of="$hot" bs=4096 seek=1 count=64 conv=notrunc 2>/dev/null
done
printf '00000000-0000-4000-8000-000000000000' | dd of="$store/control" bs=1 seek=$boot_at conv=notrunc 2>/dev/null
is "$(synced get a n)" 2 "of another boot, neither it nor the mapped files are trusted: the journal tells"
ok "the control file was made anew" test "$(stat -c %i "$store/control")" != "$before"
is "$(synced change a n=1)" ok "and all goes on"

# Mapped files that no control file leads to.
cp "$(find "$store" -name 'hot.*' | head -n 1)" "$folder/old"
rm -f "$store/control"
for number in 00000001 00000002 00000003 00000007 00000063; do
	cp "$folder/old" "$store/hot.$number"
	chmod 600 "$store/hot.$number"
done
is "$(synced get a n)" 3 "mapped files without a control file are of no meaning"
ok "and are gone" test ! -e "$store/hot.00000063"

# A copy has another inode, and goes its own way.
cp -rp "$store" "$folder/copy"
is "$("$tool" --brief --always "gdbm:$folder/copy" change a n=10)/$("$tool" --brief "gdbm:$folder/copy" get a n)" ok/13 \
	"a copied folder opens as a store of its own"
is "$(synced get a n)" 3 "and the original does not notice"

umask 077
touch "$store/journal.new" "$store/17.gdbm.new" "$store/control.new"
is "$("$tool" "gdbm:$store" get a n)" 3 "a long-running program comes and goes"
is "$(find "$store" -type f ! -name store ! -name store.copy ! -name '??.gdbm')" "" "and leaves nothing that was begun or mapped"
tap_done

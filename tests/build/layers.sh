#!/bin/sh
# The drawing in doc/design.md: cgi-bin and sbin use lib, lib uses store, and never back; each foreign library is called from one file.

. "$SESAME_SOURCE/tests/tap.sh"
cd "$SESAME_SOURCE" || bail_out "no sources"

# includes_of FOLDER: "file: header" for each include of ours there, as it is found from the top of the sources.
includes_of() {
	find "$1" -name '*.[ch]' | sort | while read -r file; do
		sed -n 's/^#[[:space:]]*include[[:space:]]*[<"]\([^>"]*\)[>"].*/\1/p' "$file" | while read -r header; do
			for place in "$header" "$(dirname "$file")/$header" "lib/$header"; do
				if [ -e "$place" ]; then
					echo "$file: $place"
					break
				fi
			done
		done
	done
}

# only FOLDER PATTERN CLAIM: every include of ours there matches the pattern.
only() {
	[ -d "$1" ] || return 0
	others=$(includes_of "$1" | grep -Ev ": ($2)\$")
	is "$others" "" "$3"
}

only store 'store/.*' "store/ includes nothing but store/"
only lib '(lib|store)/.*' "lib/ includes nothing but lib/ and store/"
only cgi-bin '(cgi-bin/.*|lib/sesame(-fcgi)?\.h)' "cgi-bin/ includes nothing but the public headers"
only sbin '(sbin/.*|lib/.*|store/store\.h|store/record\.h)' "sbin/ includes nothing but lib/ and the store's contract"

# libsesame is what lib/local.mk builds; the accept loop is a library over it.
core=$(sed -n 's,^[[:space:]]*\(lib/[a-z_]*\.[ch]\).*,\1,p' lib/local.mk | grep -v '^lib/sesame-fcgi\.h$')
ok "lib/local.mk names the sources of libsesame" test -n "$core"
# shellcheck disable=SC2086
is "$(grep -lE '^#.*include.*["</](sesame-fcgi|http[a-z_]*|serve[a-z_]*|watchdog|fcgi[a-z_]*)\.h' $core)" "" \
	"libsesame includes nothing of the accept loop or libfcgi"

# one_file LIBRARY HEADERS FILE: no other file includes these.
one_file() {
	is "$(find cgi-bin sbin lib store -name '*.[ch]' 2>/dev/null | sort | xargs grep -lE "^#.*include.*[<\"]($2)[>\"]")" "$3" \
		"$1 is called from one file, $3"
}

one_file libgcrypt 'gcrypt\.h' lib/crypto.c
one_file libcrypt 'crypt\.h' cgi-bin/password.c
one_file libfcgi 'fcgi(app|os|misc|_stdio|_config)\.h|fastcgi\.h' lib/serve_fcgi.c
one_file libseccomp 'seccomp\.h' lib/serve_seccomp.c
one_file GDBM 'gdbm\.h' store/gdbm/base.c
one_file xxHash 'xxhash\.h' store/record.c
tap_done

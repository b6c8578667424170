#!/bin/sh
# What the libraries export is what their headers declare.

. "$SESAME_SOURCE/tests/tap.sh"
cd "$SESAME_SOURCE/lib" || bail_out "no sources"

# declared HEADER PREFIX: the functions that it declares.
declared() {
	${CC:-cc} -I. -E -P "$1" | grep -oE "\\b($2)_[a-z_]+ *\\(" | tr -d ' (' | sort -u
}

# exported MAP
exported() {
	sed -n 's/^[[:space:]]*\([a-z_]*\);.*/\1/p' "$1" | sort -u
}

is "$(exported libsesame.map)" "$(declared sesame.h sess | grep -vx sess_prepare)" "libsesame.map lists the functions of sesame.h"
is "$(exported libsesame-fcgi.map)" "$({
	declared sesame-fcgi.h http
	echo sess_serve
} | grep -vx http_handler | sort -u)" "libsesame-fcgi.map lists the functions of sesame-fcgi.h"
tap_done

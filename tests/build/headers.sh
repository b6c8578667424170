#!/bin/sh
# Each header compiles alone, and the public ones in C99 and C++ as well.

. "$SESAME_SOURCE/tests/tap.sh"
cd "$SESAME_SOURCE" || bail_out "no sources"

common="-fsyntax-only -I. -Ilib -Wall -Wextra -Werror"

for header in $(find cgi-bin sbin lib store bench tests -name '*.h' | sort); do
	# shellcheck disable=SC2086
	ok "$header compiles alone" ${CC:-cc} -std=gnu17 -D_GNU_SOURCE $common -x c "$header"
done

for header in lib/sesame.h lib/sesame-fcgi.h; do
	# shellcheck disable=SC2086
	ok "$header compiles as plain C99" ${CC:-cc} -std=c99 -pedantic-errors $common -x c "$header"
	for compiler in g++ clang++; do
		if command -v $compiler >/dev/null; then
			# shellcheck disable=SC2086
			ok "$header compiles as C++ ($compiler)" $compiler -std=c++17 -pedantic-errors $common -x c++ "$header"
		else
			skip "$header compiles as C++ ($compiler)" "$compiler is not installed"
		fi
	done
done
tap_done

#!/bin/sh
# gcc and clang have nothing to warn of in any source.

. "$SESAME_SOURCE/tests/tap.sh"
cd "$SESAME_SOURCE" || bail_out "no sources"

objects=$(mktemp -d) || bail_out "no temporary folder"
trap 'rm -rf "$objects"' EXIT

flags="-std=gnu17 -D_GNU_SOURCE -DHAVE_GDBM=1 -I. -Ilib -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wvla -Werror"
sources=$(find cgi-bin sbin lib store bench tests examples -name '*.c' 2>/dev/null | sort)

# compile CLAIM COMPILER OPTION...: all sources, as many at once as there are processors.
compile() {
	claim=$1
	shift
	# shellcheck disable=SC2016,SC2086
	if printf '%s\n' $sources | xargs -P "$(nproc)" -I '{}' sh -c '"$@" -o "$0/$(echo "{}" | tr / _).o" "{}"' "$objects" \
		"$@" $flags '-DLOCALSTATEDIR="/var"' >"$objects/log" 2>&1; then
		pass "$claim"
	else
		fail "$claim"
		comment "$(grep -E 'warning|error' "$objects/log" | head -20)"
	fi
}

# Some warnings come from what the optimiser finds out, so gcc compiles in earnest.
compile "gcc has nothing to warn of" gcc -O2 -c
if command -v clang >/dev/null; then
	compile "clang has nothing to warn of" clang -fsyntax-only
else
	skip "clang has nothing to warn of" "clang is not installed"
fi
tap_done

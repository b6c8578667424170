#!/bin/sh
# The manual's pages are well-formed, and each is named after what it describes.

. "$SESAME_SOURCE/tests/tap.sh"
cd "$SESAME_SOURCE/man" || bail_out "no manual"
command -v mandoc >/dev/null || skip_all "mandoc is not installed"

for page in *.[1-9]; do
	is "$(mandoc -Tlint -W style "$page" 2>&1)" "" "$page is free of complaints"
	like "$(cat "$page")" "^\\.Dt $(printf '%s' "${page%.*}" | tr '[:lower:]' '[:upper:]') ${page##*.}\$" "$page says its name"
done

# sesame.conf(5) and the settings that the library knows are the same.
table=$(sed -n 's/^[[:space:]]*\[CONFIG_[A-Z_]*\].*{ *"\([A-Z_]*\)".*/\1/p; s/^[[:space:]]*{ *"\([A-Z][A-Z_]*\)".*/\1/p' ../lib/config.c |
	sort -u)
documented=$(sed -n 's/^\.It Ev \([A-Z_]*\).*/\1/p' sesame.conf.5 | sort -u)
ok "the library's settings were found" test -n "$table"
is "$documented" "$table" "sesame.conf(5) has every setting of the library, and no other"

# The pages of functions and the headers say the same; each page has an example, and it compiles.
cd .. || bail_out "no sources"
work=$(mktemp -d) || bail_out "no temporary folder"
trap 'rm -rf "$work"' EXIT
is "$(/usr/bin/python3 tests/build/man.py "$work" 2>&1)" "" "every function has its page, with the header's words"
for example in "$work"/*.c; do
	ok "the example of $(basename "$example" | sed 's/\..*//')(3) compiles" "${CC:-cc}" \
		-std=c99 -D_GNU_SOURCE -fsyntax-only -Wall -Wextra -Werror -Ilib \
		"$example"
done
tap_done

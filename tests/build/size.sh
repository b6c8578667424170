#!/bin/sh
# Files stay below 800 lines, functions below 60, lines below 140 columns.

. "$SESAME_SOURCE/tests/tap.sh"
cd "$SESAME_SOURCE" || bail_out "no sources"

sources=$(find cgi-bin sbin lib store bench tests -name '*.[ch]' 2>/dev/null | sort)

# shellcheck disable=SC2086
is "$(wc -l $sources | awk '$2 != "total" && $1 >= 800 { print $2, $1 }')" "" "no file has 800 lines"

# shellcheck disable=SC2086
lengths=$(awk '
	FNR == 1 { begin = 0 }
	/^[A-Za-z_].*\)/ && !/;$/ { name = $0 }
	/^{/ { begin = FNR }
	/^}/ && begin { if (name != "") print FNR - begin - 1, FILENAME ": " name; begin = 0; name = "" }' $sources | sort -n)
is "$(printf '%s\n' "$lengths" | awk '$1 > 60')" "" "no function has more than 60 lines"
median=$(printf '%s\n' "$lengths" | awk '{ length_of[NR] = $1 } END { print length_of[int((NR + 1) / 2)] }')
comment "$(printf '%s\n' "$lengths" | wc -l) functions, median $median lines"
ok "the median function is shorter than 20 lines" test "$median" -lt 20

# Tabs count to the next multiple of eight.
wide=$(for file in $sources run check $(find scripts deploy tests -name '*.sh'); do
	expand "$file" | awk -v file="$file" 'length($0) > 140 { print file ":" FNR }'
done)
comment "$(printf '%s\n' "$wide" | grep -c .) lines are wider"
is "$(printf '%s\n' "$wide" | head -5)" "" "no line is wider than 140 columns"
tap_done

#!/bin/sh
# Every script is clean by shellcheck; every helper in Python compiles.

. "$SESAME_SOURCE/tests/tap.sh"
cd "$SESAME_SOURCE" || bail_out "no sources"
command -v shellcheck >/dev/null || skip_all "shellcheck is not installed"

folders="scripts deploy tests bench examples .ci"
scripts=$({
	echo run
	echo check
	echo tests/environment
	# shellcheck disable=SC2086
	find $folders -type f 2>/dev/null | while read -r file; do
		case $file in
		*.sh) echo "$file" ;;
		*) ! head -n 1 "$file" | grep -aEq '^#!/bin/(ba)?sh' || echo "$file" ;;
		esac
	done
} | sort -u)
for script in $scripts; do
	shell="sh"
	! head -n 1 "$script" | grep -q bash || shell=bash
	ok "$script is clean" shellcheck -x -s $shell "$script"
done

# shellcheck disable=SC2086
for helper in $(find $folders -name '*.py' 2>/dev/null | sort); do
	ok "$helper compiles" /usr/bin/python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$helper"
done
tap_done

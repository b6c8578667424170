#!/bin/sh
# The tools that look at sources find nothing: clang-format, codespell, cppcheck, clang-tidy (.clang-tidy says for what).

. "$SESAME_SOURCE/tests/tap.sh"
cd "$SESAME_SOURCE" || bail_out "no sources"

log=$(mktemp) || bail_out "no temporary file"
trap 'rm -f "$log"' EXIT
all=$(find cgi-bin sbin lib store bench tests examples -name '*.[ch]' 2>/dev/null | sort)
core=$(find cgi-bin sbin lib store -name '*.c' | sort)

# clean TOOL COMMAND...: it ends well, and what it prints is nothing.
clean() {
	tool=$1
	shift
	if ! command -v "$tool" >/dev/null; then
		skip "$tool finds nothing" "$tool is not installed"
	elif "$@" >"$log" 2>&1 && ! grep -E '(warning|error|performance|portability):' "$log"; then
		pass "$tool finds nothing"
	else
		fail "$tool finds nothing"
		comment "$(grep -vE '^[0-9]+ warnings? |^Suppressed |^Use -header' "$log" | head -60)"
	fi
}

# shellcheck disable=SC2086
clean clang-format clang-format --dry-run $all

# nd is a macro of mdoc, fo a message in the test vectors of RFC 4648.
texts=$(find . \( -name .git -o -name 'build*' -o -name var -o -name autom4te.cache \) -prune -o -type f \
	\( -name '*.[ch1358]' -o -name '*.md' -o -name '*.sh' -o -name '*.py' -o -name '*.mk' -o -name '*.conf' -o -name '*.bash' \) -print)
# shellcheck disable=SC2086
clean codespell codespell --ignore-words-list=nd,fo $texts NEWS run check configure.ac Makefile.am

clean cppcheck cppcheck -q -j"$(nproc)" --std=c17 --enable=warning,portability,performance --inline-suppr \
	--suppress=missingIncludeSystem -D_GNU_SOURCE -DHAVE_GDBM=1 '-DLOCALSTATEDIR="/var"' -I. -Ilib --error-exitcode=1 \
	cgi-bin sbin lib store

# tidy_all [CHECKS]: as many files at once as there are processors.
tidy_all() {
	# shellcheck disable=SC2016,SC2086
	printf '%s\n' $core | xargs -P "$(nproc)" -n 4 sh -c 'checks=$1
		shift
		clang-tidy --quiet ${checks:+--checks="$checks"} "$@" \
			-- -std=gnu17 -D_GNU_SOURCE -DHAVE_GDBM=1 "-DLOCALSTATEDIR=\"/var\"" -I. -Ilib' \
		sh "$1"
}
if [ -n "$SESAME_LONG" ]; then
	clean clang-tidy tidy_all ''
else
	clean clang-tidy tidy_all '-clang-analyzer-*'
fi
tap_done

#!/bin/sh
# doc/sandbox.md names every system call that a program may make, and no other, and how many they are.

. "$SESAME_SOURCE/tests/tap.sh"
cd "$SESAME_SOURCE" || bail_out "no sources"

# calls_of ARRAY: the calls in this array of the source.
calls_of() {
	sed -n "/^static const int $1\[\]/,/^};/p" lib/serve_seccomp.c | grep -o 'SCMP_SYS([a-z0-9_]*)' | sed 's/.*(\(.*\))/\1/' | sort
}

# told_between BEGIN END: the words of the indented lines there.
told_between() {
	sed -n "/$1/,/$2/s/^    //p" doc/sandbox.md | tr ' ' '\n' | sort
}

whole=$(calls_of serve_seccomp_calls)
part=$(sed -n \
	'/^static bool serve_seccomp_add_bounded/,/^}/s/.*SCMP_ACT_ALLOW, SCMP_SYS(\([a-z0-9_]*\)).*/\1/p' lib/serve_seccomp.c | sort -u)
ok "the source has lists" test -n "$whole" -a -n "$part"
is "$(told_between 'Taken whole' 'In part')" "$whole" "the calls that are taken whole are documented"
# shellcheck disable=SC2016
is "$(sed -n '/^In part/,/^That makes/s/^| \(`.*`\) |.*/\1/p' doc/sandbox.md | tr -d '`' | tr ' ' '\n' | sort)" "$part" \
	"and those that are taken in part"
is "$(told_between 'That makes' 'Two that')" "$(calls_of serve_seccomp_network_calls)" "and those of a store elsewhere"
is "$(sed -n 's/^That makes \([0-9]*\) .*/\1/p' doc/sandbox.md)" "$(printf '%s\n%s\n' "$whole" "$part" | wc -l)" "and their number"
tap_done

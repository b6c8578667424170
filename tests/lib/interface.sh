#!/bin/sh
# sesame.h is the interface: it says what the shared library exports, and a program needs nothing else.
. "$SESAME_SOURCE/tests/tap.sh"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/program.c" <<'END'
#include <sesame.h>
#include <sesame.h>

int main(int argc, char **argv)
{
	struct sess_manager *m;
	struct sess_why why;
	char head[SESS_HEAD_SIZE];
	struct sess *s;
	int status = sess_manager_open(&m, 0, &why);

	(void)argc;
	if (status != SESS_OK)
		return status;
	s = sess_begin(m, argv);
	sess_add(s, "visits", 1);
	sess_setf(s, "text", "%d", 1);
	status = sess_commit(s, head, sizeof(head));
	sess_end(s);
	sess_manager_close(m);
	return status;
}
END

sed 's,/\*.*\*/,,; /^ \*/d; /^typedef/d' "$SESAME_SOURCE/lib/sesame.h" | grep -o '\<sess_[a-z_]*(' | tr -d '(' | sort -u >"$folder/declared"

library=$SESAME_BUILD/lib/.libs/libsesame.so
if [ -e "$library" ]; then
	nm -D --defined-only "$library" | sed -n 's/.* T \([^@]*\).*/\1/p' | sort >"$folder/exported"
	is "$(cat "$folder/exported")" "$(cat "$folder/declared")" "the library exports what sesame.h declares, and nothing else"
	is "$(objdump -p "$library" | grep -c 'NEEDED.*fcgi')" 0 "the library needs no libfcgi"
	if [ "$SESAME_SANITIZERS" = no ]; then
		# shellcheck disable=SC2086
		ok "a program links with -lsesame alone" ${CC:-cc} -I"$SESAME_SOURCE/lib" "$folder/program.c" -o "$folder/program" \
			-L"$SESAME_BUILD/lib/.libs" -lsesame -Wl,-rpath,"$SESAME_BUILD/lib/.libs"
		ok "and runs" env SECRET_KEY='a secret of this test, long enough' SESSION_STORE=memory: SECRET_KEY_FILE=/nowhere/key \
			"$folder/program"
	fi
else
	skip "the library exports what sesame.h declares" "a shared library in this build"
fi
tap_done

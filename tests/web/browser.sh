#!/bin/sh
# The page in a real browser: browser.py says what it sees, we start the server again where it wishes.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"

for needed in chromium chromedriver; do
	command -v $needed >/dev/null || skip_all "$needed is not installed"
done
start

# It sends us SIGUSR1 when it wishes that the server is started again, and looks for the file that we then make.
wished=''
trap 'wished=yes' USR1
$python -B "$SESAME_SOURCE/tests/web/browser.py" "$url/" "$work" &
browser_pid=$!
while alive "$browser_pid"; do
	wait "$browser_pid"
	result=$?
	if [ -n "$wished" ]; then
		wished=''
		stop
		same_port=$port
		start
		: >"$work/granted"
	fi
done
exit "$result"

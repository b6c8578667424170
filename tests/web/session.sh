#!/bin/sh
# A visitor of session_test behind lighttpd. tests/web/servers.sh has the same for the others.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"
# shellcheck source=visitor.sh
. "$SESAME_SOURCE/tests/web/visitor.sh"
start
visitor
ok "programs and server end in order" stop
tap_done

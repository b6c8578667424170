#!/bin/sh
# A Python program beside ours: itsdangerous checks our cookies, and we take those that it signs, in both formats.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/web/lib.sh"

$python -c 'import itsdangerous' 2>/dev/null || skip_all "python3-itsdangerous is not installed"
SECRET_KEY=$(openssl rand -hex 32)
export SECRET_KEY

# python_checks COOKIE: prints the id if itsdangerous accepts it.
python_checks() {
	$python - "$COOKIE_FORMAT" "$1" <<-'END'
		import hashlib, os, sys
		from itsdangerous import Signer, TimestampSigner
		secret = os.environ["SECRET_KEY"]
		timestamped = TimestampSigner(secret, salt="sesame.session.jp_token", key_derivation="hmac", digest_method=hashlib.sha256)
		signer = timestamped if sys.argv[1] == "timestamped" else Signer(secret)
		print(signer.unsign(sys.argv[2]).decode())
	END
}

# python_signs ID
python_signs() {
	$python - "$COOKIE_FORMAT" "$1" <<-'END'
		import hashlib, os, sys
		from itsdangerous import Signer, TimestampSigner
		secret = os.environ["SECRET_KEY"]
		timestamped = TimestampSigner(secret, salt="sesame.session.jp_token", key_derivation="hmac", digest_method=hashlib.sha256)
		signer = timestamped if sys.argv[1] == "timestamped" else Signer(secret)
		print(signer.sign(sys.argv[2]).decode())
	END
}

for COOKIE_FORMAT in timestamped justpy; do
	export COOKIE_FORMAT
	: >"$jar"
	start
	get /
	id=$(session_id_of "$body")
	is "$(python_checks "$(cookie)")" "$id" "$COOKIE_FORMAT: itsdangerous takes our cookie, and has our id"
	ask GET / -b "jp_token=$(python_signs "$id")"
	is "$(session_id_of "$body")/$(visits_of "$body")" "$id/2" "$COOKIE_FORMAT: we take what itsdangerous signs for that id"
	ask GET / -b "jp_token=$(python_signs admin)"
	is "$status" 400 "$COOKIE_FORMAT: a well signed text that is no session id is a bad cookie"
	foreign=$($python -c 'import uuid; print(uuid.uuid4().hex)')
	ask GET / -b "jp_token=$(python_signs "$foreign")"
	if [ "$COOKIE_FORMAT" = justpy ]; then
		is "$(session_id_of "$body")" "$foreign" "justpy: an id that the other program made is taken as it is"
	else
		ok "timestamped: an id that we never stored gets a fresh one" test "$(session_id_of "$body")" != "$foreign"
		is "$status" 200 "timestamped: and is served"
	fi
	stop
done
tap_done

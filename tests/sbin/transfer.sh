#!/bin/sh
# sesamectl: export and import. What was exported is stored again exactly, whatever octets are in it.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/sbin/lib.sh"

all=$(/usr/bin/python3 -c 'print("".join("%02x" % i for i in range(256)))')
long=$(/usr/bin/python3 -c 'print("x" * 60000)')
cookie=$("$tool" login alice "her telephone" n=-9223372036854775808 m=9223372036854775807 zero=0 'empty:' 'quotes:"\/' "octets%$all" \
	"utf8:Ω≈ç√🙂" "$(printf 'na\377me')=3" "$(printf 'a"\001b')=4")
ok "there is a session with all octets" test -n "$cookie" || tap_done
"$tool" begin "long:$long" >/dev/null
for i in 1 2 3 4 5 6 7 8; do
	"$tool" begin "n=$i" "text:number $i" >/dev/null
done
ended=$("$tool" begin n=9)

run export
is "$status:$told" "0:" "export ends well"
cp "$work/said" "$work/first"
is "$(head -1 "$work/first")" '{"format":"sesame-export","version":1}' "its first line names the form"
is "$(wc -l <"$work/first")" 13 "each record is a line, those of the library as well"
ok "each of them is JSON" /usr/bin/python3 -c 'import json, sys; [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]' \
	"$work/first"
ok "the octets can be read" /usr/bin/python3 -c 'import base64, json, sys
fields = {}
for line in open(sys.argv[1], encoding="utf-8"):
    for field in json.loads(line).get("fields", []):
        fields[field.get("name", "?")] = field
assert base64.urlsafe_b64decode(fields["octets"]["base64"] + "==") == bytes(range(256)), fields["octets"]
assert fields["utf8"]["text"] == "Ω≈ç√🙂" and fields["n"]["integer"] is not None and fields["quotes"]["text"] == "\"\\/"
assert base64.urlsafe_b64decode(fields["?"]["name_base64"] + "==") == b"na\xffme"' "$work/first"
unlike "$(cat "$work/first")" "$(printf '%s' "$cookie" | cut -c1-32)" "an id is not in it"

run import "$work/first"
like "$status:$said" "^0:records stored +0\$" "what is there already stays as it is"
like "$said" "^there already +12\$" "and is counted"

# Into another, empty store; the same keys open the same sessions.
cp -p "$STATE_DIRECTORY/secret.key" "$work/secret.key"
mkdir -m 0700 "$work/other"
cp -p "$work/secret.key" "$work/other/"
STATE_DIRECTORY=$work/other
"$tool" ask "$cookie" >/dev/null
run import --json "$work/first"
is "$status:$(value stored):$(value known):$(value expired)" "0:12:0:0" "another store takes all of them"
run export
cp "$work/said" "$work/second"
is "$(sort "$work/second" | cksum)" "$(sort "$work/first" | cksum)" "and gives them back exactly: keys, times, fields, octets"
is "$("$tool" ask "$cookie")" "live alice" "a cookie opens its session there"
run list --user alice
is "$(printf '%s\n' "$said" | grep -c alice)" 1 "a user's sessions are found"
run import "$work/first"
like "$said" "^there already +12\$" "a second time changes nothing"

# What was ended there stays ended.
run verify --json "$ended"
handle=$(value handle)
run kill "$handle"
is "$status" 0 "a session is ended"
"$ctl" import --json <"$work/first" >"$work/said"
said=$(cat "$work/said")
is "$(value stored):$(value known):$(value removed)" "0:11:1" "and does not come back by an import, from standard input"

# wrong TEXT WHAT WHY: a line that is refused, with its number.
wrong() {
	printf '%s\n%s\n' '{"format":"sesame-export","version":1}' "$1" >"$work/wrong"
	run import "$work/wrong"
	like "$status:$told" "^65:sesamectl: $work/wrong:2: .*$3" "$2 is refused, with its line"
}
line='"created":1,"used":1,"fields":[]'
key='"key":"00112233445566778899aabbccddeeff"'
wrong '' "an empty line" "no '\\{'"
wrong "{$key,$line" "half an object" "no '\\}'"
wrong "{$key,$line} x" "something behind it" "something stands behind"
wrong "{$line}" "a record without a key" "a record without key"
wrong "{\"key\":\"00\",$line}" "a short key" "a key is 32"
wrong "{$key,$key,$line}" "a member twice" "once each"
wrong "{$key,$line,\"colour\":1}" "an unknown member" "and nothing else"
wrong "{$key,\"created\":1,\"used\":1.5,\"fields\":[]}" "a fraction" "not a whole one"
wrong "{$key,\"created\":99999999999999999999,\"used\":1,\"fields\":[]}" "a number beyond 64 bits" "not a whole one"
wrong "{$key,\"created\":1,\"used\":1,\"fields\":[{\"name\":\"x\"}]}" "a field without a value" "without name or value"
wrong "{$key,\"created\":1,\"used\":1,\"fields\":[{\"integer\":1}]}" "a field without a name" "without name or value"
wrong "{$key,\"created\":1,\"used\":1,\"fields\":[{\"name\":\"x\",\"base64\":\"A\"}]}" "base64 with a loose end" "in the middle of an octet"
wrong "{$key,\"created\":1,\"used\":1,\"fields\":[{\"name\":\"x\",\"text\":\"\\ud800\"}]}" "half a pair" "an escape"
wrong "{$key,\"created\":1,\"used\":1,\"fields\":[{\"name\":\"x\",\"text\":\"$long$long\"}]}" "a field that is too large" "larger than"
printf 'hello\n' >"$work/wrong"
run import "$work/wrong"
like "$status:$told" "^65:sesamectl: $work/wrong:1: it is not the first line" "another kind of file is refused"
run import "$work/not-there"
is "$status" 65 "so is one that is not there"
printf '%s\n%s\n' '{"format":"sesame-export","version":1}' \
	"{$key,\"created\":1,\"used\":1,\"idle_deadline\":2,\"final_deadline\":3,\"fields\":[]}" \
	>"$work/expired"
run import --json "$work/expired"
is "$status:$(value expired)" "0:1" "what has expired is not stored"
"$ctl" export >/dev/full 2>"$work/told"
is "$?" 74 "output that cannot be written is an error"
tap_done

#!/bin/sh
# sesamectl: keygen, rotate-keys, sign, verify, check-config.

# shellcheck source=lib.sh
. "$SESAME_SOURCE/tests/sbin/lib.sh"
keys=$STATE_DIRECTORY/secret.key

# verbs: what each line of the key file begins and ends with, the keys themselves left out.
verbs() {
	sed 's/^\([a-z]*\) [^ ]*/\1/; s/until .*/until/' "$keys" | tr '\n' ',' | tr -d ' '
}

# ---- keygen
run keygen
is "$status:$told" "0:" "keygen ends well"
like "$said" '^[A-Za-z0-9_-]{43}$' "and prints a key of 256 bits"
first=$said
run keygen --json
ok "which is another one each time" test "$(value key)" != "$first"
is "$(ls "$STATE_DIRECTORY")" "" "and nothing is made"
run keygen --file
is "$status:$(stat -c %a "$keys"):$(verbs)" "0:600:sign," "with --file the key file is made"
unlike "$said" "$(sed 's/sign //' "$keys")" "and its key not shown"
before=$(cat "$keys")
run keygen --file --json
is "$status:$(value made)" "0:False" "unless there is one"
is "$(cat "$keys")" "$before" "which stays"

# ---- sign and verify
id=$(openssl rand -hex 16 2>/dev/null || od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
token=$(echo "$id" | "$ctl" sign)
like "$token" "^$id\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]{43}\$" "sign makes the value of a cookie"
run verify "$token"
like "$status:$said" '^0:good: session [0-9a-f]{16}, issued [0-9: -]+Z, [0-9]+ s ago$' "verify calls it good, and tells handle and age"
unlike "$said" "$id" "and does not show the id"
run verify --json "$token"
is "$(value verdict):$(value layout):$(value outdated)" "good:timestamped:False" "in JSON, too"
ok "with its age" test "$(value age)" -ge 0 -a "$(value age)" -lt 300
printf '%s\nhello\n' "$token" | "$ctl" verify >"$work/said"
is "$?:$(wc -l <"$work/said")" "1:2" "without a value it reads lines, and one that is not good makes the status 1"
printf 'hello\n' | "$ctl" sign >"$work/said" 2>&1
is "$?" 65 "sign refuses what is no id"

# forged VALUE WHY
forged() {
	run verify "$1"
	like "$status:$said" "^1:forged: .*$2" "forged is told, and why: $2"
}
forged hello 'length of a token'
forged "$(printf '%s' "$token" | tr a-f A-F)" 'lower-case hex'
forged "$(printf '%s' "$token" | sed 's/.$/!/')" 'signature is of no key'
forged "$(printf '%s' "$token" | sed 's/\./:/')" 'separated by dots'
forged "$id.AAAAAA.$(printf '%s' "$token" | sed 's/.*\.//')" 'time is not one'
forged "$id.$(printf '%027d' 0)" "JustPy's layout"
old=$(COOKIE_MAX_AGE=1 "$ctl" verify "$token")
case $old in
good*)
	# Not old enough yet: wait for the clock, which is what makes it old.
	until [ "$(COOKIE_MAX_AGE=1 "$ctl" verify "$token" | cut -c1-7)" = expired ]; do sleep 0.1; done
	;;
esac
COOKIE_MAX_AGE=1 "$ctl" verify "$token" >"$work/said"
is "$?" 1 "an old one is not good"
like "$(cat "$work/said")" "^expired: session [0-9a-f]{16}, issued" "but expired"
mv "$keys" "$work/aside"
run verify "$token"
is "$status" 78 "without keys nothing is verified"
ok "and none are made" test ! -e "$keys"
mv "$work/aside" "$keys"

# ---- rotate-keys, step by step
printf '# kept by operations\n%s\n' "$before" >"$keys"
run rotate-keys switch
is "$status" 78 "nothing is switched before it was announced"
like "$told" "no 'verify KEY next' line" "which is told"
run rotate-keys retire
is "$status:$(verbs)" "0:#keptbyoperations,sign," "nothing is retired before its time"
run rotate-keys announce --json
is "$status:$(value announced):$(verbs)" "0:True:#keptbyoperations,sign,verifynext," "a key is announced as one that is believed"
run rotate-keys announce --json
is "$status:$(value announced):$(verbs)" "0:False:#keptbyoperations,sign,verifynext," "once"
run verify --json "$token"
is "$(value verdict):$(value outdated)" "good:False" "what was signed is good, and stays as it is"
cp "$keys" "$work/announced"
sed 's/^sign /verify /; s/^verify \([^ ]*\) next/sign \1/' "$keys" >"$work/switched"
cat "$work/switched" >"$keys"
early=$(echo "$id" | "$ctl" sign)
cat "$work/announced" >"$keys"
run verify --json "$early"
is "$(value verdict):$(value outdated)" "good:False" "a program that has yet to switch leaves the cookies of one that has"
run rotate-keys switch --json
is "$status:$(verbs)" "0:#keptbyoperations,verifyuntil,sign," "then it signs, and the other one is believed for a time"
like "$said" "\"old_key_until\":\"$(date -u -d @$(($(date +%s) + 2592000 + 86400)) +%Y-%m-%dT)" \
	"which is the longest lifetime and a day"
is "$(stat -c %a "$keys"):$(stat -c %u:%g "$keys")" "600:$(id -u):$(id -g)" "mode and owner are as they were"
run verify --json "$token"
is "$(value verdict):$(value outdated)" "good:True" "a cookie of the old key is good, and to be signed anew"
again=$(echo "$id" | "$ctl" sign)
ok "new ones are of the new key" test "${again##*.}" != "${token##*.}"
run rotate-keys --wait 0 --lifetime 1
is "$status:$(verbs)" "0:#keptbyoperations,verifyuntil,verifyuntil,sign," "without a step all is done at once"
until [ "$(COOKIE_MAX_AGE=100000 "$ctl" verify "$again" | cut -c1-6)" = forged ]; do sleep 0.1; done
run verify "$again"
like "$said" "of a key that is not believed any more" "the time of the old key comes"
run rotate-keys retire --json
is "$status:$(value retired):$(verbs)" "0:1:#keptbyoperations,verifyuntil,sign," "and retire takes it out"
is "$(ls "$STATE_DIRECTORY")" "secret.key" "no other file is left"
run rotate-keys sideways
is "$status" 64 "a step that is none is a wrong call"
run rotate-keys --wait soon
is "$status" 64 "so is a time that is none"
before=$(cat "$keys")
chmod 644 "$keys"
run rotate-keys announce
is "$status:$(cat "$keys")" "78:$before" "a file that others can read is refused, and left"
chmod 600 "$keys"
printf 'sing x\n' >"$keys"
run rotate-keys announce
is "$status:$told" "78:sesamectl: $keys:1: neither 'sign KEY' nor 'verify KEY [until TIME]'" "so is one that does not read, with its line"
printf '%s\n' "$before" >"$keys"
SECRET_KEY=$first "$ctl" rotate-keys announce 2>"$work/told"
is "$?" 78 "with SECRET_KEY set there is nothing to rotate"
like "$(cat "$work/told")" "^sesamectl: SECRET_KEY \\(environment\\) is set" "which is told"
unlike "$(cat "$work/told")" "$first" "without showing it"
flock "$keys" "$ctl" rotate-keys announce 2>"$work/told"
is "$?:$(cat "$work/told")" "78:sesamectl: $keys: another one is working on it" "of two at once, one is refused"

# Ctrl-C between announcing and switching leaves a file with which the next call goes on.
/usr/bin/python3 -c 'import signal, subprocess, sys
p = subprocess.Popen([sys.argv[1], "rotate-keys", "--wait", "600"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
while b"announced" not in p.stdout.readline(): pass
p.send_signal(signal.SIGINT)
sys.exit(9 if p.wait() == -signal.SIGINT else 0)' "$ctl"
is "$?:$(verbs)" "9:#keptbyoperations,verifyuntil,sign,verifynext," "Ctrl-C in the middle leaves a key announced"
run rotate-keys --wait 0
is "$status:$(verbs)" "0:#keptbyoperations,verifyuntil,verifyuntil,sign," "with which the next call goes on"

# ---- check-config
run check-config
is "$status:$told" "0:" "check-config ends well where all is"
like "$said" "^STATE_DIRECTORY +$STATE_DIRECTORY  \\(environment\\)\$" "each setting is told, and where it came from"
like "$said" "^THREADS +8  \\(default\\)\$" "defaults, too"
is "$(printf '%s\n' "$said" | grep -c '^[A-Z_]* .*(.*)$')" \
	"$(grep -c '^\.It Ev' "$SESAME_SOURCE/man/sesame.conf.5")" "all that sesame.conf(5) has"
SECRET_KEY=$first "$ctl" check-config >"$work/said"
like "$(cat "$work/said")" "^SECRET_KEY +\\(hidden\\)  \\(environment\\)\$" "a secret is not shown"
SESSION_STORE=redis://visitor:swordfish@example.org/0 "$ctl" check-config >"$work/said" 2>&1
like "$(cat "$work/said")" "redis://visitor:@example.org/0" "nor a password in a location"
unlike "$(cat "$work/said")" swordfish "anywhere"
printf 'THREADS=0\n\nNOT_A_SETTING=1\nSESSION_SYNC=sometimes\nCOOKIE_SECURE=false\nCOOKIE_SAMESITE=None\n' >"$work/conf"
printf 'sing x\n' >"$keys"
SESAME_CONF=$work/conf "$ctl" check-config >"$work/said" 2>&1
is "$?" 78 "wrong settings make its status 78"
said=$(cat "$work/said")
like "$said" "^WRONG: THREADS \\($work/conf:1\\): '0' is not a whole number from 1 to 1024\$" "what is wrong is named with file and line"
like "$said" "^WRONG: $work/conf:3: 'NOT_A_SETTING' is not a setting" "an unknown name"
like "$said" "^WRONG: SESSION_SYNC \\($work/conf:4\\): 'sometimes'" "the next one, too"
like "$said" "^WRONG: COOKIE_SAMESITE" "what does not go together"
like "$said" "^WRONG: $keys:1: neither" "and the keys"
SESAME_CONF=$work/conf "$ctl" check-config --json >"$work/said" 2>&1
is "$(/usr/bin/python3 -c 'import json, sys
o = json.load(sys.stdin)
print(len(o["faults"]), {s["name"]: s["value"] for s in o["settings"]}["THREADS"])' <"$work/said")" "5 8" "the same in JSON"
rm "$keys"
run check-config
is "$status" 0 "no key file yet is no fault"
like "$said" "^note: $keys is not there yet" "but noted"
ok "and none is made" test ! -e "$keys"
tap_done

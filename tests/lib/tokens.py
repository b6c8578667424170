"""The other side: Debian's python3-itsdangerous against tests/lib/token, byte for byte, both formats, both directions. Prints TAP."""

import hashlib
import random
import subprocess
import sys
import uuid

from itsdangerous import BadSignature, Signer, TimestampSigner

NOW = 1700000000
SECRETS = ["a secret of this test, long enough", "k" * 16, "k" * 64, "k" * 65, "k" * 200, "schlüssel mit umlauten",
           "$$$my_secret_string$$$"]
NAMES = ["jp_token", "__Host-sid", "x"]
count = failed = 0


def ok(holds, claim):
    global count, failed
    count += 1
    failed += not holds
    print("%sok %d - %s" % ("" if holds else "not ", count, claim), flush=True)


class Fixed(TimestampSigner):
    """A TimestampSigner whose clock stands."""

    now = NOW

    def get_timestamp(self):
        return self.now


def theirs(layout, name, keys, now=NOW):
    """itsdangerous as doc/cookie.md says; keys newest first, as we have them."""
    if layout == "justpy":
        return Signer(keys[::-1])
    signer = Fixed(keys[::-1], salt="sesame.session." + name, key_derivation="hmac", digest_method=hashlib.sha256)
    signer.now = now
    return signer


class Ours:
    def __init__(self, layout, name, keys, now=NOW):
        self.process = subprocess.Popen([sys.argv[1], layout, name, str(now)] + keys, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().decode().rstrip("\n")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def both_ways(layout):
    same = believed = believes = True
    for secret in SECRETS:
        for name in NAMES:
            ours, signer = Ours(layout, name, [secret]), theirs(layout, name, [secret])
            for session in [uuid.uuid4().hex for _ in range(50)] + ["0" * 32, "f" * 32]:
                token, expected = ours.ask("sign " + session), signer.sign(session).decode()
                same &= token == expected
                believed &= signer.unsign(token).decode() == session
                believes &= ours.ask("verify " + expected).startswith("good " + session)
            ours.end()
    ok(same, layout + ": what we sign is what itsdangerous signs, byte for byte")
    ok(believed, layout + ": itsdangerous believes ours")
    ok(believes, layout + ": we believe what itsdangerous signs")


def times():
    same = True
    session = uuid.uuid4().hex
    for now in [1, 63, 64, 255, 256, 65535, 65536, 2**24, NOW, 2**31, 2**32 - 1, 2**32, 2**40]:
        ours, signer = Ours("timestamped", "jp_token", [SECRETS[0]], now), theirs("timestamped", "jp_token", [SECRETS[0]], now)
        expected = signer.sign(session).decode()
        same &= ours.ask("sign " + session) == expected
        same &= ours.ask("verify " + expected) == "good %s %d" % (session, now)
        ours.end()
    ok(same, "timestamped: times are spelled as itsdangerous spells them")


def rings(layout):
    old, new = SECRETS[0], SECRETS[2]
    session = uuid.uuid4().hex
    ours, signer = Ours(layout, "jp_token", [new, old]), theirs(layout, "jp_token", [new, old])
    ok(ours.ask("verify " + theirs(layout, "jp_token", [old]).sign(session).decode()).endswith("outdated"),
       layout + ": an old key still verifies")
    ok(ours.ask("sign " + session) == theirs(layout, "jp_token", [new]).sign(session).decode() == signer.sign(session).decode(),
       layout + ": new cookies carry the first key")
    ok(ours.ask("verify " + theirs(layout, "jp_token", ["a key that nobody has here"]).sign(session).decode()) == "forged",
       layout + ": a key of nobody's is forged")
    ours.end()


def foreign_tokens(layout):
    """Signed with our secret, but not by us and not for us."""
    secret, session = SECRETS[0], uuid.uuid4().hex
    ours = Ours(layout, "jp_token", [secret])
    tokens = {
        "another cookie's name": theirs("timestamped", "other", [secret]).sign(session),
        "itsdangerous' own salt": Fixed(secret).sign(session),
        "itsdangerous' own salt, SHA-256": Fixed(secret, digest_method=hashlib.sha256).sign(session),
        "an id in upper case": theirs(layout, "jp_token", [secret]).sign(session.upper()),
        "no id": theirs(layout, "jp_token", [secret]).sign(""),
        "admin": theirs(layout, "jp_token", [secret]).sign("admin"),
        "an id and more": theirs(layout, "jp_token", [secret]).sign(session + ".x"),
    }
    for what, token in tokens.items():
        ok(ours.ask("verify " + token.decode()) == "forged", "%s: %s, well signed, is forged" % (layout, what))
    ours.end()


def mutants(layout):
    """What we believe, itsdangerous believes: it is the laxer one of the two."""
    seed = 20260101
    dice = random.Random(seed)
    ours, signer = Ours(layout, "jp_token", [SECRETS[0]]), theirs(layout, "jp_token", [SECRETS[0]])
    stricter = same = True
    lax = 0
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/. *"
    for _ in range(4000):
        good = signer.sign(uuid.UUID(int=dice.getrandbits(128)).hex).decode()
        token = list(good)
        for _ in range(dice.randint(0, 2)):
            at = dice.choice([dice.randrange(len(token)), len(token) - 1])
            token[at:at + dice.randint(0, 1)] = dice.choice(letters) * dice.randint(0, 2)
        token = "".join(token)
        try:
            signer.unsign(token)
            accepted = True
        except BadSignature:
            accepted = False
        verdict = ours.ask("verify " + token)
        same &= (verdict.startswith("good")) == (token == good)
        stricter &= accepted or verdict == "forged"
        lax += accepted and verdict == "forged"
    ours.end()
    ok(same, layout + ": of 4,000 mutants we believe those that are unchanged (seed %d)" % seed)
    ok(stricter, layout + ": and nothing that itsdangerous does not (it believes %d more)" % lax)


for layout in "timestamped", "justpy":
    both_ways(layout)
    rings(layout)
    foreign_tokens(layout)
    mutants(layout)
times()
print("1..%d" % count)
sys.exit(failed > 0)

#!/usr/bin/python3
"""Reads a store's sessions out of its GDBM files, by doc/record.md alone: one line each, "KEY NAME=VALUE ...", sorted.

After an orderly stop these files hold every session. Nothing of the project's own code is needed.
"""

import dbm.gnu
import pathlib
import struct
import sys

LIVE = 1
INTEGER = 1
HAS_DEADLINE = 0x80


def fields(record):
    at = 56
    while at < len(record):
        name_size, kind, _, size = struct.unpack_from("<BBHI", record, at)
        at += 8 + (8 if kind & HAS_DEADLINE else 0)
        name = record[at:at + name_size]
        at += name_size + 1
        value = record[at:at + size]
        at += size + 1
        if kind & ~HAS_DEADLINE == INTEGER:
            yield name.decode(), struct.unpack("<q", value)[0]
        else:
            yield name.decode(), value.decode()


def main():
    lines = []
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.gdbm")):
        with dbm.gnu.open(str(path), "ru") as shard:
            for key in shard.keys():
                record = shard[key]
                version, kind, _, size = struct.unpack_from("<BBHI", record)
                assert version == 1 and size == len(record)
                if kind == LIVE:
                    lines.append(" ".join([key.hex()] + [f"{n}={v}" for n, v in fields(record)]))
    print("\n".join(sorted(lines)))


if __name__ == "__main__":
    main()

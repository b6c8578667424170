#!/usr/bin/python3 -B
"""signal_workers.py SUPERVISE SIGNAL TIMES LOAD THREADS: signals random workers below deploy/supervise every 30 ms while LOAD runs.

A worker that is starting may be killed, but nobody gets a second SIGTERM, which would cut what it is finishing. Prints one line:

    signalled=N restarts=N restart_median_ms=N restart_longest_ms=N

A restart lasts from the signal until the worker that comes in the place of that one has all its THREADS and takes requests.
"""
import os
import random
import signal
import sys
import time

PAUSE = 0.03
LOOK = 0.002
LIMIT = 60


def children(process):
    try:
        with open('/proc/%d/task/%d/children' % (process, process)) as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def alive(process):
    try:
        with open('/proc/%d/stat' % process) as file:
            return file.read().rpartition(')')[2].split()[0] not in 'ZX'
    except OSError:
        return False


def takes_requests(process, threads):
    """Its threads are started last; one more is that of main."""
    try:
        return len(os.listdir('/proc/%d/task' % process)) > threads
    except OSError:
        return False


class Keepers:
    def __init__(self, supervise, threads):
        self.keepers = children(supervise)
        self.threads = threads
        self.signalled = set()
        self.since = {}
        self.took = []

    def signal_one(self, number):
        """False if there was nobody."""
        there = [(keeper, worker) for keeper in self.keepers for worker in children(keeper) if worker not in self.signalled]
        if not there:
            return False
        keeper, worker = random.choice(there)
        self.signalled.add(worker)
        self.since.setdefault(keeper, time.monotonic())
        try:
            os.kill(worker, number)
        except ProcessLookupError:
            return False
        return True

    def look(self):
        for keeper, begun in list(self.since.items()):
            if any(worker not in self.signalled and takes_requests(worker, self.threads) for worker in children(keeper)):
                self.took.append(time.monotonic() - begun)
                del self.since[keeper]


def main():
    supervise, number, times, load, threads = int(sys.argv[1]), getattr(signal, 'SIG' + sys.argv[2]), *map(int, sys.argv[3:6])
    keepers = Keepers(supervise, threads)
    count, due, end = 0, time.monotonic(), None
    while count < times and alive(load):
        if time.monotonic() >= due:
            count += keepers.signal_one(number)
            due = time.monotonic() + PAUSE
        keepers.look()
        time.sleep(LOOK)
    end = time.monotonic() + LIMIT
    while keepers.since and time.monotonic() < end:
        keepers.look()
        time.sleep(LOOK)
    took = sorted(1000 * t for t in keepers.took) or [0]
    print('signalled=%d restarts=%d restart_median_ms=%d restart_longest_ms=%d' % (
        count, len(keepers.took), took[len(took) // 2], took[-1] + 1))


main()

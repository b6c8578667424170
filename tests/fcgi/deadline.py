#!/usr/bin/python3 -B
"""Slow peers: each holds its thread until its deadline and no longer, while others are served."""

import select
import threading
import time

from fcgi_client import KEEP, LOOP_TEST, STDIN, Program, begin, record, request, tap, wait_until

DEADLINE = 2
LATE = 3  # seconds that a busy machine may add


def held(connection, feed, claim):
    """Claims that the program closes the connection at the deadline; feed(connection) keeps it busy meanwhile."""
    start = time.monotonic()
    thread = threading.Thread(target=feed, args=(connection,))
    thread.start()
    closed = connection.is_closed(DEADLINE + LATE)
    took = time.monotonic() - start
    thread.join()
    tap.ok(closed and took >= DEADLINE - 0.2, claim, took)


def trickle(octets, pause):
    def feed(connection):
        for octet in octets:
            try:
                connection.send(bytes([octet]))
            except OSError:
                return
            time.sleep(pause)
    return feed


def silence(_):
    pass


def serving(program):
    return program.ask(path='/counted').status == 200


with Program([LOOP_TEST], THREADS=2, REQUEST_TIMEOUT=DEADLINE) as p:
    head = request('POST', '/echo', b'12345', CONTENT_TYPE='text/plain')
    body_at = head.index(record(STDIN, b'12345'))
    cases = (
        (b'', silence, 'one who connects and says nothing'),
        (b'\1', silence, 'one who sends one octet'),
        (head[:body_at // 2], silence, 'one who stops within the parameters'),
        (b'', trickle(head, 0.1), 'one who sends the parameters octet by octet'),
        (head[:body_at + 10], silence, 'one who stops within the body'),
        (head[:body_at], trickle(head[body_at:] * 10, 0.25), 'one who sends the body octet by octet'),
        (head[:-8], silence, 'one who keeps the end of the body to himself'),
    )
    for octets, feed, claim in cases:
        with p.connect() as c:
            c.send(octets)
            held(c, feed, claim + ' is freed at the deadline')
        tap.ok(serving(p), 'and others are served')

    with p.connect() as c:
        start = time.monotonic()
        c.send(b'\1\t\0\0\0\0\0\0' * 20)
        trickle(b'\0' * 60, 0.05)(c)
        tap.ok(c.is_closed(LATE) and time.monotonic() - start < DEADLINE + 2 * LATE, 'one who sends garbage slowly is got rid of')
    tap.ok(serving(p), 'and others are served')

    with p.connect() as c:
        c.socket.setsockopt(1, 8, 4096)
        c.send(request(path='/wide', QUERY_STRING='8000000'))
        time.sleep(DEADLINE + 1)
        answer = c.answer()
        tap.ok(not answer.ended, 'one who does not read his answer is cut off', len(answer.octets))

    silent = [p.connect() for _ in range(1)]
    tap.ok(all(serving(p) for _ in range(20)), 'with one thread held by a silent client, the other serves')
    for c in silent:
        c.close()

    # Both threads held: the next one is served when the first is freed.
    silent = [p.connect() for _ in range(2)]
    for c in silent:
        c.send(begin())
    time.sleep(0.2)
    start = time.monotonic()
    tap.same(p.ask(path='/counted').status, 200, 'with every thread held by silent clients, a good one is served')
    tap.ok(time.monotonic() - start < DEADLINE + LATE, 'at their deadline', time.monotonic() - start)
    for c in silent:
        c.close()

    # Many requests meet their deadline while others come and go: none of those may be hit.
    stop = time.monotonic() + 3 * DEADLINE
    bad = []

    def crowd():
        while time.monotonic() < stop:
            with p.connect() as mine:
                mine.send(begin(flags=KEEP))
                mine.is_closed(DEADLINE + 3)

    def good():
        while time.monotonic() < stop:
            answer = p.ask(path='/wide', QUERY_STRING='20000')
            if len(answer.body) != 20000 or not answer.ended:
                bad.append(answer.octets[:50])

    threads = [threading.Thread(target=crowd)] + [threading.Thread(target=good) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    tap.same(bad, [], 'ending an overdue request never hits another one')
    tap.ok(wait_until(lambda: p.descriptors() <= 12), 'and no descriptor is left behind', p.descriptors())
    tap.ok('cut at its deadline' in p.logged(), 'the log says so')

with Program([LOOP_TEST], THREADS=2, REQUEST_TIMEOUT=4 * DEADLINE) as q:
    # A close that lingers while somebody sends would hold both threads until their deadline.
    garbage = [q.connect() for _ in range(2)]
    for c in garbage:
        c.send(b'\1\t\0\0\0\0\0\0' * 20 + b'\0' * 64)
    feeders = [threading.Thread(target=trickle(b'\0' * 100, 0.1), args=(c,)) for c in garbage]
    for t in feeders:
        t.start()
    start = time.monotonic()
    tap.ok(serving(q) and time.monotonic() - start < DEADLINE + LATE, 'beside two of them others are served', time.monotonic() - start)
    for c in garbage:
        c.socket.shutdown(2)
    for t in feeders:
        t.join()

with Program([LOOP_TEST], THREADS=8) as p:
    p.ask(path='/counted')
    slow = [p.connect() for _ in range(7)]
    for c in slow:
        c.send(request(path='/slow', QUERY_STRING='3000'))
    start = time.monotonic()
    tap.same(p.ask(path='/counted').status, 200, 'beside seven slow requests an eighth thread serves')
    tap.same(select.select([c.socket for c in slow], [], [], 0)[0], [], 'before any of them')
    tap.same([c.answer().text for c in slow], ['slept\n'] * 7, 'and the slow ones are answered')
    tap.ok(time.monotonic() - start < 3 * 3, 'all at the same time', time.monotonic() - start)
tap.done()

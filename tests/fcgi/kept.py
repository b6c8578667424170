#!/usr/bin/python3 -B
"""Connections that the web server keeps (FCGI_KEEP_CONN): no request is made of another one's body, and nobody starves."""

import time

from fcgi_client import (KEEP, LOOP_TEST, PARAMS, STDIN, Closed, Program, begin, pair, record, request, stream, tap, variables)


def smuggled():
    """A body that looks like a request of its own."""
    return request('POST', '/echo', b'smuggled', flags=KEEP, REMOTE_USER='root', CONTENT_TYPE='text/plain')


def after(connection, first):
    """Sends first, then asks how often /echo ran; None if the connection was closed."""
    try:
        connection.send(first)
        connection.answer()
        connection.send(request(path='/counted', flags=KEEP))
        return connection.answer().text or None
    except (Closed, BrokenPipeError, ConnectionResetError):
        return None


with Program([LOOP_TEST], THREADS=3, BODY_MAX=30000, REQUEST_TIMEOUT=5) as p:
    with p.connect() as c:
        texts = [c.ask('POST', '/echo', b'%d' % i, flags=KEEP, CONTENT_TYPE='text/plain').text for i in range(100)]
        tap.same(texts, ['%d' % i for i in range(100)], 'a hundred requests on one connection are answered in turn')
        tap.same(c.ask(path='/counted').text, '100', 'and one that does not ask to keep it')
        tap.ok(c.is_closed(4), 'closes it')

    for path, claim in (('/echo', 'a handler that takes it'), ('/absent', 'an unknown address'), ('/counted', 'a method that is not allowed')):
        for body in (smuggled() * 60, b'x' * 8192 + smuggled()):
            extra = 1 if path == '/echo' else 0
            before = int(p.ask(path='/counted').text)
            with p.connect() as c:
                got = after(c, request('POST', path, body[:30000], flags=KEEP, CONTENT_TYPE='text/plain'))
            tap.ok(got is None or int(got) == before + extra, 'a body with requests inside makes none, at ' + claim, (before, got))
            tap.same(int(p.ask(path='/counted').text), before + extra, 'also not afterwards')
    before = int(p.ask(path='/counted').text)
    with p.connect() as c:
        got = after(c, request('POST', '/echo', (b'y' * 40000 + smuggled()) * 3, flags=KEEP, CONTENT_TYPE='text/plain'))
        tap.same(got, None, 'after a body that is too large the connection is closed')
    tap.same(int(p.ask(path='/counted').text), before, 'and nothing in it was executed')

    with p.connect() as c:
        pairs = b''.join(pair(n, v) for n, v in variables('POST', '/echo', b'late', CONTENT_TYPE='text/plain'))
        results = []
        for _ in range(20):
            c.send(begin(flags=KEEP) + stream(PARAMS, pairs) + record(STDIN, b'late'))
            time.sleep(0.005)
            c.send(record(STDIN))
            results.append(c.answer().text)
        tap.same(results, ['late'] * 20, 'an end of the body that comes late does not break the next request')

    with p.connect() as a, p.connect() as b, p.connect() as c:
        for kept in (a, b, c):
            kept.ask(path='/counted', flags=KEEP)
        start = time.monotonic()
        tap.same(p.ask(path='/counted').status, 200, 'with a kept connection on every thread, a new one is served')
        tap.ok(time.monotonic() - start < 4, 'before any of them is closed for being idle', time.monotonic() - start)
        open_still = sum(not kept.is_closed(0.3) for kept in (a, b, c))
        tap.same(open_still, 2, 'at the cost of one idle connection')

    kept = [p.connect() for _ in range(6)]
    served = []
    end = time.monotonic() + 10
    while len(served) < 6 and time.monotonic() < end:
        for i, c in enumerate(kept):
            if i not in served:
                try:
                    c.send(request(path='/counted', flags=KEEP))
                except (BrokenPipeError, ConnectionResetError):
                    continue
        for i, c in enumerate(kept):
            if i not in served and c.answer().status == 200:
                served.append(i)
    tap.same(sorted(served), list(range(6)), 'more kept connections than threads are all served')
    for c in kept:
        c.close()

    with p.connect() as c:
        c.ask(path='/counted', flags=KEEP)
        start = time.monotonic()
        tap.ok(c.is_closed(15), 'an idle kept connection is closed')
        tap.ok(time.monotonic() - start > 3, 'after some seconds', time.monotonic() - start)
tap.done()

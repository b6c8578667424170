#!/usr/bin/python3 -B
"""Peers that stop, abort, or send what is no FastCGI: nothing of theirs is served, and the next one is."""

import random

from fcgi_client import (ABORT, GET_VALUES, LOOP_TEST, PARAMS, STDIN, Connection, Program, begin, pair, record, request, stream, tap, variables,
                         wait_until)


def counted(program):
    return int(program.ask(path='/counted').text)


def try_cut(path, octets, size):
    """Sends the first size octets and half-closes; returns what came back."""
    with Connection(path) as connection:
        connection.send(octets[:size])
        connection.socket.shutdown(1)
        return connection.answer()


with Program([LOOP_TEST], THREADS=2, REQUEST_TIMEOUT=10) as p:
    whole = request('POST', '/echo', b'a=1&b=2', CONTENT_TYPE='text/plain')
    tap.same(p.ask('POST', '/echo', b'x', CONTENT_TYPE='text/plain').text, 'x', 'a whole request is served')
    before = counted(p)
    answers = [try_cut(p.path, whole, n) for n in range(len(whole))]
    tap.ok(all(a.status != 200 for a in answers), 'a request cut at any of its %d octets is not served' % len(whole),
           [n for n, a in enumerate(answers) if a.status == 200])
    tap.same(counted(p), before, 'and its handler never ran')
    tap.same(try_cut(p.path, whole, len(whole)).text, 'a=1&b=2', 'the whole one, half-closed after it, is')

    # Variables in the first record, the end of them never: what libfcgi alone would take for a whole request.
    pairs = b''.join(pair(n, v) for n, v in variables('POST', '/echo'))
    before = counted(p)
    tap.ok(not try_cut(p.path, begin() + record(PARAMS, pairs), 10 ** 6).octets, 'parameters without an end get no answer')
    tap.same(counted(p), before, 'and reach no handler')

    with p.connect() as c:
        c.send(whole[:-12] + record(ABORT))
        tap.ok(c.answer().status != 200, 'an aborted request is not served')
    with p.connect() as c:
        c.send(begin() + record(ABORT))
        tap.ok(c.is_closed(), 'one that is aborted before its parameters is closed')
    tap.same(counted(p), before, 'and no handler ran')

    with p.connect() as c:
        values = b''.join(pair(n, '') for n in ('FCGI_MAX_CONNS', 'FCGI_MAX_REQS', 'FCGI_MPXS_CONNS'))
        c.send(record(GET_VALUES, values, 0, padding=8 - len(values) % 8) + request(path='/counted'))
        tap.same(c.record()[0], 10, 'FCGI_GET_VALUES is answered')
        tap.same(c.answer().status, 200, 'and the request after it')
    with p.connect() as c:
        c.send(record(77, b'12345678', 0) + request(path='/counted'))
        tap.same(c.record()[0], 11, 'an unknown management record is answered as such')
    with p.connect() as c:
        c.send(begin() + stream(PARAMS, b''.join(pair(n, v) for n, v in variables('POST', '/echo', b'12345', CONTENT_TYPE='text/plain')))
               + record(STDIN, b'evil!', 2) + stream(STDIN, b'12345'))
        tap.ok('evil' not in c.answer().text, "another request's records on the connection do not get into the body")

    tap.same(p.ask(path='/counted', role=2).status, 500, 'the role of an authorizer is refused')
    tap.same(p.ask(path='/counted', role=3).status, 500, 'and that of a filter')
    with p.connect() as c:
        c.send(begin(role=9))
        tap.ok(c.is_closed(), 'a role that does not exist is closed')

    seed = random.randrange(10 ** 9)
    dice = random.Random(seed)
    for _ in range(300):
        with Connection(p.path) as c:
            octets = bytearray(whole if dice.random() < 0.7 else dice.randbytes(dice.randrange(1, 400)))
            for _ in range(dice.randrange(0, 6)):
                # The four octets of a length are left alone: libfcgi ends the process on some (a supervisor's matter).
                at = dice.randrange(len(octets))
                octets[at] = dice.randrange(128)
            try:
                c.send(bytes(octets))
                c.socket.shutdown(1)
                c.answer()
            except (BrokenPipeError, ConnectionResetError, AssertionError):
                pass
    tap.ok(p.process.poll() is None, '300 garbled requests do not end the program (seed %d)' % seed)
    tap.ok(wait_until(lambda: p.ask(path='/counted').status == 200), 'and the next request is served')
tap.done()

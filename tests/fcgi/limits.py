#!/usr/bin/python3 -B
"""What a request may be: parameters, methods, lengths and bodies."""

from fcgi_client import (KEEP, LOOP_TEST, PARAMS, STDIN, Program, begin, pair, record, request, stream, tap, variables)

PLAIN = {'CONTENT_TYPE': 'text/plain'}


def send_body(connection, body, said, flags=0):
    pairs = variables('POST', '/echo', b'', CONTENT_TYPE='text/plain', CONTENT_LENGTH=said)
    connection.send(begin(flags=flags) + stream(PARAMS, b''.join(pair(n, v) for n, v in pairs)) + stream(STDIN, body))
    return connection.answer()


with Program([LOOP_TEST], THREADS=2, BODY_MAX=100000, PARAMS_MAX=8192, REQUEST_TIMEOUT=10) as p:
    tap.same(p.ask(path='/counted', X_A='a' * 7000).status, 200, 'parameters within the limit are taken')
    tap.same(p.ask(path='/counted', X_A='a' * 8192).status, 431, 'larger ones are 431')
    tap.same(p.ask(path='/counted', extra=[('X%d' % i, '') for i in range(3000)]).status, 431, 'and too many')
    tap.same(p.ask(path='/counted', X_A='a' * 20000000).status, 431, 'and a flood of 20 MB')
    tap.same(p.ask(path='/counted').status, 200, 'after which the next one is served')

    tap.same(p.ask(path='/counted', REQUEST_METHOD=None).status, 400, 'a request without a method is 400')
    tap.same(p.ask(path='/counted', extra=[('REQUEST_METHOD', 'POST')]).status, 400, 'and one with two')
    tap.same(p.ask(path='/counted', extra=[('CONTENT_LENGTH', '0')]).status, 400, 'and two lengths')
    tap.same(p.ask(path='/counted', extra=[('REQUEST_METHOD=POST', '')]).status, 400, "a '=' in a name forges no method")
    tap.same(p.ask(path='/counted', extra=[('X\nY', 'z')]).status, 400, 'a control character in a name is refused')
    tap.same(p.ask(path='/counted', extra=[('', 'z')]).status, 400, 'and an empty name')
    tap.same(p.ask(path='/counted', extra=[('HTTP_COOKIE', 'a=b'), ('HTTP_COOKIE', 'c=d')]).status, 200, 'several Cookie fields are not')

    for said in ('-1', '+5', '5x', ' 5', '0x5', '5,5', '99999999999999999999x'):
        with p.connect() as c:
            tap.same(send_body(c, b'12345', said).status, 400, 'a Content-Length of %r is 400' % said)
    for said, status in (('5', 200), ('', 200), ('005', 200), ('4', 400), ('6', 400), ('0', 400)):
        with p.connect() as c:
            tap.same(send_body(c, b'12345', said).status, status, 'five octets with a Content-Length of %r are %d' % (said, status))
    for said in ('100001', '99999999999999999999999999'):
        with p.connect() as c:
            tap.same(send_body(c, b'12345', said).status, 413, 'a Content-Length of %s is 413' % said)

    body = bytes(i % 251 for i in range(100000))
    tap.same(p.ask('POST', '/echo', body, **PLAIN).body, body, 'a body of BODY_MAX octets arrives whole')
    with p.connect() as c:
        tap.same(send_body(c, body, '').body, body, 'and without a length')
    with p.connect() as c:
        tap.same(send_body(c, body + b'!', '').status, 413, 'one more is 413 without a length')
    with p.connect() as c:
        a = send_body(c, b'x' * 3000000, '3000000', KEEP)
        tap.ok(a.status == 413 and a.ended, 'the 413 arrives although the body was larger than any buffer', a.octets)
        tap.ok(c.is_closed(), 'and the connection is not used again')

    for size in (1, 7, 8, 9, 8183, 8184, 8185, 65528, 200000, 5000000):
        a = p.ask(path='/wide', QUERY_STRING=str(size))
        tap.ok(len(a.body) == size and a.header('Content-Length') == str(size) and a.ended, 'a page of %d octets arrives whole' % size)
    a = p.ask('HEAD', '/wide', QUERY_STRING='300000')
    tap.ok(a.header('Content-Length') == '300000' and not a.body, 'HEAD tells the length and sends nothing')
    tap.same(p.ask(path='/wide', QUERY_STRING='99000000').status, 500, 'a page larger than can be held is a 500')
    tap.same(p.ask(path='/nothing').status, 500, 'and so is none at all')

    form = 'application/x-www-form-urlencoded'
    for body, shown in ((b'f=%3Cb%3E%26%22%27+x', '&lt;b&gt;&amp;&quot;&#39; x'), (b'e=1&f=2&f=3', '2'), (b'f', ''), (b'ff=1', '(none)'), (b'&&f=1&', '1'),
                        (b'%66=1', '1'), (b'f=a=b', 'a=b')):
        tap.same(p.ask('POST', '/field', body).text, shown, 'the form %r has the field %r' % (body.decode(), shown))
    for body in (b'f=%', b'f=%4', b'f=%zz', b'f=%00', b'f=\0', b'%=1'):
        tap.same(p.ask('POST', '/field', body).status, 400, 'the form %r is malformed' % body)
    tap.same(p.ask('POST', '/field', b'f=1', CONTENT_TYPE=form.upper() + ' ; charset=utf-8').text, '1', "a form's type may have parameters")
    for kind in ('text/plain', 'application/json', 'multipart/form-data; boundary=x', form + 'x', None):
        tap.same(p.ask('POST', '/field', b'f=1', CONTENT_TYPE=kind).status, 415, 'a body of type %s is 415' % kind)

    tap.same(p.ask(path='/headers').text, '0', 'a handler cannot split the head or have a file sent')
    a = p.ask(path='/elsewhere')
    tap.ok(a.status == 500 and not a.header('Location'), "nor lead to another site's page")
    before = int(p.ask(path='/counted').text)
    good = p.ask(path='/session')
    tap.ok(good.status == 200 and good.cookie and int(p.ask(path='/counted').text) == before + 1, 'a handler with a session runs', good.octets)
    forged = good.cookie[:-1] + ('A' if good.cookie[-1] != 'A' else 'B')
    bad = [p.ask(path='/session', HTTP_COOKIE=c).status for c in (forged, good.cookie[:-1], good.cookie + 'x', good.cookie.split('=')[0] + '=x')]
    tap.same(bad, [400] * 4, 'a forged cookie is refused there')
    tap.same(int(p.ask(path='/counted').text), before + 1, 'and the handler is not run')
    tap.same(p.ask(path='/session', HTTP_COOKIE=good.cookie).status, 200, 'with the good one it is')
    tap.same(int(p.ask(path='/counted').text), before + 2, 'again')

    request_logged = request(path='/nothing\x1b[31m\nsesame: forged')
    with p.connect() as c:
        c.send(request_logged)
        c.answer()
    tap.ok('\x1b' not in p.logged() and not any(line == 'sesame: forged' for line in p.logged().splitlines()), 'a log line cannot be forged')
tap.done()

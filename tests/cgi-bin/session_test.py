#!/usr/bin/python3 -B
"""What session_test answers, over FastCGI: the page, its numbers, and bad input."""

import json
import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.environ.get('SESAME_SOURCE', '.'), 'tests', 'fcgi'))
from fcgi_client import SESSION_TEST, Program, tap  # noqa: E402

JSON = {'HTTP_ACCEPT': 'application/json'}
NO_METADATA = {'HTTP_SEC_FETCH_SITE': None}


def numbers(text):
    """What the page says: id, visits, events."""
    found = re.search(r'id="session-id"[^>]*>My session id: ([0-9a-f]{32})<.*id="visits"[^>]*>Number of visits: (\d+)<.*'
                      r'<button id="events"[^>]*>Number of Click Events: (\d+)</button>', text, re.S)
    return found and (found.group(1), int(found.group(2)), int(found.group(3)))


def token(text):
    return re.search(r'name="csrf_token" value="([^"]+)"', text).group(1)


def session(program, cookie):
    return json.loads(program.ask(path='/session', HTTP_COOKIE=cookie).text)


with Program([SESSION_TEST]) as p:
    first = p.ask()
    sid, visits, events = numbers(first.text)
    cookie = first.cookie
    tap.same((visits, events), (1, 0), 'a first visit is counted')
    tap.ok(cookie and cookie.startswith('jp_token=' + sid), 'and its id is that of the cookie', (cookie, sid))
    tap.same(numbers(p.ask(HTTP_COOKIE=cookie).text), (sid, 2, 0), 'the next visit has the same id and counts on')
    tap.same(numbers(p.ask(path='', HTTP_COOKIE=cookie).text), (sid, 3, 0), 'an empty PATH_INFO is the page too')
    tap.ok('Number of visits: 4<' in p.ask(path='/plain', HTTP_COOKIE=cookie).text, 'the plain page counts the same')

    a = p.ask('POST', '/click', HTTP_COOKIE=cookie, **JSON)
    tap.same(json.loads(a.text), {'session_id': sid, 'visits': 4, 'events': 1}, "a script's click is counted and answered in JSON")
    tap.same(a.header('Content-Type'), 'application/json', 'which it is called')
    a = p.ask('POST', '/click', HTTP_COOKIE=cookie)
    tap.ok(a.status == 303 and a.header('Location') == '/t', "a form's click leads back to the page", a.headers)
    tap.same(numbers(p.ask(HTTP_COOKIE=cookie).text), (sid, 5, 2), 'where it is counted')
    a = p.ask('POST', '/click', SCRIPT_NAME='', HTTP_COOKIE=cookie)
    tap.same(a.header('Location'), '/', 'mounted at the root it leads back to the root')
    a = p.ask('POST', '/click', SCRIPT_NAME='//elsewhere.example', HTTP_COOKIE=cookie)
    tap.same(a.header('Location'), '/', 'and never to another host')
    a = p.ask('POST', '/click', SCRIPT_NAME='/a b"<>\r\nX: y', HTTP_COOKIE=cookie)
    tap.same(a.header('Location'), '/a%20b%22%3C%3E%0D%0AX:%20y', 'a strange mount is written as a URL')
    a = p.ask(SCRIPT_NAME='/"><script>alert(1)</script>', HTTP_COOKIE=cookie)
    tap.ok('<script>alert' not in a.text, 'and cannot become part of the page')
    sid, visits, events = numbers(a.text)

    # The form's token, for browsers that say nothing of where a request comes from.
    mine = token(a.text)
    tap.same(p.ask('POST', '/click', ('csrf_token=' + mine).encode(), HTTP_COOKIE=cookie, **NO_METADATA).status, 303, "the form's token is taken")
    tap.same(p.ask('POST', '/click', HTTP_COOKIE=cookie, HTTP_X_CSRF_TOKEN=mine, **NO_METADATA).status, 303, 'also in a header')
    other = token(p.ask().text)
    before = session(p, cookie)
    tap.same(before['events'], events + 2, 'and both were counted')
    for claim, body, more in (
            ('without a token', b'', NO_METADATA),
            ("with another session's token", ('csrf_token=' + other).encode(), NO_METADATA),
            ('with an empty token', b'csrf_token=', NO_METADATA),
            ('with a token cut short', ('csrf_token=' + mine[:-1]).encode(), NO_METADATA),
            ('from another site', b'', {'HTTP_SEC_FETCH_SITE': 'cross-site'}),
            ('from a sister site', b'', {'HTTP_SEC_FETCH_SITE': 'same-site'}),
            ('from another site, with the token', ('csrf_token=' + mine).encode(), {'HTTP_SEC_FETCH_SITE': 'cross-site'}),
            ('from another origin', b'', dict(NO_METADATA, HTTP_ORIGIN='http://evil.example')),
            ('from no origin', b'', dict(NO_METADATA, HTTP_ORIGIN='null'))):
        a = p.ask('POST', '/click', body, HTTP_COOKIE=cookie, **more)
        tap.ok(a.status == 403 and not a.cookie, 'a click %s is refused' % claim, a.octets)
    for claim, status, arguments, more in (
            ('an unknown address', 404, ('GET', '/absent'), {}),
            ('a longer address', 404, ('GET', '/click/'), {}),
            ('a GET of the click', 405, ('GET', '/click'), {}),
            ('a POST of the page', 405, ('POST', '/'), {}),
            ('a DELETE', 405, ('DELETE', '/'), {}),
            ('a TRACE', 405, ('TRACE', '/'), {}),
            ('a method in small letters', 405, ('get', '/'), {}),
            ('a JSON body', 415, ('POST', '/click', b'{}'), {'CONTENT_TYPE': 'application/json'}),
            ('a malformed form', 400, ('POST', '/click', b'a=%%%'), {}),
            ('a body of 2 MiB', 413, ('POST', '/click', b'a' * 2 ** 21), {})):
        a = p.ask(*arguments, HTTP_COOKIE=cookie, QUERY_STRING='<script>alert(1)</script>', **more)
        tap.same(a.status, status, '%s is %d' % (claim, status))
        tap.ok(a.header('Content-Type') == 'text/plain; charset=utf-8' and a.header('Content-Length') == str(len(a.body)) and len(a.body) < 200
               and 'script' not in a.text, 'a short plain text', a.octets)
    tap.same(p.ask('DELETE', '/').header('Allow'), 'GET, HEAD', 'a 405 says what is allowed')
    tap.same(p.ask('GET', '/click').header('Allow'), 'POST', 'at each address')
    tap.same(session(p, cookie), before, 'none of all this counted anything')

    get, head = p.ask(HTTP_COOKIE=cookie), p.ask('HEAD', HTTP_COOKIE=cookie)
    tap.ok(not head.body and head.header('Content-Length') == str(len(get.body)), 'HEAD is like GET without a body', (head.octets, len(get.body)))
    tap.same(session(p, cookie)['visits'], before['visits'] + 1, 'and counts nothing')
    get, head = p.ask(), p.ask('HEAD')
    tap.ok(head.header('Content-Length') == str(len(get.body)) and not head.cookie, "a stranger's HEAD neither, and makes no session",
           (head.octets, len(get.body)))

    a = p.ask(path='/session')
    tap.same(json.loads(a.text), {'session_id': None, 'visits': 0, 'events': 0}, 'a stranger has no numbers')
    tap.ok(not a.cookie, 'and gets no session by asking')
    tap.ok(all(not p.ask(path=f, HTTP_COOKIE='jp_token=forged').cookie and p.ask(path=f, HTTP_COOKIE='jp_token=forged').status == 200
               for f in ('/script.js', '/style.css', '/icon.svg')), 'the files of the page have nothing to do with sessions')

    name, _, value = cookie.partition('=')
    forged = value[:-1] + ('A' if value[-1] != 'A' else 'B')
    for method, path in (('GET', '/'), ('POST', '/click'), ('GET', '/session')):
        a = p.ask(method, path, HTTP_COOKIE='%s=%s' % (name, forged))
        tap.ok(a.status == 400 and a.text.splitlines()[0] == 'Bad Cookie' and a.header('Content-Type').startswith('text/plain'),
               'a forged cookie is a Bad Cookie at %s %s' % (method, path), a.octets)
        tap.ok('Max-Age=0' in (a.header('Set-Cookie') or ''), 'and is cleared', a.headers)
    def with_cookies(*values):
        """One HTTP_COOKIE variable for each, as some servers send several Cookie fields."""
        return p.ask(path='/session', extra=[('HTTP_COOKIE', v) for v in values])

    second = p.ask().cookie
    tap.same(json.loads(with_cookies('a=b', cookie).text)['session_id'], sid, 'the cookie is found in the second of two variables')
    tap.same(json.loads(with_cookies('jp_token=' + forged, cookie, 'jp_token=x').text)['session_id'], sid, 'a good one among forged ones is taken')
    for claim, values in (('two variables', (cookie, second)), ('one', (cookie + '; ' + second,)), ('the other order', (second, cookie))):
        a = with_cookies(*values)
        tap.ok(a.status == 400 and 'Max-Age=0' in (a.header('Set-Cookie') or ''), 'two different good ones in %s are a bad cookie' % claim, a.octets)

    before = session(p, cookie)
    p.ask('POST', '/click', ('session_id=' + sid).encode(), QUERY_STRING='session_id=' + sid, HTTP_X_SESSION_ID=sid)
    tap.same(session(p, cookie), before, 'an id in a body, query or header is nobody')

    policy = p.ask().header('Content-Security-Policy')
    tap.ok("default-src 'none'" in policy and 'unsafe' not in policy and 'http' not in policy, 'the policy is strict', policy)
    page = p.ask().text
    tap.ok(not re.search(r'<script(?![^>]*src=)|<style|style=|\son\w+=|https?://', page), 'and the page keeps to it', page)
    tap.ok(all(a.header('X-Content-Type-Options') == 'nosniff' for a in (p.ask(), p.ask(path='/absent'))), 'types are not guessed')

    # Sixteen at once on one cookie.
    cookie = p.ask().cookie
    lost = []

    def visit():
        for _ in range(50):
            if p.ask(path='/plain', HTTP_COOKIE=cookie).status != 200 or p.ask('POST', '/click', HTTP_COOKIE=cookie, **JSON).status != 200:
                lost.append(1)

    threads = [threading.Thread(target=visit) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    now = session(p, cookie)
    tap.same((now['visits'], now['events'], lost), (801, 800, []), 'sixteen clients at once lose no visit and no click')

with Program([SESSION_TEST], SESSIONS='false') as p:
    a = p.ask()
    tap.ok(a.status == 200 and not a.cookie and 'My session id: none' in a.text, 'without SESSIONS the page works and sets no cookie', a.octets)
tap.done()

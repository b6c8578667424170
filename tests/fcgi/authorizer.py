#!/usr/bin/python3 -B
"""The role of an authorizer: who is let through, what is said about whom, and that no peer and no body gets in the way."""

import os
import secrets
import shutil
import subprocess
import tempfile

from fcgi_client import (AUTHORIZER, BUILD, FILTER, KEEP, PARAMS, SESSION_TEST, STDIN, Program, begin, pair, record, request, stream, tap,
                         variables)

AUTHORIZER_PROGRAM = os.path.join(BUILD, 'cgi-bin', 'authorizer')
LOGIN_TEST = os.path.join(BUILD, 'cgi-bin', 'login_test')
folder = tempfile.mkdtemp(prefix='sesame-test-')
password = secrets.token_hex(8)
users = os.path.join(folder, 'users')
with open(users, 'wb') as file:
    for user in ('ada', 'grace hopper', 'trailing '):
        file.write(subprocess.run([LOGIN_TEST, '--hash', user], input=password.encode(), stdout=subprocess.PIPE, check=True).stdout)
os.chmod(users, 0o600)
shared = {'SESSION_STORE': 'gdbm:' + os.path.join(folder, 'sessions'), 'SECRET_KEY': secrets.token_hex(32), 'LOGIN_USERS': users,
          'SESSION_STORE_WAIT_MS': 10000}


def question(method='GET', uri='/guarded/page', cookie=None, role=AUTHORIZER, path='/guarded/page', **more):
    """A question as a web server asks it: no body follows, whatever CONTENT_LENGTH says."""
    v = variables(method, path, **dict({'REQUEST_URI': uri, 'HTTP_COOKIE': cookie}, **more))
    return begin(role) + stream(PARAMS, b''.join(pair(n, x) for n, x in v))


def ask(program, *arguments, **more):
    with program.connect() as c:
        c.send(question(*arguments, **more))
        return c.answer()


def log_in(pages, user):
    body = 'user=%s&password=%s' % (user.replace(' ', '+'), password)
    return pages.ask('POST', '/login', body.encode()).cookie


def let_in(authorizer, cookie, identity):
    with_session = ask(authorizer, cookie=cookie)
    tap.same((with_session.status, with_session.header('Variable-SESSION_ID')), (200, identity), 'who has a session is let through with its id')
    tap.same(with_session.header('Variable-SESSION_USER'), None, 'and with no user where nobody is logged in')
    tap.ok(with_session.ended, 'the answer is whole although no body and no end of one came')
    posted = ask(authorizer, 'POST', cookie=cookie, CONTENT_LENGTH='1000000', HTTP_SEC_FETCH_SITE=None, CONTENT_TYPE='text/xml')
    tap.same(posted.status, 200, 'what a POST brings is left to what is guarded: no body is waited for')
    tap.same(ask(authorizer, 'DELETE', path='/x/../y', cookie=cookie).status, 200, 'method and path are not looked at')
    with authorizer.connect() as c:
        c.send(question(cookie=cookie) + record(STDIN))
        tap.same(c.answer().status, 200, 'the end of a body that is none does no harm')
        tap.ok(c.is_closed(4), 'the connection is closed afterwards')
    with authorizer.connect() as c:
        c.send(begin(AUTHORIZER, KEEP) + question(cookie=cookie)[16:])
        tap.ok(c.answer().status == 200 and c.is_closed(4), 'also where it was asked to keep it')
    page = authorizer.ask(path='/', HTTP_COOKIE=cookie)
    tap.same((page.status, page.header('Variable-SESSION_ID')), (200, identity), 'as a page it says the same (nginx)')
    tap.same(authorizer.ask(path='/other', HTTP_COOKIE=cookie).status, 404, 'at its one address')


def kept_out(authorizer, cookie):
    nobody = ask(authorizer)
    tap.same((nobody.status, nobody.header('Set-Cookie')), (401, None), 'who has no session is kept out, and gets none')
    tap.ok(nobody.header('WWW-Authenticate'), 'the 401 names a scheme')
    tap.same(nobody.header('Variable-SESSION_ID'), None, 'and no session')
    forged = ask(authorizer, cookie=cookie[:-2] + ('A' if cookie[-2] != 'A' else 'E') + cookie[-1])
    tap.same(forged.status, 400, 'a cookie that was tampered with is a bad one')
    tap.ok('Max-Age=0' in forged.header('Set-Cookie', ''), 'and is cleared', forged.headers)
    for name in ('SESSION_ID', 'SESSION_USER', 'HTTP_SESSION_ID', 'HTTP_VARIABLE_SESSION_ID', 'HTTP_SESSION_USER', 'HTTP_X_SESSION_USER'):
        said = ask(authorizer, **{name: 'ada'})
        tap.same((said.status, 'ada' in said.octets.decode()), (401, False), 'nobody becomes somebody by ' + name)
        said = ask(authorizer, cookie=cookie, **{name: 'ada'})
        tap.same((said.status, 'ada' in said.octets.decode()), (200, False), 'nor somebody another')


def two_cookies(authorizer, pages, cookie):
    other = pages.ask(path='/').cookie or log_in(pages, 'ada')
    for cookies in (cookie + '; ' + other, other + '; ' + cookie):
        tap.same(ask(authorizer, cookie=cookies).status, 400, 'two good cookies of two sessions open nothing')
    value = cookie.split('=', 1)[1]
    same = ask(authorizer, cookie='jp_token=planted; jp_token=' + value)
    tap.same(same.status, 200, 'a planted one beside the good one does not take its place')


def users_only(pages, cookie):
    with Program([AUTHORIZER_PROGRAM], AUTHORIZE='user', **shared) as authorizer:
        tap.same(ask(authorizer, cookie=cookie).status, 401, 'AUTHORIZE=user keeps a session out in which nobody is logged in')
        ada = log_in(pages, 'ada')
        tap.same(ask(authorizer, cookie=ada).header('Variable-SESSION_USER'), 'ada', 'and names who is')
        tap.same(ask(authorizer, cookie=log_in(pages, 'grace hopper')).header('Variable-SESSION_USER'), 'grace hopper', 'also with a blank')
        trailing = ask(authorizer, cookie=log_in(pages, 'trailing '))
        tap.same((trailing.status, trailing.header('Variable-SESSION_USER')), (403, None), 'a name that a header would change is kept out')
        tap.same(pages.ask('POST', '/logout', HTTP_COOKIE=ada).status, 303, 'after a logout')
        tap.same(ask(authorizer, cookie=ada).status, 401, 'the door is shut at the next question')


def way_back(login, separator):
    with Program([AUTHORIZER_PROGRAM], LOGIN_URL=login, **shared) as authorizer:
        def where(*arguments, **more):
            answer = ask(authorizer, *arguments, **more)
            return answer.status, answer.header('Location')

        tap.same(where(uri='/guarded/a%20b?x=1&y=%2F'), (302, login + separator + 'next=/guarded/a%2520b%3Fx%3D1%26y%3D%252F'),
                 'with LOGIN_URL a visitor is sent there, with the way back')
        tap.same(where('POST', uri='/guarded/'), (303, login), 'a form that was sent cannot be sent again')
        for uri in ('//evil.example/', '/\\evil.example/', 'https://evil.example/', 'evil', ''):
            tap.same(where(uri=uri), (303, login), 'the way back leads to no other site: ' + uri)
        tap.same(where(uri='/a\r\nX: y')[1], login + separator + 'next=/a%0D%0AX%3A%20y', 'and splits no header')
        tap.same(where(uri='/' + 'a' * 5000), (302, login), 'one that is too long is left out')
        tap.same(where(HTTP_SEC_FETCH_MODE='cors'), (401, None), "a script's fetch is told 401")
        tap.same(where(HTTP_SEC_FETCH_MODE='navigate')[0], 302, 'a visit is sent on')
        page = authorizer.ask(path='/', REQUEST_URI='/guarded/')
        tap.same((page.status, page.header('Location')), (401, login + separator + 'next=/guarded/'), 'as a page it says so with a 401')


def roles(authorizer, pages):
    tap.same(ask(pages).status, 500, 'a program that is no authorizer refuses the role')
    with authorizer.connect() as c:
        c.send(request(role=FILTER))
        tap.same(c.answer().status, 500, 'and an authorizer the role of a filter')


def never_open(cookie):
    with Program([AUTHORIZER_PROGRAM], **dict(shared, SESSIONS='false')) as authorizer:
        tap.same(ask(authorizer, cookie=cookie).status, 401, 'with SESSIONS=false nobody is let through')
    failing = dict(shared, SESSION_STORE='fault:1+:' + shared['SESSION_STORE'])
    for outage, status in (('closed', 503), ('anonymous', 401)):
        with Program([AUTHORIZER_PROGRAM], STORE_OUTAGE=outage, **failing) as authorizer:
            said = ask(authorizer, cookie=cookie)
            tap.same((said.status, said.header('Variable-SESSION_ID')), (status, None), 'nor where the store is out, STORE_OUTAGE=' + outage)


try:
    with Program([SESSION_TEST], **shared) as counting, Program([LOGIN_TEST], **shared) as pages, \
            Program([AUTHORIZER_PROGRAM], **shared) as authorizer:
        first = counting.ask(path='/')
        identity = first.cookie.split('=')[1].split('.')[0]
        let_in(authorizer, first.cookie, identity)
        kept_out(authorizer, first.cookie)
        two_cookies(authorizer, counting, first.cookie)
        users_only(pages, first.cookie)
        way_back('/login', '?')
        way_back('https://login.example/?site=1', '&')
        roles(authorizer, counting)
        never_open(first.cookie)
finally:
    shutil.rmtree(folder, ignore_errors=True)
tap.done()

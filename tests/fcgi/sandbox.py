#!/usr/bin/python3 -B
"""The sandbox: who takes over a program that serves requests cannot leave it."""

import os
import shutil
import signal
import tempfile

from fcgi_client import LOOP_TEST, SESSION_TEST, Program, tap

SANITIZED = os.environ.get('SESAME_SANITIZERS', 'no') != 'no'
OUTSIDE = '/var/tmp/sesame-test-escape'
FORBIDDEN = (('execute', 'starts a program'), ('fork', 'makes a process'), ('trace', 'traces'), ('connect', 'makes a socket'),
             ('kill', 'sends another process a signal'), ('core', 'makes a call that is on no list'))


def status(program, name):
    with open('/proc/%d/status' % program.process.pid) as lines:
        return next(line.split()[1] for line in lines if line.startswith(name + ':'))


def tasks(program, name):
    """What every thread says of itself."""
    found = set()
    for task in os.listdir('/proc/%d/task' % program.process.pid):
        with open('/proc/%d/task/%s/status' % (program.process.pid, task)) as lines:
            found.add(next(line.split()[1] for line in lines if line.startswith(name + ':')))
    return found


def escape(program, name):
    return program.ask(path='/escape', QUERY_STRING=name).text.strip()


def dies(program, name, what):
    """A call outside the list ends the process, and one that is started anew, as a supervisor does, serves the next client."""
    answer = escape(program, name)
    died = program.process.wait(20)
    tap.same((answer, died), ('', -signal.SIGSYS), 'a handler that %s ends with its process' % what)
    program.start()
    return program.ask(path='/counted').status


def bounded(**settings):
    with Program([LOOP_TEST], THREADS=2, SANDBOX='require', **settings) as p:
        tap.same(p.ask(path='/session').text, 'counted\n', 'with SANDBOX=require sessions are kept')
        tap.same((tasks(p, 'NoNewPrivs'), tasks(p, 'Seccomp')), ({'1'}, {'2'}), 'no thread has new privileges or other system calls')
        tap.same(escape(p, 'read'), 'EACCES', 'a file of the system cannot be read')
        tap.same(escape(p, 'list'), 'EACCES', 'nor a folder listed')
        tap.same(escape(p, 'write'), 'EACCES', 'nor a file made elsewhere')
        tap.ok(not os.path.exists(OUTSIDE), 'and none is there')
        tap.same(escape(p, 'code'), 'EACCES', 'memory cannot become code')
        tap.same(escape(p, 'state'), 'done', 'the state folder can be written to')
        tap.same(escape(p, 'thread'), 'done', 'and a thread be started')
        statuses = [dies(p, name, what) for name, what in FORBIDDEN]
        tap.same(statuses, [200] * len(FORBIDDEN), 'each time another process serves the next client')
        tap.same(p.stop(), 0, 'SIGTERM ends it in order')


def unbounded():
    with Program([LOOP_TEST], THREADS=1, SANDBOX='off') as p:
        tap.same((status(p, 'NoNewPrivs'), status(p, 'Seccomp')), ('0', '0'), 'with SANDBOX=off nothing is bounded')
        tap.same([escape(p, name) for name in ('read', 'fork', 'connect')], ['done'] * 3, 'so that what is tried here would succeed')


def a_core():
    """A process that is killed by what leaves a core file leaves none."""
    with Program([LOOP_TEST], THREADS=1, SANDBOX='require') as p:
        with open('/proc/%d/limits' % p.process.pid) as lines:
            limit = next(line.split()[4:6] for line in lines if line.startswith('Max core file size'))
        tap.same(limit, ['0', '0'], 'there is no core file')
        tap.same(os.stat('/proc/%d/environ' % p.process.pid).st_uid, 0, 'nor do others of the same user see into its memory')


def a_store_elsewhere():
    folder = tempfile.mkdtemp(prefix='sesame-test-')
    try:
        location = 'gdbm:' + os.path.join(folder, 'sessions')
        bounded(SESSION_STORE=location)
        with Program([SESSION_TEST], THREADS=2, SANDBOX='require', SESSION_STORE=location) as p:
            cookie = p.ask().cookie
            tap.ok(cookie, 'a store outside the state folder is used')
            tap.same(p.stop(), 0, 'and closed in order')
            p.start()
            tap.same(p.ask(HTTP_COOKIE=cookie).status, 200, 'and opened again')
    finally:
        shutil.rmtree(folder)


def sanitized():
    tap.skip('the sandbox', 'the sanitizers make system calls of their own')
    with Program([LOOP_TEST], THREADS=1, SANDBOX='require') as p:
        tap.same(p.process.wait(20), 78, 'a build with sanitizers refuses SANDBOX=require')
        tap.ok('sanitizers' in p.logged(), 'and says why')


if SANITIZED:
    sanitized()
else:
    bounded()
    unbounded()
    a_core()
    if os.path.exists(os.path.join(os.environ.get('SESAME_BUILD', 'build'), 'tests/store/damage')):
        a_store_elsewhere()
tap.done()

#!/usr/bin/python3 -B
"""Descriptors, memory and processor time: what runs out is waited for, and nothing is used up by and by."""

import os
import tempfile
import threading
import time

from fcgi_client import KEEP, LOOP_TEST, SESSION_TEST, Program, begin, request, tap, wait_until


def switches(program):
    """How often the process's threads have gone to sleep so far."""
    total = 0
    for task in os.listdir('/proc/%d/task' % program.process.pid):
        with open('/proc/%d/task/%s/status' % (program.process.pid, task)) as status:
            total += sum(int(line.split()[1]) for line in status if line.startswith('voluntary'))
    return total


with Program([LOOP_TEST], limits='ulimit -n 20', THREADS=32, REQUEST_TIMEOUT=5) as p:
    p.ask(path='/counted')
    hogs = [p.connect() for _ in range(30)]
    for c in hogs:
        c.send(begin())
    tap.ok(wait_until(lambda: 'Too many open files' in p.logged()), 'running out of descriptors is said')
    before = p.processor_time()
    time.sleep(1)
    tap.ok(p.processor_time() - before < 0.2, 'and waited for, not spun on', p.processor_time() - before)
    tap.ok(p.process.poll() is None, 'the program lives')
    for c in hogs:
        c.close()
    tap.ok(wait_until(lambda: p.ask(path='/counted').status == 200), 'and serves when there are some again')

# As the FastCGI specification has it, and some servers.
with tempfile.TemporaryDirectory(prefix='sesame-test-') as folder, \
        Program([SESSION_TEST], limits='exec >&- 2>&-', SESSION_STORE='gdbm:%s/store' % folder) as p:
    tap.same(p.ask().status, 200, 'a program that is started without standard output and error serves')
    tap.same([os.readlink('/proc/%d/fd/%d' % (p.process.pid, n)) for n in (1, 2)], ['/dev/null'] * 2, 'and no file of its own takes their place')

with Program([SESSION_TEST], THREADS=8) as p:
    cookie = p.ask().cookie
    for _ in range(300):
        p.ask(path='/plain', HTTP_COOKIE=cookie)
    wait_until(lambda: p.descriptors() < 20)
    descriptors, memory = p.descriptors(), p.memory('RssAnon')

    def ask(part):
        for i in range(700):
            if i % 7 == 0:
                with p.connect() as c:
                    c.send(request('POST', '/click', b'a=b')[:i % 300])
            elif i % 7 == 1:
                with p.connect() as c:
                    c.ask(path='/plain', flags=KEEP, HTTP_COOKIE=cookie)
            else:
                p.ask('POST' if i % 2 else 'GET', '/click' if i % 2 else '/', b'x=y' * (i % 50) if i % 2 else b'', HTTP_COOKIE=cookie)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    tap.ok(wait_until(lambda: p.descriptors() <= descriptors), 'after 2,800 requests of all kinds no descriptor is left open',
           (descriptors, p.descriptors()))
    # A sanitizer keeps freed memory for a while.
    if 'address' in os.environ.get('SESAME_SANITIZERS', '') or 'thread' in os.environ.get('SESAME_SANITIZERS', ''):
        tap.skip('and memory is flat', 'a build without sanitizers')
    else:
        tap.ok(p.memory('RssAnon') < memory + 1500, 'and memory is flat', (memory, p.memory('RssAnon')))

    time.sleep(0.5)
    before, at = p.processor_time(), switches(p)
    time.sleep(3)
    if 'thread' in os.environ.get('SESAME_SANITIZERS', ''):
        tap.skip('an idle program does not wake up', 'a build without the thread sanitizer, which does')
    else:
        tap.ok(switches(p) - at <= 9, 'an idle program does not wake up', switches(p) - at)
    tap.ok(p.processor_time() - before <= 0.02, 'and takes no processor time')

with Program([LOOP_TEST], THREADS=2) as p:
    p.ask(path='/counted')
    p.ask(path='/counted', X_A='a' * 100000)
    before = p.memory('RssAnon')
    for _ in range(5):
        p.ask(path='/wide', QUERY_STRING='15000000')
        p.ask('POST', '/echo', b'z' * 1000000, CONTENT_TYPE='text/plain')
    if os.environ.get('SESAME_SANITIZERS', 'no') not in ('', 'no'):
        tap.skip('what one large request took is given back', 'a build without sanitizers')
    else:
        tap.ok(wait_until(lambda: p.memory('RssAnon') < before + 2000), 'what one large request took is given back',
               (before, p.memory('RssAnon')))

if os.environ.get('SESAME_SANITIZERS', 'no') not in ('', 'no'):
    tap.skip('a body that there is no memory for is 503', 'a build without sanitizers')
else:
    with Program([LOOP_TEST], limits='ulimit -v 500000', THREADS=2, BODY_MAX=2 ** 30) as p:
        answer = p.ask('POST', '/echo', b'a=b', CONTENT_LENGTH=str(2 ** 29), CONTENT_TYPE='text/plain')
        tap.ok(answer.status == 503 and answer.header('Retry-After'), 'a body that there is no memory for is 503', answer.octets)
        tap.same(p.ask(path='/counted').status, 200, 'and the next request is served')
tap.done()

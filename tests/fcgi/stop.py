#!/usr/bin/python3 -B
"""The end of the program: what was accepted is answered, and the exit is in order."""

import random
import signal
import threading
import time

from fcgi_client import KEEP, LOOP_TEST, PARAMS, SESSION_TEST, STDIN, Program, begin, pair, record, stream, tap, variables, wait_until

SEED = random.randrange(10 ** 9)
DICE = random.Random(SEED)


class Load:
    """Clients that ask until they are told to end. Connections wait in the listener's queue when no process is there."""

    def __init__(self, program, clients, path='/counted'):
        self.program, self.path, self.ended, self.answered, self.lost = program, path, False, 0, []
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.ended:
            try:
                answer = self.program.ask(path=self.path)
            except OSError as error:
                self.lost.append(repr(error))
                continue
            if answer.status == 200 and answer.ended:
                self.answered += 1
            else:
                self.lost.append(answer.octets[:60])

    def end(self):
        self.ended = True
        for thread in self.threads:
            thread.join()


for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
    with Program([LOOP_TEST]) as p:
        p.ask(path='/counted')
        start = time.monotonic()
        tap.same(p.stop(number), 0, '%s ends an idle program with status 0' % number.name)
        tap.ok(time.monotonic() - start < 5, 'without waiting for anything')

with Program([LOOP_TEST], THREADS=4) as p:
    # A successor is started before each stop, on the same socket: whatever is lost was lost by the one that left.
    load = Load(p, 8)
    statuses = []
    for _ in range(15):
        old = p.process
        p.start()
        time.sleep(DICE.random() * 0.06)
        old.send_signal(signal.SIGTERM)
        statuses.append(old.wait(15))
    load.end()
    tap.same(load.lost, [], '15 stops under load lose none of %d requests (seed %d)' % (load.answered, SEED))
    tap.same(statuses, [0] * 15, 'and all end with status 0')

with Program([LOOP_TEST], THREADS=2) as p:
    connections = [p.connect() for _ in range(6)]
    for c in connections:
        c.send(begin() + stream(PARAMS, b''.join(pair(n, v) for n, v in variables(path='/slow', QUERY_STRING='100'))) + record(STDIN))
    time.sleep(0.05)
    p.process.send_signal(signal.SIGTERM)
    tap.same([c.answer().text for c in connections], ['slept\n'] * 6, 'requests under way and in the queue are answered after SIGTERM')
    tap.same(p.process.wait(10), 0, 'before the program ends')

with Program([LOOP_TEST]) as p, p.connect() as c:
    pairs = b''.join(pair(n, v) for n, v in variables('POST', '/echo', b'x' * 100, CONTENT_TYPE='text/plain'))
    c.send(begin() + stream(PARAMS, pairs) + record(STDIN, b'x' * 50))
    time.sleep(0.2)
    p.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    c.send(record(STDIN, b'x' * 50) + record(STDIN))
    tap.same(c.answer().body, b'x' * 100, 'a body that SIGTERM meets half-way arrives whole')
    tap.same(p.process.wait(10), 0, 'and the program ends')

with Program([LOOP_TEST]) as p, p.connect() as c, p.connect() as silent:
    c.ask(path='/counted', flags=KEEP)
    time.sleep(0.1)
    start = time.monotonic()
    p.process.send_signal(signal.SIGTERM)
    before = p.processor_time()
    time.sleep(3)
    tap.ok(p.processor_time() - before < 1, 'a program that waits for its last client does not spin', p.processor_time() - before)
    status = p.process.wait(20)
    took = time.monotonic() - start
    tap.same(status, 0, 'with a kept connection and a silent client the program ends as well')
    tap.ok(took < 15, 'at its deadline of eight seconds', took)

with Program([LOOP_TEST]) as p:
    before = p.descriptors()
    silent = p.connect()
    silent.send(begin())
    wait_until(lambda: p.descriptors() > before)
    time.sleep(0.1)
    p.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    start = time.monotonic()
    # Another signal, since two of a kind may be one.
    tap.same(p.stop(signal.SIGINT), 0, 'a second signal cuts what is left')
    tap.ok(time.monotonic() - start < 5, 'and does not wait for the deadline', time.monotonic() - start)
    silent.close()

with Program([LOOP_TEST], THREADS=2) as p:
    victim = p.process
    survivor = p.start()
    wait_until(lambda: p.ask(path='/counted').status == 200)
    load = Load(p, 4)
    time.sleep(0.3)
    victim.kill()
    victim.wait()
    time.sleep(0.3)
    lost = len(load.lost)
    time.sleep(0.5)
    load.end()
    tap.ok(lost <= 4 and len(load.lost) == lost, 'a killed process loses only what it was doing, the other one goes on', load.lost)
    tap.ok(survivor.poll() is None, 'and lives')

with Program([LOOP_TEST]) as p:
    p.ask(path='/counted')
    p.listener.shutdown(2)
    tap.same(p.process.wait(10), 71, 'a listening socket that is shut down ends the program with a status that says so')
    tap.ok('cannot accept' in p.logged(), 'and a line in the log')

with Program([SESSION_TEST], SECRET_KEY='short') as p:
    tap.same(p.process.wait(10), 78, 'settings that cannot be used end the program with status 78')
    tap.ok(len(p.logged().splitlines()) == 1 and 'SECRET_KEY' in p.logged(), 'and one line that names the setting', p.logged())
tap.done()

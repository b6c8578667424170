#!/usr/bin/python3 -B
"""Several processes on one socket: as many take part as are needed, and who is stopped or killed is in nobody's way."""

import os
import signal
import threading
import time

from fcgi_client import KEEP, LOOP_TEST, Program, tap, wait_until


def who(program, **more):
    return int(program.ask(path='/process', **more).text)


def crew(program, size):
    while len(program.processes) < size:
        program.start()
    return {process.pid: process for process in program.processes}


def at_once(program, count, milliseconds):
    """Requests that each take so long, all at the same time; the answers, and the seconds until the last one."""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(program.ask(path='/slow', QUERY_STRING=str(milliseconds)).status))
               for _ in range(count)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers, time.monotonic() - begun


def all_stopped(pid):
    """Each thread: one that is not yet may still take a connection, and stop with it."""
    states = []
    for task in os.listdir('/proc/%d/task' % pid):
        with open('/proc/%d/task/%s/stat' % (pid, task)) as stat:
            states.append(stat.read().rpartition(') ')[2][0])
    return set(states) == {'T'}


def ticks(program):
    """Processor time of all its processes, in the system's ticks."""
    total = 0
    for process in program.processes:
        with open('/proc/%d/stat' % process.pid) as stat:
            total += sum(map(int, stat.read().rpartition(')')[2].split()[11:13]))
    return total


with Program([LOOP_TEST], THREADS=2) as p:
    processes = crew(p, 4)
    tap.same(len({who(p) for _ in range(200)}), 1, 'requests that one process can answer are answered by one')
    first = who(p)
    processes[first].kill()
    processes[first].wait()
    begun = time.monotonic()
    second = who(p)
    tap.ok(second in processes and second != first and time.monotonic() - begun < 2, 'when it is killed, another one answers at once',
           time.monotonic() - begun)

    processes[second].send_signal(signal.SIGSTOP)
    wait_until(lambda: all_stopped(second))
    begun = time.monotonic()
    third = who(p)
    tap.ok(third not in (first, second) and time.monotonic() - begun < 5, 'when that one is stopped, another one answers soon',
           time.monotonic() - begun)
    times = []
    for _ in range(30):
        begun = time.monotonic()
        who(p)
        times.append(time.monotonic() - begun)
        time.sleep(0.1)
    tap.ok(sum(t > 0.05 for t in times) <= 6, 'and goes on, so that few connections wait', [round(t, 3) for t in times])
    processes[second].send_signal(signal.SIGCONT)
    tap.ok(wait_until(lambda: len({who(p) for _ in range(50)}) == 1, 60, 0.2), 'when it goes on, one is enough again')

with Program([LOOP_TEST], THREADS=2) as p:
    crew(p, 4)
    answers, seconds = at_once(p, 8, 1500)
    tap.ok(answers == [200] * 8 and seconds < 3, 'as many slow requests are answered at once as all processes have threads', (answers, seconds))
    kept = [p.connect() for _ in range(4)]
    tap.ok(all(c.ask(path='/process', flags=KEEP).status == 200 for c in kept) and who(p) > 0,
           'kept connections, more than one process has threads, leave room for a new one')
    for c in kept:
        c.close()
    before = ticks(p)
    time.sleep(2)
    tap.ok(ticks(p) - before <= 5, 'who waits in line uses next to no processor time', ticks(p) - before)

with Program([LOOP_TEST], THREADS=2) as p:
    processes = crew(p, 3)
    lost, ended = [], False

    def ask():
        while not ended:
            answer = p.ask(path='/counted')
            if answer.status != 200 or not answer.ended:
                lost.append(answer.octets[:60])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(12):
        leader = processes.pop(who(p))
        leader.terminate()
        p.start()
        processes[p.process.pid] = p.process
        status = leader.wait(15)
        if status != 0:
            lost.append(status)
    ended = True
    for thread in threads:
        thread.join()
    tap.same(lost, [], 'no request is lost when who answers is asked to end, twelve times under load')

tap.done()

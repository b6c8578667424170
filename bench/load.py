"""Load on a system, bounded in time, and what the machine says about it: answers, latency, CPU time, memory."""
import contextlib
import http.client
import os
import pathlib
import re
import subprocess
import time

from systems import SOURCES

CONNECTIONS = 16
VISITS = re.compile(rb'Number of visits: (\d+)')


class Broken(Exception):
    """A system that does not answer as it should."""


def cpu_ns(pids):
    """CPU time of the processes, their ended threads included (clock_getcpuclockid(3))."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += time.clock_gettime_ns(~pid << 3 | 2)
    return total


def rss_anon(pids):
    """Anonymous memory in octets."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            found = re.search(r'RssAnon:\s+(\d+)', pathlib.Path(f'/proc/{pid}/status').read_text())
            total += int(found.group(1)) * 1024 if found else 0
    return total


def ask(connection, path, cookie):
    connection.request('GET', path, headers={'Cookie': cookie} if cookie else {})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise Broken(f'{path} answered {answer.status}')
    given = answer.getheader('Set-Cookie')
    found = VISITS.search(body)
    return given.split(';')[0] if given else None, int(found.group(1)) if found else 0


def connect(system):
    return http.client.HTTPConnection('127.0.0.1', system.port, timeout=30)


def patiently(system, cookies):
    """Asks once with each cookie; servers close kept connections as they like."""
    connection = connect(system)
    for cookie in cookies:
        for attempt in range(3):
            try:
                yield ask(connection, system.path, cookie)
                break
            except (http.client.HTTPException, ConnectionError):
                connection.close()
                connection = connect(system)
                if attempt == 2:
                    raise
    connection.close()


def make_sessions(system, count):
    """New sessions through the front door; their cookies."""
    return [cookie for cookie, _ in patiently(system, [None] * count)]


def visits(system, cookies):
    """The sum of the counters as they were before this look, which is a visit itself."""
    return sum(number for _, number in patiently(system, cookies)) - len(cookies)


class Clients:
    """The cookies that clients choose from, in a file that load.lua reads."""

    def __init__(self, path, cookies=None, sample=20000):
        self.path, self.sample = pathlib.Path(path), sample
        if cookies is not None:
            width = max(map(len, cookies), default=0)
            self.path.write_text(''.join(cookie.ljust(width) + '\n' for cookie in cookies))
        with open(self.path, 'rb') as file:
            self.width = len(file.readline())
        self.count = self.path.stat().st_size // self.width if self.width else 0


class Run:
    """What one run of load showed."""

    def __init__(self, words, cpu):
        requests, duration, self.p50, self.p99, bad, broken = words
        if bad or broken or not requests:
            raise Broken(f'{requests} answers, {bad} of them failures, {broken} connections broken')
        self.requests = requests
        self.rate = requests / (duration / 1e6)
        self.cpu = cpu / requests / 1e3


def run(system, clients, seconds, seed, paths=None):
    """wrk with one thread and 16 connections."""
    environment = {**os.environ, 'BENCH_COOKIES': str(clients.path), 'BENCH_WIDTH': str(clients.width), 'BENCH_COUNT': str(clients.count),
                   'BENCH_SAMPLE': str(clients.sample), 'BENCH_SEED': str(seed), 'BENCH_PATHS': paths or system.path}
    pids = system.pids()
    before = cpu_ns(pids)
    out = subprocess.run(['wrk', '-t1', f'-c{CONNECTIONS}', f'-d{seconds}s', '-s',
                          SOURCES / 'load.lua', system.url], capture_output=True, text=True, env=environment, check=False,
                         timeout=seconds + 60)
    cpu = cpu_ns(pids) - before
    found = re.search(r'^BENCH (.*)$', out.stdout, re.M)
    if not found:
        raise Broken('wrk: ' + (out.stderr or out.stdout)[-300:])
    return Run([int(word) for word in found.group(1).split()], cpu)

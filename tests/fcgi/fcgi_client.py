"""A raw FastCGI client, and a program to talk to: what the tests of the accept loop are written with.

It sends exactly the octets it is told to, whole or cut, in any order and at any speed, so that a test can be every peer that a web server is
not. The program under test gets a listening socket as descriptor 0, as spawn-fcgi would give it, in a temporary folder of its own.
"""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, GET_VALUES_RESULT, UNKNOWN = range(1, 12)
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3
KEEP = 1

BUILD = os.environ.get('SESAME_BUILD', 'build')
SESSION_TEST = os.path.join(BUILD, 'cgi-bin', 'session_test')
LOOP_TEST = os.path.join(BUILD, 'tests', 'fcgi', 'loop_test')


def record(kind, content=b'', request=1, padding=0, version=1):
    return struct.pack('>BBHHBx', version, kind, request, len(content), padding) + content + b'\0' * padding


def begin(role=RESPONDER, flags=0, request=1):
    return record(BEGIN, struct.pack('>HB5x', role, flags), request)


def length(n):
    return bytes([n]) if n < 128 else struct.pack('>I', n | 0x80000000)


def pair(name, value):
    name, value = (x if isinstance(x, bytes) else x.encode() for x in (name, value))
    return length(len(name)) + length(len(value)) + name + value


def stream(kind, octets, request=1, part=65528, padding=0):
    """A whole stream of records, its end included."""
    parts = [octets[i:i + part] for i in range(0, len(octets), part)]
    return b''.join(record(kind, p, request, padding) for p in parts) + record(kind, b'', request)


def variables(method='GET', path='/', body=b'', **more):
    """The CGI variables of a request, as a list of pairs; a variable given as None is left out."""
    v = {'REQUEST_METHOD': method, 'SCRIPT_NAME': '/t', 'PATH_INFO': path, 'SERVER_PROTOCOL': 'HTTP/1.1', 'SERVER_NAME': 'localhost',
         'HTTP_HOST': 'localhost', 'REMOTE_ADDR': '127.0.0.1', 'QUERY_STRING': '', 'CONTENT_LENGTH': str(len(body)) if body else ''}
    if method not in ('GET', 'HEAD', 'OPTIONS'):
        v['HTTP_SEC_FETCH_SITE'] = 'same-origin'
    if body:
        v['CONTENT_TYPE'] = 'application/x-www-form-urlencoded'
    v.update(more)
    return [(name, value) for name, value in v.items() if value is not None]


def request(method='GET', path='/', body=b'', role=RESPONDER, flags=0, number=1, extra=(), **more):
    """All octets of one request. extra: further (name, value) pairs, which may repeat a name."""
    pairs = variables(method, path, body, **more) + list(extra)
    return (begin(role, flags, number) + stream(PARAMS, b''.join(pair(n, v) for n, v in pairs), number)
            + stream(STDIN, body, number))


class Answer:
    """A response: status, headers (a list of pairs), body; ended tells whether FCGI_END_REQUEST came."""

    def __init__(self, octets, ended):
        self.octets, self.ended = octets, ended
        head, _, self.body = octets.partition(b'\r\n\r\n')
        self.headers = [tuple(line.split(': ', 1)) for line in head.decode('latin-1').split('\r\n') if ': ' in line]
        self.status = int(self.header('Status', '0 ').split()[0])

    def header(self, name, otherwise=None):
        return next((v for n, v in self.headers if n.lower() == name.lower()), otherwise)

    @property
    def text(self):
        return self.body.decode('latin-1')

    @property
    def cookie(self):
        value = self.header('Set-Cookie')
        return value.split(';')[0] if value else None


class Closed(Exception):
    """The program has closed the connection."""


class Connection:
    def __init__(self, path, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.buffer = bytearray()

    def send(self, octets):
        self.socket.sendall(octets)

    def take(self, size):
        while len(self.buffer) < size:
            try:
                got = self.socket.recv(65536)
            except ConnectionResetError:
                got = b''
            if not got:
                raise Closed(bytes(self.buffer))
            self.buffer += got
        octets = bytes(self.buffer[:size])
        del self.buffer[:size]
        return octets

    def record(self):
        """The next record: kind, request, content."""
        version, kind, number, size, padding = struct.unpack('>BBHHBx', self.take(8))
        assert version == 1
        return kind, number, self.take(size + padding)[:size]

    def answer(self, number=1):
        octets = bytearray()
        while True:
            try:
                kind, of, content = self.record()
            except Closed:
                return Answer(bytes(octets), False)
            if kind == STDOUT and of == number:
                octets += content
            elif kind == END and of == number:
                return Answer(bytes(octets), True)

    def ask(self, *arguments, **more):
        self.send(request(*arguments, **more))
        return self.answer(more.get('number', 1))

    def is_closed(self, within=10):
        """True if the program closes the connection within seconds, whatever it says before."""
        self.socket.settimeout(within)
        try:
            while self.socket.recv(65536):
                pass
            return True
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


class Program:
    """The program under test, running, with settings for its environment; limits is what a shell does before it (ulimit)."""

    def __init__(self, command=None, limits=None, listening=True, **settings):
        self.folder = tempfile.mkdtemp(prefix='sesame-test-')
        self.path = os.path.join(self.folder, 's')
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1024)
        self.log = open(os.path.join(self.folder, 'log'), 'w+')
        self.command = command or [SESSION_TEST]
        if limits:
            self.command = ['/bin/sh', '-c', limits + ' && exec "$@"', 'sh'] + self.command
        settings.setdefault('SESSION_STORE', 'memory:')
        self.settings = dict(os.environ, STATE_DIRECTORY=os.path.join(self.folder, 'state'), **{k: str(v) for k, v in settings.items()})
        os.mkdir(self.settings['STATE_DIRECTORY'], 0o700)
        self.processes = []
        self.start()

    def start(self):
        """One more process on the same socket; returns when it has started its threads, or has ended."""
        process = subprocess.Popen(self.command, stdin=self.listener, stdout=self.log, stderr=self.log, env=self.settings)
        self.processes.append(process)
        wait_until(lambda: process.poll() is not None or len(os.listdir('/proc/%d/task' % process.pid)) > 1, 30, 0.005)
        return process

    @property
    def process(self):
        return self.processes[-1]

    def connect(self, **more):
        return Connection(self.path, **more)

    def ask(self, *arguments, **more):
        with self.connect() as connection:
            return connection.ask(*arguments, **more)

    def logged(self):
        with open(self.log.name) as log:
            return log.read()

    def descriptors(self):
        return len(os.listdir('/proc/%d/fd' % self.process.pid))

    def memory(self, what='VmRSS'):
        """Kilobytes, from /proc/PID/status."""
        with open('/proc/%d/status' % self.process.pid) as status:
            return next(int(line.split()[1]) for line in status if line.startswith(what + ':'))

    def processor_time(self):
        with open('/proc/%d/stat' % self.process.pid) as stat:
            fields = stat.read().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def stop(self, number=signal.SIGTERM, within=15):
        """Sends a signal and returns the exit status; None if it did not end within seconds."""
        self.process.send_signal(number)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            return None

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.listener.close()
        said = [line for line in self.logged().splitlines() if 'Sanitizer' in line or 'runtime error' in line]
        if said:
            tap.ok(False, 'no sanitizer has anything to report', said)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if sys.exc_info()[0]:
            print(''.join('# log: %s\n' % line for line in self.logged().splitlines()[-20:]), end='')
        self.close()


def cgi_environment(method='GET', path='/', body=b'', settings=None, **more):
    """The environment of one request to the program as plain CGI."""
    environment = {k: v for k, v in variables(method, path, body, **more)}
    environment.update(PATH='/usr/bin:/bin', GATEWAY_INTERFACE='CGI/1.1', SESSION_STORE='memory:')
    environment.update(settings or {})
    for name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS', 'LD_LIBRARY_PATH'):
        if name in os.environ:
            environment[name] = os.environ[name]
    return environment


def run_cgi(method='GET', path='/', body=b'', settings=None, sent=None, stdout=subprocess.PIPE, **more):
    """One request to the program as plain CGI; sent: what standard input has, if not body; stdout: where the
    answer goes, if not into the Answer. Returns the Answer and the exit status."""
    environment = cgi_environment(method, path, body, settings, **more)
    done = subprocess.run([SESSION_TEST], input=body if sent is None else sent, env=environment, stdout=stdout, stderr=subprocess.PIPE,
                          timeout=60, check=False)
    return done.stdout and Answer(done.stdout, True), done.returncode


def wait_until(holds, within=10, pause=0.02):
    """True as soon as holds() is; False if it is not within seconds."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(pause)
    return bool(holds())


class Tap:
    """Claims, printed in the Test Anything Protocol."""

    count = failed = 0

    def ok(self, holds, claim, detail=None):
        self.count += 1
        print('%sok %d - %s' % ('' if holds else 'not ', self.count, claim), flush=True)
        if not holds:
            self.failed += 1
            if detail is not None:
                print('# ' + repr(detail)[:1000], flush=True)
        return holds

    def same(self, value, expected, claim):
        return self.ok(value == expected, claim, (value, expected))

    def skip(self, claim, missing):
        self.count += 1
        print('ok %d - %s # SKIP %s' % (self.count, claim, missing), flush=True)

    def done(self):
        print('1..%d' % self.count)
        sys.exit(1 if self.failed else 0)


tap = Tap()

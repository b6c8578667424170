"""Plain CGI: a process for each request, ours against one that does nothing."""
import os
import subprocess

import figures
import systems
from figures import Figure, paired
from systems import BUILD, SECRET

PAIRS = [('shared, against one with the same libraries', 'session', 'bench/cgi_empty_libraries', 2.0),
         ('shared, against one with libc alone', 'session', 'bench/cgi_empty', 2.0),
         ('static', 'bench/cgi_session_static', 'bench/cgi_empty_static', 1.5)]

ANSWERED, ENDED = 0, 1


def environment_of(work):
    """What a web server gives to a CGI program, for one of 1,000 sessions."""
    environment = {'PATH': os.environ['PATH'], 'SECRET_KEY': SECRET, 'SESSION_STORE': f'gdbm:{work}/store', 'STATE_DIRECTORY': str(work),
                   'SESSION_SYNC': 'everysec', 'GATEWAY_INTERFACE': 'CGI/1.1', 'REQUEST_METHOD': 'GET', 'SCRIPT_NAME': '/session_test',
                   'PATH_INFO': '/plain', 'QUERY_STRING': '', 'REQUEST_URI': '/session_test/plain', 'SERVER_PROTOCOL': 'HTTP/1.1',
                   'SERVER_NAME': '127.0.0.1', 'SERVER_PORT': '8080', 'REMOTE_ADDR': '127.0.0.1', 'HTTP_HOST': '127.0.0.1:8080'}
    cookies = subprocess.run([BUILD / 'bench/load_sessions', 'fill', '1000', '0'], env=environment, check=True, capture_output=True,
                             text=True, timeout=60).stdout.split()
    return {**environment, 'HTTP_COOKIE': cookies[500]}


def real_program():
    """libtool puts a script in the place of a program that needs libraries that are not installed; the program lies beside."""
    program = BUILD / 'cgi-bin/session_test'
    beside = BUILD / 'cgi-bin/.libs/session_test'
    return (beside, {'LD_LIBRARY_PATH': str(BUILD / 'lib/.libs')}) if beside.exists() else (program, {})


def measure(work, options, progress):
    folder = work / 'cgi'
    folder.mkdir()
    program, more = real_program()
    environment = {**environment_of(folder), **more}
    names = [('session', program)] + [(name, BUILD / name) for name in dict.fromkeys(n for pair in PAIRS for n in pair[1:3])
                                      if name != 'session' and (BUILD / name).exists()]
    progress.say('plain CGI: starting processes')
    rounds, times = (5, 5) if options.quick else (max(10, options.rounds), 40)
    out = subprocess.run([BUILD / 'bench/cgi_start', str(rounds), str(times), *(path for _, path in names)], env=environment, check=True,
                         capture_output=True, text=True, timeout=600).stdout
    rows = [[float(cell) for cell in line.split()] for line in out.splitlines()]
    columns = {(name, kind): [row[2 * i + kind] for row in rows] for i, (name, _) in enumerate(names) for kind in (ANSWERED, ENDED)}
    how = 'with the libraries of the build tree, shared' if more else 'with a shared libc and foreign libraries, ours linked in'
    return (f'`session_test` {how}; one of 1,000 sessions, a GDBM store, `SESSION_SYNC=everysec`: the process syncs what it wrote after its '
            'answer is whole.\n\n' + table(columns))


def table(columns):
    rows = []
    for words, ours, partner, ceiling in PAIRS:
        for kind, until in ((ANSWERED, 'until the answer is whole'), (ENDED, 'until the process has ended')):
            if (ours, kind) not in columns or (partner, kind) not in columns:
                rows.append([words, until, 'could not be linked here', '', '', ''])
                continue
            ratio = paired(columns[ours, kind], columns[partner, kind], float)
            each = [Figure(value / 1000 for value in columns[name, kind]).range_text() for name in (ours, partner)]
            rows.append([words, until, *each, ratio.text(2), f'{ceiling}: {ratio.verdict(ceiling, below=True)}' if kind == ANSWERED else ''])
    return figures.table(['linked', 'time', 'ours, µs (min to max)', 'empty, µs (min to max)', 'ratio [95 %]', 'ceiling'], rows)

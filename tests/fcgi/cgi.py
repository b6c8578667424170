#!/usr/bin/python3 -B
"""The same program as plain CGI: its answers are those of FastCGI."""

import os
import signal
import subprocess
import tempfile
import time

from fcgi_client import SESSION_TEST, Program, cgi_environment, run_cgi, tap

CASES = (
    ('an unknown address', 'GET', '/absent', b'', {}),
    ('another method', 'DELETE', '/', b'', {}),
    ('a script', 'GET', '/script.js', b'', {}),
    ('HEAD of a script', 'HEAD', '/script.js', b'', {}),
    ("another site's click", 'POST', '/click', b'', {'HTTP_SEC_FETCH_SITE': 'cross-site'}),
    ('a forged cookie', 'GET', '/', b'', {'HTTP_COOKIE': 'jp_token=0123456789abcdef0123456789abcdef.aaaa.bbbb'}),
    ('a body that is too large', 'POST', '/click', b'x' * 2000, {}),
    ('a malformed form', 'POST', '/click', b'a=%zz', {}),
    ('another type', 'POST', '/click', b'{}', {'CONTENT_TYPE': 'application/json'}),
    ('a malformed length', 'POST', '/click', b'a=b', {'CONTENT_LENGTH': '3x'}),
    ('parameters that are too large', 'GET', '/', b'', {'HTTP_X': 'x' * 9000}),
    ('the numbers of nobody', 'GET', '/session', b'', {}),
)

with tempfile.TemporaryDirectory(prefix='sesame-test-') as folder:
    settings = {'BODY_MAX': '1024', 'PARAMS_MAX': '8192', 'STATE_DIRECTORY': folder}
    with Program([SESSION_TEST], BODY_MAX=1024, PARAMS_MAX=8192) as p:
        for claim, method, path, body, more in CASES:
            fcgi = p.ask(method, path, body, **more)
            cgi, status = run_cgi(method, path, body, settings=settings, **more)
            tap.ok(cgi.octets == fcgi.octets and status == 0, 'the answer to %s is the same' % claim, (cgi.octets, fcgi.octets))
    answer, status = run_cgi('POST', '/click', b'a=b&c=d', settings=settings, sent=b'a=b')
    tap.same(answer.status, 400, 'a body shorter than its length is 400')
    answer, status = run_cgi('POST', '/click', b'a=b', settings=settings, sent=b'a=b&c=%zz', HTTP_ACCEPT='application/json')
    tap.same(answer.status, 200, 'what follows the length is not read')
    answer, status = run_cgi(settings=settings)
    tap.ok(status == 0 and 'Number of visits: 1' in answer.text and answer.cookie, 'a page is served', answer.octets)
    tap.same(len(answer.body), int(answer.header('Content-Length')), 'with its length')
    answer, status = run_cgi(settings=dict(settings, THREADS='none'))
    tap.ok(answer.status == 503 and status == 78 and answer.header('Retry-After'), 'settings that cannot be used are a 503', answer.octets)
    tap.same(len(answer.body), int(answer.header('Content-Length', '-1')), 'with its length')

    # One who sends half of a body, and then nothing.
    start = time.monotonic()
    held = subprocess.Popen([SESSION_TEST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=cgi_environment('POST', '/click', b'a=b', settings=dict(settings, REQUEST_TIMEOUT='1')))
    held.stdin.write(b'a=')
    held.stdin.flush()
    tap.same(held.wait(30), -signal.SIGALRM, 'a body that does not come ends the process')
    tap.ok(time.monotonic() - start > 0.9 and not held.stdout.read(), 'at its deadline, without an answer')

    # A pipe of packets gives what one write put in.
    reader, writer = os.pipe2(os.O_DIRECT)
    run_cgi(settings=settings, stdout=writer)
    packet = os.read(reader, 65536)
    tap.ok(packet.endswith(b'</html>\n'), 'a small answer is sent by one write', packet)
    os.close(reader)
    os.close(writer)

    # The web server has its answer when standard output is closed, whatever the program still does.
    with tempfile.TemporaryFile() as nothing:
        done = subprocess.run([SESSION_TEST], stdin=nothing, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={'PATH': '/usr/bin:/bin'},
                              check=False)
        tap.ok(done.returncode == 64 and done.stderr.startswith(b'usage:') and not done.stdout, 'started as neither, it tells its usage')
    for option, shown in (('--help', b'usage:'), ('--version', b'0.')):
        done = subprocess.run([SESSION_TEST, option], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        tap.ok(done.returncode == 0 and done.stdout.startswith(shown), option + ' is answered on standard output')
    done = subprocess.run([SESSION_TEST, '--nonsense'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    tap.same(done.returncode, 64, 'an unknown option is refused')
tap.done()

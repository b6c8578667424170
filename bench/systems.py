"""What is measured: programs behind web servers, each started in a folder of its own and ended by its process id."""
import contextlib
import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

SOURCES = pathlib.Path(__file__).resolve().parent
COMPARE = SOURCES / 'compare'
BUILD = pathlib.Path(os.environ.get('BENCH_BUILD', SOURCES.parent / 'build'))
SECRET = os.urandom(24).hex()
SERVERS = ('lighttpd', 'nginx', 'apache')

LIGHTTPD = '''
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{root}"
server.errorlog = "{work}/server.log"
server.upload-dirs = ( "{work}" )
server.max-keep-alive-requests = 1000000
server.modules += ( "mod_fastcgi", "mod_proxy" )
'''
LIGHTTPD_WAYS = {
    'fastcgi': 'fastcgi.server = ( "/" => (( "socket" => "{socket}", "check-local" => "disable", "fix-root-scriptname" => "enable" )) )',
    'script': 'fastcgi.server = ( ".php" => (( "socket" => "{socket}", "check-local" => "disable" )) )',
    'http': 'proxy.server = ( "" => (( "host" => "{socket}" )) )',
}
NGINX = '''
daemon off; worker_processes 1; pid {work}/nginx.pid; error_log {work}/server.log; {user}
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 100000000;
    client_body_temp_path {work}/t1; proxy_temp_path {work}/t2; fastcgi_temp_path {work}/t3; uwsgi_temp_path {work}/t4; scgi_temp_path {work}/t5;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_NAME ""; fastcgi_param PATH_INFO $fastcgi_script_name;
            fastcgi_pass unix:{socket};
        }}
    }}
}}
'''
APACHE = '''
ServerRoot {work}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {work}/apache.pid
DefaultRuntimeDir {work}
ErrorLog {work}/server.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_fcgi_module /usr/lib/apache2/modules/mod_proxy_fcgi.so
MaxKeepAliveRequests 0
{user}
ProxyPass "/" "unix:{socket}|fcgi://localhost/"
ProxyFCGISetEnvIf "true" PATH_INFO "%{{REQUEST_URI}}"
ProxyFCGISetEnvIf "true" SCRIPT_NAME ""
'''
PHP_FPM = '''
[global]
error_log = {work}/fpm.log
daemonize = no
[www]
{user}
listen = {socket}
listen.mode = 0666
listen.backlog = 1024
pm = static
pm.max_children = {processes}
php_admin_value[session.save_handler] = {handler}
php_admin_value[session.save_path] = {path}
'''


class Unusable(Exception):
    """A system that cannot be had here, and why."""


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def have(program):
    return shutil.which(program, path=os.environ['PATH'] + ':/usr/sbin:/sbin')


def is_root():
    return os.geteuid() == 0


def end(process, how=signal.SIGTERM):
    """Ends it and waits; by force after some seconds."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(ready, what, seconds=20):
    limit = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > limit:
            raise Unusable(f'{what} does not come up')
        time.sleep(0.02)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def descendants(pid):
    """The process and all below it."""
    found = [pid]
    for task in pathlib.Path(f'/proc/{pid}/task').glob('*'):
        with contextlib.suppress(OSError):
            for child in (task / 'children').read_text().split():
                found += descendants(int(child))
    return found


class System:
    """One program behind one web server, with a store of its own."""
    way = 'fastcgi'
    path = '/plain'
    writes = True

    def __init__(self, work, server='lighttpd', processes=1, threads=8, settings=()):
        self.work = pathlib.Path(work)
        self.server, self.processes, self.threads = server, processes, threads
        self.settings = dict(settings)
        self.folder = self.work / 'sessions'
        self.socket = self.work / 'socket'
        self.started = []
        self.port = 0

    def __enter__(self):
        self.work.mkdir(mode=0o711, parents=True)
        self.folder.mkdir(mode=0o700)
        try:
            self.log = open(self.work / 'program.log', 'wb')
            self.prepare()
            self.start()
            wait_for(self.socket.exists, type(self).__name__)
            if is_root() and self.server != 'lighttpd':
                shutil.chown(self.socket, 'www-data')
            self.start_server()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.started and self.port:
            end(self.started.pop())
        for process in reversed(self.started):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self.started):
            end(process)
        self.started = []
        self.log.close()
        shutil.rmtree(self.work, ignore_errors=True)

    def prepare(self):
        pass

    def environment(self):
        return {**os.environ, 'SECRET_KEY': SECRET, 'BENCH_FOLDER': str(self.folder), 'BENCH_SOCKET': str(self.socket), **self.settings}

    def spawn(self, command, **more):
        process = subprocess.Popen([str(c) for c in command], stdout=self.log, stderr=self.log, env=self.environment(),
                                   preexec_fn=die_with_parent, cwd=self.work, **more)
        self.started.append(process)
        return process

    def spawn_on_socket(self, command):
        """As spawn-fcgi does it: processes whose standard input is one listening socket."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.socket))
            listener.listen(1024)
            for _ in range(self.processes):
                self.spawn(command, stdin=listener)

    def start_server(self):
        self.programs = [p.pid for p in self.started]
        port = free_port()
        values = {'work': self.work, 'port': port, 'socket': self.socket, 'root': COMPARE, 'user': ''}
        conf = self.work / 'server.conf'
        if self.server == 'lighttpd':
            conf.write_text((LIGHTTPD + LIGHTTPD_WAYS[self.way]).format(**values))
            command = [have('lighttpd'), '-D', '-f', conf]
        elif self.server == 'nginx':
            values['user'] = 'user www-data;' if is_root() else ''
            conf.write_text(NGINX.format(**values))
            command = [have('nginx'), '-c', conf, '-p', self.work]
        else:
            values['user'] = 'User www-data\nGroup www-data' if is_root() else ''
            conf.write_text(APACHE.format(**values))
            command = [have('apache2'), '-D', 'FOREGROUND', '-f', conf]
        if not command[0]:
            raise Unusable(f'{self.server} is not installed')
        self.spawn(command)
        self.port = port
        wait_for(lambda: self.answers() or self.started[-1].poll() is not None, f'{type(self).__name__} behind {self.server}')
        if not self.answers():
            raise Unusable(f'{self.server} ended: ' + (self.work / 'program.log').read_text(errors='replace')[-300:])

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}{self.path}'

    def answers(self):
        with contextlib.suppress(OSError):
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            return opener.open(self.url, timeout=10).status == 200
        return False

    def pids(self):
        """The programs' processes, without the web server's."""
        return [pid for program in self.programs for pid in descendants(program)]


class Empty(System):
    writes = False

    def start(self):
        self.spawn_on_socket([BUILD / 'bench/empty_responder', self.threads])


class Sesame(System):
    fill = 0
    size = 0

    def environment(self):
        return {**super().environment(), 'SESSION_STORE': f'gdbm:{self.folder}/store', 'SESSION_SYNC': 'everysec',
                'THREADS': str(self.threads), 'STATE_DIRECTORY': str(self.work), **self.settings}

    def prepare(self):
        """Fills the store before anyone uses it; the cookies go to a file."""
        if self.fill:
            with open(self.work / 'cookies', 'w') as cookies:
                subprocess.run([BUILD / 'bench/load_sessions', 'fill', str(self.fill), str(self.size)], stdout=cookies,
                               env=self.environment(), check=True, timeout=1800)

    def start(self):
        self.spawn_on_socket([BUILD / 'cgi-bin/session_test'])

    def total_visits(self):
        out = subprocess.run([BUILD / 'bench/load_sessions', 'sum'], capture_output=True, env=self.environment(), check=True, timeout=300)
        return int(out.stdout.split(b'visits=')[1])


class Php(System):
    way, path = 'script', '/page.php'
    handler = 'files'

    def save_path(self):
        return self.folder

    def start(self):
        program = next((p for p in map(have, ('php-fpm8.2', 'php-fpm', 'php-fpm8.4', 'php-fpm8.3')) if p), None)
        if not program:
            raise Unusable('php-fpm is not installed')
        conf = self.work / 'fpm.conf'
        user = 'user = www-data' if is_root() else ''
        conf.write_text(PHP_FPM.format(work=self.work, socket=self.socket, processes=8, handler=self.handler, path=self.save_path(), user=user))
        if is_root():
            shutil.chown(self.folder, pwd.getpwnam('www-data').pw_uid)
        self.spawn([program, '-F', '-y', conf])


class PhpRedis(Php):
    """With a redis-server of its own, whose CPU time and memory count as well; it writes no file."""
    handler = 'redis'

    def save_path(self):
        return f'"unix://{self.work}/redis?persistent=1"'

    def start(self):
        if not have('redis-server') or not list(pathlib.Path('/usr/lib/php').glob('*/redis.so')):
            raise Unusable('redis-server or php-redis is not installed')
        redis = self.work / 'redis'
        self.spawn([have('redis-server'), '--port', '0', '--unixsocket', redis, '--unixsocketperm', '777', '--save', '', '--appendonly', 'no',
                    '--dir', self.work])
        wait_for(redis.exists, 'redis-server')
        super().start()


class Perl(System):
    def start(self):
        if subprocess.run(['perl', '-MCGI::Session', '-MFCGI', '-e', ''], capture_output=True, check=False).returncode != 0:
            raise Unusable('libcgi-session-perl or libfcgi-perl is not installed')
        self.processes = 8
        self.spawn_on_socket(['perl', COMPARE / 'page.pl'])


class Go(System):
    def prepare(self):
        if not have('go') or not os.path.isdir('/usr/share/gocode/src/github.com/gorilla/sessions'):
            raise Unusable('golang-go or golang-github-gorilla-sessions-dev is not installed')
        program = BUILD / 'bench/compare/page-go'
        program.parent.mkdir(parents=True, exist_ok=True)
        if not program.exists() or program.stat().st_mtime < (COMPARE / 'page.go').stat().st_mtime:
            subprocess.run(['go', 'build', '-o', program, COMPARE / 'page.go'], check=True, timeout=600,
                           env={**os.environ, 'GOPATH': '/usr/share/gocode', 'GO111MODULE': 'off', 'GOFLAGS': '',
                                'GOCACHE': str(BUILD / 'bench/compare/cache')})

    def start(self):
        self.spawn_on_socket([BUILD / 'bench/compare/page-go'])


class Python(System):
    way = 'http'

    def start(self):
        check = ['/usr/bin/python3', '-c', 'import starlette, uvicorn, itsdangerous']
        if subprocess.run(check, capture_output=True, check=False).returncode != 0:
            raise Unusable('python3-starlette, python3-itsdangerous or uvicorn is not installed')
        self.spawn(['/usr/bin/python3', COMPARE / 'page.py'])


class Node(System):
    way = 'http'

    def prepare(self):
        modules = BUILD / 'bench/compare/node'
        self.settings['NODE_PATH'] = str(modules / 'node_modules')
        if (modules / 'node_modules/session-file-store').is_dir():
            return
        if not have('npm'):
            raise Unusable('npm is not installed')
        modules.mkdir(parents=True, exist_ok=True)
        command = ['npm', 'install', '--no-audit', '--no-fund', '--prefix', modules, 'express', 'express-session', 'session-file-store']
        if subprocess.run(command, capture_output=True, check=False, timeout=300).returncode != 0:
            raise Unusable('npm cannot install express, express-session and session-file-store')

    def start(self):
        self.spawn(['node', COMPARE / 'page.js'])


PEERS = {
    'php': (Php, 'PHP-FPM, files, 8 processes'),
    'redis': (PhpRedis, 'PHP-FPM, redis, 8 processes'),
    'python': (Python, 'Python starlette + shelve, one process'),
    'go': (Go, 'Go gorilla/sessions, files'),
    'perl': (Perl, 'Perl CGI::Session, files, 8 processes'),
    'node': (Node, 'Node express-session, files'),
}

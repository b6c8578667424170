"""The layers of a request one by one, in nanoseconds and in instructions."""
import re
import signal
import subprocess

import figures
import load
import systems
from systems import BUILD, SECRET


def instructions_of(command, environment, work, count, stop=None):
    """What callgrind counts for a whole process. stop: a function that uses it with count and then lets it end."""
    out = work / 'callgrind.out'
    full = ['valgrind', '--tool=callgrind', f'--callgrind-out-file={out}', '-q', *map(str, command)]
    subprocess.run(full, env=environment, check=True, timeout=600, capture_output=True)
    return int(re.search(r'^(?:totals|summary): (\d+)', out.read_text(), re.M).group(1))


def each_instructions(name, environment, work, count):
    """The difference of two runs is that of the operations alone."""
    runs = [instructions_of([BUILD / 'bench/layers', name, n], environment, work, n) for n in (count, 2 * count)]
    return (runs[1] - runs[0]) / count


def own_layers(work, progress, count):
    folder = work / 'layers'
    folder.mkdir()
    environment = {**systems.os.environ, 'SECRET_KEY': SECRET, 'SESSION_STORE': f'gdbm:{folder}/store', 'SESSION_SYNC': 'everysec',
                   'STATE_DIRECTORY': str(folder)}
    progress.say('layers: nanoseconds')
    out = subprocess.run([BUILD / 'bench/layers'], env=environment, check=True, capture_output=True, text=True, timeout=600).stdout
    rows = []
    for line in out.splitlines():
        name, middle, least, most, what = line.split('\t')
        progress.say(f'layers: instructions of {name}')
        instructions = f'{each_instructions(name, environment, folder, count):,.0f}' if systems.have('valgrind') else ''
        rows.append([what, name, f'{float(middle):,.0f}', f'{float(least):,.0f} to {float(most):,.0f}', instructions])
    return rows


class Valgrind:
    """Makes a system start its program under callgrind."""

    def spawn_on_socket(self, command):
        self.profile = self.work / 'callgrind.out'
        super().spawn_on_socket(['valgrind', '--tool=callgrind', f'--callgrind-out-file={self.profile}', '-q', *command])


class EmptyCounted(Valgrind, systems.Empty):
    pass


class SesameCounted(Valgrind, systems.Sesame):
    pass


def round_trips(system, count, cookie):
    command = [BUILD / 'bench/load_fcgi', system.socket, str(count)] + ([cookie] if cookie else [])
    return int(subprocess.run(command, check=True, capture_output=True, timeout=300).stdout)


def counted_trips(kind, work, count, cookies):
    """Instructions in the program for each request."""
    totals = []
    for n in (count, 2 * count):
        with kind(work / f'{kind.__name__}-{n}-{cookies}') as system:
            cookie = load.make_sessions(system, 1)[0] if cookies else None
            round_trips(system, n, cookie)
            # The empty responder knows no orderly end, but callgrind writes its numbers all the same.
            system.started[0].send_signal(signal.SIGTERM if kind is SesameCounted else signal.SIGINT)
            system.started[0].wait(60)
            totals.append(int(re.search(r'^(?:totals|summary): (\d+)', system.profile.read_text(), re.M).group(1)))
    return (totals[1] - totals[0]) / count


def trips(work, progress, options):
    """The FastCGI round trip, one after the other, without a web server."""
    count = 2000 if options.quick else 20000
    kinds = [('FastCGI round trip, empty responder', systems.Empty, EmptyCounted, False),
             ('FastCGI round trip, our page, existing session', systems.Sesame, SesameCounted, True),
             ('FastCGI round trip, our page, new session', systems.Sesame, SesameCounted, False)]
    rows = []
    for what, kind, counted, cookies in kinds:
        progress.say(f'layers: {what}')
        with kind(work / f'trip-{len(rows)}') as system:
            cookie = load.make_sessions(system, 1)[0] if cookies else None
            round_trips(system, count, cookie)
            before = load.cpu_ns(system.pids())
            each = [round_trips(system, count, cookie) for _ in range(5)]
            cpu = (load.cpu_ns(system.pids()) - before) / count / 5
        instructions = f'{counted_trips(counted, work, count // 10, cookies):,.0f}' if systems.have('valgrind') else ''
        rows.append([what, f'of it CPU of the program {cpu:,.0f}', f'{figures.median(each):,.0f}', f'{min(each):,} to {max(each):,}',
                     instructions])
    return rows


def measure(work, options, progress):
    rows = own_layers(work, progress, 500 if options.quick else 5000) + trips(work, progress, options)
    return figures.table(['layer', 'name', 'ns', 'least to most', 'instructions'], rows)

"""What bench/run runs, once everything is built: reads the options, measures section by section, and writes what it saw."""
import argparse
import contextlib
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import plain_cgi
import growth
import layers
import load
import pages
import plot
import systems

SECTIONS = ('floors', 'peers', 'layers', 'cgi', 'growth')


class Progress:
    """One line about what is being done, and the end of the time."""

    def __init__(self, minutes):
        self.begin = time.monotonic()
        self.limit = self.begin + 60 * minutes
        self.tty = sys.stderr.isatty()
        self.last = ''

    def say(self, words):
        minutes, seconds = divmod(int(time.monotonic() - self.begin), 60)
        if self.tty:
            sys.stderr.write(f'\r\x1b[K{minutes}:{seconds:02} {words}')
        elif words != self.last:
            sys.stderr.write(f'{minutes}:{seconds:02} {words}\n')
        sys.stderr.flush()
        self.last = words

    def note(self, words):
        sys.stderr.write(('\r\x1b[K' if self.tty else '') + words + '\n')

    def late(self):
        return time.monotonic() > self.limit

    def done(self):
        self.say('')
        if self.tty:
            sys.stderr.write('\r\x1b[K')


def options():
    parser = argparse.ArgumentParser(prog='bench/run', description='Measures what sessions cost. Without a SECTION: all of them.')
    parser.add_argument('sections', nargs='*', metavar='SECTION', help=', '.join(SECTIONS))
    parser.add_argument('--quick', action='store_true', help='two rounds of a second: whether it works, no figures')
    parser.add_argument('--rounds', type=int, default=30, help='rounds of the floors (30); peers get a third')
    parser.add_argument('--duration', type=int, default=2, help='seconds of each run (2)')
    parser.add_argument('--minutes', type=float, default=60, help='no round begins later than this (60)')
    parser.add_argument('--only', nargs='+', default=[], metavar='NAME', help='cases whose name contains one of these (existing, one, php, …)')
    parser.add_argument('--server', choices=systems.SERVERS, help='floors behind this web server alone')
    parser.add_argument('--large', action='store_true', help='growth up to 10,000,000 sessions')
    parser.add_argument('--results', default=str(systems.SOURCES / 'results'), metavar='FOLDER', help='where tables and plots go')
    parser.add_argument('--folder', default=os.environ.get('TMPDIR', '/var/tmp'), help='where the stores are; should be on a disk (/var/tmp)')
    chosen = parser.parse_args()
    wrong = [section for section in chosen.sections if section not in SECTIONS]
    if wrong:
        parser.error(f'there is no section {wrong[0]}; there are {", ".join(SECTIONS)}')
    if chosen.quick:
        chosen.rounds, chosen.duration = 2, 1
    return chosen


def chosen_sets(chosen):
    sets = pages.floors(chosen) if wants(chosen, 'floors') else []
    sets = [a_set for a_set in sets if chosen.server in (None, a_set.server)]
    if wants(chosen, 'peers') and chosen.server in (None, 'lighttpd'):
        sets.append(pages.peers())
    for a_set in sets:
        a_set.cases = [case for case in a_set.cases if not chosen.only or any(name in case.name for name in chosen.only)]
    return [a_set for a_set in sets if a_set.cases]


def wants(chosen, section):
    return not chosen.sections or section in chosen.sections


def revision_of_sources():
    """'' where there is no git, or no checkout."""
    if not shutil.which('git'):
        return ''
    return subprocess.run(['git', '-C', str(systems.SOURCES), 'describe', '--always', '--dirty'], capture_output=True, text=True,
                          check=False).stdout.strip()


def the_machine(chosen):
    model = next((line.split(':')[1].strip() for line in open('/proc/cpuinfo') if line.startswith('model name')), platform.machine())
    revision = revision_of_sources()
    load_now = os.getloadavg()[0]
    return (f'{os.cpu_count()} processors ({model}), Linux {platform.release()}, {time.strftime("%Y-%m-%d", time.gmtime())}'
            + (f', {revision}' if revision else '') + f'. {chosen.rounds} rounds of {chosen.duration} s; load average at the end {load_now:.1f}.\n')


class Results:
    def __init__(self, chosen):
        self.folder = pathlib.Path(chosen.results)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.machine = the_machine(chosen)

    def write(self, name, title, words, drawing=None):
        if drawing:
            (self.folder / f'{name}.svg').write_text(drawing)
            words += f'\n![{title}]({name}.svg)\n'
        (self.folder / f'{name}.md').write_text(f'# {title}\n\n{self.machine}\n{words}')
        print(f'## {title}\n\n{words}', flush=True)


def measure_pages(chosen, work, progress):
    done = []
    for a_set in chosen_sets(chosen):
        rounds = chosen.rounds if a_set.name != 'peers' else max(2, chosen.rounds // 3)
        done.append(pages.measure(a_set, work, chosen, progress, rounds))
        results = Results(chosen)
        for name, title, part in (('floors', 'The page against no session at all', [s for s in done if s.name != 'peers']),
                                  ('peers', 'The page against others', [s for s in done if s.name == 'peers'])):
            if part and part[-1] is done[-1]:
                results.write(name, title, pages.report(part),
                              plot.bars('Requests per second as a share of the empty responder\'s', pages.bars_of(part)))


def measure(chosen, work, progress):
    if wants(chosen, 'floors') or wants(chosen, 'peers'):
        measure_pages(chosen, work, progress)
    if wants(chosen, 'layers'):
        Results(chosen).write('layers', 'Layer by layer', layers.measure(work, chosen, progress))
    if wants(chosen, 'cgi'):
        Results(chosen).write('cgi', 'Plain CGI', plain_cgi.measure(work, chosen, progress))
    if wants(chosen, 'growth'):
        Results(chosen).write('growth', 'Cost as the work grows', *growth.measure(work, chosen, progress))


def main():
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    progress = Progress(chosen.minutes)
    work = pathlib.Path(tempfile.mkdtemp(prefix='sesame-bench-', dir=chosen.folder))
    # Web servers and PHP give up root, and have to get to their sockets all the same.
    work.chmod(0o711)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            measure(chosen, work, progress)
            progress.done()
            return 0
        return 130
    except (load.Broken, systems.Unusable, subprocess.SubprocessError) as error:
        progress.note(f'bench/run: {error}')
        return 71
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())

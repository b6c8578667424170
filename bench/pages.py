"""The page with a session against the page without, and against what others make of it."""
import contextlib
import dataclasses
import random

import figures
import load
import systems
from figures import Figure, paired

# Requests per second as a share of the empty responder's that CppCMS (files) had when it was last measured; Debian 12 does not have it.
CPPCMS = 0.54


@dataclasses.dataclass
class Case:
    """One thing that is measured in every round of a set."""
    name: str
    words: str
    system: str  # whose instance; cases of one instance share its store
    floor: float = 0  # of its share of the partner's requests per second
    cpu: float = 0  # the most CPU time of a request, as a share of the partner's
    late: float = 0  # the same of the 99th percentile of latency
    space: float = 0  # the most anonymous memory, MiB
    count: int = 1000  # sessions, or 0: a new one on every request
    runs: list = dataclasses.field(default_factory=list)
    lost: str = ''
    memory: int = 0
    why_not: str = ''


@dataclasses.dataclass
class Set:
    """Cases that are measured in turn, with the empty responder among them."""
    name: str
    server: str
    processes: int
    threads: int
    cases: list

    @property
    def words(self):
        return f'{self.server}, {self.processes} × {self.threads}'


def floors(options):
    many = 20000 if options.quick else 1000000
    return [
        Set('lighttpd', 'lighttpd', 1, 8, [
            Case('existing', 'existing sessions', 'sesame', 0.95, 1.05, 1.2),
            Case('new', 'new session on every request', 'sesame-new', 0.90, count=0),
            Case('one', 'all connections on one session', 'sesame-one', 0.95, count=1),
            Case('stored', f'{many:,} sessions stored, random ones', 'sesame-stored', 0.90, count=many),
            Case('memory', '10,000 sessions in use', 'sesame-memory', 0.95, space=8, count=1000 if options.quick else 10000),
            Case('loop', 'our accept loop, no session', 'sesame-loop', cpu=0.81),
        ]),
        Set('processes', 'lighttpd', 4, 2, [
            Case('existing', 'existing sessions', 'sesame', 0.95, 1.05, 1.2),
            Case('one', 'all connections on one session', 'sesame-one', 0.95, count=1),
        ]),
        Set('nginx', 'nginx', 1, 8, [Case('existing', 'existing sessions', 'sesame', 0.95, 1.05, 1.2)]),
        Set('apache', 'apache', 1, 8, [Case('existing', 'existing sessions', 'sesame', 0.95, 1.05, 1.2)]),
    ]


def peers():
    def three(system):
        return [Case(f'{system} existing', 'existing sessions', system),
                Case(f'{system} new', 'new session on every request', f'{system}-new', count=0),
                Case(f'{system} one', 'all connections on one session', f'{system}-one', count=1)]
    return Set('peers', 'lighttpd', 1, 8, [case for system in ('sesame', *systems.PEERS) for case in three(system)])


class Place:
    """An instance of a system under load, with the cookies of its sessions."""

    def __init__(self, stack, work, a_set, case):
        kind = case.system.partition('-')[0]
        make = {'sesame': systems.Sesame, 'empty': systems.Empty}.get(kind) or systems.PEERS[kind][0]
        system = make(work / f'{a_set.name}-{case.system}', a_set.server, a_set.processes, a_set.threads)
        stored = kind == 'sesame' and case.count > 1000
        if stored:
            system.fill = case.count
        if case.name == 'loop':
            system.settings['SESSIONS'] = 'false'
            system.writes = False
        self.system = stack.enter_context(system)
        self.answered = self.first = 0
        if stored:
            self.cookies = None
            self.clients = load.Clients(system.work / 'cookies')
        else:
            # The partner has no sessions; its clients send a cookie all the same.
            real = system.writes and case.count
            self.cookies = load.make_sessions(system, case.count) if real else ['jp_token=' + 'x' * 83] * min(1, case.count)
            self.clients = load.Clients(system.work / 'cookies', self.cookies)
        self.counts = system.writes and case.count > 0

    def look(self):
        """The sum of the counters, and by how much this look raises it."""
        if self.cookies is None:
            return self.system.total_visits(), 0
        return load.visits(self.system, self.cookies), len(self.cookies)

    def begin(self):
        """A first run warms it up and does not count."""
        load.run(self.system, self.clients, 1, 0)
        self.first = sum(self.look()) if self.counts else 0

    def run(self, case, options, seed):
        run = load.run(self.system, self.clients, options.duration, seed)
        case.runs.append(run)
        self.answered += run.requests

    def close(self, case):
        """Counts what was lost. New sessions have no counters to look at."""
        case.memory = load.rss_anon(self.system.pids())
        if self.counts and self.answered:
            lost = max(0, self.answered - (self.look()[0] - self.first))
            case.lost = f'{lost:,} of {self.answered:,}' + (f' ({100 * lost / self.answered:.1f} %)' if lost else '')


def open_places(stack, work, a_set, progress):
    places = {}
    for case in a_set.cases:
        progress.say(f'{a_set.name}: starting {case.system}')
        try:
            places[case.name] = Place(stack, work, a_set, case)
            places[case.name].begin()
        except (systems.Unusable, load.Broken, OSError) as error:
            case.why_not = str(error)
            progress.note(f'{case.name} is left out: {error}')
    return places


def measure(a_set, work, options, progress, rounds):
    """All rounds of a set. Within a round the order is drawn anew."""
    a_set.cases = [Case('empty', 'no session', 'empty')] + a_set.cases
    order = random.Random(1)
    with contextlib.ExitStack() as stack:
        places = open_places(stack, work, a_set, progress)
        cases = [case for case in a_set.cases if case.name in places]
        for number in range(rounds):
            if progress.late():
                break
            progress.say(f'{a_set.name}: round {number + 1} of {rounds}')
            order.shuffle(cases)
            for case in cases:
                places[case.name].run(case, options, 1000 * number + 1)
        for case in cases:
            places[case.name].close(case)
    return a_set


def mebibytes(octets):
    return f'{octets / 2 ** 20:.1f}'


def verdicts(case, rate, cpu, late):
    """What is asked of the case, and whether it holds."""
    words = []
    if case.floor:
        words.append(f'share ≥ {case.floor:.2f}: {rate.verdict(case.floor)}')
    if case.cpu:
        words.append(f'CPU ≤ {case.cpu:.2f}: {cpu.verdict(case.cpu, below=True)}')
    if case.late:
        words.append(f'p99 ≤ {case.late:.1f}: {late.verdict(case.late, below=True)}')
    if case.space:
        words.append(f'RssAnon ≤ {case.space} MiB: ' + ('met' if case.memory <= case.space * 2 ** 20 else 'missed'))
    return '; '.join(words)


def row(a_set, case, partner):
    if not case.runs:
        return [case.name if a_set.name == 'peers' else a_set.words, case.words, case.why_not or 'no time was left', *[''] * 8]
    rate = paired(case.runs, partner.runs, lambda run: run.rate)
    cpu = paired(case.runs, partner.runs, lambda run: run.cpu)
    late = paired(case.runs, partner.runs, lambda run: run.p99)
    return [case.name if a_set.name == 'peers' else a_set.words, case.words, Figure(run.rate for run in case.runs).range_text(),
            rate.text(3), verdicts(case, rate, cpu, late), f'{figures.median([run.cpu for run in case.runs]):.1f}', cpu.text(3),
            f'{figures.median([run.p99 for run in case.runs]) / 1000:.2f}', late.text(2), mebibytes(case.memory), case.lost]


HEAD = ['where', 'what', 'requests/s (min to max)', 'share [95 %]', 'asked for', 'CPU µs', 'CPU ratio [95 %]', 'p99 ms', 'p99 ratio [95 %]',
        'RssAnon MiB', 'lost updates']


def bars_of(sets):
    bars = []
    for a_set in sets:
        partner = a_set.cases[0]
        for case in a_set.cases[1:]:
            if case.runs:
                rate = paired(case.runs, partner.runs, lambda run: run.rate)
                low, high = rate.interval or (rate.least, rate.most)
                name = case.name if a_set.name == 'peers' else f'{a_set.words}: {case.words}'
                bars.append((name, rate.median, low, high, case.floor or None, a_set.name != 'peers' or case.name.startswith('sesame')))
    return bars


def against_peers(a_set):
    """The two floors that compare shares."""
    partner = a_set.cases[0]
    runs = {case.name: case.runs for case in a_set.cases if case.runs}
    if 'sesame existing' not in runs:
        return []
    ours = paired(runs['sesame existing'], partner.runs, lambda run: run.rate)
    lines = [f'- Against CppCMS (share {CPPCMS}, as written down): {ours.median / CPPCMS:.2f} ×; floor 1.6: '
             + ('met' if ours.median / CPPCMS >= 1.6 else 'missed')]
    if 'php existing' in runs:
        php = paired(runs['sesame existing'], runs['php existing'], lambda run: run.rate)
        lines.append(f'- Against PHP-FPM in the same rounds: {php.text(2)} ×; floor 3.5: {php.verdict(3.5)}')
    return lines


def report(sets):
    rows = [row(a_set, case, a_set.cases[0]) for a_set in sets for case in a_set.cases]
    lines = [figures.table(HEAD, rows)]
    for a_set in sets:
        if a_set.name == 'peers':
            lines += against_peers(a_set)
    return '\n'.join(lines)

"""What a request costs as the work grows: CPU time of the program, of all its processes and threads."""
import figures
import load
import plot
import systems


def point(work, progress, name, rounds, options, *, kind=systems.Sesame, count=1000, size=0, processes=1, threads=8, paths=None):
    """The median CPU time of a request in microseconds, and requests per second."""
    if progress.late():
        return None
    progress.say(f'growth: {name}')
    system = kind(work / ('growth-' + name.replace(' ', '-')), 'lighttpd', processes, threads)
    system.fill, system.size = count, size
    with system:
        clients = load.Clients(system.work / 'cookies', None if system.writes else ['jp_token=' + 'x' * 83])
        load.run(system, clients, 1, 1, paths)
        runs = [load.run(system, clients, options.duration, seed, paths) for seed in range(2, 2 + rounds)]
    return figures.median([run.cpu for run in runs]), figures.median([run.rate for run in runs])


def axes(options):
    """name, words, unit of the labels, and for each label the arguments of point."""
    most = 4 if options.quick else 7 if options.large else 6
    return [
        ('sessions', 'sessions stored', [(f'10^{n}', {'count': 10 ** n}) for n in range(3, most + 1)], False),
        ('threads', 'threads of one process', [(str(n), {'threads': n}) for n in (1, 2, 4, 8, 16, 32, 64)], True),
        ('processes', 'processes of 8 threads', [(str(n), {'processes': n}) for n in (1, 2, 4, 8)], True),
        ('writes', 'requests that write, in 100',
         [(str(n), {'paths': ' '.join(['/plain'] * (n // 25) + ['/session'] * (4 - n // 25))}) for n in (0, 25, 50, 75, 100)], False),
        ('size', 'octets of a session',
         [(words, {'size': size, 'count': 1000}) for words, size in (('100', 100), ('1 Ki', 1000), ('4 Ki', 4000), ('16 Ki', 16000),
                                                                    ('60 Ki', 61000))], False),
    ]


def measure(work, options, progress):
    rounds = 1 if options.quick else 3
    rows, diagrams = [], []
    for name, words, steps, with_partner in axes(options):
        steps = steps[:2] if options.quick else steps
        ours = [point(work, progress, f'{name} {label}', rounds, options, **more) for label, more in steps]
        theirs = [point(work, progress, f'{name} {label} empty', rounds, options, kind=systems.Empty, **more) if with_partner else None
                  for label, more in steps]
        known = [(label, us, them) for (label, _), us, them in zip(steps, ours, theirs) if us]
        for label, us, them in known:
            rows.append([f'{words}: {label}', f'{us[0]:.1f}', f'{us[1]:,.0f}', f'{them[0]:.1f}' if them else '', f'{them[1]:,.0f}' if them else ''])
        if not known:
            continue
        series = [('with a session', [us[0] for _, us, _ in known])]
        if all(them for _, _, them in known):
            series.append(('empty responder', [them[0] for _, _, them in known]))
        diagrams.append((words, 'CPU µs per request', [label for label, _, _ in known], series))
    table = figures.table(['', 'CPU µs', 'requests/s', 'empty: CPU µs', 'empty: requests/s'], rows)
    return table, plot.panels('CPU time of a request as the work grows', diagrams) if diagrams else None

"""Medians, and how sure they are."""
import math
import statistics


def median(values):
    return statistics.median(values)


def interval(values):
    """The 95 % interval of the median by order statistics (the sign test turned round); None with fewer than six values."""
    values = sorted(values)
    n = len(values)
    below, k = 0.0, 0
    while below + math.comb(n, k) / 2 ** n <= 0.025:
        below += math.comb(n, k) / 2 ** n
        k += 1
    return (values[k - 1], values[n - k]) if k > 0 else None


class Figure:
    """A median with its minimum, maximum and interval."""

    def __init__(self, values):
        self.values = list(values)
        self.median = median(self.values)
        self.least, self.most = min(self.values), max(self.values)
        self.interval = interval(self.values)

    def text(self, digits):
        """0.97 [0.96, 0.98]"""
        low, high = self.interval or (self.least, self.most)
        return f'{self.median:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]'

    def range_text(self, digits=0):
        """15,000 (14,000 to 16,000)"""
        return f'{self.median:,.{digits}f} ({self.least:,.{digits}f} to {self.most:,.{digits}f})'

    def verdict(self, floor, below=False):
        """Whether the median holds the floor (a ceiling if below), and whether the whole interval is on that side."""
        low, high = self.interval or (self.least, self.most)
        if below:
            low, high, value, floor = -high, -low, -self.median, -floor
        else:
            value = self.median
        if low >= floor:
            return 'met'
        if high < floor:
            return 'missed'
        return 'met, not for sure' if value >= floor else 'missed, not for sure'


def paired(runs, partners, of):
    """The ratios of each round's run to its partner's."""
    return Figure(of(run) / of(partner) for run, partner in zip(runs, partners) if of(partner) > 0)


def table(head, rows):
    """A Markdown table."""
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '|'.join(['---'] + ['--:'] * (len(head) - 1)) + '|']
    return '\n'.join(lines + ['| ' + ' | '.join(row) + ' |' for row in rows]) + '\n'

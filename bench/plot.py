"""Plots as SVG, with nothing but text. Colours are told apart in grey as well; light and dark follow the reader's setting."""
from html import escape

STYLE = '''<style>
text { font: 13px system-ui, sans-serif; fill: #1b2430 } .small { font-size: 11px } .title { font-weight: 600; font-size: 15px }
.bar { fill: #1552b8 } .other { fill: #9aa7b8 } .line { fill: none; stroke: #1552b8; stroke-width: 2 }
.line2 { fill: none; stroke: #9aa7b8; stroke-width: 2; stroke-dasharray: 5 3 } .dot { fill: #1552b8 } .dot2 { fill: #9aa7b8 }
.axis { stroke: #8390a2; stroke-width: 1 } .error { stroke: #1b2430; stroke-width: 1.5 } .floor { stroke: #b8152a; stroke-width: 1.5 }
.back { fill: #fff }
@media (prefers-color-scheme: dark) { text { fill: #e6eaf0 } .error { stroke: #e6eaf0 } .back { fill: #12161c } .bar, .dot { fill: #8ab4ff }
.line { stroke: #8ab4ff } }
</style>'''


def svg(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">{STYLE}\n'
            f'<rect class="back" width="{width}" height="{height}"/>\n' + '\n'.join(parts) + '\n</svg>\n')


def text(x, y, words, kind='', anchor='start'):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def segment(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def bars(title, rows):
    """rows: (name, value, low, high, floor or None, whether it is ours). Horizontal bars from 0 to a bit more than 1."""
    left, width, step, top = 330, 900, 26, 50
    scale = (width - left - 70) / max(1.1, max(high for _, _, _, high, _, _ in rows))
    parts = [text(16, 26, title, 'title')]
    for i, (name, value, low, high, floor, ours) in enumerate(rows):
        y = top + i * step
        parts.append(text(left - 10, y + 13, name, '', 'end'))
        parts.append(f'<rect class="{"bar" if ours else "other"}" x="{left}" y="{y}" width="{value * scale:.1f}" height="18"/>')
        parts.append(segment(left + low * scale, y + 9, left + high * scale, y + 9, 'error'))
        if floor:
            parts.append(segment(left + floor * scale, y - 3, left + floor * scale, y + 21, 'floor'))
        parts.append(text(left + max(value, high, floor or 0) * scale + 8, y + 13, f'{value:.2f}'))
    bottom = top + len(rows) * step
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(segment(left + tick * scale, top - 8, left + tick * scale, bottom, 'axis'))
        parts.append(text(left + tick * scale, bottom + 16, f'{tick:g}', 'small', 'middle'))
    parts.append(text(16, bottom + 36, 'Thin line: 95 % interval of the median; red: the floor.', 'small'))
    return svg(width, bottom + 48, parts)


def panel(x, y, title, unit, labels, series):
    """One small diagram: a point for each label, a line for each of up to two series; from 0 upwards."""
    width, height = 380, 150
    most = max(value for _, values in series for value in values) * 1.1
    at = lambda i, value: (x + 45 + i * (width - 70) / max(1, len(labels) - 1), y + 30 + height - value / most * height)
    parts = [text(x, y + 14, title, 'title'), segment(x + 40, y + 30 + height, x + width - 15, y + 30 + height, 'axis')]
    for number, (name, values) in enumerate(series):
        kind = '2' if number else ''
        points = [at(i, value) for i, value in enumerate(values)]
        parts.append(f'<polyline class="line{kind}" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in points)}"/>')
        for (a, b), value in zip(points, values):
            parts.append(f'<circle class="dot{kind}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>')
            parts.append(text(a, b + 16 if number else b - 7, f'{value:.3g}', 'small', 'middle'))
    for i, label in enumerate(labels):
        parts.append(text(at(i, 0)[0], y + 46 + height, label, 'small', 'middle'))
    names = ['solid: ' + series[0][0]] + ['dashed: ' + name for name, _ in series[1:]]
    parts.append(text(x, y + 64 + height, f'{unit}; ' + ', '.join(names), 'small'))
    return parts


def panels(title, diagrams):
    """diagrams: the arguments of panel after x and y. Two in a row."""
    parts = [text(16, 26, title, 'title')]
    for i, diagram in enumerate(diagrams):
        parts += panel(16 + i % 2 * 420, 50 + i // 2 * 240, *diagram)
    return svg(850, 60 + (len(diagrams) + 1) // 2 * 240, parts)

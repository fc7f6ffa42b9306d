"""A plain picture of each comparison: bars of the median, a line from the least to the most."""
import os
from xml.sax.saxutils import escape

from daemons import OURS

WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 720, 110, 170, 22, 12, 56
COLOURS = {"tandem": "#1f6f5c", "pair": "#5aa592", "relay": "#d5d9dc"}
STYLE = 'font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="13" fill="#222"'
UNITS = {"seconds": "seconds", "cpu": "CPU seconds", "bytes": "bytes per path", "p99": "microseconds, p99"}


def bar(y, name, value, scale, base):
    median, least, most = value
    x = lambda v: LEFT + v * scale  # noqa: E731
    middle = y + BAR / 2
    label = f"{median:.3g}" + (f"  ({median / base:.2f} ×)" if base else "")
    return (f'<text x="{LEFT - 8}" y="{middle + 4.5:.1f}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{LEFT}" y="{y}" width="{max(median * scale, 1):.1f}" height="{BAR}" '
            f'fill="{COLOURS.get(name, "#9aa3ab")}"/>'
            f'<path d="M{x(least):.1f} {middle}H{x(most):.1f}M{x(least):.1f} {y + 7}v8M{x(most):.1f} {y + 7}v8" '
            f'stroke="#222" fill="none"/>'
            f'<text x="{x(max(most, median)) + 8:.1f}" y="{middle + 4.5:.1f}">{escape(label)}</text>')


def draw(title, unit, values, base_name):
    """values: {daemon: (median, least, most)}; the SVG's text."""
    longest = max(most for _, _, most in values.values()) or 1
    scale = (WIDTH - LEFT - RIGHT) / longest
    base = values.get(base_name, (0,))[0]
    height = TOP + len(values) * (BAR + GAP) + 8
    bars = "\n".join(bar(TOP + n * (BAR + GAP), name, value, scale, base)
                     for n, (name, value) in enumerate(values.items()))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" {STYLE}>\n'
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n'
            f'<text x="16" y="24" font-size="16" font-weight="bold">{escape(title)}</text>\n'
            f'<text x="16" y="43" fill="#666">{escape(unit)}, less is better; × is the ratio to {escape(base_name)}</text>\n'
            f'{bars}\n</svg>\n')


def base_of(by_daemon):
    """Ratios are to the first daemon that is not of this house."""
    return next((name for name in by_daemon if name not in OURS), next(iter(by_daemon)))


def draw_all(table, cases, folder):
    os.makedirs(folder, exist_ok=True)
    for row, by_daemon in table.items():
        case = cases[row.split()[0]]
        figure = case.figures[0]
        base = base_of(by_daemon)
        extra = row[len(case.name):]
        text = draw(case.title + extra, UNITS[figure], {d: f[figure] for d, f in by_daemon.items()}, base)
        with open(os.path.join(folder, row.replace(" ", "-") + ".svg"), "w", encoding="utf-8") as file:
            file.write(text)

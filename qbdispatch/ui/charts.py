"""Charts as SVG, drawn on the server; pure. Colours and patterns come from the stylesheet by class.

Every chart has a title and a description, and stands beside its figures in text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from qbdispatch.ui import words

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 12, 26
GAP_FACTOR = 4
"""A pause of so many usual steps between two points is a gap, not a line."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar: its style (a class of the stylesheet), its name and how much of the whole it is."""

    style: str
    name: str
    amount: float


@dataclass(frozen=True, slots=True)
class Point:
    """A figure at a time (seconds since 1970)."""

    at: float
    value: float


def bar(title: str, parts: Sequence[Part], whole: float, style: str = "") -> Markup:
    """Parts side by side in a bar that stands for `whole`; a part too small to see is drawn all the same."""
    pieces, x = [], 0.0
    for part in parts:
        width = min(100 * part.amount / whole, 100 - x) if whole > 0 else 0.0
        if width > 0:
            shown = max(width, 0.4)
            pieces.append(
                Markup('<rect class="{}" x="{}" y="0" width="{}" height="10"></rect>').format(
                    part.style, _number(x), _number(shown)
                )
            )
        x += max(width, 0.0)
    return Markup(
        '<svg class="bar {}" role="img" aria-label="{}" viewBox="0 0 100 10" preserveAspectRatio="none">'
        "<title>{}</title>"
        '<rect class="bar-whole" x="0" y="0" width="100" height="10"></rect>{}</svg>'
    ).format(style, title, title, Markup("").join(pieces))


def sparkline(title: str, points: Sequence[Point], begin: float, end: float) -> Markup:
    """A small curve between two times, from zero to its own peak."""
    top = max((point.value for point in points), default=0.0) or 1.0
    lines = [
        [(100 * (point.at - begin) / (end - begin), 23 - 21 * point.value / top) for point in run]
        for run in _runs([point for point in points if begin <= point.at <= end])
    ]
    drawn = Markup("").join(_area(line, 24) + _line(line) for line in lines)
    return Markup(
        '<svg class="spark" role="img" aria-label="{}" viewBox="0 0 100 24" preserveAspectRatio="none">'
        "<title>{}</title>{}</svg>"
    ).format(title, title, drawn)


def history(title: str, description: str, points: Sequence[Point], begin: float, end: float, floor: float) -> Markup:
    """Bytes over time with axes, and a line at the floor."""
    top = max([point.value for point in points] + [floor]) * 1.05 or 1.0

    def place(at: float, value: float) -> tuple[float, float]:
        across, down = (at - begin) / (end - begin), 1 - value / top
        return (LEFT + across * (WIDTH - LEFT - RIGHT), TOP + down * (HEIGHT - TOP - BOTTOM))

    lines = [[place(point.at, max(0.0, point.value)) for point in run] for run in _runs(points)]
    curves = Markup("").join(_area(line, HEIGHT - BOTTOM) + _line(line) for line in lines)
    floor_y = place(end, floor)[1]
    mark = Markup('<line class="floor-line" x1="{}" x2="{}" y1="{}" y2="{}"></line>').format(
        LEFT, WIDTH - RIGHT, _number(floor_y), _number(floor_y)
    )
    return Markup(
        '<svg class="history" role="img" aria-label="{}" viewBox="0 0 {} {}"><title>{}</title><desc>{}</desc>'
        "{}{}{}{}</svg>"
    ).format(
        f"{title}. {description}",
        WIDTH,
        HEIGHT,
        title,
        description,
        _rows(top),
        _columns(begin, end),
        curves,
        mark if floor else "",
    )


def _rows(top: float) -> Markup:
    lines = []
    for step in range(5):
        y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - step / 4)
        lines.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"></line>'
                '<text class="axis" x="{}" y="{}" text-anchor="end">{}</text>'
            ).format(LEFT, WIDTH - RIGHT, _number(y), _number(y), LEFT - 8, _number(y + 4), words.size(top * step / 4))
        )
    return Markup("").join(lines)


def _columns(begin: float, end: float) -> Markup:
    labels = []
    for step in range(5):
        x = LEFT + (WIDTH - LEFT - RIGHT) * step / 4
        anchor = "start" if step == 0 else "end" if step == 4 else "middle"
        text = "now" if step == 4 else f"{words.span((end - begin) * (1 - step / 4))} ago"
        labels.append(
            Markup('<text class="axis" x="{}" y="{}" text-anchor="{}">{}</text>').format(
                _number(x), HEIGHT - 8, anchor, text
            )
        )
    return Markup("").join(labels)


def _runs(points: Sequence[Point]) -> list[list[Point]]:
    """The points as lines without gaps: a node that was away leaves one."""
    if len(points) < 2:
        return []
    steps = sorted(after.at - before.at for before, after in pairwise(points))
    longest = GAP_FACTOR * steps[len(steps) // 2]
    runs = [[points[0]]]
    for before, after in pairwise(points):
        if after.at - before.at > longest:
            runs.append([])
        runs[-1].append(after)
    return [run for run in runs if len(run) > 1]


def _line(line: Sequence[tuple[float, float]]) -> Markup:
    return Markup('<polyline class="curve" points="{}"></polyline>').format(_path(line))


def _area(line: Sequence[tuple[float, float]], bottom: float) -> Markup:
    closed = [(line[0][0], bottom), *line, (line[-1][0], bottom)]
    return Markup('<polygon class="area" points="{}"></polygon>').format(_path(closed))


def _path(line: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in line)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")

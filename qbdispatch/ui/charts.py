"""Charts as SVG, drawn on the server; pure. Colours and patterns come from the stylesheet by class.

Every chart has a title and a description, and stands beside its figures in text.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from qbdispatch.ui import words

WIDTH, HEIGHT = 420, 190
LEFT, RIGHT, TOP, BOTTOM = 66, 6, 10, 22
ROWS = 4
DAY_SECONDS = 86_400
UNITS = ((words.TIB, "TB"), (words.GIB, "GB"), (words.MIB, "MB"))


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


@dataclass(frozen=True, slots=True)
class Axis:
    """`step` is what a row stands for, in `unit` bytes, which are called `name`."""

    unit: int
    name: str
    step: float


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


def sparkline(title: str, points: Sequence[Point], begin: float, end: float, gap: float) -> Markup:
    """A small curve between two times, from zero to its own peak; a pause of more than `gap` seconds is left out."""
    top = max((point.value for point in points), default=0.0) or 1.0
    lines = [
        [(100 * (point.at - begin) / (end - begin), 23 - 21 * point.value / top) for point in run]
        for run in _runs([point for point in points if begin <= point.at <= end], gap)
    ]
    drawn = Markup("").join(_area(line, 24) + _line(line) for line in lines)
    return Markup(
        '<svg class="spark" role="img" aria-label="{}" viewBox="0 0 100 24" preserveAspectRatio="none">'
        "<title>{}</title>{}</svg>"
    ).format(title, title, drawn)


def history(
    title: str, description: str, points: Sequence[Point], begin: float, end: float, *, floor: float, gap: float
) -> Markup:
    """Bytes over time with axes, and a line at the floor; a pause of more than `gap` seconds is left out."""
    axis = _axis(max([point.value for point in points] + [floor]))
    top = ROWS * axis.step * axis.unit

    def place(at: float, value: float) -> tuple[float, float]:
        across, down = (at - begin) / (end - begin), 1 - value / top
        return (LEFT + across * (WIDTH - LEFT - RIGHT), TOP + down * (HEIGHT - TOP - BOTTOM))

    lines = [[place(point.at, max(0.0, point.value)) for point in run] for run in _runs(points, gap)]
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
        _rows(axis),
        _columns(begin, end),
        curves,
        mark if floor else "",
    )


def _axis(most: float) -> Axis:
    """Up to `most` or a little more, in the unit that suits it, so that the figure of every row is round."""
    unit, name = next((one for one in UNITS if most >= one[0]), (words.GIB, "GB"))
    row = max(most / unit, 1.0) / ROWS
    decade = 10.0 ** math.floor(math.log10(row))
    return Axis(unit, name, next(step * decade for step in (1, 2, 2.5, 5, 10) if step * decade >= row))


def _rows(axis: Axis) -> Markup:
    lines = []
    for row in range(ROWS + 1):
        y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - row / ROWS)
        lines.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"></line>'
                '<text class="axis" x="{}" y="{}" text-anchor="end">{:g} {}</text>'
            ).format(LEFT, WIDTH - RIGHT, _number(y), _number(y), LEFT - 8, _number(y + 4), axis.step * row, axis.name)
        )
    return Markup("").join(lines)


def _columns(begin: float, end: float) -> Markup:
    labels = []
    days = round((end - begin) / DAY_SECONDS)
    count, unit, each = (4, "h", 6) if days <= 1 else (days, "d", 1)
    for step in range(count + 1):
        x = LEFT + (WIDTH - LEFT - RIGHT) * step / count
        anchor = "start" if step == 0 else "end" if step == count else "middle"
        text = "now" if step == count else f"-{(count - step) * each} {unit}"
        labels.append(
            Markup('<text class="axis" x="{}" y="{}" text-anchor="{}">{}</text>').format(
                _number(x), HEIGHT - 8, anchor, text
            )
        )
    return Markup("").join(labels)


def _runs(points: Sequence[Point], gap: float) -> list[list[Point]]:
    """The points as lines without gaps: a node that was away leaves one."""
    runs = [[*points[:1]]]
    for before, after in pairwise(points):
        if after.at - before.at > gap:
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

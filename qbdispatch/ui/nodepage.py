"""One node in detail: its card, and its free space over a day and a week, as curves and as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from qbdispatch.dispatch.history import DAY_SECONDS, SAMPLE_SECONDS, THINNED_SECONDS, WEEK_SECONDS
from qbdispatch.services import Services
from qbdispatch.store import samples
from qbdispatch.store.samples import Sample
from qbdispatch.ui import charts, words
from qbdispatch.ui.cards import Card, panorama
from qbdispatch.ui.charts import Point

ROWS = 12
SPANS = (
    ("day", "Free space over the last day", DAY_SECONDS, 5 * SAMPLE_SECONDS),
    ("week", "Free space over the last week", WEEK_SECONDS, 2.5 * THINNED_SECONDS),
)


@dataclass(frozen=True, slots=True)
class History:
    """Free space over a span of time. `rows` has some of the samples, for those who cannot see the curve."""

    key: str
    title: str
    chart: Markup | None
    rows: Sequence[Sample]


def look_at(found: Services, name: str) -> tuple[Card, list[History]]:
    """The node's card and its histories."""
    view = panorama(found)
    card = next(card for card in view.cards if card.name == name)
    with found.store.read() as connection:
        taken = samples.since(connection, view.now - WEEK_SECONDS, [name])[name]
    return card, [_history(taken, view.now, card.disk.floor, *one) for one in SPANS]


def _history(taken: Sequence[Sample], now: float, floor: int, key: str, title: str, span: float, gap: float) -> History:
    shown = [sample for sample in taken if sample.at >= now - span]
    points = [Point(sample.at, sample.free_bytes) for sample in shown if sample.free_bytes is not None]
    if len(points) < 2:
        return History(key, title, None, [])
    lowest, highest = min(point.value for point in points), max(point.value for point in points)
    told = f"Now {words.size(points[-1].value)}; lowest {words.size(lowest)}, highest {words.size(highest)}"
    chart = charts.history(title, told, points, now - span, now, floor=floor, gap=gap)
    return History(key, title, chart, _every(shown))


def _every(shown: Sequence[Sample]) -> list[Sample]:
    """Some of the samples, evenly spread, the newest first."""
    step = max(1, len(shown) // ROWS)
    return list(reversed(shown))[::step]

"""The leader's samples of the nodes, and what they tell of the time ahead."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from qbdispatch.dispatch.history import keeping_history, seconds_until_full, taken
from qbdispatch.scoring.model import NodeFacts, Reason
from qbdispatch.store import samples
from qbdispatch.store.samples import Sample
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.unit.dispatch.conftest import BenchMaker

NOW = 1_000_000.0


def _past(minutes: int, gib_per_hour: float, left_gib: float = 100) -> list[Sample]:
    """A sample each minute until now, with free space falling at this pace to what is left."""
    return [
        Sample("a", NOW - 60 * ago, int((left_gib + gib_per_hour * ago / 60) * GIB), None, 0, 0)
        for ago in range(minutes, -1, -1)
    ]


@pytest.mark.parametrize(
    ("minutes", "pace", "floor_gib", "hours"),
    [(60, 20, 0, 5.0), (60, 20, 40, 3.0), (15, 20, 0, 5.0), (60, 0, 0, None), (60, -20, 0, None), (9, 20, 0, None)],
)
def test_a_steady_pace_tells_when_the_floor_is_reached(
    minutes: int, pace: float, floor_gib: int, hours: float | None
) -> None:
    """Not where space grows or stays, nor from a few minutes."""
    seconds = seconds_until_full(_past(minutes, pace), floor_gib * GIB, NOW)
    assert seconds is None if hours is None else seconds == pytest.approx(hours * 3600, rel=1e-3)


def test_only_the_last_hour_counts() -> None:
    """What fell yesterday says nothing of the present rate."""
    past = [Sample("a", NOW - 86_400 + 60 * minute, (500 - minute) * GIB, None, 0, 0) for minute in range(60)]
    assert seconds_until_full([*past, *_past(59, 0)], 0, NOW) is None


def test_a_floor_that_is_broken_already_is_reached_now() -> None:
    """Never a negative time."""
    assert seconds_until_full(_past(60, 20, left_gib=10), 50 * GIB, NOW) == 0


def test_unknown_free_space_is_left_out() -> None:
    """It is neither nothing nor a fall."""
    past = [Sample("a", NOW - 60 * ago, None, None, 0, 0) for ago in range(60)]
    assert seconds_until_full(past, 0, NOW) is None


def test_nodes_that_are_not_heard_of_leave_a_gap() -> None:
    """A figure of a node that is away would be drawn as if it were of now."""
    up = NodeFacts("up", age_seconds=1, free_bytes=50, outstanding_bytes=10, download_speed=3, active_downloads=2)
    fleet = [
        up,
        NodeFacts("silent", age_seconds=31, free_bytes=50),
        NodeFacts("failing", age_seconds=1, free_bytes=50, fault=Reason.UNREACHABLE),
        NodeFacts("new"),
    ]
    assert taken(fleet, 30, NOW) == [Sample("up", NOW, 50, 40, 3, 2)]


def test_the_chores_keep_a_bounded_history(make_bench: BenchMaker, scripted: Callable[..., ScriptedNode]) -> None:
    """A sample of now is added; what is older than a day is thinned and what is older than a week is forgotten."""
    bench = make_bench(scripted(name="a", free_gib=100))
    now = time.time()
    minutes = 8 * 24 * 60
    with bench.store.write() as connection:
        old = [Sample("a", now - 60 * minute, GIB, GIB, 0, 0) for minute in range(1, minutes, 5)]
        samples.add(connection, old)
    for chore in keeping_history(bench.store, bench.settings):
        chore.work()
    with bench.store.read() as connection:
        kept = samples.since(connection, 0, ["a"])["a"]
    assert (kept[-1].free_bytes, kept[-1].at >= now) == (100 * GIB, True)
    assert kept[0].at >= now - 7 * 86_400
    assert len(kept) <= 24 * 60 + 6 * 24 * 4 + 2
    assert len([sample for sample in kept if sample.at < now - 86_400]) <= 6 * 24 * 4 + 1

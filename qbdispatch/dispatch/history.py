"""The nodes' figures over time: the leader samples them each minute, and what they tell of the time ahead."""

from collections.abc import Sequence

from qbdispatch.config.settings import Settings
from qbdispatch.dispatch.chores import Chore
from qbdispatch.scoring.model import NodeFacts
from qbdispatch.scoring.room import effective_free
from qbdispatch.store import facts, samples
from qbdispatch.store.engine import Store
from qbdispatch.store.samples import Sample

SAMPLE_SECONDS = 60.0
THINNED_SECONDS = 900.0
DAY_SECONDS, WEEK_SECONDS = 86_400.0, 7 * 86_400.0
TREND_SECONDS = 3600.0
"""How far back the present rate is measured; an hour evens out what a single torrent does."""

SHORTEST_TREND_SECONDS = 600.0


def keeping_history(store: Store, settings: Settings) -> list[Chore]:
    """Sample each node, and thin what is older than a day; nothing is kept for longer than a week."""

    def sample() -> None:
        now = store.now()
        with store.write() as connection:
            most = settings.dispatcher.max_downloads
            fleet = facts.gather(connection, settings.nodes, max_downloads=most, now=now)
            samples.add(connection, taken(fleet, settings.sync.stale_after_s, now))

    def thin() -> None:
        now = store.now()
        with store.write() as connection:
            samples.purge(connection, before=now - WEEK_SECONDS)
            samples.thin(connection, before=now - DAY_SECONDS, every_seconds=THINNED_SECONDS)

    return [
        Chore("sample", SAMPLE_SECONDS, sample, at_once=True),
        Chore("thin samples", THINNED_SECONDS, thin, at_once=True),
    ]


def taken(fleet: Sequence[NodeFacts], stale_after_seconds: float, now: float) -> list[Sample]:
    """A sample of each node that is heard of; the others leave a gap."""
    rooms = effective_free(fleet, stale_after_seconds)
    heard = [
        node
        for node in fleet
        if node.fault is None and node.age_seconds is not None and node.age_seconds <= stale_after_seconds
    ]
    return [
        Sample(node.name, now, node.free_bytes, rooms[node.name], node.download_speed, node.active_downloads)
        for node in heard
    ]


def seconds_until_full(history: Sequence[Sample], floor_bytes: int, now: float) -> float | None:
    """When free space reaches the floor if it goes on as in the last hour: a straight line through the samples
    (least squares). `None` while it does not fall, or where there are too few samples to tell."""
    known = [
        (one.at - now, one.free_bytes)
        for one in history
        if one.at >= now - TREND_SECONDS and one.free_bytes is not None
    ]
    if len(known) < 3 or known[-1][0] - known[0][0] < SHORTEST_TREND_SECONDS:
        return None
    mean_at, mean_free = (sum(column) / len(known) for column in zip(*known, strict=True))
    spread = sum((at - mean_at) ** 2 for at, _ in known)
    per_second = sum((at - mean_at) * (free - mean_free) for at, free in known) / spread
    if per_second >= 0:
        return None
    return float(max(0.0, (floor_bytes - known[-1][1]) / per_second))

"""What the dashboard shows of each node, gathered from the store alone: no node is asked, so none can hold it up."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from qbdispatch.config.settings import NodeSettings
from qbdispatch.dispatch.folders import clashes, known_save_paths
from qbdispatch.dispatch.history import SAMPLE_SECONDS, TREND_SECONDS, seconds_until_full
from qbdispatch.dispatch.leader import LEASE
from qbdispatch.dispatch.library import Shelf
from qbdispatch.dispatch.request import policy
from qbdispatch.scoring.decide import decide
from qbdispatch.scoring.model import Reason, Rejection, Request, Verdict
from qbdispatch.services import Services
from qbdispatch.store import facts, health, leases, samples, snapshots
from qbdispatch.store.health import NodeState
from qbdispatch.store.samples import Sample
from qbdispatch.store.snapshots import Snapshot
from qbdispatch.ui import charts, words
from qbdispatch.ui.charts import Part, Point

_DOWN = frozenset({Reason.UNREACHABLE, Reason.AUTH_FAILED, Reason.STALE})


@dataclass(frozen=True, slots=True)
class Disk:
    """What is known of the disk that a node stands on, in bytes, over all nodes of its pool. qBittorrent does not
    tell the size of a disk, so the whole is what our torrents have on it and what is free."""

    held: int
    arriving: int
    claimed: int
    free: int | None
    floor: int

    @property
    def room(self) -> int | None:
        """What may still be promised: below 0 where the floor is broken already."""
        return None if self.free is None else self.free - self.arriving - self.claimed - self.floor

    @property
    def parts(self) -> list[Part]:
        """From left to right, as far as they fit: what is promised beyond the free space is not drawn."""
        ours = [
            Part("held", "torrents", self.held),
            Part("arriving", "to arrive", self.arriving),
            Part("claimed", "claimed", self.claimed),
        ]
        if self.free is None or self.room is None:
            return ours
        room = max(0, self.room)
        floor = max(0, self.free - self.arriving - self.claimed - room)
        return [*ours, Part("room", "free", room), Part("floor", "kept free", floor)]

    @property
    def whole(self) -> int:
        return self.held + (self.free or 0)

    def bar(self) -> Markup:
        """The parts as one bar."""
        told = [f"{words.size(part.amount)} {part.name}" for part in self.parts]
        return charts.bar(f"Disk: {', '.join(told)}", self.parts, self.whole)


@dataclass(frozen=True, slots=True)
class Card:
    """One node. `history` has the last hour; `full_in` is seconds until its floor is reached at the present rate."""

    node: NodeSettings
    verdict: Verdict
    state: NodeState
    snapshot: Snapshot | None
    disk: Disk
    history: Sequence[Sample]
    full_in: float | None
    shares_disk_with: Sequence[str] = ()
    clashes: Sequence[str] = ()

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def place(self) -> str:
        """Its id on the dashboard."""
        return f"node-{self.name}"

    @property
    def is_down(self) -> bool:
        return any(part.code in _DOWN for part in self.verdict.rejections)

    @property
    def told(self) -> Sequence[Rejection]:
        """Why it takes none; of a node that is down, not what merely follows from that."""
        return self.verdict.rejections[:1] if self.is_down else self.verdict.rejections

    @property
    def level(self) -> str:
        """ok, drained, warning or danger."""
        codes = {part.code for part in self.verdict.rejections}
        if not codes:
            return "ok"
        if self.is_down:
            return "danger"
        return "drained" if codes == {Reason.DRAINING} else "warning"

    @property
    def headline(self) -> str:
        """Its state in a few words."""
        first = next(iter(self.verdict.rejections), None)
        return "Takes torrents" if first is None else words.reason(first.code)

    def speeds(self, now: float) -> Markup | None:
        """Its download speed over the last hour, once there is something to draw."""
        points = [Point(one.at, one.download_speed) for one in self.history]
        if len(points) < 2:
            return None
        peak = words.speed(max(point.value for point in points))
        return charts.sparkline(
            f"Download speed over the last hour, at most {peak}", points, points[0].at, now, 5 * SAMPLE_SECONDS
        )


@dataclass(frozen=True, slots=True)
class Panorama:
    """All nodes at one moment. `led_until` is when the leader's lease ends or ended, `None` without one."""

    now: float
    cards: Sequence[Card]
    led_until: float | None
    shelf: Shelf = field(repr=False)

    @property
    def up(self) -> Sequence[Card]:
        return [card for card in self.cards if not card.is_down]

    @property
    def room(self) -> int | None:
        """What all disks together may still be promised, each counted once; `None` while nothing is known of any."""
        disks = {card.node.pool or f"node {card.name}": card.disk.room for card in self.up}
        known = [max(0, room) for room in disks.values() if room is not None]
        return sum(known) if known else None

    @property
    def speed(self) -> int:
        return sum(card.snapshot.download_speed for card in self.up if card.snapshot)

    @property
    def downloads(self) -> int:
        return sum(card.verdict.facts.downloads for card in self.up)


def panorama(found: Services) -> Panorama:
    """Look at the fleet. Raises `StoreUnavailable`."""
    settings, now = found.settings, found.store.now()
    shelf = found.library.shelf()
    with found.store.read() as connection:
        fleet = facts.gather(connection, settings.nodes, max_downloads=settings.dispatcher.max_downloads, now=now)
        states, latest = health.states(connection), snapshots.latest(connection)
        history = samples.since(connection, now - TREND_SECONDS, [node.name for node in settings.nodes])
        clashing = clashes(settings.nodes, known_save_paths(connection, settings.nodes))
        led_until = leases.expires_at(connection, LEASE)
    decision = decide(fleet, Request(size_bytes=0), policy(settings.dispatcher, settings.sync.stale_after_s))
    verdicts = {verdict.name: verdict for verdict in decision.verdicts}
    held = _held(shelf)
    cards = []
    for node in settings.nodes:
        mates = [
            other.name for other in settings.nodes if other.name == node.name or (node.pool and other.pool == node.pool)
        ]
        floor = node.min_free_bytes
        cards.append(
            Card(
                node=node,
                verdict=verdicts[node.name],
                state=states.get(node.name, NodeState(node.name)),
                snapshot=latest.get(node.name),
                disk=_disk(node, mates, verdicts, held),
                history=history[node.name],
                full_in=seconds_until_full(history[node.name], floor, now),
                shares_disk_with=[name for name in mates if name != node.name],
                clashes=clashing.get(node.name, []),
            )
        )
    return Panorama(now, cards, led_until, shelf)


def _held(shelf: Shelf) -> Mapping[str, int]:
    """What each node's torrents have on disk."""
    held: defaultdict[str, int] = defaultdict(int)
    for entry in shelf.by_key.values():
        held[entry.node] += max(0, entry.row["size"] - entry.row["amount_left"])
    return held


def _disk(node: NodeSettings, mates: Sequence[str], verdicts: Mapping[str, Verdict], held: Mapping[str, int]) -> Disk:
    together = [verdicts[name].facts for name in mates]
    known = [mate.free_bytes for mate in together if mate.free_bytes]
    return Disk(
        held=sum(held.get(name, 0) for name in mates),
        arriving=sum(mate.outstanding_bytes for mate in together),
        claimed=sum(mate.claimed_bytes for mate in together),
        free=min(known) if known else None,
        floor=node.min_free_bytes,
    )

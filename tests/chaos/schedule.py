"""The schedule of faults: which one falls on whom, when and for how long; fully determined by the seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from tests.rig.proxy import Harm


class Kind(StrEnum):
    """What happens."""

    NODE_PAUSE = "node stopped, then continued"
    NODE_KILL = "node killed, then started"
    NODE_PROXY = "connections to the node harmed"
    NODE_DRAIN = "node drained, then resumed"
    DISK = "disk resized, then as before"
    WORKER_KILL = "worker killed"
    LEADER_KILL = "leading worker killed"
    DISPATCHER_KILL = "dispatcher killed, then started"
    STORE_KILL = "database killed, then started"
    STORE_PAUSE = "database stopped, then continued"


# How often each comes in proportion to the others, and its shortest and longest duration in seconds.
_NODE_FAULTS = {
    Kind.NODE_PAUSE: (4, 1.0, 8.0),
    Kind.NODE_KILL: (3, 0.5, 5.0),
    Kind.NODE_PROXY: (6, 1.0, 8.0),
    Kind.NODE_DRAIN: (2, 1.0, 6.0),
    Kind.DISK: (2, 4.0, 40.0),
}
_DISPATCHER_FAULTS = {
    Kind.WORKER_KILL: (4, 0.0, 0.0),
    Kind.LEADER_KILL: (2, 0.0, 0.0),
    Kind.DISPATCHER_KILL: (2, 0.2, 3.0),
}
_STORE_FAULTS = {
    Kind.STORE_KILL: (2, 0.2, 2.0),
    Kind.STORE_PAUSE: (2, 0.5, 6.0),
}
_EVERY_SECONDS = (0.2, 1.3)
_REST_SECONDS = 2.0  # between two faults on one thing, so that it comes back in between


@dataclass(frozen=True, slots=True)
class Event:
    """One fault: from `at` for `seconds` (of the run) on `target`, a node's or dispatcher's number."""

    at: float
    kind: Kind
    target: int
    seconds: float
    harm: Harm | None = None
    share: float = 1.0
    adds_only: bool = False
    factor: float = 1.0

    def __str__(self) -> str:
        more = [f"for {self.seconds:.1f} s"] if self.seconds else []
        if self.harm is not None:
            more.append(f"{self.harm}, {self.share:.0%} of {'adds' if self.adds_only else 'all requests'}")
        if self.kind is Kind.DISK:
            more.append(f"to {self.factor:.0%}")
        return f"{self.at:6.1f} s  {self.kind} [{self.target}] {', '.join(more)}"

    @property
    def thing(self) -> tuple[str, int]:
        """What it keeps busy: a process, a disk, a proxy, a flag."""
        groups = {
            Kind.NODE_PAUSE: "node",
            Kind.NODE_KILL: "node",
            Kind.NODE_PROXY: "proxy",
            Kind.NODE_DRAIN: "drain",
            Kind.DISK: "disk",
        }
        return groups.get(self.kind, "dispatcher" if self.kind in _DISPATCHER_FAULTS else "store"), self.target


def make_schedule(seed: int, *, seconds: float, nodes: int, dispatchers: int, store_faults: bool) -> Sequence[Event]:
    """Faults from shortly after the start until all can be over by `seconds`, in the order of time."""
    rng = random.Random(seed)
    kinds = _NODE_FAULTS | _DISPATCHER_FAULTS | (_STORE_FAULTS if store_faults else {})
    busy_until: dict[tuple[str, int], float] = {}
    events: list[Event] = []
    at = 2.0
    while (at := at + rng.uniform(*_EVERY_SECONDS)) < seconds:
        event = _drawn(rng, at, kinds, nodes, dispatchers)
        if busy_until.get(event.thing, 0.0) > at or at + event.seconds > seconds:
            continue
        busy_until[event.thing] = at + event.seconds + _REST_SECONDS
        events.append(event)
    return events


def _drawn(
    rng: random.Random, at: float, kinds: dict[Kind, tuple[int, float, float]], nodes: int, dispatchers: int
) -> Event:
    (kind,) = rng.choices(list(kinds), [weight for weight, _, _ in kinds.values()])
    _, shortest, longest = kinds[kind]
    many = nodes if kind in _NODE_FAULTS else dispatchers if kind in _DISPATCHER_FAULTS else 1
    event = Event(at, kind, rng.randrange(many), rng.uniform(shortest, longest))
    harm, share = rng.choice(list(Harm)), rng.choice((0.3, 0.7, 1.0))
    adds_only, factor = rng.random() < 0.5, rng.choice((0.5, 0.7, 1.5))
    if kind is Kind.NODE_PROXY:
        return replace(event, harm=harm, share=share, adds_only=adds_only)
    return replace(event, factor=factor) if kind is Kind.DISK else event

"""Looks for what has begun or ended and is worth telling: nodes, disks, torrents held for long.

What stands is in the store, so each thing is told once, also by a leader that has just taken over. A node has to stay
down, or up, for a while before either is told, so that one that flaps is told of once.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from qbdispatch.config.notifications import Event
from qbdispatch.config.settings import Settings, gib
from qbdispatch.dispatch.chores import Chore
from qbdispatch.dispatch.documents import gigabytes, rfc3339
from qbdispatch.dispatch.outbox import Outbox
from qbdispatch.nodes.errors import Cause
from qbdispatch.scoring.model import NodeFacts, Reason
from qbdispatch.scoring.room import effective_free
from qbdispatch.store import alerts, facts, health
from qbdispatch.store.engine import Store

LOOK_SECONDS = 5.0
HOUR_SECONDS = 3600.0
ENOUGH_AGAIN = 1.05
"""Room must come back to a little more than the threshold before it is told again."""

_FAILING = "failing"
_OF_NODES = (_FAILING, Event.NODE_DOWN.value, Event.AUTH_FAILED.value, Event.SPACE_BELOW.value)


@dataclass(frozen=True, slots=True)
class Turn:
    """Something begins to stand, or stands no longer; `event` is to be told of it, with this text."""

    key: str
    begins: bool
    event: Event | None = None
    title: str = ""
    body: str = ""


def alerting(store: Store, settings: Settings, *, every_seconds: float = LOOK_SECONDS) -> list[Chore]:
    """The chore that looks; none where nobody is to be told."""
    if not settings.notifications.targets:
        return []
    return [Chore("look for events", every_seconds, Lookout(store, settings).work)]


class Lookout:
    """Compares what is with what stood."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._outbox = Outbox(settings.notifications)

    def work(self) -> None:
        """One look."""
        now = self._store.now()
        with self._store.read() as connection:
            turns = list(self._turns(connection, now))
        if turns:
            with self._store.write() as connection:
                for turn in turns:
                    self._take(connection, turn, now)
        if self._outbox.wants(Event.HELD):
            self._tell_held(now)

    def _turns(self, connection: Connection, now: float) -> Iterator[Turn]:
        settings = self._settings
        stands = {key: since for kind in _OF_NODES for key, since in alerts.standing(connection, kind).items()}
        states = health.states(connection)
        fleet = facts.gather(connection, settings.nodes, max_downloads=settings.dispatcher.max_downloads, now=now)
        damping = settings.notifications.node_down_after_s
        for node in fleet:
            yield from node_turns(states.get(node.name, health.NodeState(node.name)), stands, now, damping)
        full = {state.node for state in states.values() if state.cause == Cause.DISK_FULL}
        yield from space_turns(fleet, full, stands, settings)
        known = {node.name for node in fleet} | {node.pool for node in fleet}
        yield from (Turn(key, begins=False) for key in stands if key.partition(":")[2] not in known)

    def _take(self, connection: Connection, turn: Turn, now: float) -> None:
        """Another worker may have done it since we looked."""
        turned = alerts.stand(connection, turn.key, now) if turn.begins else alerts.clear(connection, turn.key)
        if turned and turn.event is not None:
            self._outbox.put(connection, turn.event, turn.title, turn.body, now)

    def _tell_held(self, now: float) -> None:
        before = now - self._settings.notifications.held_hours * HOUR_SECONDS
        with self._store.write() as connection:
            for one in alerts.long_held(connection, before, now):
                body = f"{gigabytes(one.size_bytes)} GB, waiting for room since {rfc3339(one.held_at)}"
                self._outbox.put(connection, Event.HELD, f"Still held: {one.name}", body, now)


def node_turns(state: health.NodeState, stands: Mapping[str, float], now: float, damping: float) -> Iterator[Turn]:
    """What turned about one node."""
    name = state.node
    failing, down, auth = (f"{kind}:{name}" for kind in (_FAILING, Event.NODE_DOWN, Event.AUTH_FAILED))
    if state.fault is Reason.AUTH_FAILED:
        if auth not in stands:
            yield Turn(auth, True, Event.AUTH_FAILED, f"{name} refuses the login", state.fault_detail)
    elif state.fault is not None:
        if failing not in stands:
            yield Turn(failing, begins=True)
        elif now - stands[failing] >= damping and not {down, auth} & stands.keys():
            yield Turn(down, True, Event.NODE_DOWN, f"{name} is down", state.fault_detail)
    elif state.up_since is not None:
        if failing in stands:
            yield Turn(failing, begins=False)
        if now - state.up_since >= damping:
            ended = [key for key in (down, auth) if key in stands]
            for place, key in enumerate(ended):
                event = Event.NODE_UP if place == 0 else None
                yield Turn(key, False, event, f"{name} is up again", "It answers as it should.")


def space_turns(
    fleet: Sequence[NodeFacts], full: Collection[str], stands: Mapping[str, float], settings: Settings
) -> Iterator[Turn]:
    """What turned about room, once for each disk; a disk whose room is not known now stays as it was, unless one of
    its nodes is among those that found it `full`."""
    threshold = gib(settings.notifications.space_below_gb)
    rooms = effective_free(fleet, settings.sync.stale_after_s)
    disks = {node.pool or node.name: rooms[node.name] for node in fleet if node.fault is None}
    disks |= {node.pool or node.name: 0 for node in fleet if node.name in full}
    for disk, room in disks.items():
        key = f"{Event.SPACE_BELOW}:{disk}"
        if room is None:
            continue
        if room < threshold and key not in stands:
            body = f"{gigabytes(room)} GB are left there when all that was promised has arrived."
            yield Turn(key, True, Event.SPACE_BELOW, f"Little room on {disk}", body)
        elif room >= threshold * ENOUGH_AGAIN and key in stands:
            yield Turn(key, begins=False)

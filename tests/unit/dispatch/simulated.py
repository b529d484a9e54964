"""A node simulated in this process, given to the fleet in place of the way to a real one, and a store for it.

The node stands where `NodeAccess` does and answers what the dispatcher asks, at once and from memory. What is to happen
to the next adds, to whichever node, is set beforehand in a `Plan`; so is what happens while the first is under way.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from sqlalchemy import Connection

from qbdispatch.config.settings import NodeSettings
from qbdispatch.nodes.dialects import AddReply
from qbdispatch.nodes.errors import NodeOutcomeUnknown, NodeRefused, NodeUnreachable
from qbdispatch.store.engine import Store
from qbdispatch.torrents.source import InfoHashes, TorrentSource

Answer = TypeVar("Answer")
_MOMENTS = itertools.count(1)  # of adds: a torrent that was deleted and added again is told from the one before


class Crash(BaseException):
    """The process that is speaking to the node dies at this point: nothing after it happens."""


class Course(Enum):
    """What becomes of an add."""

    FINE = "taken and answered"
    REFUSED = "not taken, and said so"
    CRASH_BEFORE = "its worker dies before it is sent"
    CRASH_AFTER = "its worker dies when it has been sent"
    UNANSWERED = "taken, but never answered"
    LOST = "neither taken nor answered"
    LATE = "not answered, and taken only later"
    LATE_CRASH = "its worker dies when it has been sent, and it is taken only later"


@dataclass
class Plan:
    """The courses of the next adds, fine where there is none. While the first is under way `meanwhile` runs; when it
    was taken, but its worker does not know yet, `afterwards`. `steps_left` is how many more transactions and calls of
    nodes the process lives; `None`: no end is set."""

    courses: list[Course] = field(default_factory=list)
    meanwhile: Callable[[], None] | None = None
    afterwards: Callable[[], None] | None = None
    steps_left: int | None = None

    def next(self) -> Course:
        return self.courses.pop(0) if self.courses else Course.FINE

    def interrupt(self) -> None:
        during, self.meanwhile = self.meanwhile, None
        if during is not None:
            during()

    def delay(self) -> None:
        during, self.afterwards = self.afterwards, None
        if during is not None:
            during()

    def step(self) -> None:
        """The process begins its next step, or dies before it."""
        if self.steps_left is not None:
            self.steps_left -= 1
            if self.steps_left < 0:
                raise Crash


class AgingStore(Store):
    """Its clock can be put forward, and whoever uses it may die before."""

    ahead_seconds = 0.0
    plan = Plan()

    def now(self) -> float:
        return super().now() + self.ahead_seconds

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self.plan.step()
        with super().read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.plan.step()
        with super().write() as connection:
            yield connection


class SimulatedNode:
    """Has `size_bytes` of disk. A magnet's size is never learned; nothing is downloaded."""

    def __init__(self, settings: NodeSettings, size_bytes: int, plan: Plan) -> None:
        self.node = settings
        self.size_bytes = size_bytes
        self.is_up = True
        self.polls = 0
        self.listed: dict[str, dict[str, Any]] = {}
        self.late: list[dict[str, Any]] = []
        self._plan = plan
        self._told: dict[str, dict[str, Any]] | None = None  # what the last poll was answered
        self.client = self  # the calls of a client are its own, too

    def call(self, action: Callable[[Mapping[str, str]], Answer]) -> Answer:
        if not self.is_up:
            raise NodeUnreachable("is down")
        self._plan.step()
        return action({})

    def require_up(self) -> None:
        """Whoever acts on it finds out by itself."""

    def send(self, *call: object) -> None:
        """Categories and the like: of no interest here."""

    def deliver(self) -> None:
        """Carry out what has waited in the node's socket."""
        for row in self.late:
            self.listed.setdefault(row["hash"], row)
        self.late.clear()

    def add(self, _cookies: object, source: TorrentSource, _fields: object) -> AddReply:
        course = self._plan.next()
        if course is Course.CRASH_BEFORE:
            raise Crash
        if course is Course.REFUSED:
            raise NodeRefused("says no")
        self._plan.interrupt()
        row = _row(source)
        if course in (Course.LATE, Course.LATE_CRASH):
            self.late.append(row)
            self.is_up = False  # it hangs: what answers others has carried out what came before
        elif course is not Course.LOST:
            if row["hash"] in self.listed:
                return AddReply.NOT_TAKEN
            self.listed[row["hash"]] = row
        if course in (Course.CRASH_AFTER, Course.LATE_CRASH):
            raise Crash
        if course in (Course.UNANSWERED, Course.LOST, Course.LATE):
            self.is_up = False  # or it would be asked for the torrent at once
            raise NodeOutcomeUnknown("did not answer in time")
        self._plan.delay()
        return AddReply.TAKEN

    def find(self, _cookies: object, hashes: InfoHashes, _timeout: float | None = None) -> dict[str, Any] | None:
        return next((self.listed[node_id] for node_id in hashes.node_ids if node_id in self.listed), None)

    def delete(self, _cookies: object, node_ids: Sequence[str], *, delete_files: bool) -> None:
        for node_id in node_ids:
            self.listed.pop(node_id, None)

    def maindata(self, _cookies: object, rid: int) -> dict[str, Any]:
        known, self._told = self._told if rid == self.polls else None, dict(self.listed)
        self.polls += 1
        state = {"free_space_on_disk": self.size_bytes, "dl_info_speed": 0}
        answer = {"rid": self.polls, "full_update": known is None, "server_state": state}
        known = known or {}
        new = {node_id: row for node_id, row in self.listed.items() if known.get(node_id) != row}
        return answer | {"torrents": new, "torrents_removed": list(known.keys() - self.listed.keys())}

    def rows(self, _cookies: object, node_ids: Sequence[str] | None) -> dict[str, dict[str, Any]]:
        return {node_id: row for node_id, row in self.listed.items() if node_ids is None or node_id in node_ids}

    def version(self, _cookies: object, _timeout: float | None = None) -> str:
        return "v5.1.0"

    def transfer(self, _cookies: object, _timeout: float | None = None) -> dict[str, Any]:
        return {}

    def preferences(self, _cookies: object) -> dict[str, Any]:
        return {}


def _row(source: TorrentSource) -> dict[str, Any]:
    size = (source.size_bytes or 0) if source.is_file else 0
    return {
        "hash": source.hashes.node_ids[-1],
        "infohash_v1": source.hashes.v1 or "",
        "infohash_v2": source.hashes.v2 or "",
        "name": source.name or "",
        "state": "stalledDL" if size else "metaDL",
        "has_metadata": bool(size),
        "size": size,
        "amount_left": size,
        "completed": 0,
        "content_path": "",
        "added_on": next(_MOMENTS),
    }

"""What clients did and were told, with the time of each: the one record that the invariants are checked against.

Times are `time.time()`, as the store has them.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from tests.rig.swarm import MadeTorrent

Verb = Literal["add", "list", "sync", "delete"]


class Outcome(StrEnum):
    """What a client was told."""

    ACCEPTED = "accepted"  # by /api/v2 a duplicate looks the same
    DUPLICATE = "duplicate"
    REFUSED = "refused"  # with a reason and the word to ask again
    DONE = "done"  # a list, or a deletion
    UNKNOWN = "unknown"  # no answer
    WRONG = "wrong"  # an answer that nobody should ever get


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a client."""

    verb: Verb
    began: float
    ended: float
    outcome: Outcome
    detail: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass
class Tracked:
    """One torrent's life as clients know it. `spellings`: how it is submitted, each by a client of its own."""

    number: int
    made: MadeTorrent
    size_bytes: int
    spellings: Sequence[str]
    adding: int = 0
    accepted_at: float | None = None
    delete_sent_at: float | None = None
    deleted_at: float | None = None
    was_absent: bool = False  # from a list that was asked for after the deletion
    back_at: float | None = None  # when it was first listed again after that
    events: list[str] = field(default_factory=list)

    @property
    def hash(self) -> str:
        """The hash under which the dispatcher lists it."""
        return str(self.made.v1)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A list, asked for at `began`, that came at `ended` and was not right about a torrent."""

    began: float
    ended: float
    text: str
    torrent: Tracked


GHOST_SECONDS = 5.0
"""A late answer to an add may show a deleted torrent for as long as it takes to remove it."""


class History:
    """Safe for threads."""

    def __init__(self) -> None:
        self.torrents: dict[str, Tracked] = {}
        self.calls: list[Call] = []
        self.faults: list[tuple[float, str]] = []
        self.suspicions: list[Suspicion] = []
        self._lock = threading.Lock()

    def follow(self, torrent: Tracked) -> None:
        with self._lock:
            self.torrents[torrent.hash] = torrent
            torrent.adding = len(torrent.spellings)

    def fault(self, text: str) -> None:
        with self._lock:
            self.faults.append((time.time(), text))

    def called(self, call: Call, torrent: Tracked | None = None, what: str = "") -> None:
        """Keep a call; one about a torrent moves that torrent's life on."""
        with self._lock:
            self.calls.append(call)
            if torrent is None:
                return
            torrent.events.append(
                f"{call.began:.3f}-{call.ended:.3f} {call.verb} {what}: {call.outcome} {call.detail[:300]}"
            )
            if call.verb == "add":
                torrent.adding -= 1
                if call.outcome in (Outcome.ACCEPTED, Outcome.DUPLICATE) and torrent.accepted_at is None:
                    torrent.accepted_at = call.ended
            if call.verb == "delete" and call.outcome is Outcome.DONE:
                torrent.deleted_at = call.ended

    def choose_to_delete(self, draw: float) -> Tracked | None:
        """An accepted torrent that nobody is adding or deleting any more, now marked as being deleted."""
        with self._lock:
            ripe = [
                one
                for one in self.torrents.values()
                if one.accepted_at is not None and not one.adding and one.delete_sent_at is None
            ]
            if not ripe:
                return None
            chosen = ripe[int(draw * len(ripe))]
            chosen.delete_sent_at = time.time()
            return chosen

    def check_list(self, began: float, listed: set[str], what: str) -> None:
        """A list asked for at `began` that has just come: what must be in it, and what must not."""
        with self._lock:
            for one in self.torrents.values():
                is_settled = one.accepted_at is not None and one.accepted_at < began
                if is_settled and one.delete_sent_at is None and one.hash not in listed:
                    self._suspect(one, began, f"missing from {what}")
                if one.deleted_at is not None and one.deleted_at < began:
                    self._check_deleted(one, began, one.hash in listed, what)

    def of(self, verb: Verb) -> list[Call]:
        with self._lock:
            return [call for call in self.calls if call.verb == verb]

    def outcomes(self, verb: Verb) -> Counter[Outcome]:
        return Counter(call.outcome for call in self.of(verb))

    def _check_deleted(self, torrent: Tracked, began: float, is_listed: bool, what: str) -> None:
        if not is_listed:
            torrent.was_absent = True
        elif not torrent.was_absent:
            self._suspect(torrent, began, f"deleted, but still in {what}")
        else:
            torrent.back_at = torrent.back_at or began
            if began - torrent.back_at > GHOST_SECONDS:
                self._suspect(torrent, began, f"deleted, but in {what} again")

    def _suspect(self, torrent: Tracked, began: float, what: str) -> None:
        self.suspicions.append(Suspicion(began, time.time(), what, torrent))
        torrent.events.append(f"{time.time():.3f} {what}")

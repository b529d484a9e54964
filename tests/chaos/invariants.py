"""What must hold, whatever has happened; each violation is a sentence, with the torrent that it is about.

The promise of room: nobody downloads here, and the sizes of all torrents that are claimed or placed on a node never
exceed, above the floor, the largest size of its disk in the time that the newest promise may have looked back on. That
is what qBittorrent takes to renew its figure, and the dispatcher to call it stale or to keep it while a node has none.
"""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import DBAPIError

from tests.chaos.history import History, Outcome, Tracked
from tests.chaos.world import FLOOR_GIB, STALE_AFTER_SECONDS, World
from tests.rig.disks import GIB

LOOKS_BACK_SECONDS = 30 + 60 + STALE_AFTER_SECONDS + 25
"""qBittorrent's renewal, a figure kept while a node reports none, staleness, and an add between claim and answer."""

FORGETS_SECONDS = 2.0
"""How long after its answer to an add a node may be without the torrent on its disk."""

_SAMPLE_SECONDS = 0.2
_CLAIMS = "SELECT node, v1, claimed_at AS at FROM claims WHERE phase <> 'doubt'"
_PLACED = "SELECT node, v1, CASE WHEN decision_id IS NULL THEN 0 ELSE placed_at END AS at FROM placements"


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be."""

    text: str
    torrent: Tracked | None = None

    @property
    def kind(self) -> str:
        """The sentence without what differs from one to the next."""
        return re.sub(r"[0-9a-f]{40}|[0-9.]+", "#", self.text[:120])


class RoomSampler:
    """Looks into the store a few times a second while the run goes on."""

    def __init__(self, world: World) -> None:
        self.samples = 0
        self.fullest: dict[str, float] = {}  # node to the largest share of its room that was promised
        self.violations: list[Violation] = []
        self._world = world
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="room", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.wait(_SAMPLE_SECONDS):
            with suppress(DBAPIError):  # the store is down at times
                self._sample()

    def _sample(self) -> None:
        with self._world.snapshot() as query:
            claims, placed = query(_CLAIMS), query(_PLACED)
        self.samples += 1
        promised: defaultdict[str, dict[str, int]] = defaultdict(dict)
        newest: defaultdict[str, float] = defaultdict(float)
        for row in claims + placed:
            torrent = self._world.history.torrents[row["v1"]]
            if torrent.delete_sent_at is not None:
                continue  # its room may be another's from the moment of its deletion on
            promised[row["node"]][torrent.hash] = torrent.size_bytes
            newest[row["node"]] = max(newest[row["node"]], row["at"])
        for node, sizes in promised.items():
            size = sum(sizes.values())
            room = self._world.largest(node, newest[node] - LOOKS_BACK_SECONDS) - FLOOR_GIB * GIB
            self.fullest[node] = max(self.fullest.get(node, 0.0), size / room)
            if size > room:
                self.violations.append(
                    Violation(f"{node} was promised {size / GIB:.2f} GiB at {time.time():.3f}, has {room / GIB:.2f}")
                )


@dataclass(frozen=True, slots=True)
class Ending:
    """The state after everything was brought back: what nodes list, by name and v1 hash, what the merged list has,
    and the claims."""

    nodes: Mapping[str, Mapping[str, Mapping[str, Any]]]
    merged: set[str]
    claims: Sequence[Mapping[str, Any]]

    def homes(self, hash_: str) -> list[str]:
        return [name for name, listed in self.nodes.items() if hash_ in listed]

    def unsettled(self, *, doubts: bool) -> list[str]:
        """Why this is not the end yet."""
        union = {hash_ for listed in self.nodes.values() for hash_ in listed}
        reasons = [f"{hash_} is listed, but on no node" for hash_ in self.merged - union]
        reasons += [f"{hash_} is on {self.homes(hash_)}, but not listed" for hash_ in union - self.merged]
        reasons += [f"{hash_} is on {self.homes(hash_)}" for hash_ in union if len(self.homes(hash_)) > 1]
        return reasons + [f"claim left over: {dict(claim)}" for claim in self.claims if self._is_open(claim, doubts)]

    def _is_open(self, claim: Mapping[str, Any], doubts: bool) -> bool:
        """A claim may stay for a magnet that its node lists without a size. What no node lists is waited for, for a
        minute after everything is back, which is what `doubts` asks to be seen."""
        listed = self.nodes[claim["node"]].get(claim["v1"])
        if listed is None:
            return doubts
        return claim["phase"] != "added" or bool(listed["size"])


def forgotten(history: History, world: World) -> dict[str, Tracked]:
    """Torrents that a node answered for and had lost when it came back, because it was killed in the moments before it
    had written them down. No dispatcher can keep that promise for it; that they are reported as vanished is checked."""
    vanished = {(row["node"], row["node_id"]) for row in world.query("SELECT node, node_id FROM vanished")}
    return {
        one.hash: one
        for one in history.torrents.values()
        for node, killed_at in world.kills
        if one.accepted_at is not None and abs(killed_at - one.accepted_at) < FORGETS_SECONDS
        if vanished & {(node, hash_) for hash_ in (one.made.v1, (one.made.v2 or "")[:40])}
    }


def ending_violations(history: History, world: World, ending: Ending) -> Iterator[Violation]:
    """All about torrents and room that can be said at the end."""
    for torrent in history.torrents.values():
        homes = ending.homes(torrent.hash)
        if len(homes) > 1:
            yield Violation(f"on {len(homes)} nodes: {', '.join(homes)}", torrent)
        if torrent.accepted_at is not None and torrent.delete_sent_at is None and not homes:
            yield Violation("accepted, not deleted, and on no node", torrent)
        if torrent.deleted_at is not None and homes:
            yield Violation(f"deleted, and yet on {', '.join(homes)}", torrent)
    unknown = {hash_ for listed in ending.nodes.values() for hash_ in listed} - history.torrents.keys()
    yield from (Violation(f"nobody asked for {hash_}, which is on {ending.homes(hash_)}") for hash_ in unknown)
    for name, listed in ending.nodes.items():
        promised = sum(history.torrents[hash_].size_bytes for hash_ in listed if hash_ in history.torrents)
        room = world.largest(name, 0.0) - FLOOR_GIB * GIB
        if promised > room:
            yield Violation(f"{name} holds torrents of {promised / GIB:.2f} GiB on room for {room / GIB:.2f}")


def answer_violations(history: History, world: World) -> Iterator[Violation]:
    """Answers that nobody should have got, missing ones without a cause, and surprises in the log."""
    for call in history.calls:
        told = f"{call.verb} at {call.began:.3f} after {call.seconds:.1f} s"
        if call.outcome is Outcome.WRONG:
            yield Violation(f"{told} was answered {call.detail}")
        if world.was_shaken(call.began, call.ended):
            continue
        if call.outcome is Outcome.UNKNOWN:
            yield Violation(f"{told} got no answer ({call.detail}) while nothing was down")
        if call.outcome is Outcome.REFUSED and call.verb in ("list", "sync"):
            yield Violation(f"{told} was refused while nothing was down: {call.detail}")
    before, found, after = world.log.partition("Traceback (most recent call last)")
    if found:
        yield Violation(f"the log has {before[-300:]}{found}{after[:2500]}")
    for one in history.suspicions:
        if not world.was_shaken(one.began, one.ended, store_only=True):  # then lists are those of a moment before
            yield Violation(f"{one.text} at {one.ended:.3f}", one.torrent)

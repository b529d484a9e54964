"""All torrents of all nodes as one list, in this worker's memory, kept up with the mirror in the store.

A `Shelf` is one state of that list and never changes; catching up with the mirror makes a new one. Whoever holds a
shelf can read it without a lock while others move on.
"""

import json
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from qbdispatch.dispatch.access import Fleet
from qbdispatch.dispatch.holding import HELD, NOWHERE
from qbdispatch.nodes.rows import outward_row
from qbdispatch.scoring.model import Reason
from qbdispatch.store import health, labels, mirror
from qbdispatch.store.engine import Store, StoreUnavailable
from qbdispatch.store.labels import Kind, Label
from qbdispatch.store.mirror import MirrorRow
from qbdispatch.torrents.source import InfoHashes

Key = tuple[str, str]
States = Mapping[str, health.NodeState]


@dataclass(frozen=True, slots=True)
class Entry:
    """A torrent on a node: `row` as clients see it, `text` the same in JSON, `revision` of its last change."""

    node: str
    node_id: str
    hash: str
    revision: int
    category: str
    row: dict[str, Any]
    text: str
    away: bool

    @property
    def text_without_hash(self) -> str:
        """As `sync/maindata` shows it: the hash is the key there. It is the first field of `text`."""
        return "{" + self.text[len(f'{{"hash": {json.dumps(self.hash)}, ') :]

    @property
    def hashes(self) -> InfoHashes:
        return InfoHashes(self.row["infohash_v1"] or None, self.row["infohash_v2"] or None)

    @property
    def aliases(self) -> set[str]:
        """The other forms of its hash."""
        v1, v2 = self.row["infohash_v1"].lower(), self.row["infohash_v2"].lower()
        return {self.node_id, v1, v2, v2[:40]} - {"", self.hash}

    @property
    def rank(self) -> tuple[bool, float, str]:
        """Which of two copies of a torrent is listed: one that can be reached, then the more complete one."""
        return (not self.away, float(self.row["progress"]), self.node)


@dataclass(frozen=True, slots=True)
class Shelf:
    """One state of the list, at `revision`. `gone` has the revision at which each hash left it.

    `told` is the revision that clients may be told they have. It falls behind where other workers began with other
    nodes meanwhile: what those show and this one does not has to be told again.

    `labels` are the fleet's categories and tags by name, those that are gone included. Who knows no revision from
    `floor` on needs all anew.
    """

    revision: int = 0
    by_key: Mapping[Key, Entry] = field(default_factory=dict)
    by_hash: Mapping[str, Entry] = field(default_factory=dict)
    known_as: Mapping[str, str] = field(default_factory=dict)
    gone: Mapping[str, int] = field(default_factory=dict)
    floor: int = 0
    told: int = 0
    labels: Mapping[Kind, tuple[Label, ...]] = field(default_factory=dict)

    def find(self, hash_: str) -> Entry | None:
        """The torrent with this hash in any of its forms: v1, v2 in full or truncated, upper or lower case."""
        lower = hash_.lower()
        return self.by_hash.get(lower) or self.by_hash.get(self.known_as.get(lower, ""))

    def defined(self, kind: Kind) -> dict[str, str]:
        """Name to save path (as clients know it; "" for tags) of all that exist, by name."""
        return {label.name: label.save_path for label in self.labels.get(kind, ()) if not label.gone}

    def copies(self, of: Entry) -> list[Entry]:
        """All copies of a listed torrent, on whichever nodes."""
        return [entry for entry in self.by_key.values() if entry.hash == of.hash]


class Library:
    """The list of this process. Safe for threads."""

    def __init__(self, store: Store, fleet: Fleet) -> None:
        self._store = store
        self._shown = {node.name: node for node in (*fleet.settings, NOWHERE)}
        self._lock = threading.Lock()
        self._shelf: Shelf | None = None  # before it was read for the first time

    def shelf(self) -> Shelf:
        """The list as the store has it now; while the store is away, as it had it last. Raises `StoreUnavailable`
        only where it was never read: an empty list would tell clients that their torrents are gone."""
        try:
            return self.newest()
        except StoreUnavailable:
            if self._shelf is None:
                raise
            return self._shelf

    def newest(self) -> Shelf:
        """The list as the store has it now, for whatever changes something: acting on an old one would pass over
        torrents in silence. Raises `StoreUnavailable`."""
        with self._store.read() as connection:
            if self._shelf is not None and mirror.revision(connection) == self._shelf.revision:
                return self._shelf
        with self._lock:
            with self._store.read() as connection:
                newest, floor = mirror.revision(connection), mirror.floor(connection)
                known = self._shelf or Shelf()
                if not floor <= known.revision <= newest:
                    known = Shelf()  # removals may be forgotten, or the database is a backup that was restored
                changed = mirror.changed_since(connection, known.revision)
                labelled = {kind: tuple(labels.every(connection, kind)) for kind in Kind}
                states = health.states(connection)
                told = self._told(connection, newest, states)
            caught_up = self._caught_up(known, newest, floor, changed, states)
            self._shelf = replace(caught_up, floor=floor, told=told, labels=labelled)
            return self._shelf

    def _told(self, connection: Connection, newest: int, states: States) -> int:
        configured = {name for name, state in states.items() if state.removed_at is None}
        changed_at = mirror.fleet_revision(connection)
        return newest if not changed_at or configured | {HELD} == self._shown.keys() else min(newest, changed_at - 1)

    def _caught_up(self, known: Shelf, newest: int, floor: int, changed: Iterable[MirrorRow], states: States) -> Shelf:
        away = {name for name, state in states.items() if state.fault in (Reason.UNREACHABLE, Reason.AUTH_FAILED)}
        by_key = dict(known.by_key)
        touched: dict[str, int] = {}  # the revision of each hash's last change
        for row in changed:
            if row.node not in self._shown and (row.node not in states or states[row.node].removed_at is None):
                continue  # other workers began with this node meanwhile: it has not left the list
            key = (row.node, row.node_id)
            before = by_key.pop(key, None)
            for hash_ in {row.hash} | ({before.hash} if before else set()):
                touched[hash_] = max(row.revision, touched.get(hash_, 0))
            if not row.gone and row.node in self._shown:  # what is on a node that is not configured has left the list
                by_key[key] = self._entry(row, row.node in away)
        gone = {hash_: revision for hash_, revision in known.gone.items() if revision > floor}
        return _shelf(replace(known, gone=gone), newest, by_key, touched)

    def _entry(self, row: MirrorRow, away: bool) -> Entry:
        shown = outward_row(row.row, row.hash, self._shown[row.node], away=away)
        category = sys.intern(str(shown["category"]))
        return Entry(row.node, row.node_id, row.hash, row.revision, category, shown, json.dumps(shown), away)


def _shelf(known: Shelf, newest: int, by_key: dict[Key, Entry], touched: Mapping[str, int]) -> Shelf:
    """The new state, of which only the touched hashes differ from the known one. What is listed of a torrent may
    change because another copy of it did, so its revision is that of the last change to any copy."""
    by_hash, known_as, gone = dict(known.by_hash), dict(known.known_as), dict(known.gone)
    copies: dict[str, list[Entry]] = {hash_: [] for hash_ in touched}
    for entry in by_key.values():
        if entry.hash in touched:
            copies[entry.hash].append(entry)
    for hash_, entries in copies.items():
        if not entries:
            by_hash.pop(hash_, None)
            gone[hash_] = touched[hash_]
            continue
        best = max(entries, key=lambda entry: entry.rank)
        by_hash[hash_] = replace(best, revision=touched[hash_])
        gone.pop(hash_, None)
        known_as |= {alias: hash_ for entry in entries for alias in entry.aliases}
    return Shelf(newest, by_key, by_hash, known_as, gone)

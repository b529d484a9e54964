"""Placements: the lasting record that a torrent lives on a node.

Ours are written when a node has taken an add; torrents that were on a node before, or were added there by others,
are found by the leader and recorded alike, so that nothing is ever placed twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from qbdispatch.store.claims import same_torrent
from qbdispatch.store.tables import placements
from qbdispatch.torrents.source import InfoHashes

_BATCH = 300  # SQLite takes some hundred values in one statement on every version


@dataclass(frozen=True, slots=True)
class Placement:
    """One row of `placements`. `decision_id` is `None` for a torrent that was found, not placed by us. With
    `leaving_until` somebody began to delete it, and until then may still be at it."""

    id: int
    node: str
    node_id: str
    v1: str | None
    v2: str | None
    name: str
    placed_at: float
    decision_id: str | None
    leaving_until: float | None = None

    @property
    def hashes(self) -> InfoHashes:
        return InfoHashes(self.v1, self.v2)


def find(connection: Connection, hashes: InfoHashes) -> list[Placement]:
    """Where this torrent lives, in any of its spellings; the oldest record first."""
    return _load(connection, select(placements).where(same_torrent(placements, hashes)).order_by(placements.c.id))


def on_node(connection: Connection, node: str) -> list[Placement]:
    """All that lives on a node."""
    return _load(connection, select(placements).where(placements.c.node == node))


def count(connection: Connection, node: str) -> int:
    """How many torrents live on a node."""
    query = select(func.count()).select_from(placements).where(placements.c.node == node)
    return connection.execute(query).scalar() or 0


def concerning(connection: Connection, node: str, hashes: Iterable[str]) -> list[Placement]:
    """What is recorded on a node under any of these hashes: the node's own ids, v1 or v2."""
    wanted = list(hashes)
    found: dict[int, Placement] = {}
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        listed = placements.c.node_id.in_(batch) & (placements.c.node == node)
        named = (placements.c.v1.in_(batch) | placements.c.v2.in_(batch)) & (placements.c.node == node)
        for condition in (listed, named):
            found |= {row.id: row for row in _load(connection, select(placements).where(condition))}
    return list(found.values())


def record(
    connection: Connection,
    node: str,
    hashes: InfoHashes,
    *,
    name: str,
    placed_at: float,
    decision_id: str | None,
) -> None:
    """Record that the node has the torrent; a repeat changes nothing. A poll may have found it before its add was
    answered: then the record only learns the decision it came of."""
    known_as = {hash_ for hash_ in (hashes.v1, hashes.v2, *hashes.node_ids) if hash_}
    recorded = next(iter(concerning(connection, node, known_as)), None)
    if recorded is not None:
        if recorded.decision_id is None:
            change(connection, recorded.id, decision_id=decision_id)
        return
    row = {"node": node, "node_id": hashes.node_ids[-1], "v1": hashes.v1, "v2": hashes.v2}
    connection.execute(
        insert(placements).values(row | {"name": name, "placed_at": placed_at, "decision_id": decision_id})
    )


def add_many(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Record many found torrents at once."""
    if rows:
        connection.execute(insert(placements), rows)


def change(connection: Connection, placement_id: int, **values: Any) -> None:
    """Change a record, say when a node lists a hybrid under another hash once it has the metadata."""
    connection.execute(update(placements).where(placements.c.id == placement_id).values(values))


def leave(connection: Connection, placement_ids: Iterable[int], until: float | None) -> None:
    """Somebody begins to delete these torrents; with `None` they are to stay."""
    ids = list(placement_ids)
    for start in range(0, len(ids), _BATCH):
        mine = placements.c.id.in_(ids[start : start + _BATCH])
        connection.execute(update(placements).where(mine).values(leaving_until=until))


def forget(connection: Connection, placement_ids: Iterable[int]) -> None:
    """Drop records of torrents that are no longer there."""
    ids = list(placement_ids)
    for start in range(0, len(ids), _BATCH):
        connection.execute(delete(placements).where(placements.c.id.in_(ids[start : start + _BATCH])))


def _load(connection: Connection, query: Any) -> list[Placement]:
    return [Placement(**row) for row in connection.execute(query).mappings()]

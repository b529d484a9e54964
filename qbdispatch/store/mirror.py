"""The mirror: our copy of every node's torrents, a row each, with the revision of its last change.

A view of it, in any worker, catches up by asking for what is newer than the revision it knows. What an action of ours
changed is written at once and marked with the time, so that a poll which began before it does not undo it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, select, update

from qbdispatch.store.tables import counters, mirror, mirror_nodes

_BATCH = 300  # SQLite takes some hundred values in one statement on every version
_REVISION, _FLOOR, _NEXT_FLOOR, _FLEET = "mirror", "mirror_floor", "mirror_next_floor", "mirror_fleet"
_COLUMNS = (mirror.c.node, mirror.c.node_id, mirror.c.hash, mirror.c.revision, mirror.c.gone, mirror.c.row)


@dataclass(frozen=True, slots=True)
class MirrorRow:
    """One torrent on one node; `row` is what the node says of it, `hash` what we call it."""

    node: str
    node_id: str
    hash: str
    revision: int
    gone: bool
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """A row to be written."""

    node_id: str
    hash: str
    row: Mapping[str, Any]


def revision(connection: Connection) -> int:
    """The revision of the newest change; 0 before the first."""
    return _counter(connection, _REVISION)


def next_revision(connection: Connection) -> int:
    """A new revision, for all that one write transaction changes."""
    _set_counter(connection, _REVISION, revision(connection) + 1)
    return revision(connection)


def changed_since(connection: Connection, known: int) -> list[MirrorRow]:
    """What changed after the revision `known`, torrents that are gone included."""
    return [MirrorRow(*row) for row in connection.execute(select(*_COLUMNS).where(mirror.c.revision > known))]


def node_rows(connection: Connection, node: str) -> dict[str, MirrorRow]:
    """What the mirror lists on one node, by the node's ids."""
    query = select(*_COLUMNS).where(mirror.c.node == node, mirror.c.gone.is_(False))
    return {row.node_id: MirrorRow(*row) for row in connection.execute(query)}


def named(connection: Connection, node: str, node_ids: Sequence[str]) -> list[MirrorRow]:
    """The rows that a node has, or had until now, under these ids."""
    found: list[MirrorRow] = []
    for batch in _batches(node_ids):
        query = select(*_COLUMNS).where(mirror.c.node == node, mirror.c.node_id.in_(batch), mirror.c.gone.is_(False))
        found += [MirrorRow(*row) for row in connection.execute(query)]
    return found


def put(
    connection: Connection, node: str, rows: Sequence[Listed], *, revision: int, seen_at: float, touched: bool = False
) -> set[str]:
    """Write rows as the node showed them at `seen_at`; answers the ids left alone because an action of ours came
    later. `touched`: this is the outcome of such an action."""
    later = set() if touched else _touched_after(connection, node, [row.node_id for row in rows], seen_at)
    written = [row for row in rows if row.node_id not in later]
    for batch in _batches(written):
        ids = [row.node_id for row in batch]
        connection.execute(delete(mirror).where(mirror.c.node == node, mirror.c.node_id.in_(ids)))
        values = {"node": node, "revision": revision, "gone": False, "touched_at": seen_at if touched else 0.0}
        connection.execute(insert(mirror), [values | _columns(listed) for listed in batch])
    return later


def _columns(listed: Listed) -> dict[str, Any]:
    path = listed.row.get("save_path")
    columns = {"node_id": listed.node_id, "hash": listed.hash, "row": dict(listed.row)}
    return columns | {"save_path": path if isinstance(path, str) else None}


def remove(
    connection: Connection,
    node: str,
    node_ids: Iterable[str],
    *,
    revision: int,
    seen_at: float,
    touched: bool = False,
) -> None:
    """The node no longer lists these; what an action of ours brought back later stays."""
    ids = set(node_ids)
    if not touched:
        ids -= _touched_after(connection, node, list(ids), seen_at)
    values: dict[str, Any] = {"gone": True, "revision": revision}
    if touched:
        values["touched_at"] = seen_at
    for batch in _batches(list(ids)):
        mine = and_(mirror.c.node == node, mirror.c.node_id.in_(batch), mirror.c.gone.is_(False))
        connection.execute(update(mirror).where(mine).values(values))


def any_in_folder(connection: Connection, node: str, paths: Sequence[str]) -> bool:
    """Whether the node lists a torrent whose save path, as the node names it, is one of these."""
    mine = and_(mirror.c.node == node, mirror.c.gone.is_(False), mirror.c.save_path.in_(paths))
    return connection.execute(select(mirror.c.node_id).where(mine).limit(1)).first() is not None


def content_paths(connection: Connection) -> Iterator[tuple[str, str, str]]:
    """Of every listed torrent: its node, its id there, and where the node has its files."""
    path = mirror.c.row["content_path"].as_string()
    for node, node_id, there in connection.execute(
        select(mirror.c.node, mirror.c.node_id, path).where(mirror.c.gone.is_(False))
    ):
        yield node, node_id, there or ""


def removed_after(connection: Connection, node: str, node_ids: Sequence[str], seen_at: float) -> set[str]:
    """Those of these ids that an action of ours took off the node after it showed them at `seen_at`."""
    found: set[str] = set()
    for batch in _batches(list(_touched_after(connection, node, node_ids, seen_at))):
        mine = and_(mirror.c.node == node, mirror.c.node_id.in_(batch), mirror.c.gone)
        found |= set(connection.execute(select(mirror.c.node_id).where(mine)).scalars())
    return found


def renew(connection: Connection, node: str, *, revision: int) -> None:
    """Let every view look anew at a node's torrents: how they are to be shown has changed."""
    mine = and_(mirror.c.node == node, mirror.c.gone.is_(False))
    connection.execute(update(mirror).where(mine).values(revision=revision))


def fleet_revision(connection: Connection) -> int:
    """The revision at which the configured nodes last changed; 0 if never."""
    return _counter(connection, _FLEET)


def set_fleet_revision(connection: Connection, revision: int) -> None:
    """The configured nodes change with this revision."""
    _set_counter(connection, _FLEET, revision)


def floor(connection: Connection) -> int:
    """Torrents that went up to this revision may be forgotten: who knows no more needs a full list."""
    return _counter(connection, _FLOOR)


def purge(connection: Connection) -> None:
    """Forget torrents that went before the last purge, so that each is remembered for at least the time between two
    purges."""
    forgotten = _counter(connection, _NEXT_FLOOR)
    connection.execute(delete(mirror).where(mirror.c.gone, mirror.c.revision <= forgotten))
    _set_counter(connection, _FLOOR, forgotten)
    _set_counter(connection, _NEXT_FLOOR, revision(connection))


def keep_state(connection: Connection, node: str, state: Mapping[str, Any]) -> None:
    """Replace a node's `server_state`."""
    _keep_figures(connection, node, state=dict(state))


def keep_preferences(connection: Connection, node: str, preferences: Mapping[str, Any]) -> None:
    """Replace a node's preferences; they come without secrets."""
    _keep_figures(connection, node, preferences=dict(preferences))


def _keep_figures(connection: Connection, node: str, **values: dict[str, Any]) -> None:
    changed = connection.execute(update(mirror_nodes).where(mirror_nodes.c.node == node).values(values))
    if not changed.rowcount:
        connection.execute(insert(mirror_nodes).values({"node": node, "state": {}, "preferences": {}, **values}))


def server_states(connection: Connection) -> dict[str, dict[str, Any]]:
    """The last `server_state` of every node."""
    return {row.node: row.state for row in connection.execute(select(mirror_nodes.c.node, mirror_nodes.c.state))}


def preferences(connection: Connection) -> dict[str, dict[str, Any]]:
    """The last preferences of every node."""
    query = select(mirror_nodes.c.node, mirror_nodes.c.preferences)
    return {row.node: row.preferences for row in connection.execute(query)}


def change_state(connection: Connection, node: str, changes: Mapping[str, Any]) -> None:
    """Some of a node's `server_state` is known anew."""
    keep_state(connection, node, server_states(connection).get(node, {}) | dict(changes))


def _touched_after(connection: Connection, node: str, node_ids: Sequence[str], seen_at: float) -> set[str]:
    found: set[str] = set()
    for batch in _batches(list(node_ids)):
        mine = and_(mirror.c.node == node, mirror.c.node_id.in_(batch), mirror.c.touched_at >= seen_at)
        found |= set(connection.execute(select(mirror.c.node_id).where(mine)).scalars())
    return found


def _batches(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))


def _counter(connection: Connection, name: str) -> int:
    return int(connection.execute(select(counters.c.value).where(counters.c.name == name)).scalar() or 0)


def _set_counter(connection: Connection, name: str, value: int) -> None:
    if not connection.execute(update(counters).where(counters.c.name == name).values(value=value)).rowcount:
        connection.execute(insert(counters).values(name=name, value=value))

"""Held torrents: submissions that were accepted and wait for a node with room, oldest first.

Does not own who may be placed when (`scoring.queueing`) nor how held torrents are listed (`dispatch.holding`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, or_, select, update

from qbdispatch.store.claims import UNSURE, same_torrent
from qbdispatch.store.tables import claims, held, placements
from qbdispatch.torrents.source import InfoHashes


@dataclass(frozen=True, slots=True)
class Held:
    """One row of `held` without the torrent itself; sizes in bytes, times in seconds since 1970. `fields` may hold
    passwords of trackers and so does not show."""

    id: int
    v1: str | None
    v2: str | None
    name: str | None
    title: str
    size_estimate: int | None
    size: int
    category: str
    fields: Mapping[str, str] = field(repr=False)
    decision_id: str
    held_at: float
    next_at: float
    noticed_at: float | None

    @property
    def hashes(self) -> InfoHashes:
        return InfoHashes(self.v1, self.v2)


@dataclass(frozen=True, slots=True)
class Torrent:
    """What a node is to be sent: exactly one of the two is set."""

    magnet: str | None = field(repr=False)
    content: bytes | None = field(repr=False)


_COLUMNS = [held.c[name] for name in Held.__slots__]


def count(connection: Connection) -> int:
    """How many torrents are held."""
    return int(connection.execute(select(func.count()).select_from(held)).scalar() or 0)


def oldest(connection: Connection) -> Held | None:
    """The one that has been held for the longest time."""
    return next(iter(_load(connection, select(*_COLUMNS).order_by(held.c.id).limit(1))), None)


def waiting(connection: Connection) -> list[Held]:
    """All that are held, oldest first."""
    return _load(connection, select(*_COLUMNS).order_by(held.c.id))


def due(connection: Connection, now: float) -> list[Held]:
    """Those that may be placed at `now`, oldest first: not put off, and not being placed at this moment."""
    return _load(connection, select(*_COLUMNS).where(_is_due(now)).order_by(held.c.id))


def foremost(connection: Connection, now: float) -> Held | None:
    """The first of those that are due."""
    return next(iter(_load(connection, select(*_COLUMNS).where(_is_due(now)).order_by(held.c.id).limit(1))), None)


def placed(connection: Connection) -> list[Held]:
    """Those that are on a node already, say because whoever was placing them died after the node had taken them."""
    same = or_(placements.c.v1 == held.c.v1, placements.c.v2 == held.c.v2)
    return _load(connection, select(*_COLUMNS).where(exists().where(same)).order_by(held.c.id))


def find(connection: Connection, hashes: InfoHashes) -> Held | None:
    """The held torrent with this hash, in any of its spellings."""
    return next(iter(_load(connection, select(*_COLUMNS).where(same_torrent(held, hashes)).order_by(held.c.id))), None)


def get(connection: Connection, held_id: int) -> Held | None:
    """One held torrent; `None` if it is held no longer."""
    return next(iter(_load(connection, select(*_COLUMNS).where(held.c.id == held_id))), None)


def torrent(connection: Connection, held_id: int) -> Torrent | None:
    """The torrent itself; `None` if it is held no longer."""
    row = connection.execute(select(held.c.magnet, held.c.content).where(held.c.id == held_id)).one_or_none()
    return None if row is None else Torrent(row.magnet, row.content)


def add(connection: Connection, hashes: InfoHashes, **values: Any) -> None:
    """Hold a torrent. Call it in the transaction that has found it to be known nowhere."""
    connection.execute(insert(held).values({"v1": hashes.v1, "v2": hashes.v2, "next_at": 0.0, **values}))


def change(connection: Connection, held_id: int, **values: Any) -> None:
    """Change what is kept of a held torrent."""
    connection.execute(update(held).where(held.c.id == held_id).values(values))


def drop(connection: Connection, held_ids: Iterable[int]) -> None:
    """Hold these no longer. One that is gone already is no error."""
    for held_id in held_ids:
        connection.execute(delete(held).where(held.c.id == held_id))


def _is_due(now: float) -> ColumnElement[bool]:
    same = or_(claims.c.v1 == held.c.v1, claims.c.v2 == held.c.v2)
    adding = exists().where(same, claims.c.phase.not_in(UNSURE), claims.c.deadline > now)
    return and_(held.c.next_at <= now, ~adding)


def _load(connection: Connection, query: Any) -> list[Held]:
    return [Held(**row) for row in connection.execute(query).mappings()]

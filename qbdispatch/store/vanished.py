"""Torrents that a node no longer lists although nobody removed them through us: kept for a while, for people."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from qbdispatch.store.placements import Placement
from qbdispatch.store.tables import vanished


@dataclass(frozen=True, slots=True)
class Vanished:
    """One row of `vanished`; see `tables`."""

    node: str
    node_id: str
    name: str
    decision_id: str | None
    vanished_at: float


_COLUMNS = [vanished.c[name] for name in Vanished.__slots__]


def record(connection: Connection, gone: Iterable[Placement], now: float) -> None:
    """These placements are noticed to have ended."""
    rows = [
        {"node": one.node, "node_id": one.node_id, "name": one.name, "decision_id": one.decision_id, "vanished_at": now}
        for one in gone
    ]
    if rows:
        connection.execute(insert(vanished), rows)


def since(connection: Connection, earliest: float) -> list[Vanished]:
    """What has vanished from that time on, newest first."""
    query = select(*_COLUMNS).where(vanished.c.vanished_at >= earliest)
    return [Vanished(*row) for row in connection.execute(query.order_by(vanished.c.vanished_at.desc(), vanished.c.id))]


def of_decisions(connection: Connection, decision_ids: Sequence[str]) -> dict[str, Vanished]:
    """What has vanished of all that came of these decisions, by decision."""
    query = select(*_COLUMNS).where(vanished.c.decision_id.in_(decision_ids)).order_by(vanished.c.id)
    return {str(row.decision_id): Vanished(*row) for row in connection.execute(query)}


def withdraw(connection: Connection, node: str, node_ids: Iterable[str], earliest: float) -> None:
    """What a poll took for vanished from that time on was removed by us: it saw that before we could say so."""
    late = (vanished.c.node == node) & (vanished.c.vanished_at >= earliest)
    for node_id in node_ids:
        connection.execute(delete(vanished).where(late, vanished.c.node_id == node_id))


def drop(connection: Connection, before: float) -> None:
    """Forget what vanished before that time."""
    connection.execute(delete(vanished).where(vanished.c.vanished_at < before))

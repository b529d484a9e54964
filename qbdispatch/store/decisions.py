"""Kept decisions: every submission that was decided on can be explained later."""

from typing import Any

from sqlalchemy import Connection, insert, select, update

from qbdispatch.store.tables import decisions


def keep(connection: Connection, decision_id: str, document: dict[str, Any], *, decided_at: float) -> None:
    """Store a decision, or replace it when a later attempt of the same submission decided anew."""
    columns = {
        "status": document["status"],
        "selected_node": document["selected_node"],
        "hash": document["hash"],
        "document": document,
    }
    changed = connection.execute(update(decisions).where(decisions.c.id == decision_id).values(columns))
    if not changed.rowcount:
        connection.execute(insert(decisions).values(id=decision_id, decided_at=decided_at, **columns))


def newest(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """The documents of the newest decisions, newest first."""
    query = select(decisions.c.document).order_by(decisions.c.decided_at.desc(), decisions.c.id).limit(limit)
    return list(connection.execute(query).scalars())


def get(connection: Connection, decision_id: str) -> dict[str, Any] | None:
    """One decision's document."""
    return connection.execute(select(decisions.c.document).where(decisions.c.id == decision_id)).scalar()

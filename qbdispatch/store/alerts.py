"""What stands at present, such as a node being down, so that it is told once, whoever leads."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from qbdispatch.store.tables import alerts, held

_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class LongHeld:
    """A submission that has been held since `held_at`."""

    name: str
    size_bytes: int
    held_at: float


def standing(connection: Connection, kind: str = "") -> dict[str, float]:
    """Since when each alert stands, by key; only those of this kind, if one is given."""
    query = select(alerts.c.key, alerts.c.since)
    if kind:
        query = query.where(alerts.c.key.startswith(f"{kind}:", autoescape=True))
    return {row.key: row.since for row in connection.execute(query)}


def stand(connection: Connection, key: str, now: float) -> bool:
    """From now on it stands; `False` if it did before. Call it in a write transaction."""
    if connection.execute(select(alerts.c.since).where(alerts.c.key == key)).first() is not None:
        return False
    connection.execute(insert(alerts).values(key=key, since=now))
    return True


def clear(connection: Connection, key: str) -> bool:
    """It stands no more; `False` if it did not."""
    return connection.execute(delete(alerts).where(alerts.c.key == key)).rowcount > 0


def expire(connection: Connection, kind: str, before: float) -> None:
    """Forget those of a kind that have stood for long."""
    of_kind = alerts.c.key.startswith(f"{kind}:", autoescape=True)
    connection.execute(delete(alerts).where(of_kind, alerts.c.since < before))


def long_held(connection: Connection, before: float, now: float) -> list[LongHeld]:
    """Some of the submissions held since before then that nobody was told of yet; they count as told from now on."""
    query = select(held).where(held.c.noticed_at.is_(None), held.c.held_at < before).order_by(held.c.id)
    rows = connection.execute(query.limit(_AT_ONCE)).all()
    if rows:
        told = update(held).where(held.c.id.in_([row.id for row in rows])).values(noticed_at=now)
        connection.execute(told)
    return [LongHeld(row.title, row.size, row.held_at) for row in rows]

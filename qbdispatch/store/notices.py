"""The outbox: notices that wait to be sent, one row for each target, so that targets do not hold up each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from qbdispatch.store.tables import notices


@dataclass(frozen=True, slots=True)
class Notice:
    """One row of `notices`; see `tables` for units."""

    id: int
    target: str
    event: str
    raised_at: float
    title: str
    body: str
    attempts: int
    next_at: float


def put(connection: Connection, targets: Sequence[str], event: str, title: str, body: str, now: float) -> None:
    """Have this sent to each target."""
    row = {"event": event, "raised_at": now, "title": title, "body": body, "attempts": 0, "next_at": now}
    if targets:
        connection.execute(insert(notices), [{**row, "target": target} for target in targets])


def next_due(connection: Connection, target: str, now: float) -> Notice | None:
    """The oldest notice that is to be sent to this target now."""
    query = select(notices).where(notices.c.target == target, notices.c.next_at <= now).order_by(notices.c.id).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else Notice(**row)


def attempt(connection: Connection, notice: Notice, next_at: float) -> bool:
    """Before it is sent: if nothing more is heard of that, it is tried again then. `False` if another has it."""
    mine = (notices.c.id == notice.id, notices.c.attempts == notice.attempts)
    values = {"attempts": notice.attempts + 1, "next_at": next_at}
    return connection.execute(update(notices).where(*mine).values(values)).rowcount > 0


def drop(connection: Connection, notice: Notice) -> None:
    """It was delivered, or is given up."""
    connection.execute(delete(notices).where(notices.c.id == notice.id))


def trim(connection: Connection, target: str, most: int) -> int:
    """Drop the oldest of a target's notices beyond so many; answers how many went."""
    mine = notices.c.target == target
    excess = (connection.execute(select(func.count()).select_from(notices).where(mine)).scalar() or 0) - most
    if excess <= 0:
        return 0
    oldest = select(notices.c.id).where(mine).order_by(notices.c.id).limit(excess)
    return connection.execute(delete(notices).where(notices.c.id.in_(oldest))).rowcount


def keep_only(connection: Connection, targets: Sequence[str]) -> None:
    """Drop what was meant for targets that are configured no longer."""
    connection.execute(delete(notices).where(notices.c.target.not_in(targets)))

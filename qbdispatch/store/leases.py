"""The leader's lease: one row that says which worker polls the nodes, and until when.

A lease is renewed well before it ends. When its owner dies, any other worker takes it as soon as it has run out.
"""

from sqlalchemy import Connection, delete, insert, select, update

from qbdispatch.store.tables import leases


def acquire(connection: Connection, name: str, owner: str, *, now: float, ttl_seconds: float) -> bool:
    """Take or renew the lease; call it in a write transaction. `False` if another owner holds it.

    An end that lies further ahead than any lease can last comes from a clock that was set back, and does not count.
    """
    row = connection.execute(select(leases.c.owner, leases.c.expires_at).where(leases.c.name == name)).one_or_none()
    if row is None:
        connection.execute(insert(leases).values(name=name, owner=owner, expires_at=now + ttl_seconds))
        return True
    if row.owner != owner and now < row.expires_at <= now + 2 * ttl_seconds:
        return False
    mine = {"owner": owner, "expires_at": now + ttl_seconds}
    connection.execute(update(leases).where(leases.c.name == name).values(mine))
    return True


def held_by(connection: Connection, name: str, owner: str) -> bool:
    """Whether this owner is the last that took the lease: a leader that was overtaken must not write any more."""
    return connection.execute(select(leases.c.owner).where(leases.c.name == name)).scalar() == owner


def give_up(connection: Connection, name: str, owner: str) -> None:
    """Let another worker take over at once."""
    connection.execute(delete(leases).where(leases.c.name == name, leases.c.owner == owner))


def expires_at(connection: Connection, name: str) -> float | None:
    """When the lease runs out, or did; `None` where nobody has it."""
    found: float | None = connection.execute(select(leases.c.expires_at).where(leases.c.name == name)).scalar()
    return found

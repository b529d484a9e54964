"""Token buckets that all workers share: how often somebody may still try something, and when they may again."""

from sqlalchemy import Connection, delete, insert, select, update

from qbdispatch.store.tables import buckets


def take(connection: Connection, name: str, *, capacity: float, per_second: float, now: float) -> bool:
    """Take a token if there is one. A bucket begins full with `capacity` tokens and gains `per_second`. Call it in a
    write transaction."""
    mine = buckets.c.name == name
    row = connection.execute(select(buckets.c.tokens, buckets.c.filled_at).where(mine)).one_or_none()
    tokens = capacity if row is None else min(capacity, row.tokens + max(0.0, now - row.filled_at) * per_second)
    taken = tokens >= 1
    values = {"tokens": tokens - 1 if taken else tokens, "filled_at": now}
    if row is None:
        connection.execute(insert(buckets).values(name=name, **values))
    else:
        connection.execute(update(buckets).where(mine).values(values))
    return taken


def give_back(connection: Connection, name: str) -> None:
    """What the token was taken for does not count after all."""
    connection.execute(update(buckets).where(buckets.c.name == name).values(tokens=buckets.c.tokens + 1))


def purge(connection: Connection, *, before: float) -> None:
    """Forget buckets not used since that time: they have to be full again by now."""
    connection.execute(delete(buckets).where(buckets.c.filled_at < before))

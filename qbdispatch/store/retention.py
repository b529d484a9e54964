"""Keeps the store's size bounded: drops old decisions in small batches and keeps SQLite's log file short.

Pages that deleting frees are used again, so the file never grows beyond the most that was ever kept at a time.
"""

import sqlite3
from contextlib import closing

from sqlalchemy import ColumnElement, Connection, delete, func, select
from sqlalchemy.engine import make_url

from qbdispatch.store.engine import Store
from qbdispatch.store.tables import decisions

LONGEST_WAIT_SECONDS = 1.0
BATCH = 200
"""Decisions that one transaction deletes: it holds the write lock for some milliseconds."""


def drop_decisions(store: Store, *, decided_before: float, most: int) -> int:
    """Drop decisions made before that time (seconds since 1970), and the oldest beyond the newest `most`; answers how
    many went. Others can write between two batches."""
    total = 0
    while True:
        with store.write() as connection:
            dropped = _drop_batch(connection, decided_before, most)
        total += dropped
        if dropped < BATCH:
            return total


def shorten_log(url: str) -> None:
    """Bring what stands in SQLite's -wal file into the database, and the file back to nothing, which readers that
    overlap all the time would never let happen by itself. Waits for those that read, and holds up those that write,
    for a moment at most; where that is not enough, the next call comes. Nothing is to be done for PostgreSQL."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or not address.database:
        return
    with closing(sqlite3.connect(address.database, timeout=LONGEST_WAIT_SECONDS, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _drop_batch(connection: Connection, decided_before: float, most: int) -> int:
    kept = connection.execute(select(func.count()).select_from(decisions)).scalar() or 0
    surplus = min(max(0, kept - most), BATCH)
    dropped = _drop(connection, None, surplus) if surplus else 0
    return dropped + _drop(connection, decisions.c.decided_at < decided_before, BATCH - dropped)


def _drop(connection: Connection, which: ColumnElement[bool] | None, count: int) -> int:
    oldest = select(decisions.c.id).order_by(decisions.c.decided_at).limit(count)
    if which is not None:
        oldest = oldest.where(which)
    return connection.execute(delete(decisions).where(decisions.c.id.in_(oldest))).rowcount

"""The last known files, trackers and properties of torrents, for the time when their node does not answer."""

from typing import Any

from sqlalchemy import Connection, and_, delete, insert, select, update

from qbdispatch.store.tables import details, mirror


def get(connection: Connection, hash_: str, kind: str) -> Any:
    """What was last kept, or `None`."""
    query = select(details.c.document).where(details.c.hash == hash_, details.c.kind == kind)
    return connection.execute(query).scalar()


def kept(connection: Connection, kind: str) -> set[str]:
    """The hashes of which something of this kind is kept."""
    return set(connection.execute(select(details.c.hash).where(details.c.kind == kind)).scalars())


def purge(connection: Connection) -> None:
    """Drop what is kept of torrents that the mirror has forgotten."""
    connection.execute(delete(details).where(details.c.hash.not_in(select(mirror.c.hash))))


def keep(connection: Connection, hash_: str, kind: str, document: Any) -> None:
    """Replace what is kept."""
    mine = and_(details.c.hash == hash_, details.c.kind == kind)
    if not connection.execute(update(details).where(mine).values(document=document)).rowcount:
        connection.execute(insert(details).values(hash=hash_, kind=kind, document=document))

"""Categories and tags of the whole fleet: what every node is to have, whatever each has at the moment.

One that was removed through us is kept as gone, so that it is also taken off nodes that were away at the time.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from sqlalchemy import Connection, and_, insert, select, update

from qbdispatch.store.tables import labels


class Kind(StrEnum):
    """What a label is."""

    CATEGORY = "category"
    TAG = "tag"


def defined(connection: Connection, kind: Kind) -> dict[str, str]:
    """Name to save path (as clients know it; "" for tags) of all that exist, by name."""
    query = select(labels.c.name, labels.c.save_path).where(labels.c.kind == kind, labels.c.gone.is_(False))
    return {row.name: row.save_path for row in connection.execute(query.order_by(labels.c.name))}


def gone(connection: Connection, kind: Kind) -> set[str]:
    """The names of those that were removed through us."""
    return set(connection.execute(select(labels.c.name).where(labels.c.kind == kind, labels.c.gone)).scalars())


def define(connection: Connection, kind: Kind, values: Mapping[str, str], *, revision: int) -> None:
    """Create these, or change their save paths."""
    for name, save_path in values.items():
        columns = {"save_path": save_path, "gone": False, "revision": revision}
        mine = and_(labels.c.kind == kind, labels.c.name == name)
        if not connection.execute(update(labels).where(mine).values(columns)).rowcount:
            connection.execute(insert(labels).values(kind=kind, name=name, **columns))


def drop(connection: Connection, kind: Kind, names: Iterable[str], *, revision: int) -> None:
    """Remove these."""
    mine = and_(labels.c.kind == kind, labels.c.name.in_(list(names)))
    connection.execute(update(labels).where(mine).values(gone=True, revision=revision))


def changed_since(connection: Connection, kind: Kind, revision: int) -> tuple[dict[str, str], list[str]]:
    """What came or changed after a revision, and what went."""
    query = select(labels.c.name, labels.c.save_path, labels.c.gone).where(
        labels.c.kind == kind, labels.c.revision > revision
    )
    rows = connection.execute(query.order_by(labels.c.name)).all()
    return {row.name: row.save_path for row in rows if not row.gone}, [row.name for row in rows if row.gone]

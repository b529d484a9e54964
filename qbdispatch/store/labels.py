"""Categories and tags of the whole fleet: what every node is to have, whatever each has at the moment.

One that was removed through us is kept as gone, so that it is also taken off nodes that were away at the time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, and_, insert, select, update

from qbdispatch.store.tables import labels


class Kind(StrEnum):
    """What a label is."""

    CATEGORY = "category"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Label:
    """A category or tag; `revision` is that of its last change. Tags have the save path ""."""

    name: str
    save_path: str
    gone: bool
    revision: int


def defined(connection: Connection, kind: Kind) -> dict[str, str]:
    """Name to save path (as clients know it; "" for tags) of all that exist, by name."""
    query = select(labels.c.name, labels.c.save_path).where(labels.c.kind == kind, labels.c.gone.is_(False))
    return {row.name: row.save_path for row in connection.execute(query.order_by(labels.c.name))}


def every(connection: Connection, kind: Kind) -> list[Label]:
    """All, by name, those that are gone included."""
    query = select(labels.c.name, labels.c.save_path, labels.c.gone, labels.c.revision).where(labels.c.kind == kind)
    return sorted((Label(*row) for row in connection.execute(query)), key=lambda label: label.name)


def undefined(connection: Connection, kind: Kind, names: Sequence[str]) -> list[str]:
    """Those of these names that none has."""
    if not names:
        return []
    query = select(labels.c.name).where(labels.c.kind == kind, labels.c.gone.is_(False), labels.c.name.in_(names))
    known = set(connection.execute(query).scalars())
    return [name for name in names if name not in known]


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

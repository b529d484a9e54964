"""Samples: each node's figures over time, a row each minute for a day and one each quarter of an hour before that."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select

from qbdispatch.store.tables import samples


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of `samples`; see `tables` for units. Free space is `None` where it was not known."""

    node: str
    at: float
    free_bytes: int | None
    effective_free_bytes: int | None
    download_speed: int
    active_downloads: int


def add(connection: Connection, taken: Sequence[Sample]) -> None:
    """Keep these samples; one that is there already, by node and time, must not come again."""
    if taken:
        connection.execute(insert(samples), [asdict(sample) for sample in taken])


def since(connection: Connection, at: float, nodes: Iterable[str]) -> dict[str, list[Sample]]:
    """What was sampled at or after `at`, oldest first, for each of these nodes."""
    query = select(samples).where(samples.c.at >= at).order_by(samples.c.at)
    found: dict[str, list[Sample]] = {node: [] for node in nodes}
    for row in connection.execute(query).mappings():
        if row["node"] in found:
            found[row["node"]].append(Sample(**row))
    return found


def thin(connection: Connection, *, before: float, every_seconds: float) -> None:
    """Of the samples before that time, keep each node's first in every slot of so many seconds."""
    query = select(samples.c.node, samples.c.at).where(samples.c.at < before).order_by(samples.c.at)
    slots: set[tuple[str, int]] = set()
    for node, at in connection.execute(query).all():
        slot = (node, int(at // every_seconds))
        if slot in slots:
            connection.execute(delete(samples).where(samples.c.node == node, samples.c.at == at))
        slots.add(slot)


def purge(connection: Connection, *, before: float) -> None:
    """Forget what was sampled before that time."""
    connection.execute(delete(samples).where(samples.c.at < before))

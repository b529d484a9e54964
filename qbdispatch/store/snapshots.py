"""Snapshots: what each node said of itself when the leader last asked it."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select, update

from qbdispatch.store.tables import snapshots


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One row of `snapshots`; see `tables` for units. `free_bytes` is `None` where the node did not know."""

    node: str
    taken_at: float
    free_bytes: int | None
    outstanding_bytes: int
    active_downloads: int
    paused_downloads: int
    torrents: int
    download_speed: int
    upload_speed: int
    download_limit: int | None
    version: str


def latest(connection: Connection) -> dict[str, Snapshot]:
    """The newest snapshot of every node that has one."""
    return {row["node"]: Snapshot(**row) for row in connection.execute(select(snapshots)).mappings()}


def keep(connection: Connection, snapshot: Snapshot) -> None:
    """Replace the node's snapshot."""
    values = asdict(snapshot)
    changed = connection.execute(update(snapshots).where(snapshots.c.node == snapshot.node).values(values))
    if not changed.rowcount:
        connection.execute(insert(snapshots).values(values))

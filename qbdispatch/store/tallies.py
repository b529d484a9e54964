"""Counts that only grow, exact over workers, restarts and replicas, as each is written with what it counts."""

from sqlalchemy import Connection, insert, select, update

from qbdispatch.store.tables import tallies


def count(connection: Connection, name: str, label: str) -> None:
    """One more; call it in a write transaction."""
    mine = (tallies.c.name == name, tallies.c.label == label)
    grown = update(tallies).where(*mine).values(value=tallies.c.value + 1)
    if not connection.execute(grown).rowcount:
        connection.execute(insert(tallies).values(name=name, label=label, value=1))


def totals(connection: Connection, name: str) -> dict[str, int]:
    """What was counted under this name, by label."""
    rows = connection.execute(select(tallies.c.label, tallies.c.value).where(tallies.c.name == name))
    return {label: int(value) for label, value in rows}

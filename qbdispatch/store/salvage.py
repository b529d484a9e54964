"""Reads what can still be read of a damaged SQLite file, row by row, and writes it into a new store.

Left behind is what the nodes themselves tell again, the mirror and snapshots, and what only held for the moment.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from qbdispatch.store.health import BEGUN

# fmt: off
SAVED_TABLES = (
    "secrets", "held", "node_states", "sessions", "claims", "placements", "labels", "alerts", "notices", "tallies",
    "samples", "vanished", "decisions",
)
# fmt: on
NOT_SEEN_YET = "UPDATE node_states SET fault = NULL, fault_detail = '', up_since = NULL, seen_at = NULL"
Row = tuple[Any, ...]


def salvage(damaged: Path, fresh: Path) -> dict[str, int]:
    """Copy rows into the tables that `fresh` has; answers how many, by table. The damaged file may be changed by
    reading it: give a copy."""
    with closing(sqlite3.connect(damaged)) as source, closing(sqlite3.connect(fresh)) as target:
        source.text_factory = lambda data: data.decode("utf-8", "replace")
        saved = {table: _copy(source, target, table) for table in SAVED_TABLES}
        target.execute(NOT_SEEN_YET)
        target.execute("INSERT INTO counters (name, value) VALUES (?, ?)", (BEGUN, int(time.time())))
        target.commit()
    return saved


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> int:
    wanted = _columns(target, table)
    columns = [name for name in _columns(source, table) if name in wanted]
    if not columns:
        return 0
    listed, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    before = target.total_changes
    for row in _rows(source, f'SELECT {listed} FROM "{table}"'):  # noqa: S608 - names of our own schema
        _insert(target, f'INSERT OR IGNORE INTO "{table}" ({listed}) VALUES ({marks})', row)  # noqa: S608
    return target.total_changes - before


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    try:
        return [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
    except sqlite3.DatabaseError:
        return []


def _rows(source: sqlite3.Connection, query: str) -> Iterator[Row]:
    """From the first row on as far as it goes, and then from the last one back: damage in the middle takes only what
    it hit. Rows that come twice are ignored by whoever writes them."""
    for order in (" NOT INDEXED ORDER BY rowid", " NOT INDEXED ORDER BY rowid DESC"):
        try:
            yield from source.execute(query + order)
        except sqlite3.DatabaseError:
            continue
        return


def _insert(target: sqlite3.Connection, statement: str, row: Row) -> None:
    try:
        target.execute(statement, row)
    except (sqlite3.IntegrityError, sqlite3.InterfaceError):
        return  # what is left of the row is not what the table may hold

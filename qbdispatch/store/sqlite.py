"""The store in a SQLite file, for one host.

WAL mode: readers never wait for the writer, and `BEGIN IMMEDIATE` lets only one process decide and claim at a time.
`synchronous=NORMAL` survives the death of any process; after a power cut the last commits may be missing, which the
leader's next poll of the nodes makes good.
"""

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from qbdispatch.store import trouble
from qbdispatch.store.database import BUSY_SECONDS, Database, json_text
from qbdispatch.store.errors import StoreUnavailable

READERS = 50


def open_database(url: str) -> Database:
    """Raises `StoreUnavailable` where the file cannot be used; it is opened on first use."""
    file = make_url(url).database
    if file:
        if obstacle := _obstacle(Path(file)):
            raise StoreUnavailable(obstacle)
        _make_private(Path(file))
    engine = create_engine(
        url,
        pool_size=20,
        max_overflow=40,
        connect_args={"timeout": BUSY_SECONDS},
        json_serializer=json_text,
        hide_parameters=True,  # errors would repeat cookies and passkeys
    )
    event.listen(engine, "connect", _prepare)
    return Database(
        engine=engine,
        begin_read="BEGIN",
        begin_write="BEGIN IMMEDIATE",
        readers=READERS,
        clock=None,
        is_busy=_never,  # SQLite has waited already
        is_stale=_never,
        is_away=_never,  # it fails at once, so there is nothing to be spared
        describe=lambda error: trouble.sentence(error.orig or error),
    )


def _obstacle(file: Path) -> str | None:
    """What keeps this process from using the file. SQLite itself would say little of it, and of a file that may only
    be read nothing before the first change."""
    folder = file.parent
    if not folder.is_dir():
        return f"the store's folder {folder} does not exist; create it"
    if file.is_dir():
        return f"the store's file {file} is a folder; name a file in database_url, or remove the folder"
    for path in (folder, *(Path(f"{file}{ending}") for ending in ("", "-wal", "-shm"))):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
            return (
                f"the store needs to read and write {path}, which the user with the id {os.geteuid()} may not: give it"
                " to that user (chown), and see that its disk is not mounted read-only"
            )
    return None


def _make_private(file: Path) -> None:
    """A new file is its owner's alone, and so are those that SQLite puts beside it: it holds sessions and keys."""
    with suppress(OSError):  # SQLite will say what is wrong
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would come too late to take the lock
    try:
        _use_wal(connection)
    except sqlite3.Error:
        connection.close()  # nobody else knows of it yet
        raise
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _use_wal(connection: sqlite3.Connection) -> None:
    """SQLite does not wait its turn here: while another worker switches a new file to WAL it fails at once."""
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def _never(_error: DBAPIError) -> bool:
    return False

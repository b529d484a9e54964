"""The database handle: one engine per process, read and write transactions, migration to the newest schema.

SQLite runs in WAL mode: readers never wait for the writer, and `BEGIN IMMEDIATE` lets only one process decide and
claim at a time. `synchronous=NORMAL` survives the death of any process; after a power cut the last commits may be
missing, which the leader's next poll of the nodes makes good.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from qbdispatch.errors import QbdispatchError
from qbdispatch.store import damage, trouble

BUSY_TIMEOUT_SECONDS = 10.0


class StoreUnavailable(QbdispatchError):
    """The database does not answer or cannot be written; the cause is chained."""


class Store:
    """Opens transactions. Safe for threads; make one per process, after any fork."""

    def __init__(self, url: str) -> None:
        """Raises `StoreUnavailable` where the folder of the database file cannot be written."""
        try:
            self._in_use = damage.examined(url, make=lambda fresh: Store(fresh).close())
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(f"the store is damaged, and a new one could not be made: {error}") from error
        self._engine = _sqlite_engine(url)
        self._writing = self._engine.execution_options(qbdispatch_begin="BEGIN IMMEDIATE")
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one consistent state and never waits for writers."""
        with _named_faults(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its first moment: what it reads cannot change before it
        commits. Keep network calls out of it."""
        with _named_faults(), self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        if self._in_use is not None:
            self._in_use.close()

    def _migrate(self) -> None:
        """Bring the schema to the newest version; workers that start together wait for the first one."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        with self.write() as connection:
            config.attributes["connection"] = connection
            with trouble.unknown_schema_named(StoreUnavailable):
                command.upgrade(config, "head")


@contextmanager
def _named_faults() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        cause = getattr(error, "orig", None) or error
        raise StoreUnavailable(trouble.sentence(cause)) from error


def _use_wal(connection: sqlite3.Connection) -> None:
    """SQLite does not wait its turn here: while another worker switches a new file to WAL it fails at once."""
    give_up = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(url, pool_size=20, max_overflow=40, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
    database = make_url(url).database
    if database and not Path(database).parent.is_dir():
        raise StoreUnavailable(f"the store's folder {Path(database).parent} does not exist; create it")

    @event.listens_for(engine, "connect")
    def prepare(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None  # the driver's own BEGIN would come too late to take the lock
        try:
            _use_wal(dbapi_connection)
        except sqlite3.Error:
            dbapi_connection.close()  # nobody else knows of it yet
            raise
        dbapi_connection.execute("PRAGMA synchronous=NORMAL")
        dbapi_connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("qbdispatch_begin", "BEGIN"))

    return engine

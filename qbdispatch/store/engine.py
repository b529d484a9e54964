"""The store's handle: read and write transactions, migration to the newest schema, and names for what goes wrong.

How each kind of database is opened is in `sqlite` and `postgresql`.
"""

import importlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from qbdispatch.store import damage, trouble
from qbdispatch.store.circuit import Circuit
from qbdispatch.store.clock import Clock
from qbdispatch.store.database import BUSY_SECONDS, Database
from qbdispatch.store.errors import StoreUnavailable

__all__ = ["Store", "StoreUnavailable", "is_shared"]

Answer = TypeVar("Answer")
_BEGIN = "qbdispatch_begin"


class Store:
    """Opens transactions. Safe for threads; make one per process, after any fork."""

    def __init__(self, url: str) -> None:
        """Raises `StoreUnavailable` where the database cannot be opened."""
        try:
            self._in_use = damage.examined(url, make=lambda fresh: Store(fresh).close())
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(f"the store is damaged, and a new one could not be made: {error}") from error
        self._database = _open_database(url)
        event.listen(self._database.engine, "begin", _begin)  # engines derived from it have only the events it has now
        self._reading = self._database.engine.execution_options(**{_BEGIN: self._database.begin_read})
        self._writing = self._database.engine.execution_options(**{_BEGIN: self._database.begin_write})
        self._readers = threading.BoundedSemaphore(self._database.readers)
        self._writers = threading.BoundedSemaphore(1)  # the database would have the others wait, each on a connection
        self._circuit = Circuit()
        self._clock = Clock(self._database.clock)
        self._recalled: dict[str, Any] = {}
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one consistent state and never waits for writers."""
        with self._transaction(self._reading, self._readers) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that excludes all other writers, on every host, from its first moment: what it reads cannot
        change before it commits. Keep network calls out of it."""
        with self._transaction(self._writing, self._writers) as connection:
            self._clock.measure(connection)
            yield connection

    def recall(self, name: str, read: Callable[[Connection], Answer]) -> Answer:
        """What `read` finds; while the database is away, what it found last in this process."""
        try:
            with self.read() as connection:
                self._recalled[name] = found = read(connection)
        except StoreUnavailable:
            if name not in self._recalled:
                raise
            found = self._recalled[name]
        return found

    def now(self) -> float:
        """Seconds since 1970, the same for all hosts: use it for every time that is stored or compared with one."""
        return self._clock.now()

    def close(self) -> None:
        """Close all connections."""
        self._database.engine.dispose()
        if self._in_use is not None:
            self._in_use.close()

    @contextmanager
    def _transaction(self, engine: Engine, turn: threading.Semaphore) -> Iterator[Connection]:
        entered = self._circuit.enter()
        if not turn.acquire(timeout=BUSY_SECONDS):
            raise StoreUnavailable(f"the store is busy: no turn within {BUSY_SECONDS:g} s")
        try:
            self._circuit.recheck(entered)
            with self._named_faults(), ExitStack() as opened:
                yield self._begun(engine, opened)
            self._circuit.succeeded()
        finally:
            turn.release()

    def _begun(self, engine: Engine, opened: ExitStack) -> Connection:
        """Begin a transaction. Nothing has been done in it yet, so a beginning that failed is tried again: while
        another host has its turn, and once where a kept connection turns out to be from before a restart."""
        give_up = time.monotonic() + BUSY_SECONDS
        stale = False
        while True:
            try:
                return opened.enter_context(engine.begin())
            except DBAPIError as error:
                if self._database.is_busy(error) and time.monotonic() < give_up:
                    continue
                if stale or not self._database.is_stale(error):
                    raise
                stale = True

    def _migrate(self) -> None:
        """Bring the schema to the newest version; workers that start together wait for the first one."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        with self.write() as connection:
            config.attributes["connection"] = connection
            with trouble.unknown_schema_named(StoreUnavailable):
                command.upgrade(config, "head")

    @contextmanager
    def _named_faults(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise StoreUnavailable(f"the store does not answer: {error}") from error
        except DBAPIError as error:
            reason = self._database.describe(error)
            if self._database.is_away(error):
                self._circuit.failed(reason)
            raise StoreUnavailable(reason) from error


def is_shared(url: str) -> bool:
    """Whether dispatchers on several hosts may share the database, so that it can be away while they start."""
    return make_url(url).get_backend_name() != "sqlite"


def _open_database(url: str) -> Database:
    """The driver of PostgreSQL is an extra, so its module is loaded only where it is used."""
    backend = make_url(url).get_backend_name()
    database: Database = importlib.import_module(f"qbdispatch.store.{backend}").open_database(url)
    return database


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options()[_BEGIN])

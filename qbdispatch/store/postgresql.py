"""The store in PostgreSQL, for several hosts.

A writer takes an advisory lock before anything else: one in the whole database, so that what it reads cannot change
before it commits. At READ COMMITTED each of its statements sees everything that was committed before it got the lock,
since PostgreSQL lets go of locks only after a commit is visible. Readers see one consistent state and take no lock.

A server that is frozen, or cut off without a word, keeps its connections open and obeys no time limit of its own. So
the client keeps one: a connection on which nothing has come for `SILENT_SECONDS` is closed.
"""

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg.errors import LockNotAvailable
from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError

from qbdispatch.store.database import Database, json_text

SILENT_SECONDS = 0.8
READERS = 4
_WRITER_LOCK = 0x71626469  # "qbdi"
_LOCK_WAIT_MS = 400  # shorter than SILENT_SECONDS: a server that has us wait says so in between
_ABANDONED_MS = 5000  # a host that vanished while it held the lock loses it after this
_SERVER_SETTINGS = {
    "lock_timeout": _LOCK_WAIT_MS,
    "idle_in_transaction_session_timeout": _ABANDONED_MS,
    "statement_timeout": 10_000,
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 3,
}
_CONNECTING = {
    "application_name": "qbdispatch",
    "connect_timeout": 2,  # the least that psycopg accepts; ours is shorter
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "autocommit": True,  # transactions begin with statements of our own
    "options": " ".join(f"-c {name}={value}" for name, value in _SERVER_SETTINGS.items()),
}
Found = TypeVar("Found")


class ServerSilent(psycopg.OperationalError):
    """Nothing came from the server for too long."""


class Connection(psycopg.Connection[Any]):
    """Gives a silent server up."""

    @classmethod
    def _connect_gen(cls, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        # Not part of psycopg's documented interface, which offers no limit below 2 s. Should it go, those 2 s hold.
        return _while_heard_of(super()._connect_gen(*args, **kwargs))

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().wait(_while_heard_of(gen), *args, **kwargs)
        except ServerSilent:
            self.close()
            raise


def open_database(url: str) -> Database:
    """Connects on first use only."""
    engine = create_engine(
        url,
        pool_size=READERS + 1,  # and one writer
        max_overflow=0,
        connect_args=_CONNECTING,
        json_serializer=json_text,
        hide_parameters=True,  # errors would repeat cookies and passkeys
        use_native_hstore=False,  # else each new connection asks for a type that is not used
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, args: Any, kwargs: Any) -> Connection:
        return Connection.connect(*args, **kwargs)

    return Database(
        engine=engine,
        begin_read="BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        begin_write=f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({_WRITER_LOCK})",
        readers=READERS,
        clock="SELECT extract(epoch FROM clock_timestamp())::float8",
        is_busy=lambda error: isinstance(error.orig, LockNotAvailable),
        is_stale=lambda error: error.connection_invalidated and not isinstance(error.orig, ServerSilent),
        is_away=_is_away,
        describe=_describe,
    )


def _while_heard_of(steps: Generator[Any, Any, Found]) -> Generator[Any, Any, Found]:
    """Pass on what psycopg waits for; it comes by every 0.1 s, also when nothing has come."""
    heard_at = time.monotonic()
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            now = time.monotonic()
            if ready:
                heard_at = now
            elif now - heard_at > SILENT_SECONDS:
                raise ServerSilent(f"nothing came from the server for {SILENT_SECONDS:g} s")
            wanted = steps.send(ready)
    except StopIteration as end:
        found: Found = end.value
        return found


def _is_away(error: DBAPIError) -> bool:
    """Errors without a code are about the connection; class 57P is a server that stops or starts."""
    cause = error.orig
    return isinstance(cause, psycopg.OperationalError) and (cause.sqlstate or "57P").startswith(("08", "57P"))


def _describe(error: DBAPIError) -> str:
    """The first line, without the statement that PostgreSQL shows below it."""
    cause = error.orig
    primary = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
    return f"the store does not answer: {primary or _first_line(cause)}"


def _first_line(cause: object) -> str:
    return next(iter(str(cause).splitlines()), type(cause).__name__)

"""A copy of the store, made while the service runs: one consistent state, whatever is written meanwhile."""

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from qbdispatch.errors import QbdispatchError

BUSY_TIMEOUT_SECONDS = 10.0


class BackupFailed(QbdispatchError):
    """No backup was made, and what was at the target is still there."""


def backup(url: str, target: Path, *, replace: bool = False) -> Path:
    """Copy the store at `url` to the file `target`, which only its owner may read: it holds sessions and keys.

    An existing target is left alone unless `replace`. The file appears as a whole or not at all. Raises
    `BackupFailed`; for PostgreSQL its message is the command to use instead.
    """
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        raise BackupFailed(f"a PostgreSQL store is backed up with its own tool: {_pg_dump(address, target)}")
    source = Path(address.database or "")
    if not source.is_file():
        raise BackupFailed(f"there is no store at {source}")
    if target.exists() and not replace:
        raise BackupFailed(f"{target} exists already; name another file, or replace it with --force")
    if source.resolve() == target.resolve():
        raise BackupFailed(f"{target} is the store itself; name another file")
    try:
        _copy(source, target)
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"{target} could not be written: {error}") from error
    return target


def _copy(source: Path, target: Path) -> None:
    """All pages in one step: a copy in several would begin anew with each write in between, and perhaps never end."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # its mode is 0600
    os.close(handle)
    unfinished = Path(name)
    try:
        with (
            closing(sqlite3.connect(f"file:{_quoted(source)}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_SECONDS)) as here,
            closing(sqlite3.connect(unfinished)) as there,
        ):
            here.backup(there)
            there.execute("PRAGMA journal_mode=DELETE")  # a single file, without -wal beside it
        _sync(unfinished)
        unfinished.replace(target)
        _sync(target.parent)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _pg_dump(address: URL, target: Path) -> str:
    """Without the password: pg_dump asks for it, or takes it from PGPASSWORD."""
    parts = (("--host", address.host), ("--port", address.port), ("--username", address.username))
    named = " ".join(f"{option}={value}" for option, value in parts if value)
    return f"pg_dump --format=custom --file={target} {named} {address.database or ''}".strip()

"""What to tell the user when the store fails: what is wrong, and what to do about it. No SQL is shown."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from alembic.script.revision import ResolutionError
from alembic.util import CommandError

from qbdispatch.errors import QbdispatchError
from qbdispatch.store.damage import is_damage, primary_code

_DISK_STATES = {sqlite3.SQLITE_FULL: "is full", sqlite3.SQLITE_IOERR: "is full or fails"}


def sentence(cause: BaseException) -> str:
    """The message for an error of the database's driver."""
    if is_damage(cause):
        return (
            f"the store's file is damaged ({cause}): restart qbdispatch; it then puts the file aside and makes a new"
            " one from what can be read and from the nodes"
        )
    if (state := _DISK_STATES.get(primary_code(cause))) is not None:
        return (
            f"the disk that holds the store, the folder of database_url, {state} ({cause}): make room there; nothing"
            " is placed until then"
        )
    return f"the store does not answer: {cause}"


@contextmanager
def unknown_schema_named(kind: type[QbdispatchError]) -> Iterator[None]:
    """Raises `kind` where the schema is one that this version does not know."""
    try:
        yield
    except CommandError as error:
        cause = error.__cause__
        schema = f" {cause.argument}" if isinstance(cause, ResolutionError) else ""
        raise kind(
            f"the store has the schema{schema} of a newer version of qbdispatch, and was left as it is: install that"
            " version again, or put back a backup from before the upgrade"
        ) from error

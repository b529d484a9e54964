"""Meets a damaged SQLite file: whoever opens the store first looks at it, puts it aside, and makes a new one.

Everybody who has a store open holds a shared lock on the file beside it, `NAME.lock`. Only who gets that lock alone
may put a file aside: others would go on writing to it unseen. The damaged file is never deleted.
"""

import fcntl
import logging
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from sqlalchemy.engine import make_url

from qbdispatch.store.salvage import salvage

log = logging.getLogger(__name__)
CHECK_SECONDS = 2.0
"""How long the check of a large file may take; what it did not come to is found when it is read."""
WAIT_SECONDS = 10.0
_STEPS = 10_000  # of SQLite's machine, between two looks at the clock
_COMPANIONS = ("-wal", "-shm")
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
Make = Callable[[str], None]


def examined(url: str, make: Make) -> IO[bytes] | None:
    """See to it that the file of this store can be used, and say that it is in use: close what this answers when it
    no longer is. `make` makes an empty store at a URL. `None` for other databases, and where no lock can be made."""
    address = make_url(url)
    path = Path(address.database or "")
    if address.get_backend_name() != "sqlite" or path.is_dir() or not path.parent.is_dir():
        return None
    try:
        lock = Path(f"{path}.lock").open("ab")  # noqa: SIM115 - it stays open as long as the store
    except OSError:
        return None  # opening the store itself will say what is wrong with the folder
    try:
        alone = _alone(lock)
    except OSError:
        lock.close()
        return None  # the file system has no locks
    try:
        if alone:
            _mend(path, make)
        fcntl.flock(lock, fcntl.LOCK_SH)
    except BaseException:
        lock.close()
        raise
    return lock


def _alone(lock: IO[bytes]) -> bool:
    """Whether nobody else has the store open; nobody can open it then until the lock is shared or gone."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _mend(path: Path, make: Make) -> None:
    rebuilt = Path(f"{path}.rebuilt")
    if rebuilt.exists() and not path.exists():
        rebuilt.replace(path)  # an earlier attempt was cut off between its last two steps
    fault = find_fault(path)
    if fault is None:
        return
    log.error("the store %s is damaged (%s); what can be read of it goes into a new one", path, fault)
    saved = _rebuild(path, rebuilt, make)
    aside = _put_aside(path)
    rebuilt.replace(path)
    log.error(
        "the damaged file is kept as %s; saved from it: %s. Torrents and free space come with the first answers of the"
        " nodes. If a backup is newer than this, see docs/operating.md",
        aside,
        ", ".join(f"{count} {table}" for table, count in saved.items() if count) or "nothing",
    )


def find_fault(path: Path) -> str | None:
    """What is wrong with the file, in SQLite's words; `None` where nothing is, or there is no file. Only SQLite opens
    it: closing any other handle would drop the locks of connections that this process has on it."""
    if not path.exists():
        return None
    log_file = Path(f"{path}-wal")
    if path.stat().st_size == 0 and log_file.exists() and log_file.stat().st_size:
        return "it is empty, though there is a -wal file with changes for it"
    give_up = time.monotonic() + CHECK_SECONDS
    try:
        with closing(sqlite3.connect(path, timeout=WAIT_SECONDS)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            connection.set_progress_handler(lambda: time.monotonic() > give_up, _STEPS)
            ((found,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.DatabaseError as error:
        return str(error) if is_damage(error) else None  # a check that was cut off, or a file that cannot be opened
    return None if found == "ok" else " ".join(str(found).split())


def is_damage(error: BaseException | None) -> bool:
    """Whether this is SQLite's way to say that a file is no sound database."""
    return primary_code(error) in _DAMAGED


def primary_code(error: BaseException | None) -> int:
    """What SQLite says went wrong, without the details that it may add; 0 for an error that is not SQLite's."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else 0


def _rebuild(path: Path, rebuilt: Path, make: Make) -> dict[str, int]:
    """Make a new store with what can be read; it gets its name only when it is complete."""
    fresh, copy = Path(f"{path}.rebuilding"), Path(f"{path}.reading")
    try:
        _remove(fresh, copy)
        make(f"sqlite:///{fresh}")
        saved = salvage(_copied(path, copy), fresh)
        with closing(sqlite3.connect(fresh)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")  # one file, that one step can rename
        fresh.replace(rebuilt)
    finally:
        _remove(fresh, copy)
    return saved


def _copied(path: Path, copy: Path) -> Path:
    """Even reading changes a file with a -wal beside it."""
    for end in ("", *_COMPANIONS):
        with suppress(FileNotFoundError):
            shutil.copyfile(f"{path}{end}", f"{copy}{end}")
    return copy


def _put_aside(path: Path) -> Path:
    """The companions first: a -wal must never be left beside another database."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = Path(f"{path}.damaged-{stamp}")
    for end in (*_COMPANIONS, ""):
        with suppress(FileNotFoundError):
            Path(f"{path}{end}").replace(f"{aside}{end}")
    return aside


def _remove(*paths: Path) -> None:
    for path in paths:
        for end in ("", "-journal", ".lock", *_COMPANIONS):
            Path(f"{path}{end}").unlink(missing_ok=True)

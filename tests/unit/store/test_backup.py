"""A backup of a store in use: whole, consistent, private, and never over something else."""

import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from qbdispatch.store.backup import BackupFailed, backup
from qbdispatch.store.engine import Store
from tests.rig.processes import wait_until
from tests.unit.store.builders import claim, hybrid, opened


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/store.sqlite3"


@contextmanager
def storm(*stores: Store) -> Iterator[list[int]]:
    """Each writes a claim and counts it, in one transaction, again and again."""
    over, written = threading.Event(), list[int]()

    def write(store: Store, first: int) -> None:
        number = first
        while not over.is_set():
            with store.write() as connection:
                claim(connection, hybrid(number), name="x" * 1000)
                connection.execute(text("UPDATE counters SET value = value + 1 WHERE name = 'claims'"))
            written.append(number)
            number += 1

    with stores[0].write() as connection:
        connection.execute(text("INSERT INTO counters (name, value) VALUES ('claims', 0)"))
    threads = [threading.Thread(target=write, args=(store, 10**6 * at)) for at, store in enumerate(stores, 1)]
    for thread in threads:
        thread.start()
    try:
        yield written
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_a_backup_in_a_storm_of_writes_is_one_consistent_state(store: Store, second: Store, tmp_path: Path) -> None:
    """It passes SQLite's own check, half a transaction is never in it, and the writers go on meanwhile."""
    with storm(store, second) as written:
        for turn in range(5):
            reached = len(written)
            wait_until(lambda: len(written) > reached + 50, 20, "writes to go on")  # noqa: B023
            target = backup(url(tmp_path), tmp_path / f"backup-{turn}")
            assert stat.S_IMODE(target.stat().st_mode) == 0o600
            with closing(sqlite3.connect(target)) as copy:
                assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                ((claims,),) = copy.execute("SELECT count(*) FROM claims").fetchall()
                ((counted,),) = copy.execute("SELECT value FROM counters WHERE name = 'claims'").fetchall()
            assert claims == counted >= reached
    assert {path.name for path in tmp_path.iterdir() if "backup" in path.name} == {f"backup-{n}" for n in range(5)}


def test_a_backup_put_in_place_of_the_store_is_the_store(tmp_path: Path) -> None:
    """As docs/operating.md describes it: stop, take the old files away, copy the backup there, start."""
    with opened(f"sqlite:///{tmp_path / 'store.sqlite3'}") as store:
        with store.write() as connection:
            claim(connection, hybrid(1), name="before")
        backup(url(tmp_path), tmp_path / "saved")
        with store.write() as connection:
            claim(connection, hybrid(2), name="after")
    for left in tmp_path.glob("store.sqlite3*"):
        left.unlink()
    (tmp_path / "store.sqlite3").write_bytes((tmp_path / "saved").read_bytes())
    with opened(f"sqlite:///{tmp_path / 'store.sqlite3'}") as restored, restored.write() as connection:
        assert connection.execute(text("SELECT name FROM claims")).scalars().all() == ["before"]


def test_what_is_there_already_stays_unless_asked(store: Store, tmp_path: Path) -> None:
    """And the store is never its own backup."""
    target = tmp_path / "precious"
    target.write_text("mine")
    with pytest.raises(BackupFailed, match="exists already"):
        backup(url(tmp_path), target)
    assert target.read_text() == "mine"
    backup(url(tmp_path), target, replace=True)
    assert target.read_bytes().startswith(b"SQLite format 3\0")
    with pytest.raises(BackupFailed, match="the store itself"):
        backup(url(tmp_path), tmp_path / "store.sqlite3", replace=True)


def test_a_backup_that_fails_leaves_nothing(store: Store, tmp_path: Path) -> None:
    """Neither where there is no store, nor where the target cannot be written."""
    with pytest.raises(BackupFailed, match="there is no store at"):
        backup(f"sqlite:///{tmp_path}/other.sqlite3", tmp_path / "saved")
    with pytest.raises(BackupFailed, match="could not be written"):
        backup(url(tmp_path), tmp_path / "missing" / "saved")
    assert {path.name for path in tmp_path.iterdir()} <= {
        f"store.sqlite3{end}" for end in ("", "-wal", "-shm", ".lock")
    }


def test_postgresql_is_left_to_its_own_tool(tmp_path: Path) -> None:
    """The command is told, without the password."""
    with pytest.raises(BackupFailed) as caught:
        backup("postgresql+psycopg://user:hush@db.example:5433/qbdispatch", tmp_path / "saved")
    assert "--host=db.example --port=5433 --username=user qbdispatch" in str(caught.value)
    assert "hush" not in str(caught.value)

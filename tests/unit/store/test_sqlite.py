"""What is peculiar to a store in a SQLite file."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from qbdispatch.store.engine import Store, StoreUnavailable
from tests.unit.store.builders import claim, hybrid

NOBODY = 65534


def test_what_was_committed_is_in_a_file_that_others_can_read(store: Store, tmp_path: Path) -> None:
    """SQLite's own reader finds it, and finds the file in WAL mode."""
    with store.write() as writing:
        claim(writing, hybrid(1))
    plain = sqlite3.connect(tmp_path / "store.sqlite3")
    assert plain.execute("SELECT count(*) FROM claims").fetchone() == (1,)
    assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    plain.close()


def test_a_worker_waits_while_others_are_busy_with_a_new_file(tmp_path: Path) -> None:
    """SQLite itself does not wait where a file is switched to WAL while somebody writes to it: it fails at once."""
    path = tmp_path / "new.sqlite3"
    with closing(sqlite3.connect(path)) as plain, ThreadPoolExecutor(1) as thread:
        plain.execute("CREATE TABLE theirs (x)")
        plain.execute("BEGIN IMMEDIATE")
        starting = thread.submit(Store, f"sqlite:///{path}")
        assert not wait([starting], 0.3).done
        plain.execute("COMMIT")
        starting.result(5).close()


def test_a_new_store_is_its_owners_alone(tmp_path: Path) -> None:
    """With all that SQLite puts beside it: it holds sessions and keys. The mode of one that is there is its owner's
    choice."""
    with closing(Store(f"sqlite:///{tmp_path / 'new.sqlite3'}")):
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.glob("new.sqlite3*")}
        assert modes.pop("new.sqlite3") == 0o600
        assert {modes[f"new.sqlite3{ending}"] for ending in ("-wal", "-shm")} == {0o600}
    (tmp_path / "new.sqlite3").chmod(0o640)
    Store(f"sqlite:///{tmp_path / 'new.sqlite3'}").close()
    assert (tmp_path / "new.sqlite3").stat().st_mode & 0o777 == 0o640


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The message says what to create; nothing is created in passing."""
    folder = tmp_path / "not" / "there"
    with pytest.raises(StoreUnavailable, match=str(folder)):
        Store(f"sqlite:///{folder / 'store.sqlite3'}")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    """As happens when a container mounts a path that does not exist."""
    with pytest.raises(StoreUnavailable, match=f"{tmp_path} is a folder; name a file"):
        Store(f"sqlite:///{tmp_path}")


@contextmanager
def unprivileged() -> Iterator[int]:
    """Where root runs the tests, be somebody whom permissions concern; yields the user's id."""
    before = os.geteuid()
    os.seteuid(before or NOBODY)
    try:
        yield os.geteuid()
    finally:
        os.seteuid(before)


@pytest.mark.parametrize(("ending", "mode"), [("", 0o444), ("", 0o000), ("-wal", 0o444), (None, 0o555)])
def test_what_may_not_be_written_is_named_at_start(ending: str | None, mode: int) -> None:
    """The file, one of its companions, or the folder; SQLite would take a read-only file for a good one until the
    first change."""
    with tempfile.TemporaryDirectory(prefix="qbd-store-") as folder:  # all may enter it, unlike `tmp_path`
        path = Path(folder, "store.sqlite3")
        Store(f"sqlite:///{path}").close()
        path.parent.chmod(0o777)
        path.chmod(0o666)
        locked = path.parent if ending is None else Path(f"{path}{ending}")
        locked.touch()
        locked.chmod(mode)
        with unprivileged() as user, pytest.raises(StoreUnavailable) as caught:
            Store(f"sqlite:///{path}")
        assert f"needs to read and write {locked}, which the user with the id {user} may not" in str(caught.value)


def test_a_writer_that_waits_in_vain_is_told_why(store: Store, tmp_path: Path) -> None:
    """Somebody else holds the file, say a backup."""
    with store.read() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=20")
    with closing(sqlite3.connect(tmp_path / "store.sqlite3")) as plain:
        plain.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"), store.write():
            raise AssertionError("two writers at once")

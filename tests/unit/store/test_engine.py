"""Transactions: what a reader sees, what a writer holds, and what a broken database is called."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from qbdispatch.store import claims
from qbdispatch.store.engine import Store, StoreUnavailable
from qbdispatch.store.secrets import shared_secret
from tests.unit.store.builders import claim, hybrid, impatient


def count(connection: Connection) -> int:
    return len(claims.on_node(connection, "a"))


def test_a_read_sees_one_state(store: Store, second: Store) -> None:
    """A commit in the middle of a read shows in the next one only, and does not have to wait for it."""
    with store.read() as reading:
        assert count(reading) == 0
        with second.write() as writing:
            claim(writing, hybrid(1))
        assert count(reading) == 0
    with store.read() as reading:
        assert count(reading) == 1


def test_a_read_does_not_wait_for_a_writer(store: Store, second: Store) -> None:
    """It sees the state before, also in another thread of the writer's own process."""
    with second.write() as writing:
        claim(writing, hybrid(1))
        seen: list[int] = []

        def read() -> None:
            for one in (store, second):
                with one.read() as connection:
                    seen.append(count(connection))

        thread = threading.Thread(target=read)
        thread.start()
        thread.join(5)
    assert seen == [0, 0]


def test_a_write_holds_the_lock_from_its_first_moment(store: Store, second: Store) -> None:
    """Before its first statement nobody else can begin to write; the one who waits in vain is told why."""
    impatient(second)
    with store.write(), pytest.raises(StoreUnavailable, match="locked"), second.write():
        raise AssertionError("two writers at once")
    with second.write() as writing:
        claim(writing, hybrid(1))


def test_a_write_that_fails_changes_nothing(store: Store) -> None:
    """The error comes out as it is, and the lock is free again."""

    def claim_and_fail() -> None:
        with store.write() as writing:
            claim(writing, hybrid(1))
            raise KeyError("after a change")

    with pytest.raises(KeyError):
        claim_and_fail()
    with store.write() as writing:
        assert count(writing) == 0


def test_faults_of_the_database_have_our_name(store: Store) -> None:
    """A statement that the database refuses becomes StoreUnavailable, with the cause chained and no SQL shown."""
    with pytest.raises(StoreUnavailable) as caught, store.read() as connection:
        connection.exec_driver_sql("SELECT 'hush' FROM nowhere")
    assert "no such table: nowhere" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is not None


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


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The message says what to create; nothing is created in passing."""
    folder = tmp_path / "not" / "there"
    with pytest.raises(StoreUnavailable, match=str(folder)):
        Store(f"sqlite:///{folder / 'store.sqlite3'}")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    """As happens when a container mounts a path that does not exist."""
    with pytest.raises(StoreUnavailable, match="unable to open"):
        Store(f"sqlite:///{tmp_path}")


def test_a_secret_is_the_same_for_all_workers_ever_after(store: Store, second: Store) -> None:
    """Made once, 256 random bits in hex; another name is another secret."""
    cookies = shared_secret(store, "cookies")
    assert (shared_secret(second, "cookies"), shared_secret(store, "cookies")) == (cookies, cookies)
    assert len(bytes.fromhex(cookies)) == 32
    assert shared_secret(second, "fingerprints") != cookies

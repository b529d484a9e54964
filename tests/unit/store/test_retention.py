"""The store stays small: old decisions go, a few at a time, and SQLite's log file is brought back to nothing."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from qbdispatch.config.settings import RetentionSettings
from qbdispatch.dispatch.chores import DAY_SECONDS, retaining
from qbdispatch.store import decisions, retention
from qbdispatch.store.engine import Store
from tests.unit.dispatch.bench import now

DOCUMENT = {"status": "accepted", "selected_node": "a", "hash": "0" * 40}


def keep(store: Store, count: int, decided_at: Callable[[int], float]) -> None:
    with store.write() as connection:
        for number in range(count):
            decisions.keep(connection, f"d{number}", DOCUMENT | {"number": number}, decided_at=decided_at(number))


def kept(store: Store) -> list[int]:
    with store.read() as connection:
        return sorted(document["number"] for document in decisions.newest(connection, 10_000))


@pytest.mark.both_stores
def test_the_oldest_beyond_the_most_go(store: Store) -> None:
    """However many batches that takes; what stays is the newest."""
    keep(store, 2 * retention.BATCH + 30, float)
    assert retention.drop_decisions(store, decided_before=0, most=20) == 2 * retention.BATCH + 10
    assert kept(store) == list(range(2 * retention.BATCH + 10, 2 * retention.BATCH + 30))


@pytest.mark.both_stores
def test_those_that_are_too_old_go(store: Store) -> None:
    """Also where there are few; one made at that very moment stays."""
    keep(store, 10, float)
    assert retention.drop_decisions(store, decided_before=4, most=1000) == 4
    assert kept(store) == [4, 5, 6, 7, 8, 9]
    assert retention.drop_decisions(store, decided_before=4, most=1000) == 0


@pytest.mark.both_stores
def test_no_transaction_deletes_more_than_a_batch(store: Store) -> None:
    """Whoever wants to place a torrent meanwhile waits for one batch, not for all."""
    keep(store, 3 * retention.BATCH, float)
    deleted: list[int] = []
    with store.write() as connection:
        engine = connection.engine

    def note(_connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("DELETE"):
            deleted.append(cursor.rowcount)  # type: ignore[attr-defined]

    event.listen(engine, "after_cursor_execute", note)
    retention.drop_decisions(store, decided_before=1e9, most=retention.BATCH)
    assert sum(deleted) == 3 * retention.BATCH
    assert max(deleted) <= retention.BATCH


def test_the_chore_goes_by_the_settings(store: Store, tmp_path: Path) -> None:
    """Days are days."""
    keep(store, 2, lambda number: now() - (2.1 - number * 0.2) * DAY_SECONDS)
    retaining(store, f"sqlite:///{tmp_path}/store.sqlite3", RetentionSettings(decisions_days=2)).work()
    assert kept(store) == [1]


@pytest.mark.parametrize("readers", [0, 3])
def test_the_log_file_is_brought_back_to_nothing(store: Store, tmp_path: Path, readers: int) -> None:
    """Readers that overlap all the time keep SQLite from doing so by itself."""
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            with store.read() as connection:
                decisions.newest(connection, 1)
                over.wait(0.02)

    threads = [threading.Thread(target=read) for _ in range(readers)]
    for thread in threads:
        thread.start()
    try:
        keep(store, 3000, float)
        log = tmp_path / "store.sqlite3-wal"
        assert log.stat().st_size > 500_000
        retention.shorten_log(f"sqlite:///{tmp_path}/store.sqlite3")
        assert log.stat().st_size == 0
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert len(kept(store)) == 3000


def test_other_databases_need_nothing(tmp_path: Path) -> None:
    """No address is opened that is not a SQLite file's."""
    retention.shorten_log("postgresql+psycopg://user:hush@127.0.0.1:1/qbdispatch")
    assert list(tmp_path.iterdir()) == []

"""Transactions: what a reader sees, what a writer holds, and what a broken database is called."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from sqlalchemy import Connection, text

from qbdispatch.store import claims
from qbdispatch.store.engine import Store, StoreUnavailable
from qbdispatch.store.secrets import shared_secret
from tests.unit.store.builders import claim, hybrid

pytestmark = pytest.mark.both_stores


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
    """Before its first statement nobody else can begin to write, however long the first one takes."""

    def claim_after() -> float:
        with second.write() as writing:
            began = time.monotonic()
            claim(writing, hybrid(1))
        return began

    with ThreadPoolExecutor(1) as thread:
        with store.write() as first:
            waiting = thread.submit(claim_after)
            assert not wait([waiting], 1).done
            assert count(first) == 0
            ended = time.monotonic()
        assert waiting.result(5) > ended


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
    assert "nowhere" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_traceback_shows_no_values(store: Store) -> None:
    """The cause names the statement, but not what it was given: cookies and links are among that."""
    with pytest.raises(StoreUnavailable) as caught, store.read() as connection:
        connection.execute(text("SELECT :value FROM nowhere"), {"value": "hush"})
    assert "nowhere" in str(caught.value.__cause__)
    assert "hush" not in str(caught.value.__cause__)


def test_a_secret_is_the_same_for_all_workers_ever_after(store: Store, second: Store) -> None:
    """Made once, 256 random bits in hex; another name is another secret."""
    cookies = shared_secret(store, "cookies")
    assert (shared_secret(second, "cookies"), shared_secret(store, "cookies")) == (cookies, cookies)
    assert len(bytes.fromhex(cookies)) == 32
    assert shared_secret(second, "fingerprints") != cookies

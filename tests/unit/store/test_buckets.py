"""Token buckets: full at first, filled again with time, exact over several processes."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
from sqlalchemy import Connection

from qbdispatch.store import buckets
from qbdispatch.store.engine import Store
from tests.unit.store.workers import WAIT_SECONDS, WORKERS, meet_at, take_tokens

pytestmark = pytest.mark.both_stores


def _take(connection: Connection, now: float, name: str = "door a") -> bool:
    return buckets.take(connection, name, capacity=3, per_second=0.5, now=now)


def test_a_bucket_gives_what_it_holds_and_fills_with_time(connection: Connection) -> None:
    """Three at once, then one every two seconds, never more than three, however long nobody came."""
    assert [_take(connection, 100) for _ in range(4)] == [True, True, True, False]
    assert [_take(connection, at) for at in (101, 102, 103, 104)] == [False, True, False, True]
    assert [_take(connection, 10_000) for _ in range(4)] == [True, True, True, False]


def test_buckets_are_apart(connection: Connection) -> None:
    """Who is limited holds up nobody else."""
    assert [_take(connection, 100) for _ in range(4)][-1] is False
    assert _take(connection, 100, "door b")


def test_a_token_can_be_given_back(connection: Connection) -> None:
    """Then it is as if it had not been taken; a bucket never holds more than its capacity for that."""
    for _ in range(10):
        assert _take(connection, 100)
        buckets.give_back(connection, "door a")
    for _ in range(5):
        buckets.give_back(connection, "door a")
    assert [_take(connection, 100) for _ in range(4)] == [True, True, True, False]


def test_a_clock_that_goes_back_fills_nothing(connection: Connection) -> None:
    """Nor does it empty the bucket."""
    assert [_take(connection, 100) for _ in range(3)] == [True, True, True]
    assert not _take(connection, 50)


def test_forgotten_buckets_are_full(connection: Connection) -> None:
    """Those used since stay as they are."""
    for _ in range(3):
        _take(connection, 100)
        _take(connection, 200, "door b")
    buckets.purge(connection, before=150)
    assert (_take(connection, 200), _take(connection, 200, "door b")) == (True, False)


def test_several_processes_together_get_no_more_than_there_is(store: Store, store_url: str) -> None:
    """Four processes ask 25 times each for one of ten tokens that never come back."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, spawn, meet_at, (spawn.Barrier(WORKERS),)) as pool:
        asked = [pool.submit(take_tokens, store_url, 25, 10) for _ in range(WORKERS)]
        assert sum(future.result(WAIT_SECONDS) for future in asked) == 10

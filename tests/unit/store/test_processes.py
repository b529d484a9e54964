"""Promises that must hold over processes, tried with real ones on one file."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from qbdispatch.store import claims
from qbdispatch.store.engine import Store
from tests.unit.store.builders import opened
from tests.unit.store.workers import (
    WAIT_SECONDS,
    WORKERS,
    claim_if_room,
    look_then_claim,
    meet_at,
    open_new_stores,
)

RunAll = Callable[[Callable[..., Any], Callable[[int], tuple[Any, ...]]], list[Any]]


@pytest.fixture(scope="module")
def run_all() -> Iterator[RunAll]:
    """Runs a function once in each of the worker processes, at the same time: they meet at a barrier."""
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(WORKERS, spawn, meet_at, (spawn.Barrier(WORKERS),))

    def run(function: Callable[..., Any], arguments: Callable[[int], tuple[Any, ...]]) -> list[Any]:
        futures: list[Future[Any]] = [pool.submit(function, *arguments(worker)) for worker in range(WORKERS)]
        done, _ = wait(futures, WAIT_SECONDS, FIRST_EXCEPTION)
        assert [fault for future in done if (fault := future.exception())] == []
        return [future.result(0) for future in futures]

    yield run
    pool.shutdown()


def claimed(store: Store) -> int:
    with store.read() as connection:
        return len(claims.on_node(connection, "a"))


def test_workers_that_start_together_on_a_new_file_all_succeed(run_all: RunAll, tmp_path: Path) -> None:
    """Ten times over: one makes the schema, the others wait for it."""
    paths = [tmp_path / f"{number}.sqlite3" for number in range(10)]
    run_all(open_new_stores, lambda _: ([f"sqlite:///{path}" for path in paths],))
    for path in paths:
        with opened(path) as store:
            assert claimed(store) == 0


def test_workers_never_promise_more_than_there_is(run_all: RunAll, store: Store, tmp_path: Path) -> None:
    """160 claims wanted, room for 98: 98 are made, each told to one worker."""
    url = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    won = run_all(claim_if_room, lambda worker: (url, worker, 40, 98))
    assert (sum(won), claimed(store)) == (98, 98)


def test_looking_and_claiming_apart_would_promise_too_much(run_all: RunAll, store: Store, tmp_path: Path) -> None:
    """That the test above can fail: all four have looked before one claims, and 98 is no multiple of four."""
    url = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    won = run_all(look_then_claim, lambda worker: (url, worker, 40, 98))
    assert sum(won) == claimed(store)
    assert claimed(store) > 98

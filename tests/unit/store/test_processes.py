"""Promises that must hold over processes, tried with real ones on one database."""

import multiprocessing
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from pathlib import Path
from statistics import quantiles
from typing import Any

import pytest

from qbdispatch.store import claims
from qbdispatch.store.engine import Store
from tests.rig.postgres import Postgres
from tests.unit.store.builders import opened
from tests.unit.store.workers import (
    WAIT_SECONDS,
    WORKERS,
    claim_if_room,
    look_then_claim,
    meet_at,
    open_new_stores,
)

pytestmark = pytest.mark.both_stores

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


@pytest.fixture
def new_urls(store_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Addresses of databases that are not there or have nothing in them."""
    if store_url.startswith("sqlite"):
        return [f"sqlite:///{tmp_path / str(number)}.sqlite3" for number in range(10)]
    server: Postgres = request.getfixturevalue("postgres")
    return [server.create_database(f"new_{uuid.uuid4().hex}") for _ in range(3)]


def claimed(store: Store) -> int:
    with store.read() as connection:
        return len(claims.on_node(connection, "a"))


def test_workers_that_start_together_on_a_new_database_all_succeed(run_all: RunAll, new_urls: list[str]) -> None:
    """Some times over: one makes the schema, the others wait for it."""
    run_all(open_new_stores, lambda _: (new_urls,))
    for url in new_urls:
        with opened(url) as store:
            assert claimed(store) == 0


def test_workers_never_promise_more_than_there_is(run_all: RunAll, store: Store, store_url: str) -> None:
    """1600 claims wanted by four processes, room for 100: 100 are made, each told to one worker."""
    answers = run_all(claim_if_room, lambda worker: (store_url, worker, 400, 100))
    took = [seconds for _, times in answers for seconds in times]
    print(f"a look and, maybe, a claim took {1000 * quantiles(took, n=20)[-1]:.1f} ms at most for 95 of 100")
    assert (sum(won for won, _ in answers), claimed(store)) == (100, 100)


def test_looking_and_claiming_apart_would_promise_too_much(run_all: RunAll, store: Store, store_url: str) -> None:
    """That the test above can fail: all four have looked before one claims, and 98 is no multiple of four."""
    won = run_all(look_then_claim, lambda worker: (store_url, worker, 40, 98))
    assert sum(won) == claimed(store)
    assert claimed(store) > 98

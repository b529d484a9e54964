"""What the worker processes of `test_processes` run; spawned, so that nothing is inherited but the barrier."""

import time
from multiprocessing.synchronize import Barrier

from qbdispatch.store import buckets, claims
from qbdispatch.store.engine import Store
from tests.unit.store.builders import claim, hybrid

WORKERS = 4
WAIT_SECONDS = 20
_barriers: list[Barrier] = []


def meet_at(barrier: Barrier) -> None:
    """The initializer of each process."""
    _barriers.append(barrier)


def together() -> None:
    """Wait until every worker has come to this point."""
    _barriers[-1].wait(WAIT_SECONDS)


def open_new_stores(urls: list[str]) -> None:
    """Start on each of these databases at the same moment as the other workers."""
    for url in urls:
        together()
        Store(url).close()


def claim_if_room(url: str, worker: int, tries: int, capacity: int) -> tuple[int, list[float]]:
    """The right way: look and claim in one write transaction. Answers how often there was room, and the seconds that
    each try took."""
    store = Store(url)
    together()
    won, took = 0, []
    for number in range(tries):
        started = time.perf_counter()
        with store.write() as connection:
            if claims.totals(connection).get("a", claims.Total(0, 0, None)).unlisted < capacity:
                claim(connection, hybrid(worker * tries + number))
                won += 1
        took.append(time.perf_counter() - started)
    store.close()
    return won, took


def look_then_claim(url: str, worker: int, tries: int, capacity: int) -> int:
    """The wrong way: look in one transaction, claim in the next."""
    store = Store(url)
    won = 0
    for number in range(tries):
        with store.read() as connection:
            has_room = len(claims.on_node(connection, "a")) < capacity
        together()
        if has_room:
            with store.write() as connection:
                claim(connection, hybrid(worker * tries + number))
            won += 1
    store.close()
    return won


def take_tokens(url: str, tries: int, capacity: int) -> int:
    """Ask so often for a token of a bucket that is never filled again; answers how many were given."""
    store = Store(url)
    together()
    given = 0
    for _ in range(tries):
        with store.write() as connection:
            given += buckets.take(connection, "door", capacity=capacity, per_second=0, now=1000)
    store.close()
    return given

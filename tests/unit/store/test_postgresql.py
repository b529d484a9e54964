"""What is peculiar to a store in PostgreSQL: a server that is away, frozen or back again."""

import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from qbdispatch.store import claims
from qbdispatch.store.engine import Store, StoreUnavailable
from tests.rig.availability import require_postgres
from tests.rig.postgres import Postgres
from tests.rig.processes import wait_until
from tests.unit.store.builders import claim, hybrid

AWAY_WITHIN_SECONDS = 1.0
BACK_WITHIN_SECONDS = 5.0


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A server of the test's own, to be stopped."""
    require_postgres()
    with Postgres() as started:
        yield started


@pytest.fixture
def store(server: Postgres) -> Iterator[Store]:
    opened = Store(server.url)
    yield opened
    opened.close()


def count(store: Store) -> int:
    with store.read() as connection:
        return len(claims.on_node(connection, "a"))


def put(store: Store, number: int) -> None:
    with store.write() as connection:
        claim(connection, hybrid(number))


def works(store: Store) -> bool:
    try:
        count(store)
    except StoreUnavailable:
        return False
    return True


def fails_at_once(store: Store, action: Callable[[], object]) -> float:
    """The seconds after which it is refused."""
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        action()
    return time.monotonic() - started


def freeze(server: Postgres) -> None:
    server.signal(signal.SIGSTOP)


def thaw(server: Postgres) -> None:
    server.signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("leave", "come_back"),
    [(freeze, thaw), (Postgres.kill, Postgres.start), (Postgres.stop, Postgres.start)],
    ids=["frozen", "killed", "stopped"],
)
def test_a_server_that_is_away_costs_each_call_less_than_a_second_and_its_return_is_noticed(
    server: Postgres, store: Store, leave: Callable[[Postgres], None], come_back: Callable[[Postgres], None]
) -> None:
    """Reading and writing, the first call and those after it; what was committed before is there."""
    put(store, 1)
    leave(server)
    actions: list[Callable[[], object]] = [lambda: count(store), lambda: put(store, 2)] * 3
    took = [fails_at_once(store, action) for action in actions]
    assert max(took) < AWAY_WITHIN_SECONDS, took
    assert min(took[1:]) < 0.05, "calls after the first do not wait for the server"
    come_back(server)
    wait_until(lambda: works(store), BACK_WITHIN_SECONDS, "the store to work again")
    assert count(store) == 1
    put(store, 3)
    assert count(store) == 2


def test_a_restart_that_nobody_noticed_costs_no_call(server: Postgres, store: Store) -> None:
    """The kept connections have ended; each call notices before it does anything."""
    put(store, 1)
    assert count(store) == 1
    server.stop()
    server.start()
    put(store, 2)
    assert count(store) == 2


def test_an_outage_is_logged_once_when_it_begins_and_once_when_it_ends(
    server: Postgres, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """However many calls fail, and without the address."""
    server.stop()
    for number in range(20):
        fails_at_once(store, lambda: put(store, number))  # noqa: B023
    server.start()
    wait_until(lambda: works(store), BACK_WITHIN_SECONDS, "the store to work again")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("qbdispatch.store")]
    assert len(ours) == 2
    assert "does not answer" in ours[0]
    assert "answers again" in ours[1]


def test_a_writer_waits_longer_for_another_than_a_silent_server_is_given(server: Postgres, store: Store) -> None:
    """A server that has us wait our turn is not away."""
    other = Store(server.url)
    started = time.monotonic()
    with store.write() as first:
        claim(first, hybrid(1))
        seen: list[int] = []
        thread = threading.Thread(target=put, args=(other, 2))
        thread.start()
        wait_until(lambda: time.monotonic() - started > 1.5, 3, "some time to pass")
        assert thread.is_alive()
        seen.append(count(other))
    thread.join(5)
    assert (seen, count(other)) == ([0], 2)
    other.close()


def test_what_was_recalled_before_an_outage_is_answered_during_it(server: Postgres, store: Store) -> None:
    """What was never asked for is not made up."""
    put(store, 1)

    def ask(name: str) -> int:
        return store.recall(name, lambda connection: len(claims.on_node(connection, "a")))

    assert ask("known") == 1
    server.stop()
    assert ask("known") == 1
    with pytest.raises(StoreUnavailable):
        ask("unknown")


def test_the_time_is_the_databases(
    server: Postgres, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On a host whose clock is an hour ahead, stored times are right all the same, and the log says so."""
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + 3600)
    other = Store(server.url)
    assert abs(other.now() - right()) < 1
    assert "+3600" in caplog.text
    assert "NTP" in caplog.text
    other.close()

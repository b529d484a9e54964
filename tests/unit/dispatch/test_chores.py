"""What the leader does now and then: again and again, also after a failure, and not after its term."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from qbdispatch.config.settings import AuthSettings, DispatcherSettings
from qbdispatch.dispatch.chores import Chore, advising, purging
from qbdispatch.dispatch.leader import Leader
from qbdispatch.store import mirror
from qbdispatch.store.engine import Store, StoreUnavailable
from tests.rig.processes import wait_until
from tests.rig.scripted import ScriptedNode
from tests.unit.dispatch.bench import Bench
from tests.unit.dispatch.conftest import BenchMaker


@pytest.fixture
def bench(make_bench: BenchMaker, scripted: Callable[..., ScriptedNode]) -> Bench:
    return make_bench(scripted(name="a"))


def test_a_chore_that_fails_is_said_and_done_again(caplog: pytest.LogCaptureFixture) -> None:
    """A store that is away for a moment costs one turn."""
    stop = threading.Event()
    turns: list[int] = []

    def work() -> None:
        turns.append(len(turns))
        if len(turns) == 1:
            raise StoreUnavailable("the store does not answer: asleep")
        stop.set()

    Chore("sweep", 0.01, work, at_once=True).run(stop)
    assert turns == [0, 1]
    assert "sweep: the store does not answer: asleep" in caplog.text


def test_chores_run_while_their_worker_leads_and_end_with_it(store: Store, bench: Bench) -> None:
    """Each in a thread of its own: one that takes long holds up none of the others."""
    turns: list[float] = []
    long_one = threading.Event()

    def blocked() -> None:
        long_one.wait(30)

    leader = Leader(
        bench.store,
        bench.fleet,
        bench.settings.sync,
        [
            Chore("long", 60, blocked, at_once=True),
            Chore("count", 0.01, lambda: turns.append(1)),
        ],
    )
    leader.start()
    wait_until(lambda: len(turns) > 3, 10, "the chore to be done several times")
    leader.stop()
    long_one.set()
    wait_until(lambda: not [one for one in threading.enumerate() if one.name.startswith("chore-")], 10, "chores to end")


def test_purging_lets_the_mirror_forget(store: Store) -> None:
    """Two purges after a torrent went, it is forgotten, and views that know less need a full list."""
    with store.write() as connection:
        mirror.put(
            connection,
            "a",
            [mirror.Listed("1" * 40, "1" * 40, {})],
            revision=mirror.next_revision(connection),
            seen_at=1,
        )
        mirror.remove(connection, "a", ["1" * 40], revision=mirror.next_revision(connection), seen_at=2)
    purging(store).work()
    with store.read() as connection:
        assert len(mirror.changed_since(connection, 0)) == 1
    purging(store).work()
    with store.read() as connection:
        assert mirror.changed_since(connection, 0) == []
        assert mirror.floor(connection) == 2


def test_open_doors_are_said_when_a_term_begins(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """By the one worker that leads, at once; what is locked is not mentioned."""
    chore = advising(bench.settings)
    assert chore.at_once
    chore.work()
    assert [text in caplog.text for text in ("auth is not configured", "admin_api_key is not configured")] == [True] * 2
    caplog.clear()
    locked = DispatcherSettings(admin_api_key="k")
    advising(replace(bench.settings, dispatcher=locked, auth=AuthSettings(api_keys=("k",)))).work()
    assert caplog.text == ""

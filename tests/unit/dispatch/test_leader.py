"""One worker polls; another takes over when it ends or dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import Connection, text

from qbdispatch.config.settings import NodeSettings
from qbdispatch.dispatch.access import Answer, Fleet, NodeAccess
from qbdispatch.dispatch.leader import LEASE, LEASE_SECONDS, Leader
from qbdispatch.nodes.client import Cookies
from qbdispatch.store import health, leases
from qbdispatch.store.engine import Store
from tests.rig.processes import wait_until
from tests.rig.scripted import ScriptedNode
from tests.unit.dispatch.bench import Bench
from tests.unit.dispatch.conftest import BenchMaker

pytestmark = pytest.mark.both_stores

Hire = Callable[..., Leader]


@pytest.fixture
def node(scripted: Callable[..., ScriptedNode]) -> ScriptedNode:
    return scripted(name="a")


@pytest.fixture
def bench(make_bench: BenchMaker, node: ScriptedNode) -> Bench:
    return make_bench(node, polled=False)


@pytest.fixture
def hire(bench: Bench, node: ScriptedNode) -> Iterator[Hire]:
    """Starts leaders, each with its own way to the node, and leaves no thread of theirs."""
    with ExitStack() as stack:

        def hired(fleet: Fleet | None = None, *, at_work: bool = True) -> Leader:
            worker = Bench(bench.settings, bench.store, [node])
            leader = Leader(worker.store, fleet or worker.fleet, worker.settings.sync)
            if at_work:
                leader.start()
            stack.callback(leader.stop)
            return leader

        yield hired
    wait_until(lambda: not _threads(), 10, "all threads of leaders to end")


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("leader", "watch-"))]


def _owner(bench: Bench) -> str | None:
    with bench.store.read() as connection:
        owner: str | None = connection.execute(text("SELECT owner FROM leases")).scalar()
    return owner


def _set_lease(bench: Bench, owner: str, seconds: float) -> None:
    with bench.store.write() as connection:
        connection.execute(text("DELETE FROM leases"))
        leases.acquire(connection, LEASE, owner, now=time.time(), ttl_seconds=seconds)


def test_of_two_workers_one_polls_and_the_other_follows_when_it_stops(
    bench: Bench, node: ScriptedNode, hire: Hire
) -> None:
    """One watcher at a time; after `stop` the other begins in about a second, well before the lease would end."""
    first = hire()
    wait_until(lambda: node.calls["sync/maindata"], 10, "a poll")
    second = hire()
    wait_until(lambda: node.calls["sync/maindata"] > 10, 10, "more polls")
    assert (_owner(bench), _threads().count("watch-a")) == (first.owner, 1)
    stopped = time.monotonic()
    first.stop()
    wait_until(lambda: _owner(bench) == second.owner, 10, "the other to lead")
    assert time.monotonic() - stopped < LEASE_SECONDS - 1
    polls = node.calls["sync/maindata"]
    wait_until(lambda: node.calls["sync/maindata"] > polls, 10, "polls by the other")
    wait_until(lambda: _threads().count("watch-a") == 1, 10, "the first one's watcher to end")
    assert first.owner != second.owner


def test_a_leader_that_retires_leaves_the_lead_to_another_and_never_takes_it_again(bench: Bench, hire: Hire) -> None:
    """Its thread ends by itself: its process may go on for as long as a request takes."""
    first = hire()
    wait_until(lambda: _owner(bench) == first.owner, 10, "the first to lead")
    first.retire()
    wait_until(lambda: _owner(bench) is None, LEASE_SECONDS - 1, "the lease to be given up")
    wait_until(lambda: not _threads(), 10, "its threads to end")
    second = hire()
    wait_until(lambda: _owner(bench) == second.owner, 1, "another to lead at once")


def test_a_dead_leaders_lease_runs_out_by_itself(bench: Bench, node: ScriptedNode, hire: Hire) -> None:
    """What a killed worker leaves is its row: nobody polls before that ends, and somebody does soon after."""
    _set_lease(bench, "dead", 1.5)
    ends = time.monotonic() + 1.5
    leader = hire()
    wait_until(lambda: node.calls["sync/maindata"], 10, "a poll")
    assert ends - 0.1 < time.monotonic() < ends + 3
    assert _owner(bench) == leader.owner


def test_a_leader_that_was_overtaken_stops_polling(bench: Bench, node: ScriptedNode, hire: Hire) -> None:
    """It slept through its lease, as in a suspended machine: its watchers end, and write nothing any more."""
    hire()
    wait_until(lambda: bench.facts()["a"].free_bytes, 10, "a poll")
    _set_lease(bench, "other", LEASE_SECONDS)
    bench.age("node_states", seen_at=1.0)
    wait_until(lambda: "watch-a" not in _threads(), 10, "its watcher to end")
    assert (bench.facts()["a"].age_seconds or 0) > 1000


def test_without_the_store_nobody_leads_and_once_it_is_back_somebody_does(
    bench: Bench, node: ScriptedNode, hire: Hire, caplog: pytest.LogCaptureFixture
) -> None:
    """Said in the log as a sentence; giving up the lease then fails without harm, too."""
    with bench.store.write() as connection:
        connection.execute(text("ALTER TABLE leases RENAME TO away"))
    leader = hire()
    wait_until(lambda: "cannot hold the lease" in caplog.text, 10, "the log to say so")
    assert node.calls.total() == 0
    leader.stop()
    assert "will run out by itself" in caplog.text
    second = hire()
    with bench.store.write() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO leases"))
    wait_until(lambda: _owner(bench) == second.owner, 10, "the lease to be held")
    assert [record for record in caplog.records if record.exc_info] == []


def test_a_leader_that_stops_while_it_takes_the_lease_does_not_keep_it(bench: Bench, hire: Hire) -> None:
    """Whatever the order of the two: no row is left to hold others up, and no watcher runs."""
    for _ in range(4):
        leader = hire(at_work=False)
        with bench.store.write():  # both the taking and the giving up have to wait
            leader.start()
            stopping = threading.Thread(target=leader.stop)
            stopping.start()
            stopping.join(0.2)
        stopping.join(10)
        wait_until(lambda: "leader" not in _threads(), 10, "the leader to end")
        assert _owner(bench) is None
        wait_until(lambda: "watch-a" not in _threads(), 5, "its watchers to end")


class _Surprising(NodeAccess):
    """A way to a node that fails as nothing foreseen does."""

    def call(self, action: Callable[[Cookies], Answer]) -> Answer:
        raise RuntimeError("never seen before")


def test_a_watcher_outlives_what_nobody_foresaw(
    bench: Bench, scripted: Callable[..., ScriptedNode], hire: Hire, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in the log with its cause, the watcher is still there to begin anew, and the other nodes are polled."""
    well = scripted(name="b")
    settings = [bench.settings.nodes[0], NodeSettings(name="b", url=well.url, username="admin", password=well.password)]
    members = {"a": _Surprising(settings[0], bench.store), "b": NodeAccess(settings[1], bench.store)}
    with bench.store.write() as connection:
        health.register(connection, members)
    hire(Fleet(members))
    wait_until(lambda: "watch-a failed and begins anew" in caplog.text, 10, "the surprise to be logged")
    wait_until(lambda: well.calls["sync/maindata"] > 1, 10, "the other node to be polled")
    watcher = next(thread for thread in threading.enumerate() if thread.name == "watch-a")
    watcher.join(0.2)
    assert watcher.is_alive()
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["never seen before"]


class _SurprisingStore(Store):
    """A store that fails at first as nothing foreseen does."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_odd = True

    @contextmanager
    def write(self) -> Iterator[Connection]:
        if self.is_odd:
            raise RuntimeError("never seen before")
        with self._store.write() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._store.read() as connection:
            yield connection

    def now(self) -> float:
        return self._store.now()


def test_a_leader_outlives_what_nobody_foresaw(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """It is in the log with its cause, and some seconds later it tries again; when it is stopped its thread ends."""
    store = _SurprisingStore(bench.store)
    leader = Leader(store, bench.fleet, bench.settings.sync)
    leader.start()
    try:
        wait_until(lambda: "leader failed and begins anew" in caplog.text, 10, "the surprise to be logged")
        store.is_odd = False
        wait_until(lambda: _owner(bench) == leader.owner, LEASE_SECONDS + 5, "it to lead all the same")
    finally:
        store.is_odd = False
        leader.stop()
    wait_until(lambda: not _threads(), 10, "its threads to end")

"""A store that knows nothing yet: no torrent is placed while a node that was never looked at may have it."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from qbdispatch.dispatch.dispatcher import Status
from qbdispatch.scoring.model import Reason
from qbdispatch.store import health
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import make_torrent
from tests.unit.dispatch.bench import Bench, adds, now, put, submission
from tests.unit.dispatch.conftest import BenchMaker

Nodes = tuple[ScriptedNode, ScriptedNode]


@pytest.fixture
def nodes(scripted: Callable[..., ScriptedNode]) -> Nodes:
    return scripted(name="a"), scripted(name="b")


def begin(make_bench: BenchMaker, nodes: Nodes, *, seconds_ago: float) -> Bench:
    """A bench over a store that was made so many seconds ago; no node has been polled."""
    bench = make_bench(*nodes, polled=False)
    bench.age("counters", value=int(now() - seconds_ago))
    with bench.store.read() as connection:
        assert abs(now() - seconds_ago - health.begun_at(connection)) < 5
    return bench


def test_a_torrent_waits_until_every_node_was_looked_at(make_bench: BenchMaker, nodes: Nodes) -> None:
    """It is on the node that is looked at last: placed before, it would have been on both."""
    torrent = make_torrent("one", 10**6)
    put(nodes[1], torrent)
    bench = begin(make_bench, nodes, seconds_ago=1)
    bench.poll("a")
    result = bench.submit(torrent)
    assert (result.status, adds(nodes)) == (Status.REJECTED, [])
    assert "what is on b already is not known yet; ask again" in result.reason
    assert bench.decision(result.decision_id)["status"] == "rejected"
    assert bench.dispatcher.preview(submission(torrent)).reason == result.reason
    bench.poll("b")
    assert (bench.submit(torrent).status, bench.submit(torrent).node) == (Status.DUPLICATE, "b")
    assert bench.submit(make_torrent("two", 10**6)).status is Status.ACCEPTED


def test_a_node_that_does_not_answer_keeps_others_waiting_only_for_a_while(
    make_bench: BenchMaker, nodes: Nodes
) -> None:
    """After `stale_after_s` torrents go where they can."""
    bench = begin(make_bench, nodes, seconds_ago=31)
    bench.poll("a")
    assert bench.submit(make_torrent("one", 10**6)).node == "a"


def test_a_node_that_refuses_the_login_keeps_nobody_waiting(make_bench: BenchMaker, nodes: Nodes) -> None:
    """Waiting would not show what it has: its user has to correct the password first."""
    bench = begin(make_bench, nodes, seconds_ago=1)
    bench.poll("a")
    with bench.store.write() as connection:
        health.record_fault(connection, "b", Reason.AUTH_FAILED, "wrong password")
    assert bench.submit(make_torrent("one", 10**6)).node == "a"


def test_a_node_that_is_added_to_a_known_fleet_keeps_nobody_waiting(make_bench: BenchMaker, nodes: Nodes) -> None:
    """Once a torrent could be placed, the store is not new any more; nor is one that knew other nodes before."""
    bench = begin(make_bench, nodes, seconds_ago=1)
    bench.poll()
    assert bench.submit(make_torrent("one", 10**6)).status is Status.ACCEPTED
    with bench.store.write() as connection:
        connection.execute(text("DELETE FROM snapshots WHERE node = 'b'"))
    assert bench.submit(make_torrent("two", 10**6)).node == "a"
    with bench.store.write() as connection:
        health.register(connection, ["a", "b", "c"], now())
        assert health.begun_at(connection) == 0

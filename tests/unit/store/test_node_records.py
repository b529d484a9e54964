"""What the store keeps of nodes and of decisions: health, drain, snapshots, decisions."""

from typing import Any

import pytest
from sqlalchemy import Connection

from qbdispatch.scoring.model import Reason
from qbdispatch.store import decisions, health, snapshots
from qbdispatch.store.health import NodeState
from tests.unit.store.builders import snapshot

pytestmark = pytest.mark.both_stores


def document(status: str = "accepted", node: str | None = "a", **more: Any) -> dict[str, Any]:
    return {"status": status, "selected_node": node, "hash": "0" * 40, **more}


def test_registering_keeps_what_is_known(connection: Connection) -> None:
    """A new name gets a row, an old one keeps its drain; a node that left the configuration stays."""
    health.register(connection, ["a", "gone"])
    health.set_draining(connection, "a", True)
    health.register(connection, ["a", "b"])
    assert health.states(connection) == {
        "a": NodeState("a", draining=True),
        "b": NodeState("b"),
        "gone": NodeState("gone"),
    }


def test_a_drained_node_is_resumed(connection: Connection) -> None:
    """Drain is one node's, and ends."""
    health.register(connection, ["a", "b"])
    health.set_draining(connection, "a", True)
    health.set_draining(connection, "b", True)
    health.set_draining(connection, "a", False)
    assert health.states(connection) == {"a": NodeState("a"), "b": NodeState("b", draining=True)}


def test_a_fault_lasts_until_the_node_answers(connection: Connection) -> None:
    """The last fault counts; an answer clears it and starts a new time of being up; seen_at is the last answer's."""
    health.register(connection, ["a", "b"])
    health.record_answer(connection, "a", 10.0)
    health.record_answer(connection, "a", 20.0)
    assert health.states(connection)["a"] == NodeState("a", up_since=10.0, seen_at=20.0)
    health.record_fault(connection, "a", Reason.UNREACHABLE, "silent")
    health.record_fault(connection, "a", Reason.AUTH_FAILED, "wrong password")
    faulty = NodeState("a", fault=Reason.AUTH_FAILED, fault_detail="wrong password", seen_at=20.0)
    assert health.states(connection)["a"] == faulty
    health.record_answer(connection, "a", 30.0)
    assert health.states(connection) == {"a": NodeState("a", up_since=30.0, seen_at=30.0), "b": NodeState("b")}


def test_the_cause_and_the_next_try_are_kept_until_the_node_answers(connection: Connection) -> None:
    """Only the watcher's word moves the count and the time of the next try; the latency outlasts a fault."""
    health.register(connection, ["a"])
    health.record_answer(connection, "a", 10.0, latency_ms=2.5)
    health.record_fault(connection, "a", Reason.UNREACHABLE, "silent", cause="timeout", failures=3, retry_at=15.0)
    health.record_fault(connection, "a", Reason.UNREACHABLE, "cut", cause="dropped")
    state = health.states(connection)["a"]
    assert (state.cause, state.failures, state.retry_at, state.latency_ms) == ("dropped", 3, 15.0, 2.5)
    health.record_answer(connection, "a", 20.0)
    assert health.states(connection)["a"] == NodeState("a", up_since=20.0, seen_at=20.0, latency_ms=2.5)


def test_an_oddity_lasts_until_the_next_list_and_never_hides_a_fault(connection: Connection) -> None:
    """A cheap call says nothing of the list."""
    health.register(connection, ["a"])
    health.record_answer(connection, "a", 10.0)
    health.record_oddity(connection, "a", "replaced", "others")
    health.record_answer(connection, "a", 11.0)
    assert health.states(connection)["a"] == NodeState(
        "a", fault_detail="others", up_since=10.0, seen_at=11.0, cause="replaced"
    )
    health.record_oddity(connection, "a", None, "")
    assert health.states(connection)["a"] == NodeState("a", up_since=10.0, seen_at=11.0)
    health.record_fault(connection, "a", Reason.UNREACHABLE, "silent", cause="timeout")
    health.record_oddity(connection, "a", None, "")
    assert health.states(connection)["a"].cause == "timeout"


def test_the_newest_snapshot_replaces_the_one_before(connection: Connection) -> None:
    """One for each node; unknown stays unknown, and figures beyond 32 bits stay whole."""
    snapshots.keep(connection, snapshot("a", taken_at=1.0))
    newest = snapshot("a", taken_at=2.0, free_bytes=None, download_limit=2**40)
    snapshots.keep(connection, newest)
    snapshots.keep(connection, snapshot("b"))
    assert snapshots.latest(connection) == {"a": newest, "b": snapshot("b")}


def test_a_decision_that_was_decided_anew_keeps_its_place(connection: Connection) -> None:
    """Replaced as a whole under its id, at the time it was first kept; the newest come first, up to the limit."""
    decisions.keep(connection, "one", document(attempts=[{"node": "a"}]), decided_at=1.0)
    decisions.keep(connection, "two", document(), decided_at=2.0)
    anew = document("failed", None, attempts=[1, 2], name="☃")
    decisions.keep(connection, "one", anew, decided_at=3.0)
    assert decisions.get(connection, "one") == anew
    assert decisions.newest(connection, 10) == [document(), anew]
    assert decisions.newest(connection, 1) == [document()]
    assert decisions.get(connection, "none") is None

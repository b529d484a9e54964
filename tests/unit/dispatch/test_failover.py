"""A node that fails, refuses or falls silent: the next one takes the torrent, and never are there two for good."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from qbdispatch.dispatch.dispatcher import Result, Status
from qbdispatch.scoring.model import Reason
from qbdispatch.store.claims import Phase
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import make_torrent
from tests.unit.dispatch.bench import Bench, WatchedNode, adds, codes, put
from tests.unit.dispatch.conftest import BenchMaker

NodeMaker = Callable[..., ScriptedNode]
IMPATIENT: dict[str, dict[str, Any]] = {name: {"timeout_s": 0.3} for name in "abcd"}


def _pair(scripted: NodeMaker, version: str = "5.1.0") -> list[ScriptedNode]:
    """Two nodes, of which the first is preferred."""
    return [scripted(version, name="a", free_gib=500), scripted(version, name="b", free_gib=100)]


@pytest.mark.parametrize(
    ("behaviour", "version", "outcome"),
    [
        ("fail", "5.1.0", "not added"),
        ("fail", "5.3.0", "not added"),
        ("drop", "5.1.0", "doubtful"),
        ("http_500", "5.1.0", "doubtful"),
        ("html", "4.5.2", "doubtful"),
    ],
)
def test_the_next_node_gets_all_that_the_first_was_sent(
    make_bench: BenchMaker, scripted: NodeMaker, behaviour: Any, version: str, outcome: str
) -> None:
    """Every form field goes along again; a claim stays only where the first may have taken the torrent."""
    first, second = _pair(scripted, version)
    bench = make_bench(first, second)
    first.add_behaviour = behaviour
    made = make_torrent("t", 10 * GIB)
    result = bench.submit(made, category="tv", tags="x", savepath="/d", upLimit="5", ratioLimit="1.5")
    assert (result.status, result.node) == (Status.ACCEPTED, "b")
    assert first.add_requests == second.add_requests != []
    assert second.adds[0][1]["ratioLimit"] == "1.5"
    assert codes(result) == {"b": [], "a": [*_fault(bench), "already_tried"]}
    assert [(tried["node"], tried["outcome"]) for tried in bench.decision(result.decision_id)["attempts"]] == [
        ("a", outcome),
        ("b", "added"),
    ]
    assert [claim.phase for claim in bench.claims("a")] == ([Phase.DOUBT] if outcome == "doubtful" else [])


def _fault(bench: Bench) -> list[str]:
    fault = bench.facts()["a"].fault
    return [fault.value] if fault else []


@pytest.mark.parametrize(("retries", "tried"), [(0, 1), (1, 2), (2, 3), (9, 4)])
def test_no_more_nodes_are_tried_than_the_configuration_says(
    make_bench: BenchMaker, scripted: NodeMaker, retries: int, tried: int
) -> None:
    """One and `max_retries` more, as far as there are nodes; then the answer is `failed`, and nothing stays claimed."""
    nodes = [scripted(name=name) for name in "abcd"]
    bench = make_bench(*nodes, dispatcher={"submission": {"max_retries": retries}})
    for node in nodes:
        node.add_behaviour = "fail"
    result = bench.submit(make_torrent("t", GIB))
    assert (result.status, result.node, result.is_taken) == (Status.FAILED, None, False)
    assert [len(node.add_requests) for node in nodes] == [1] * tried + [0] * (4 - tried)
    assert result.reason.count("did not take it") == tried
    decision = bench.decision(result.decision_id)
    assert (decision["status"], decision["selected_node"], decision["reason"]) == ("failed", None, result.reason)
    assert [bench.claims(node.name) for node in nodes] == [[]] * 4


@pytest.mark.parametrize("version", ["4.5.2", "5.1.0", "5.3.0"])
def test_a_node_that_has_the_torrent_already_has_accepted_it(
    make_bench: BenchMaker, scripted: NodeMaker, version: str
) -> None:
    """`Fails.` or 409 for a duplicate that no poll has shown yet: it is asked by hash, and nobody else gets a copy."""
    first, second = _pair(scripted, version)
    bench = make_bench(first, second)
    made = make_torrent("t", GIB)
    put(first, made)
    result = bench.submit(made)
    assert (result.status, result.node, bench.homes(made)) == (Status.ACCEPTED, "a", ["a"])
    assert second.add_requests == []


def test_an_add_that_was_taken_but_never_answered_is_accepted(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """The connection drops after the node took it: one add request, one copy, answered accepted."""
    nodes = _pair(scripted)
    bench = make_bench(*nodes)
    nodes[0].add_behaviour = "add_then_drop"
    made = make_torrent("t", GIB)
    assert (bench.submit(made).status, bench.homes(made)) == (Status.ACCEPTED, ["a"])
    assert (adds(nodes), len(nodes[0].add_requests)) == (["a"], 1)


def test_a_refused_connection_is_no_doubt(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """Nothing was sent: no bytes stay claimed, and the node is out at once for all workers."""
    first, second = _pair(scripted)
    bench = make_bench(first, second)
    first.close()
    assert bench.submit(make_torrent("t", GIB)).node == "b"
    assert bench.claims("a") == []
    assert bench.facts()["a"].fault is Reason.UNREACHABLE
    assert codes(bench.submit(make_torrent("u", GIB)))["a"] == ["unreachable"]


def test_a_refusal_of_this_torrent_does_not_put_the_node_out(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """415 for a file that the node cannot use says nothing about the node."""
    second = scripted(name="b")
    with WatchedNode(name="a", free_gib=500) as first:
        bench = make_bench(first, second)
        first.refuses_files = True
        assert bench.submit(make_torrent("t", GIB)).node == "b"
        assert bench.facts()["a"].fault is None
        first.refuses_files = False
        assert bench.submit(make_torrent("u", GIB)).node == "a"


def _hung(node: ScriptedNode, *, takes: bool) -> None:
    """As a stopped process: it takes the add from its socket sooner or later, and answers nothing."""
    node.add_behaviour = "add_then_hang" if takes else "hang"
    node.delay_seconds["torrents/info"] = 30


def _awake(node: ScriptedNode) -> None:
    node.release()
    node.add_behaviour = "normal"
    node.delay_seconds.clear()


def test_while_a_node_hangs_the_other_takes_over_and_the_doubt_still_counts(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """The hung node may have the torrent: its bytes stay counted there until it says otherwise."""
    first, second = _pair(scripted)
    bench = make_bench(first, second, changes=IMPATIENT)
    _hung(first, takes=False)
    made = make_torrent("t", 10 * GIB)
    result = bench.submit(made)
    assert (result.status, result.node) == (Status.ACCEPTED, "b")
    assert [(claim.phase, claim.bytes) for claim in bench.claims("a")] == [(Phase.DOUBT, 10 * GIB)]
    assert (bench.room_gib("a"), bench.room_gib("b")) == (490, 90)
    assert bench.facts()["a"].fault is Reason.UNREACHABLE
    assert bench.submit(made).node == "b"
    _awake(first)
    bench.poll("a")
    assert (bench.facts()["a"].fault, bench.room_gib("a")) == (None, 490)


def test_one_hung_node_does_not_hold_up_those_who_come_later(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """Only the submission that found out waits for it; the rest never call it."""
    first, second = _pair(scripted)
    bench = make_bench(first, second, changes=IMPATIENT)
    _hung(first, takes=False)
    results: list[Result] = [bench.submit(make_torrent(f"t{number}", GIB)) for number in range(4)]
    assert [result.node for result in results] == ["b"] * 4
    assert len(first.add_requests) == 1
    _awake(first)


def test_a_poll_that_finds_the_torrent_before_the_answer_does_settles_it(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """The leader may see the torrent while its add is still unanswered: one placement, known by its decision."""
    node = scripted(name="a")
    bench = make_bench(node, changes={"a": {"timeout_s": 5}})
    node.add_behaviour = "add_then_hang"
    made = make_torrent("t", GIB)
    results: list[Result] = []
    caller = threading.Thread(target=lambda: results.append(bench.submit(made)))
    caller.start()
    node.wait_until_holding()
    bench.poll()
    assert bench.homes(made) == ["a"]
    node.release()
    caller.join(10)
    assert [result.status for result in results] == [Status.ACCEPTED]
    assert (bench.homes(made), bench.submit(made).decision_id) == (["a"], results[0].decision_id)
    assert bench.room_gib("a") == 99

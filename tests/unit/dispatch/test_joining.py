"""Many callers with one torrent: one adds it, the others wait for what comes of that."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from functools import partial

import pytest

from qbdispatch.dispatch.dispatcher import Result, Status
from qbdispatch.store.claims import Phase
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import MadeTorrent, made_up_magnet, make_torrent
from tests.unit.dispatch.bench import Bench, adds, at_once, put
from tests.unit.dispatch.conftest import BenchMaker

pytestmark = pytest.mark.both_stores

NodeMaker = Callable[..., ScriptedNode]


@pytest.fixture
def nodes(scripted: NodeMaker) -> list[ScriptedNode]:
    """The first is preferred."""
    return [scripted(name="a", free_gib=500), scripted(name="b", free_gib=100)]


@pytest.fixture
def bench(make_bench: BenchMaker, nodes: list[ScriptedNode]) -> Bench:
    return make_bench(*nodes, changes={name: {"timeout_s": 2} for name in "ab"})


def _spellings(made: MadeTorrent) -> list[MadeTorrent | str]:
    v1 = bytes.fromhex(str(made.v1))
    return [
        made,
        f"magnet:?xt=urn:btih:{v1.hex().upper()}&dn=other",
        f"magnet:?tr=http%3A%2F%2Ft.example%2F&xt=urn:btih:{base64.b32encode(v1).decode()}",
    ]


def _start(bench: Bench, made: MadeTorrent) -> tuple[threading.Thread, list[Result]]:
    results: list[Result] = []
    caller = threading.Thread(target=lambda: results.append(bench.submit(made)))
    caller.start()
    return caller, results


def test_24_callers_with_one_torrent_are_all_told_yes_and_there_is_one_copy(
    bench: Bench, nodes: list[ScriptedNode]
) -> None:
    """In three spellings, over two workers, while the node takes its time for the add."""
    nodes[0].delay_seconds["torrents/add"] = 0.3
    made = make_torrent("t", GIB)
    workers = [bench, Bench(bench.settings, bench.store, nodes)]
    forms = _spellings(made) * 8
    results = at_once([partial(workers[turn % 2].submit, form) for turn, form in enumerate(forms)])
    assert [(result.is_taken, result.node) for result in results] == [(True, "a")] * 24
    assert [result.status for result in results].count(Status.ACCEPTED) == 1
    assert sum(len(node.add_requests) for node in nodes) == 1


def test_who_waits_for_an_add_that_fails_goes_on_by_itself(bench: Bench, nodes: list[ScriptedNode]) -> None:
    """The other's claim goes away: the torrent is placed by the one that waited."""
    made = make_torrent("t", GIB)
    claim_id = bench.open_claim(made, "b", age_seconds=0)
    caller, results = _start(bench, made)
    caller.join(0.3)
    assert (caller.is_alive(), nodes[0].add_requests, nodes[1].add_requests) == (True, [], [])
    bench.release_claim(claim_id)
    caller.join(10)
    assert [(result.status, result.node) for result in results] == [(Status.ACCEPTED, "a")]


def test_who_waits_is_told_where_the_other_placed_it(bench: Bench, nodes: list[ScriptedNode]) -> None:
    """The first node never answers, the second takes the torrent: both callers hear of the second."""
    nodes[0].add_behaviour = "hang"
    made = make_torrent("t", GIB)
    first, accepted = _start(bench, made)
    nodes[0].wait_until_holding()
    second, joined = _start(bench, made)
    nodes[0].release()
    first.join(10)
    second.join(10)
    assert [(result.status, result.node) for result in accepted + joined] == [
        (Status.ACCEPTED, "b"),
        (Status.DUPLICATE, "b"),
    ]
    assert adds(nodes) == ["b"]


def test_nobody_waits_longer_than_the_node_may_take_to_answer(
    make_bench: BenchMaker, nodes: list[ScriptedNode]
) -> None:
    """The caller is asked to come again; nothing is sent, and the other's claim is left alone."""
    bench = make_bench(*nodes, changes={"a": {"timeout_s": 0.2}})
    made = make_torrent("t", GIB)
    claim_id = bench.open_claim(made, "a", age_seconds=0)
    result = bench.submit(made)
    assert (result.status, result.node, result.decision_id) == (Status.FAILED, None, "other-worker")
    assert "still adding this torrent to a; ask again" in result.reason
    assert [(claim.id, claim.phase) for claim in bench.claims("a")] == [(claim_id, Phase.ADDING)]
    assert adds(nodes) == []


def test_a_dead_workers_add_that_came_to_something_is_taken_over(bench: Bench, nodes: list[ScriptedNode]) -> None:
    """Its claim is past its deadline, and the node has the torrent: recorded as placed, with its decision."""
    made = make_torrent("t", GIB)
    bench.open_claim(made, "b", age_seconds=60)
    put(nodes[1], made)
    result = bench.submit(made)
    assert (result.status, result.node, result.decision_id) == (Status.DUPLICATE, "b", "other-worker")
    assert (bench.homes(made), [claim.phase for claim in bench.claims("b")]) == (["b"], [Phase.ADDED])
    assert adds(nodes) == []


def test_a_dead_workers_add_that_came_to_nothing_is_done_anew(bench: Bench, nodes: list[ScriptedNode]) -> None:
    """The node does not have it: the claim ends, and the best node gets the torrent."""
    made = make_torrent("t", GIB)
    bench.open_claim(made, "b", age_seconds=60)
    result = bench.submit(made)
    assert (result.status, result.node) == (Status.ACCEPTED, "a")
    assert (bench.claims("b"), bench.homes(made)) == ([], ["a"])


def test_a_dead_workers_add_on_a_silent_node_stays_a_doubt(bench: Bench, nodes: list[ScriptedNode]) -> None:
    """The node cannot be asked: its bytes go on counting there while another takes the torrent."""
    made = make_torrent("t", GIB)
    bench.open_claim(made, "b", age_seconds=60)
    nodes[1].close()
    assert bench.submit(made).node == "a"
    assert [(claim.phase, claim.bytes) for claim in bench.claims("b")] == [(Phase.DOUBT, GIB)]


def test_a_claim_that_is_settled_as_added_answers_at_once(bench: Bench, nodes: list[ScriptedNode]) -> None:
    """No waiting for what is certain, even before the placement is found."""
    made = made_up_magnet()
    bench.open_claim(made, "b", age_seconds=0, phase=Phase.ADDED)
    result = bench.submit(made)
    assert (result.status, result.node) == (Status.DUPLICATE, "b")
    assert adds(nodes) == []

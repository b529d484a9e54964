"""What a node no longer lists, although nobody removed it through us, is noticed, said once, and not added again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qbdispatch.dispatch.actions import Actions
from qbdispatch.dispatch.dispatcher import Status
from qbdispatch.dispatch.library import Library
from qbdispatch.dispatch.mirroring import CONFIRM_MANY_SECONDS, NodeMirror
from qbdispatch.dispatch.settle import Poll, settle
from qbdispatch.dispatch.vanishing import told, vanished_documents, with_vanished
from qbdispatch.nodes.view import NodeView
from qbdispatch.store import placements, vanished
from qbdispatch.store.claims import Phase
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet, make_torrent
from tests.unit.dispatch.bench import Bench, now, put
from tests.unit.dispatch.conftest import BenchMaker

pytestmark = pytest.mark.both_stores


@pytest.fixture
def node(scripted: Callable[..., ScriptedNode]) -> ScriptedNode:
    return scripted(name="a", free_gib=100)


@pytest.fixture
def bench(make_bench: BenchMaker, node: ScriptedNode) -> Bench:
    return make_bench(node)


def found(bench: Bench, *, hours: float = 24) -> list[dict[str, Any]]:
    with bench.store.read() as connection:
        return vanished_documents(connection, now() - hours * 3600)


def names(bench: Bench) -> list[str]:
    return [one["name"] for one in found(bench)]


def lost(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for record in caplog.records if "torrents" in (text := record.getMessage())]


def test_what_others_removed_is_said_once_and_can_be_found(
    bench: Bench, node: ScriptedNode, caplog: pytest.LogCaptureFixture
) -> None:
    """Ours with its decision, and one that was found there; neither is added again by itself."""
    ours, theirs = make_torrent("ours", GIB), make_torrent("theirs", GIB)
    decision_id = bench.submit(ours).decision_id
    put(node, theirs)
    bench.poll()
    node.torrents_by_hash.clear()
    for full in (False, False, True):
        bench.poll(full=full)
    assert {(one["node"], one["hash"], one["name"], one["decision_id"]) for one in found(bench)} == {
        ("a", ours.hash, "ours", decision_id),
        ("a", theirs.hash, "theirs", None),
    }
    (line,) = lost(caplog)
    assert line.startswith("node a no longer lists 2 of its torrents, removed by others: ")
    assert (len(node.adds), node.torrents_by_hash) == (1, {})
    with bench.store.read() as connection:
        (document,) = with_vanished(connection, [bench.decision(decision_id)])
    assert (document["vanished_from"], document["status"]) == ("a", "accepted")
    assert document["vanished_at"] in {one["vanished_at"] for one in found(bench)}
    assert bench.submit(ours).status is Status.ACCEPTED


def test_what_is_deleted_through_us_has_not_vanished(bench: Bench, node: ScriptedNode) -> None:
    """Not even where a poll saw it before the deletion was written down."""
    made = make_torrent("t", GIB)
    for _ in range(2):
        bench.submit(made)
        bench.poll()
        Actions(bench.store, bench.fleet, Library(bench.store, bench.fleet)).delete(made.hash, delete_files=True)
        bench.poll()
        assert (names(bench), bench.homes(made)) == ([], [])


def test_a_deletion_that_a_poll_saw_first_is_taken_back(bench: Bench, node: ScriptedNode) -> None:
    """The node does as it is told before we have its answer; what had vanished earlier stays so."""
    made = make_torrent("t", GIB)
    for _ in range(2):
        bench.submit(made)
        bench.poll()
        began = bench.store.now()
        node.torrents_by_hash.clear()
        bench.poll()
    with bench.store.write() as connection:
        vanished.withdraw(connection, "a", [made.hash], began)
    assert names(bench) == ["t"]


def test_a_torrent_that_was_taken_but_never_listed_has_vanished(bench: Bench, node: ScriptedNode) -> None:
    """It was accepted, so somebody waits for it."""
    bench.submit(make_torrent("t", GIB))
    node.torrents_by_hash.clear()
    bench.age("claims", deadline=now() - 1)
    bench.poll()
    assert names(bench) == ["t"]


def test_two_halves_that_become_one_have_not_vanished(bench: Bench, node: ScriptedNode) -> None:
    """The node lists a hybrid under one of the two hashes from then on."""
    hybrid = make_torrent("t", GIB, "hybrid")
    for link in (f"magnet:?xt=urn:btih:{hybrid.v1}", f"magnet:?xt=urn:btmh:1220{hybrid.v2}"):
        bench.submit(link)
        bench.poll()
    row = node.torrents_by_hash.pop(str(hybrid.v1))
    node.torrents_by_hash[hybrid.hash] = row | {"infohash_v1": hybrid.v1, "infohash_v2": hybrid.v2}
    bench.poll()
    assert names(bench) == []


@pytest.mark.parametrize(
    ("had", "kept", "says"),
    [
        (12, 0, "lists none of its 12 torrents: was it replaced, or its list lost?"),
        (12, 2, "lists only 2 of its 12 torrents: was it replaced, or its list lost?"),
        (12, 8, "no longer lists 4 of its torrents, removed by others: "),
        (30, 18, "no longer lists 12 of its torrents, removed by others: "),
    ],
)
def test_a_node_whose_list_is_another_is_said_to_be_replaced(
    bench: Bench, node: ScriptedNode, caplog: pytest.LogCaptureFixture, had: int, kept: int, says: str
) -> None:
    """In one line and after the wait for a list that is still being loaded; what the new one brought is no loss."""
    before = [make_torrent(f"t{number}", GIB) for number in range(had)]
    for made in before:
        put(node, made)
    bench.poll()
    for made in before[kept:]:
        del node.torrents_by_hash[made.hash]
    bench.poll(full=True)
    put(node, make_torrent("brought along", GIB))
    bench.poll()
    assert (names(bench), lost(caplog)) == ([], [])
    _as_if_waited(bench)
    bench.poll()
    assert len(names(bench)) == had - kept
    (line,) = lost(caplog)
    assert line.startswith(f"node a {says}")


def _as_if_waited(bench: Bench) -> None:
    """Let what is missing have been missing for long."""
    mirror = bench.watchers["a"]._mirror
    mirror._missing = {node_id: since - CONFIRM_MANY_SECONDS for node_id, since in mirror._missing.items()}


def test_while_a_list_may_yet_be_loaded_no_claim_ends(bench: Bench) -> None:
    """A node that was restarted between two polls shows a part of its torrents first: a magnet without metadata,
    whose claim is past its deadline, is missing like any other until that is confirmed."""
    made = made_up_magnet()
    bench.submit(made.magnet)
    bench.poll()
    bench.age("claims", deadline=now() - 600, claimed_at=now() - 700)
    bench.age("node_states", up_since=now() - 900)
    view, mirror, began = NodeView(), NodeMirror(), now()
    seen = []
    for seconds in (0, 9, 11):
        answer: dict[str, Any] = {"rid": 1, "server_state": {}} | ({"full_update": True} if not seconds else {})
        poll = Poll("a", began + seconds, began - 900, view, view.apply(answer, now=float(seconds), interval_seconds=1))
        with bench.store.write() as connection:
            mirror.confirm_missing(connection, poll)
            gone = settle(connection, poll).vanished
        seen.append((len(bench.homes(made)), [claim.phase for claim in bench.claims("a")], len(gone)))
    assert seen == [(1, [Phase.ADDED], 0), (1, [Phase.ADDED], 0), (0, [], 1)]


def test_a_sentence_names_a_few(bench: Bench, node: ScriptedNode) -> None:
    """Three names and no more, however many there are."""
    for number in range(5):
        put(node, make_torrent(f"t{number}", GIB))
    bench.poll()
    with bench.store.read() as connection:
        gone = placements.on_node(connection, "a")
    assert told(bench.store, gone).count('"t') == 3

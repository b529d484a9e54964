"""What a poll shows becomes the store's truth: when claims end, and how placements follow the node."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from qbdispatch.dispatch.dispatcher import Status
from qbdispatch.dispatch.mirroring import NodeMirror
from qbdispatch.dispatch.settle import DOUBT_SECONDS, Poll, settle
from qbdispatch.nodes.view import NodeView
from qbdispatch.store.claims import Phase
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.scripted_torrents import parse_url
from tests.rig.swarm import MadeTorrent, made_up_magnet, make_torrent
from tests.unit.dispatch.bench import Bench, at_once, now, put
from tests.unit.dispatch.conftest import BenchMaker

pytestmark = pytest.mark.both_stores

NodeMaker = Callable[..., ScriptedNode]
XL = f"&xl={10 * GIB}"


@pytest.fixture
def node(scripted: NodeMaker) -> ScriptedNode:
    return scripted(name="a", free_gib=100)


@pytest.fixture
def bench(make_bench: BenchMaker, node: ScriptedNode) -> Bench:
    return make_bench(node)


def test_a_poll_moves_a_file_from_claimed_to_left_to_write(bench: Bench) -> None:
    """Ten GB leave the claims and enter the node's own figures; what is effectively free stays the same."""
    bench.submit(make_torrent("t", 10 * GIB))
    before = bench.facts()["a"]
    bench.poll()
    after = bench.facts()["a"]
    assert (before.claimed_bytes, before.outstanding_bytes, before.downloads) == (10 * GIB, 0, 1)
    assert (after.claimed_bytes, after.outstanding_bytes, after.downloads) == (0, 10 * GIB, 1)
    assert bench.claims("a") == []


def test_no_reader_ever_sees_the_bytes_twice_or_not_at_all(bench: Bench) -> None:
    """While polls go on, every look finds the free space less what has been submitted so far."""
    done = threading.Event()
    seen: set[float | None] = set()

    def look() -> None:
        while not done.is_set():
            seen.add(bench.room_gib("a"))

    def place() -> None:
        for number in range(10):
            bench.submit(make_torrent(f"t{number}", GIB))
            bench.poll()
        done.set()

    at_once([look, place])
    assert seen <= {100 - number for number in range(11)}
    assert len(seen) > 1
    assert bench.room_gib("a") == 90


def test_a_magnet_keeps_its_claim_until_the_node_knows_its_size(bench: Bench, node: ScriptedNode) -> None:
    """Listed without metadata it counts as a download but says 0 bytes: the claim goes on counting, however long."""
    made = made_up_magnet()
    bench.submit(made.magnet + XL)
    for _ in range(2):
        bench.poll()
        assert [(claim.shown, claim.bytes) for claim in bench.claims("a")] == [(True, 10 * GIB)]
        assert (bench.room_gib("a"), bench.facts()["a"].downloads) == (90, 1)
        bench.age("claims", deadline=1.0)
    node.change(made.hash, state="checkingResumeData", size=30 * GIB, amount_left=0)
    bench.poll()
    assert bench.room_gib("a") == 90
    node.change(made.hash, state="downloading", size=30 * GIB, amount_left=30 * GIB)
    bench.poll()
    assert (bench.claims("a"), bench.room_gib("a")) == ([], 70)


def test_a_torrent_that_is_there_already_ends_its_claim_with_nothing_left_to_write(
    bench: Bench, node: ScriptedNode
) -> None:
    """A cross-seed: the size is known and complete, so the space is given back."""
    made = make_torrent("t", 10 * GIB)
    bench.submit(made)
    node.change(made.hash, state="stalledUP", amount_left=0, completed=10 * GIB)
    bench.poll()
    assert (bench.claims("a"), bench.room_gib("a"), bench.facts()["a"].downloads) == ([], 100, 0)


def test_a_torrent_deleted_on_the_node_can_be_placed_again_at_once(bench: Bench, node: ScriptedNode) -> None:
    """An increment says that it is gone."""
    made = make_torrent("t", GIB)
    bench.submit(made)
    bench.poll()
    node.session().delete(made.hash)
    bench.poll()
    assert bench.homes(made) == []
    assert bench.submit(made).status is Status.ACCEPTED
    assert len(node.adds) == 2


def test_a_torrent_missing_from_a_full_list_is_gone_when_it_is_still_missing_later(bench: Bench) -> None:
    """A node that restarts may answer before it has loaded all: the placement stays for ten seconds more."""
    made = make_torrent("t", GIB)
    bench.submit(made)
    bench.poll()
    view, mirror, began = NodeView(), NodeMirror(), now()
    homes = []
    for seconds in (0, 9, 11):
        answer: dict[str, Any] = {"rid": 1, "server_state": {}} | ({"full_update": True} if not seconds else {})
        change = view.apply(answer, now=float(seconds), interval_seconds=1)
        poll = Poll("a", began + seconds, began, view, change)
        with bench.store.write() as connection:
            mirror.confirm_missing(connection, poll)
            settle(connection, poll)
        homes.append(bench.homes(made))
    assert homes == [["a"], ["a"], []]
    assert bench.submit(made).status is not Status.DUPLICATE


def test_a_full_list_that_misses_what_was_just_added_does_not_forget_it(bench: Bench, node: ScriptedNode) -> None:
    """Adding is asynchronous in qBittorrent: the placement and its claim stay until the node has had its time."""
    made = make_torrent("t", 10 * GIB)
    bench.submit(made)
    row = node.torrents_by_hash.pop(made.hash)
    bench.poll(full=True)
    assert (bench.homes(made), bench.room_gib("a")) == (["a"], 90)
    assert bench.submit(made).status is Status.DUPLICATE
    node.torrents_by_hash[made.hash] = row
    bench.poll()
    assert (bench.homes(made), bench.claims("a"), bench.room_gib("a")) == (["a"], [], 90)


def test_a_torrent_that_never_appears_is_given_up(bench: Bench, node: ScriptedNode) -> None:
    """Taken, but not listed long after: the space is free again and so is the torrent."""
    made = made_up_magnet()
    bench.submit(made.magnet + XL)
    node.torrents_by_hash.clear()
    bench.age("claims", deadline=now() - 1)
    bench.poll()
    assert (bench.claims("a"), bench.homes(made), bench.room_gib("a")) == ([], [], 100)


@pytest.mark.parametrize("polled", [True, False])
def test_what_others_added_on_a_node_is_a_duplicate_here(
    make_bench: BenchMaker, node: ScriptedNode, polled: bool
) -> None:
    """Found by a first full poll, or by a later increment."""
    made = make_torrent("t", GIB)
    bench = make_bench(node)
    put(node, made)
    bench.poll(full=polled)
    result = bench.submit(made)
    assert (result.status, result.node, result.decision_id) == (Status.DUPLICATE, "a", None)
    assert node.adds == []


def test_a_torrent_of_an_old_version_without_hash_fields_is_found_too(bench: Bench, node: ScriptedNode) -> None:
    """4.3 knows v1 only and lists it as `hash`."""
    made = made_up_magnet()
    parsed = parse_url(made.magnet)
    assert parsed is not None
    row = node.put(parsed)
    del row["infohash_v1"], row["infohash_v2"]
    bench.poll()
    assert bench.submit(made).status is Status.DUPLICATE


def _as_metadata_arrives(node: ScriptedNode, hybrid: MadeTorrent) -> None:
    """What libtorrent 2 does with a hybrid's v1 magnet: from now on it is listed under the v2 hash."""
    assert hybrid.v1 is not None
    row = node.torrents_by_hash.pop(hybrid.v1)
    sizes = {"size": hybrid.size_bytes, "amount_left": hybrid.size_bytes, "state": "downloading"}
    node.torrents_by_hash[hybrid.hash] = row | sizes | {"infohash_v1": hybrid.v1, "infohash_v2": hybrid.v2}


def test_a_hybrid_is_followed_when_the_node_lists_it_under_its_other_hash(bench: Bench, node: ScriptedNode) -> None:
    """Submitted by its v1 hash alone: once its metadata is there, the v2 magnet and the file are duplicates as well."""
    hybrid = make_torrent("t", 10 * GIB, "hybrid")
    result = bench.submit(f"magnet:?xt=urn:btih:{hybrid.v1}{XL}")
    bench.poll()
    _as_metadata_arrives(node, hybrid)
    bench.poll()
    assert (bench.homes(hybrid), bench.claims("a"), bench.room_gib("a")) == (["a"], [], 90)
    for again in (bench.submit(f"magnet:?xt=urn:btmh:1220{hybrid.v2}"), bench.submit(hybrid)):
        assert (again.status, again.decision_id) == (Status.DUPLICATE, result.decision_id)
    node.session().delete(hybrid.hash)
    bench.poll()
    assert bench.homes(hybrid) == []


@pytest.mark.parametrize("full", [False, True])
def test_two_halves_of_a_hybrid_become_one_without_stopping_the_polls(
    bench: Bench, node: ScriptedNode, full: bool
) -> None:
    """Its v1 and v2 magnets look like two torrents until the metadata is there; then qBittorrent keeps the v2 one."""
    hybrid = make_torrent("t", 10 * GIB, "hybrid")
    for link in (f"magnet:?xt=urn:btih:{hybrid.v1}{XL}", f"magnet:?xt=urn:btmh:1220{hybrid.v2}{XL}"):
        assert bench.submit(link).status is Status.ACCEPTED
        bench.poll()
    _as_metadata_arrives(node, hybrid)
    bench.age("node_states", seen_at=1.0)
    bench.poll(full=full)
    assert (bench.facts()["a"].age_seconds or 0) < 60
    assert (set(bench.homes(hybrid)), bench.claims("a"), bench.room_gib("a")) == ({"a"}, [], 90)


def test_a_doubt_ends_a_while_after_the_node_is_back(bench: Bench, node: ScriptedNode) -> None:
    """A request that waited in a hung node's socket may still be carried out: a minute after its return it is not."""
    made = make_torrent("t", 10 * GIB)
    bench.open_claim(made, "a", age_seconds=600, phase=Phase.DOUBT, bytes=10 * GIB, deadline=now() - 500)
    bench.age("node_states", up_since=now() - 50)
    bench.poll()
    assert bench.room_gib("a") == 90
    bench.age("node_states", up_since=now() - 70)
    bench.poll()
    assert (bench.claims("a"), bench.room_gib("a")) == ([], 100)


def test_a_doubt_about_a_torrent_that_is_nowhere_else_becomes_its_placement(bench: Bench, node: ScriptedNode) -> None:
    """The node took it after all, and nobody else has it: it is simply placed, with its decision."""
    made = make_torrent("t", 10 * GIB)
    bench.open_claim(made, "a", age_seconds=5, phase=Phase.DOUBT, bytes=10 * GIB)
    put(node, made)
    bench.poll()
    assert (bench.homes(made), bench.claims("a"), bench.room_gib("a")) == (["a"], [], 90)
    assert bench.submit(made).decision_id == "other-worker"


def test_a_worker_that_was_slower_than_the_poll_touches_no_other_claim(bench: Bench, node: ScriptedNode) -> None:
    """The node has shown its torrent, so its claim has ended, and the next torrent has been claimed since."""
    slow, made = make_torrent("slow", GIB), make_torrent("t", GIB)
    claimed = bench.claimed(slow)
    put(node, slow)
    bench.poll()
    bench.open_claim(made, "a", age_seconds=0)
    bench.confirm(claimed, slow)
    assert [(claim.name, claim.phase) for claim in bench.claims("a")] == [("t", Phase.ADDING)]


def test_a_dead_workers_claim_ends_when_the_node_does_not_show_the_torrent(bench: Bench) -> None:
    """Before its deadline it counts, since the add may be under way; for a while after it, too, since the add may wait
    in the socket of a node that hangs."""
    made = make_torrent("t", 10 * GIB)
    bench.open_claim(made, "a", age_seconds=0, bytes=10 * GIB)
    bench.poll()
    bench.age("claims", deadline=now() - DOUBT_SECONDS + 20)
    bench.age("node_states", up_since=now() - DOUBT_SECONDS - 10)
    bench.poll()
    assert bench.room_gib("a") == 90
    bench.age("claims", deadline=now() - DOUBT_SECONDS - 1)
    bench.poll()
    assert (bench.claims("a"), bench.room_gib("a")) == ([], 100)

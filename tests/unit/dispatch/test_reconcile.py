"""What no poll can end comes to an end: claims on nodes that are away for good or configured no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qbdispatch.dispatch.actions import Actions
from qbdispatch.dispatch.dispatcher import Status
from qbdispatch.dispatch.library import Library
from qbdispatch.dispatch.reconcile import (
    AWAY_SECONDS,
    REMEMBER_SECONDS,
    claim_documents,
    reconcile_claims,
    reconcile_configuration,
    removed_documents,
)
from qbdispatch.scoring.model import Reason
from qbdispatch.store import health
from qbdispatch.store.claims import Phase
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import MadeTorrent, make_torrent
from tests.unit.dispatch.bench import Bench, now, put
from tests.unit.dispatch.conftest import BenchMaker

pytestmark = pytest.mark.both_stores

NodeMaker = Callable[..., ScriptedNode]
Way = Callable[[Bench, list[ScriptedNode]], None]
SIZE = 10 * GIB
LONG_AGO = AWAY_SECONDS + 60
STEPS: list[tuple[Phase, bool]] = [
    (Phase.ADDING, False),
    (Phase.ADDED, False),
    (Phase.ADDED, True),
    (Phase.DOUBT, False),
]


@pytest.fixture
def nodes(scripted: NodeMaker) -> list[ScriptedNode]:
    """The first is preferred."""
    return [scripted(name="a", free_gib=500), scripted(name="b", free_gib=100)]


@pytest.fixture
def bench(make_bench: BenchMaker, nodes: list[ScriptedNode]) -> Bench:
    return make_bench(*nodes)


def reconcile(bench: Bench) -> None:
    with bench.store.write() as connection:
        reconcile_claims(connection, now())


def configure(bench: Bench, *names: str) -> None:
    with bench.store.write() as connection:
        reconcile_configuration(connection, names, now())


def fall_silent(bench: Bench, name: str, *, for_seconds: float = 0.0) -> None:
    """The node has not answered for so long."""
    with bench.store.write() as connection:
        health.record_answer(connection, name, now() - for_seconds)
        health.record_fault(connection, name, Reason.UNREACHABLE, "refuses connections")


def phases(bench: Bench) -> list[str]:
    return [claim.phase.value for name in bench.fleet.members for claim in bench.claims(name)]


def counted(bench: Bench, name: str) -> int:
    return bench.facts()[name].claimed_bytes


def documents(bench: Bench) -> list[dict[str, Any]]:
    with bench.store.read() as connection:
        return claim_documents(connection, now())


def removed(bench: Bench) -> list[tuple[str, int]]:
    with bench.store.read() as connection:
        return [(one["name"], one["torrents"]) for one in removed_documents(connection)]


def claimed(bench: Bench, phase: Phase, shown: bool, *, age_seconds: float) -> MadeTorrent:
    """A claim on `a` as a worker that died at this step has left it."""
    made = make_torrent("t", SIZE)
    bench.open_claim(made, "a", age_seconds=age_seconds, phase=phase, shown=shown, bytes=SIZE, decision_id="d")
    if phase is Phase.ADDED:
        bench.place(made, "a", "d")
    return made


@pytest.mark.parametrize(("phase", "shown"), STEPS)
def test_on_a_node_that_is_dead_for_good_no_promise_lasts(bench: Bench, phase: Phase, shown: bool) -> None:
    """For a day it counts, since the node may come back with the torrent; then it does not, and after a month nothing
    is left of it. Until then a worker's death at any step leaves the same."""
    claimed(bench, phase, shown, age_seconds=LONG_AGO)
    fall_silent(bench, "a", for_seconds=AWAY_SECONDS - 60)
    reconcile(bench)
    assert (counted(bench, "a"), len(documents(bench))) == (SIZE, 1)
    fall_silent(bench, "a", for_seconds=LONG_AGO)
    reconcile(bench)
    assert (counted(bench, "a"), documents(bench), phases(bench)) == (0, [], ["given_up"])
    bench.age("claims", deadline=now() - REMEMBER_SECONDS - 1)
    reconcile(bench)
    assert phases(bench) == []


@pytest.mark.parametrize(("phase", "shown"), STEPS)
def test_a_claim_on_a_node_that_answers_is_left_to_its_polls(bench: Bench, phase: Phase, shown: bool) -> None:
    """However old: a magnet without metadata may wait for weeks. Nor does it matter that the service itself was down
    for long, or a moment's silence."""
    claimed(bench, phase, shown, age_seconds=LONG_AGO)
    bench.age("node_states", seen_at=now() - LONG_AGO)
    reconcile(bench)
    assert phases(bench) == [phase.value]
    fall_silent(bench, "a", for_seconds=5)
    reconcile(bench)
    assert counted(bench, "a") == SIZE


@pytest.mark.parametrize(("age_seconds", "becomes"), [(0, "adding"), (60, "doubt")])
def test_the_add_of_a_dead_worker_is_in_doubt_while_its_node_is_away(
    bench: Bench, age_seconds: float, becomes: str
) -> None:
    """Past its deadline nobody is at it any more, so the torrent may be placed elsewhere at once."""
    made = claimed(bench, Phase.ADDING, False, age_seconds=age_seconds)
    fall_silent(bench, "a")
    reconcile(bench)
    assert phases(bench) == [becomes]
    if becomes == "doubt":
        result = bench.submit(made)
        assert (result.status, result.node) == (Status.ACCEPTED, "b")


def test_a_node_that_comes_back_late_with_the_torrent_is_healed(bench: Bench, nodes: list[ScriptedNode]) -> None:
    """The promise was given up and the torrent placed elsewhere: when the node is back the lesser copy goes."""
    made = claimed(bench, Phase.DOUBT, False, age_seconds=LONG_AGO)
    fall_silent(bench, "a", for_seconds=LONG_AGO)
    reconcile(bench)
    assert bench.submit(made).node == "b"
    put(nodes[0], made)
    bench.poll()
    assert [made.hash in node.torrents_by_hash for node in nodes] == [False, True]
    bench.poll()
    assert (bench.homes(made), phases(bench)) == (["b"], [])


@pytest.mark.parametrize("phase", [Phase.ADDING, Phase.DOUBT, Phase.ADDED])
def test_a_node_that_comes_back_late_with_the_only_copy_has_it_placed(
    bench: Bench, nodes: list[ScriptedNode], phase: Phase
) -> None:
    """With its bytes, as long as the node does not know its size."""
    made = claimed(bench, phase, False, age_seconds=LONG_AGO)
    fall_silent(bench, "a", for_seconds=LONG_AGO)
    reconcile(bench)
    put(nodes[0], made, state="metaDL", size=0, amount_left=0, has_metadata=False)
    bench.poll()
    assert (bench.homes(made), counted(bench, "a")) == (["a"], SIZE)
    nodes[0].change(made.hash, state="downloading", size=SIZE, amount_left=SIZE, has_metadata=True)
    bench.poll()
    assert (phases(bench), bench.submit(made).node) == ([], "a")


def test_a_node_that_comes_back_late_without_the_torrent_ends_what_was_given_up(bench: Bench) -> None:
    """A minute after its return nothing that waited in its socket can still be carried out."""
    claimed(bench, Phase.DOUBT, False, age_seconds=LONG_AGO)
    fall_silent(bench, "a", for_seconds=LONG_AGO)
    reconcile(bench)
    bench.poll()
    assert phases(bench) == ["given_up"]
    bench.age("node_states", up_since=now() - 120)
    bench.age("claims", deadline=now() - 120)
    bench.poll()
    assert phases(bench) == []


def test_a_node_that_was_away_gets_a_minute_to_load_what_it_took(bench: Bench) -> None:
    """It was restarted right after it took the torrent: its first lists say nothing of what it has."""
    made = claimed(bench, Phase.ADDED, False, age_seconds=600)
    fall_silent(bench, "a", for_seconds=300)
    bench.poll("a")
    assert (bench.homes(made), phases(bench)) == (["a"], ["added"])
    bench.age("node_states", up_since=now() - 70)
    bench.poll("a")
    assert (bench.homes(made), phases(bench)) == ([], [])


@pytest.mark.parametrize(("phase", "shown"), STEPS)
def test_with_its_node_taken_out_of_the_configuration_a_promise_ends(bench: Bench, phase: Phase, shown: bool) -> None:
    """At once, but for an add that a worker may still be carrying out."""
    claimed(bench, phase, shown, age_seconds=0)
    configure(bench, "b")
    assert phases(bench) == ["adding" if phase is Phase.ADDING else "given_up"]
    bench.age("claims", deadline=now() - 1)
    reconcile(bench)
    assert (phases(bench), documents(bench)) == (["given_up"], [])


def test_what_is_known_of_a_removed_node_stays_known(bench: Bench, nodes: list[ScriptedNode]) -> None:
    """Its name, what is on it, and since when; all is as before once it is configured again."""
    made = make_torrent("t", SIZE)
    put(nodes[0], made)
    bench.poll()
    configure(bench, "b")
    configure(bench, "b")
    assert removed(bench) == [("a", 1)]
    assert bench.homes(made) == ["a"]
    configure(bench, "a", "b")
    assert removed(bench) == []
    assert bench.submit(made).status is Status.DUPLICATE


def test_a_twin_of_a_removed_node_counts_no_bytes_and_is_healed_when_that_is_back(
    bench: Bench, make_bench: BenchMaker, nodes: list[ScriptedNode]
) -> None:
    """It cannot be asked which copy has more, so both stay until it can."""
    made = claimed(bench, Phase.DOUBT, False, age_seconds=60)
    for node in nodes:
        put(node, made)
    bench.place(made, "b")
    alone = make_bench(nodes[0])
    alone.poll()
    assert (phases(alone), counted(alone, "a")) == (["given_up"], 0)
    assert [made.hash in node.torrents_by_hash for node in nodes] == [True, True]
    bench.poll()
    assert [made.hash in node.torrents_by_hash for node in nodes] == [False, True]
    assert bench.homes(made) == ["b"]


def test_what_was_placed_anew_while_its_node_was_not_configured_is_kept_on_both(
    bench: Bench, make_bench: BenchMaker, nodes: list[ScriptedNode]
) -> None:
    """No time-out made it so: both adds were answered, and whoever took the node out and in again decides. The
    magnet's claim, which it had when the node left, goes on."""
    made = claimed(bench, Phase.ADDED, True, age_seconds=60)
    put(nodes[0], made, state="metaDL", size=0, amount_left=0, has_metadata=False)
    configure(bench, "b")
    assert make_bench(nodes[1]).submit(made).node == "b"
    configure(bench, "a", "b")
    bench.poll()
    assert [made.hash in node.torrents_by_hash for node in nodes] == [True, True]
    assert (bench.homes(made), counted(bench, "a")) == (["a", "b"], SIZE)


def test_a_torrent_deleted_on_its_node_while_it_is_claimed_leaves_no_claim(
    bench: Bench, nodes: list[ScriptedNode]
) -> None:
    """A magnet without metadata, added and shown: the claim goes with it."""
    made = make_torrent("t", SIZE)
    bench.submit(made.magnet)
    bench.poll()
    assert phases(bench) == ["added"]
    nodes[0].torrents_by_hash.clear()
    bench.age("claims", deadline=now() - 1)
    bench.poll()
    assert (phases(bench), bench.homes(made)) == ([], [])


def _died(phase: Phase, *, shown: bool = False, listed: bool = False) -> Way:
    """A worker died at this step; the node has the torrent, or has not."""

    def walk(bench: Bench, nodes: list[ScriptedNode]) -> None:
        made = claimed(bench, phase, shown, age_seconds=0)
        if listed:
            put(nodes[0], made)

    return walk


def _answered(behaviour: Any, *, goes_on: bool = True) -> Way:
    """The preferred node treats the add like this."""

    def walk(bench: Bench, nodes: list[ScriptedNode]) -> None:
        nodes[0].add_behaviour = behaviour
        result = bench.submit(make_torrent("t", SIZE))
        assert (result.node == "b") == goes_on
        nodes[0].add_behaviour = "normal"

    return walk


def _timed_out(*, takes: bool) -> Way:
    def walk(bench: Bench, nodes: list[ScriptedNode]) -> None:
        nodes[0].add_behaviour = "add_then_hang" if takes else "hang"
        nodes[0].delay_seconds["torrents/info"] = 30
        assert bench.submit(make_torrent("t", SIZE)).node == "b"
        nodes[0].release()
        nodes[0].delay_seconds.clear()

    return walk


def _deleted(bench: Bench, _: list[ScriptedNode]) -> None:
    made = make_torrent("t", SIZE)
    bench.submit(made.magnet)
    bench.poll()
    Actions(bench.store, bench.fleet, Library(bench.store, bench.fleet)).delete(str(made.v1), delete_files=True)


def _removed_for_good(bench: Bench, _: list[ScriptedNode]) -> None:
    for phase, shown in STEPS:
        claimed(bench, phase, shown, age_seconds=0)
    configure(bench, "b")


def _dead_for_good(bench: Bench, nodes: list[ScriptedNode]) -> None:
    for phase, shown in STEPS:
        claimed(bench, phase, shown, age_seconds=0)
    nodes[0].close()


WAYS: dict[str, Way] = {
    "taken": _answered("normal", goes_on=False),
    "refused": _answered("fail"),
    "cut off": _answered("drop"),
    "taken and cut off": _answered("add_then_drop", goes_on=False),
    "timed out": _timed_out(takes=False),
    "timed out and taken": _timed_out(takes=True),
    "died before the add": _died(Phase.ADDING),
    "died after the add": _died(Phase.ADDING, listed=True),
    "died before a doubt was asked about": _died(Phase.DOUBT),
    "died with a doubt that came true": _died(Phase.DOUBT, listed=True),
    "died after all was written, and it never appeared": _died(Phase.ADDED),
    "shown without its size, and gone": _died(Phase.ADDED, shown=True),
    "deleted through us": _deleted,
    "its node removed": _removed_for_good,
    "its node dead for good": _dead_for_good,
}


@pytest.mark.parametrize("way", list(WAYS))
def test_no_claim_is_left_whatever_became_of_it(make_bench: BenchMaker, nodes: list[ScriptedNode], way: str) -> None:
    """Each way that a claim can go ends by itself in polls and in what is done beside them, given time; what was
    accepted and is still there is on one node then."""
    bench = make_bench(*nodes, changes={name: {"timeout_s": 0.3} for name in "ab"})
    WAYS[way](bench, nodes)
    for hours in (1, 25, 25 + 24 * 31):
        past = now() - hours * 3600
        bench.poll()
        bench.age("claims", deadline=past, claimed_at=past)
        bench.age("node_states", up_since=past, seen_at=past)
        reconcile(bench)
        bench.poll()
    assert phases(bench) == []
    assert sum(len(node.torrents_by_hash) for node in nodes) <= 1


def test_each_claim_tells_when_it_ends(bench: Bench) -> None:
    """Whose it is, how old, how large, and until when or for what it waits."""
    wanted = [
        (Phase.ADDING, False, 5.0, "when the add is answered, or after 20"),
        (Phase.ADDED, False, 5.0, "when the node lists the torrent, or after 20"),
        (Phase.ADDED, True, 500.0, "when the node knows the torrent's size"),
        (Phase.DOUBT, False, 5.0, "when the node lists the torrent, or after 20"),
    ]
    for phase, shown, age_seconds, _ in wanted:
        claimed(bench, phase, shown, age_seconds=age_seconds)
    found = documents(bench)
    assert [one["phase"] for one in found] == [phase.value for phase, *_ in wanted]
    assert all(one["ends"].startswith(ends) for one, (*_, ends) in zip(found, wanted, strict=True))
    assert {(one["node"], one["name"], one["size_gb"], one["decision_id"]) for one in found} == {("a", "t", 10.0, "d")}
    assert [500 <= one["age_s"] < 560 for one in found] == [False, False, True, False]
    fall_silent(bench, "a")
    assert documents(bench)[3]["ends"].startswith("when the node answers again, or after 20")
    with bench.store.write() as connection:
        health.set_configured(connection, ["b"], now())
    assert documents(bench)[3]["ends"] == "in a moment, as the node is not configured any more"

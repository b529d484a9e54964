"""A torrent that an unanswered add left on two nodes: one copy goes, the one with more data stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from qbdispatch.dispatch.dispatcher import Status
from qbdispatch.store.claims import Phase
from tests.rig.disks import GIB
from tests.rig.swarm import MadeTorrent, make_torrent
from tests.unit.dispatch.bench import Bench, WatchedNode, put
from tests.unit.dispatch.conftest import BenchMaker

Twins = Callable[..., tuple[Bench, MadeTorrent]]
SIZE = 10 * GIB


@pytest.fixture
def nodes() -> Iterator[list[WatchedNode]]:
    """The first is preferred."""
    with ExitStack() as stack:
        yield [stack.enter_context(WatchedNode(name=name, free_gib=free)) for name, free in (("a", 500), ("b", 100))]


@pytest.fixture
def twins(make_bench: BenchMaker, nodes: list[WatchedNode]) -> Twins:
    """A torrent that is placed on `b`, while `a` lists it too, where our claim is in doubt."""

    def make(**changes: dict[str, Any]) -> tuple[Bench, MadeTorrent]:
        bench = make_bench(*nodes, polled=False, changes={"b": {"timeout_s": 0.3}} | changes)
        made = make_torrent("t", SIZE)
        for node in nodes:
            put(node, made)
        bench.poll("b")
        bench.place(made, "b")
        bench.open_claim(made, "a", age_seconds=30, phase=Phase.DOUBT, bytes=SIZE)
        return bench, made

    return make


def _have(nodes: list[WatchedNode], made: MadeTorrent, completed: tuple[int, int], paths: tuple[str, str]) -> None:
    for node, done, path in zip(nodes, completed, paths, strict=True):
        left = SIZE - done
        node.change(made.hash, completed=done, amount_left=left, state="downloading", content_path=path)


@pytest.mark.parametrize(("loaded", "stays"), [(0, 1), (GIB, 0)])
def test_an_add_that_comes_to_something_after_all_is_healed(
    make_bench: BenchMaker, nodes: list[WatchedNode], loaded: int, stays: int
) -> None:
    """From the hung add to the healed fleet: `a` took the torrent and answered nothing, so `b` got it as well."""
    bench = make_bench(*nodes, changes={"a": {"timeout_s": 0.3}})
    nodes[0].add_behaviour = "add_then_hang"
    nodes[0].delay_seconds["torrents/info"] = 30
    made = make_torrent("t", SIZE)
    assert bench.submit(made).node == "b"
    nodes[0].change(made.hash, completed=loaded)
    nodes[0].release()
    nodes[0].delay_seconds.clear()
    bench.poll("a")
    assert [made.hash in node.torrents_by_hash for node in nodes] == [stays == 0, stays == 1]
    assert bench.claims(nodes[1 - stays].name) == []
    bench.poll()
    assert (bench.homes(made), bench.claims("a"), bench.claims("b")) == ([nodes[stays].name], [], [])
    assert bench.submit(made).node == nodes[stays].name


@pytest.mark.parametrize(
    ("completed", "stays", "goes"),
    [((0, 0), 1, 0), ((1 * GIB, 2 * GIB), 1, 0), ((2 * GIB, 2 * GIB), 1, 0), ((2 * GIB, 1 * GIB), 0, 1)],
)
def test_the_copy_with_more_data_stays(
    nodes: list[WatchedNode],
    twins: Twins,
    completed: tuple[int, int],
    stays: int,
    goes: int,
) -> None:
    """With equal data the answered one. Its files go with the lesser copy, and the books are right at once."""
    bench, made = twins()
    _have(nodes, made, completed, ("/a/t", "/b/t"))
    bench.poll("a")
    assert [node.deleted for node in (nodes[stays], nodes[goes])] == [[], [(made.hash, "true")]]
    assert bench.homes(made) == [nodes[stays].name]
    result = bench.submit(made)
    assert (result.status, result.node) == (Status.DUPLICATE, nodes[stays].name)
    bench.poll()
    assert (bench.claims("a"), bench.claims("b"), bench.homes(made)) == ([], [], [nodes[stays].name])


@pytest.mark.parametrize(
    ("changes", "paths", "deletes"),
    [
        ({}, ("/a/t", "/b/t"), "true"),
        ({}, ("/shared/t", "/shared/t"), "false"),
        ({}, ("", ""), "false"),
        ({"a": {"pool": "one"}, "b": {"pool": "two"}}, ("/a/t", "/b/t"), "true"),
        ({"a": {"pool": "one"}}, ("/a/t", "/b/t"), "true"),
        ({"a": {"pool": "one"}, "b": {"pool": "one"}}, ("/a/t", "/b/t"), "false"),
    ],
)
@pytest.mark.parametrize("loser", [0, 1])
def test_files_are_deleted_only_where_they_cannot_be_the_other_copys(
    nodes: list[WatchedNode],
    twins: Twins,
    changes: dict[str, Any],
    paths: tuple[str, str],
    deletes: str,
    loser: int,
) -> None:
    """Two nodes may stand on one disk, or have one folder mounted."""
    bench, made = twins(**changes)
    _have(nodes, made, (loser * GIB, GIB - loser * GIB), paths)
    bench.poll("a")
    assert nodes[loser].deleted == [(made.hash, deletes)]


@pytest.mark.parametrize(
    ("on", "path", "deletes"),
    [
        (0, "/a/t", "false"),
        (0, "/a/t/one.mkv", "false"),
        (0, "/a", "false"),
        (0, "/a/t2", "true"),
        (1, "/a/t", "false"),
        (1, "/b/t", "true"),
    ],
)
def test_files_that_another_torrent_has_too_are_not_deleted(
    nodes: list[WatchedNode], twins: Twins, on: int, path: str, deletes: str
) -> None:
    """The same release from another tracker, on that node or on one that may have the folder mounted."""
    bench, made = twins()
    put(nodes[on], make_torrent("other", SIZE), content_path=path)
    bench.poll("b")
    _have(nodes, made, (0, GIB), ("/a/t", "/b/t"))
    bench.poll("a")
    assert nodes[0].deleted == [(made.hash, deletes)]


def test_healing_waits_for_a_node_that_does_not_answer(nodes: list[WatchedNode], twins: Twins) -> None:
    """Nothing is deleted before both copies have been seen; the next poll tries again."""
    bench, made = twins()
    nodes[1].delay_seconds["torrents/info"] = 30
    bench.poll("a")
    assert [node.deleted for node in nodes] == [[], []]
    assert bench.room_gib("a") == 480  # counted twice for the time being: once promised, once by the node itself
    nodes[1].delay_seconds.clear()
    bench.poll("a")
    assert [node.deleted for node in nodes] == [[(made.hash, "false")], []]
    assert bench.homes(made) == ["b"]


def test_a_twin_whose_other_copy_was_removed_meanwhile_becomes_the_placement(
    nodes: list[WatchedNode], twins: Twins
) -> None:
    """The only copy is never deleted: once the other node has said that it has none, this one counts."""
    bench, made = twins()
    bench.poll("b")
    del nodes[1].torrents_by_hash[made.hash]
    bench.poll("a")
    assert [node.deleted for node in nodes] == [[], []]
    bench.poll("b")
    bench.poll("a")
    assert (bench.homes(made), bench.claims("a")) == (["a"], [])


def test_a_twin_on_a_node_that_is_no_longer_configured_is_left_alone(
    make_bench: BenchMaker, nodes: list[WatchedNode], twins: Twins
) -> None:
    """We cannot ask it, so nothing is deleted."""
    _, made = twins()
    make_bench(nodes[0])
    assert nodes[0].deleted == []
    assert made.hash in nodes[0].torrents_by_hash


def test_both_copies_are_finished_and_the_answered_one_stays(nodes: list[WatchedNode], twins: Twins) -> None:
    """Seeding on either node: nothing is to be gained from the other copy, and its files are its own."""
    bench, made = twins()
    _have(nodes, made, (SIZE, SIZE), ("/a/t", "/b/t"))
    for node in nodes:
        node.change(made.hash, state="uploading")
    bench.poll("a")
    assert [node.deleted for node in nodes] == [[(made.hash, "true")], []]
    assert bench.homes(made) == ["b"]


@pytest.mark.parametrize(
    ("maps", "paths", "deletes"),
    [
        (("/data", "/downloads"), ("/data/t", "/downloads/t"), "false"),
        (("/data", "/downloads"), ("/data/t", "/downloads/u"), "true"),
        (("/data", "/other"), ("/data/t", "/mnt/t"), "false"),
    ],
)
def test_files_that_clients_know_by_one_path_are_never_deleted(
    nodes: list[WatchedNode], twins: Twins, maps: tuple[str, str], paths: tuple[str, str], deletes: str
) -> None:
    """Two nodes may have one folder mounted under different names: their path maps say so."""
    rules = [{"path_map": [{"from": own, "to": "/mnt"}]} for own in maps]
    bench, made = twins(a=rules[0], b=rules[1])
    _have(nodes, made, (0, GIB), paths)
    bench.poll("a")
    assert nodes[0].deleted == [(made.hash, deletes)]


@pytest.mark.parametrize("paths", [("/a/t", ""), ("", "/b/t")])
def test_without_a_path_no_files_are_deleted(nodes: list[WatchedNode], twins: Twins, paths: tuple[str, str]) -> None:
    """Who knows whose files they are."""
    bench, made = twins()
    _have(nodes, made, (0, GIB), paths)
    bench.poll("a")
    assert nodes[0].deleted == [(made.hash, "false")]


def test_a_new_leader_heals_what_the_one_before_could_not(nodes: list[WatchedNode], twins: Twins) -> None:
    """What is to be healed is in the store: a watcher with no memory finds it."""
    bench, made = twins()
    nodes[1].delay_seconds["torrents/info"] = 30
    bench.poll("a")
    nodes[1].delay_seconds.clear()
    bench.poll("a", full=True)
    assert nodes[0].deleted == [(made.hash, "false")]
    assert bench.homes(made) == ["b"]


def test_what_the_user_has_on_two_nodes_is_not_touched(make_bench: BenchMaker, nodes: list[WatchedNode]) -> None:
    """Added by hand on both; and where one of them is ours in doubt, the user's own copy is no twin of it."""
    bench = make_bench(*nodes)
    by_hand, doubted = make_torrent("by hand", SIZE), make_torrent("doubted", SIZE)
    bench.open_claim(doubted, "a", age_seconds=30, phase=Phase.DOUBT, bytes=SIZE)
    for made in (by_hand, doubted):
        for node in nodes:
            put(node, made)
        nodes[0].change(made.hash, completed=GIB)
    for full in (False, True):
        bench.poll("b", "a", full=full)
    assert [node.deleted for node in nodes] == [[], []]
    assert (bench.homes(by_hand), bench.homes(doubted)) == (["b", "a"], ["b", "a"])
    assert bench.claims("a") == []


@pytest.mark.parametrize("most", [0, 1, 2])
def test_of_three_copies_the_one_with_most_data_stays(make_bench: BenchMaker, most: int) -> None:
    """Two nodes fell silent before the third answered: whichever has most, one copy is left in the end."""
    with ExitStack() as stack:
        three = [stack.enter_context(WatchedNode(name=name)) for name in "abc"]
        bench, made = make_bench(*three), make_torrent("t", SIZE)
        for number, node in enumerate(three):
            put(node, made, completed=2 * GIB if number == most else GIB, content_path=f"/{node.name}/t")
        bench.poll("c")
        bench.place(made, "c")
        for name in "ab":
            bench.open_claim(made, name, age_seconds=30, phase=Phase.DOUBT, bytes=SIZE)
        for _ in range(3):
            bench.poll()
        assert [made.hash in node.torrents_by_hash for node in three] == [number == most for number in range(3)]
        assert bench.homes(made) == ["abc"[most]]
        assert [bench.claims(name) for name in "abc"] == [[], [], []]

"""A torrent that was deleted stays deleted, also where an unanswered add of it comes to something only afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import cast

import pytest

from qbdispatch.config.settings import NodeSettings, Settings, SyncSettings
from qbdispatch.dispatch.access import Fleet, NodeAccess
from qbdispatch.dispatch.actions import Actions
from qbdispatch.dispatch.dispatcher import Dispatcher, Status
from qbdispatch.dispatch.library import Library
from qbdispatch.dispatch.watcher import Watcher
from qbdispatch.store import health
from qbdispatch.store.claims import Phase
from qbdispatch.store.engine import Store
from tests.rig.disks import GIB
from tests.rig.swarm import MadeTorrent, make_torrent
from tests.unit.dispatch.bench import Bench, WatchedNode, put, submission
from tests.unit.dispatch.conftest import BenchMaker
from tests.unit.dispatch.simulated import Plan, SimulatedNode


@pytest.fixture
def nodes() -> Iterator[list[WatchedNode]]:
    """The first is preferred."""
    with ExitStack() as stack:
        yield [stack.enter_context(WatchedNode(name=name, free_gib=free)) for name, free in (("a", 500), ("b", 100))]


@pytest.fixture
def made() -> MadeTorrent:
    return make_torrent("t", 10 * GIB)


@pytest.fixture
def deleted(make_bench: BenchMaker, nodes: list[WatchedNode], made: MadeTorrent) -> Bench:
    """The torrent was placed on `b` while an add to `a` was never answered, and has just been deleted."""
    bench = make_bench(*nodes)
    put(nodes[1], made)
    bench.poll("b")
    bench.open_claim(made, "a", age_seconds=5, phase=Phase.DOUBT, bytes=10 * GIB)
    _delete(bench, made)
    assert (nodes[1].torrents_by_hash, bench.homes(made)) == ({}, [])
    return bench


def _delete(bench: Bench, made: MadeTorrent) -> None:
    library = Library(bench.store, bench.fleet)
    Actions(bench.store, bench.fleet, library).delete(made.hash, delete_files=True)


def _listed(bench: Bench) -> set[str]:
    return set(Library(bench.store, bench.fleet).shelf().by_hash)


def test_what_comes_of_an_unanswered_add_after_the_deletion_is_removed(
    deleted: Bench, nodes: list[WatchedNode], made: MadeTorrent
) -> None:
    """The node takes the torrent late: the poll that shows it removes it, without files, and from the lists."""
    put(nodes[0], made)
    deleted.poll("a")
    assert nodes[0].deleted == [(made.hash, "false")]
    assert _listed(deleted) == set()
    deleted.poll("a")
    assert (nodes[0].torrents_by_hash, deleted.homes(made), deleted.claims("a")) == ({}, [], [])


def test_its_bytes_stay_claimed_while_the_node_may_still_take_it(deleted: Bench) -> None:
    """Only a minute of answers without the torrent ends the claim."""
    room = deleted.room_gib("a")
    deleted.poll("a")
    assert ([claim.phase for claim in deleted.claims("a")], deleted.room_gib("a")) == ([Phase.UNWANTED], room)
    deleted.age("node_states", up_since=1.0)
    deleted.age("claims", deadline=1.0)
    deleted.poll("a")
    assert (deleted.claims("a"), deleted.room_gib("a")) == ([], 500)


def test_it_can_be_added_again_to_the_same_node(deleted: Bench, nodes: list[WatchedNode], made: MadeTorrent) -> None:
    """The new add is what counts: the torrent stays where it was accepted, and no claim is left over."""
    assert deleted.submit(made).node == "a"
    deleted.poll("a")
    deleted.poll("a")
    assert (list(nodes[0].torrents_by_hash), nodes[0].deleted) == ([made.hash], [])
    assert (deleted.homes(made), deleted.claims("a")) == (["a"], [])


def test_it_can_be_added_again_to_another_node(deleted: Bench, nodes: list[WatchedNode], made: MadeTorrent) -> None:
    """The late copy is a surplus one of the new placement and goes as any other."""
    deleted.poll("b")
    put(nodes[1], made)
    deleted.poll("b")
    put(nodes[0], made)
    deleted.poll("a")
    assert [list(node.torrents_by_hash) for node in nodes] == [[], [made.hash]]
    deleted.poll()
    assert (deleted.homes(made), deleted.claims("a")) == (["b"], [])


class DeletingNode(SimulatedNode):
    """Between its answer to a poll and what the poll asks next, something is done once."""

    meanwhile: Callable[[], None] | None = None

    def version(self, _cookies: object, _timeout: float | None = None) -> str:
        during, self.meanwhile = self.meanwhile, None
        if during is not None:
            during()
        return super().version(_cookies, _timeout)


def test_a_poll_that_was_under_way_during_the_deletion_does_not_bring_the_record_back(
    store: Store, made: MadeTorrent
) -> None:
    """What the node listed a moment before is not taken for a torrent that somebody has added there: it can be added
    again, and is not answered as a duplicate of one that is gone."""
    configured = NodeSettings(name="a", url="http://a")
    node = DeletingNode(configured, 100 * GIB, Plan())
    fleet = Fleet(cast("dict[str, NodeAccess]", {"a": node}))
    with store.write() as connection:
        health.register(connection, ["a"])
    Watcher(fleet.members["a"], fleet, store, SyncSettings(), lambda _: True).tick()
    dispatcher = Dispatcher(Settings(nodes=(configured,)), store, fleet)
    assert dispatcher.submit(submission(made)).status is Status.ACCEPTED
    actions = Actions(store, fleet, Library(store, fleet))
    node.meanwhile = lambda: actions.delete(made.hash, delete_files=True)
    Watcher(fleet.members["a"], fleet, store, SyncSettings(), lambda _: True).tick()
    assert node.listed == {}
    assert dispatcher.submit(submission(made)).status is Status.ACCEPTED
    assert list(node.listed) == [made.hash]

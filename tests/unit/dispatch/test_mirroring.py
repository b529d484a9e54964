"""What a poll writes into the mirror: when a missing torrent is believed to be gone (trap 4), and the hash under which
a torrent is listed for its life (trap 24)."""

from __future__ import annotations

from typing import Any

import pytest

from qbdispatch.dispatch.mirroring import NodeMirror
from qbdispatch.dispatch.settle import Poll, settle
from qbdispatch.nodes.view import NodeView
from qbdispatch.store import mirror, placements
from qbdispatch.store.engine import Store
from tests.unit.dispatch.shelves import OTHER, V1, V2

pytestmark = pytest.mark.both_stores

START = 1000.0
MANY = [f"{number:040x}" for number in range(20)]


class PolledNode:
    """One node as the leader sees it, poll after poll; `restart` is a new leader or a node that was away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.restart()

    def restart(self) -> None:
        self._view, self._mirror = NodeView(), NodeMirror()

    def poll(self, at: float, *listed: str, full: bool = False, removed: tuple[str, ...] = (), **row: Any) -> set[str]:
        """A poll begun `at` seconds after the start, with rows for these ids; answers what is listed after it."""
        answer = {"rid": 1, "torrents": {one: row | {"name": one[:3]} for one in listed}}
        answer |= {"full_update": True} if full else {"torrents_removed": list(removed)}
        change = self._view.apply(answer, now=at, interval_seconds=2)
        poll = Poll("a", START + at, START, self._view, change)
        with self._store.write() as connection:
            self._mirror.confirm_missing(connection, poll)
            settle(connection, poll)
            self._mirror.write(connection, poll)
        return self.listed

    @property
    def listed(self) -> set[str]:
        with self._store.read() as connection:
            return set(mirror.node_rows(connection, "a"))

    @property
    def names(self) -> dict[str, str]:
        """The hash under which each of the node's ids is listed."""
        with self._store.read() as connection:
            return {row.node_id: row.hash for row in mirror.node_rows(connection, "a").values()}

    @property
    def placed(self) -> set[str]:
        with self._store.read() as connection:
            return {found.node_id for found in placements.on_node(connection, "a")}

    @property
    def revision(self) -> int:
        with self._store.read() as connection:
            return mirror.revision(connection)

    def touch(self, at: float, node_id: str, **row: Any) -> None:
        """An action of ours, and the row that it read back."""
        with self._store.write() as connection:
            revision = mirror.next_revision(connection)
            listed = mirror.Listed(node_id, self.names.get(node_id, node_id), row)
            mirror.put(connection, "a", [listed], revision=revision, seen_at=START + at, touched=True)

    def field(self, node_id: str, name: str) -> Any:
        with self._store.read() as connection:
            return mirror.node_rows(connection, "a")[node_id].row.get(name)


@pytest.fixture
def node(store: Store) -> PolledNode:
    return PolledNode(store)


def test_what_an_increment_removes_is_gone_at_once(node: PolledNode) -> None:
    """The node itself says so: the row and the placement."""
    node.poll(0, V1, OTHER, full=True)
    assert node.poll(2, removed=(V1,)) == {OTHER}
    assert node.placed == {OTHER}


@pytest.mark.parametrize("full", [False, True])
def test_what_a_full_list_misses_is_gone_ten_seconds_later(node: PolledNode, full: bool) -> None:
    """Trap 4: a node may answer before it has loaded all. So too where it answers every poll in full."""
    node.poll(0, V1, OTHER, full=True)
    node.restart()
    assert node.poll(100, OTHER, full=True) == {V1, OTHER}
    assert node.poll(109.9, *([OTHER] if full else []), full=full) == {V1, OTHER}
    assert node.placed == {V1, OTHER}
    assert node.poll(110, *([OTHER] if full else []), full=full) == {OTHER}
    assert node.placed == {OTHER}


def test_what_comes_back_in_time_never_went(node: PolledNode) -> None:
    """Its row has not even changed for those who know it."""
    node.poll(0, V1, OTHER, full=True)
    node.restart()
    node.poll(100, OTHER, full=True)
    before = node.revision
    assert node.poll(105, V1) == {V1, OTHER}
    assert node.poll(200) == {V1, OTHER}
    assert node.revision == before + 1


@pytest.mark.parametrize(
    ("kept", "waits"), [(0, 60), (9, 60), (10, 10), (11, 10)], ids=["all gone", "most gone", "half gone", "fewer"]
)
def test_a_list_that_shrank_sharply_is_distrusted_for_a_minute(node: PolledNode, kept: int, waits: float) -> None:
    """Trap 4: ten or more missing, and more missing than listed."""
    node.poll(0, *MANY, full=True)
    node.restart()
    rest = MANY[:kept]
    assert len(node.poll(100, *rest, full=True)) == 20
    assert len(node.poll(100 + waits - 0.1)) == 20
    assert node.poll(100 + waits) == set(rest)


def test_a_few_missing_are_no_sign_of_a_restart(node: PolledNode) -> None:
    """Nine of nine: somebody may well have cleared a small node."""
    node.poll(0, *MANY[:9], full=True)
    node.restart()
    node.poll(100, full=True)
    assert (len(node.poll(109)), len(node.poll(110))) == (9, 0)


def test_another_restart_begins_the_wait_anew(node: PolledNode) -> None:
    """A node that comes and goes is loading still."""
    node.poll(0, V1, full=True)
    for at in (100, 109, 118):
        node.restart()
        assert node.poll(at, full=True) == {V1}


def test_only_what_changed_is_written(node: PolledNode) -> None:
    """A full list that says what the mirror has, and an increment without torrents, are no news to anybody."""
    node.poll(0, V1, OTHER, full=True, size=5)
    known = node.revision
    node.restart()
    node.poll(2, V1, OTHER, full=True, size=5)
    node.poll(4)
    assert node.revision == known
    node.poll(6, V1, size=6)
    assert (node.revision, node.field(V1, "size"), node.field(OTHER, "size")) == (known + 1, 6, 5)


def test_a_poll_begun_before_an_action_is_made_up_for_by_the_next_one(node: PolledNode) -> None:
    """It does not undo the action; what else it brought comes with the next poll, which began later."""
    node.poll(0, V1, full=True, state="stalledDL", size=1)
    node.touch(5, V1, state="stoppedDL", size=1)
    node.poll(4, V1, state="stalledDL", size=2)
    assert (node.field(V1, "state"), node.field(V1, "size")) == ("stoppedDL", 1)
    node.poll(6, OTHER)
    assert node.field(V1, "size") == 2


def test_a_hybrid_is_listed_by_v1_whatever_the_node_calls_it(node: PolledNode) -> None:
    """As *arr compute it; a torrent without v1 is listed as the node does."""
    node.poll(0, V2[:40], full=True, infohash_v1=V1, infohash_v2=V2)
    node.poll(2, OTHER, infohash_v1="", infohash_v2=OTHER + "0" * 24)
    assert node.names == {V2[:40]: V1, OTHER: OTHER}


@pytest.mark.parametrize("how", ["increment", "full list of the same view", "full list after a restart"])
@pytest.mark.parametrize("first", [V1, V2[:40]], ids=["v1 magnet", "v2 magnet"])
def test_the_hash_stays_when_the_node_renames_the_torrent(node: PolledNode, first: str, how: str) -> None:
    """A magnet with one of a hybrid's hashes: with the metadata the node learns the other one."""
    known: dict[str, Any] = (
        {"infohash_v1": V1, "infohash_v2": ""} if first == V1 else {"infohash_v1": "", "infohash_v2": V2}
    )
    both: dict[str, Any] = {"infohash_v1": V1, "infohash_v2": V2}
    node.poll(0, first, full=True, **known)
    assert node.names == {first: first}
    if how == "increment":
        node.poll(2, V2[:40], removed=(V1,) if first == V1 else (), **both)
    else:
        if how.endswith("restart"):
            node.restart()
        node.poll(2, V2[:40], full=True, **both)
    assert node.names == {V2[:40]: first}
    assert node.placed == {V2[:40]}
    node.restart()
    node.poll(4, V2[:40], full=True, **both)
    assert node.names == {V2[:40]: first}


@pytest.mark.parametrize("full", [False, True])
def test_the_hash_stays_when_the_node_changes_its_library(node: PolledNode, full: bool) -> None:
    """One on libtorrent 1.2 lists by v1 what was known, and listed, by v2 alone."""
    node.poll(0, V2[:40], full=True, infohash_v1="", infohash_v2=V2)
    both: dict[str, Any] = {"infohash_v1": V1, "infohash_v2": V2}
    node.poll(2, V1, full=full, removed=() if full else (V2[:40],), **both)
    assert node.names == {V1: V2[:40]}


def test_two_halves_that_turn_out_to_be_one_torrent_become_one_at_once(node: PolledNode) -> None:
    """Added by a v1 and by a v2 magnet: a full list that has it under v2 does not miss the v1 half."""
    node.poll(0, V1, full=True, infohash_v1=V1, infohash_v2="")
    node.poll(2, V2[:40], infohash_v1="", infohash_v2=V2)
    node.restart()
    assert node.poll(4, V2[:40], full=True, infohash_v1=V1, infohash_v2=V2) == {V2[:40]}
    assert node.placed == {V2[:40]}

"""Actions on several nodes at once: how their outcomes become one answer, and what is written down after them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from qbdispatch.dispatch.actions import ActionFailed, Actions
from qbdispatch.dispatch.library import Library
from qbdispatch.nodes.errors import NodeError
from qbdispatch.store.engine import StoreUnavailable
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.scripted_torrents import parse_url
from tests.rig.swarm import made_up_magnet, make_torrent
from tests.unit.dispatch.bench import Bench, put
from tests.unit.dispatch.conftest import BenchMaker

NodeMaker = Callable[..., ScriptedNode]


class Fleet:
    """Two nodes with a torrent each, and one worker's actions on them."""

    def __init__(self, make_bench: BenchMaker, scripted: NodeMaker) -> None:
        self.nodes = [scripted("5.1.0", name="a"), scripted("4.5.2", name="b")]
        self.made = [make_torrent(node.name, GIB) for node in self.nodes]
        for node, made in zip(self.nodes, self.made, strict=True):
            put(node, made)
        changes = {node.name: {"timeout_s": 0.5} for node in self.nodes}
        self.bench: Bench = make_bench(*self.nodes, changes=changes)
        self.library = Library(self.bench.store, self.bench.fleet)
        self.actions = Actions(self.bench.store, self.bench.fleet, self.library)

    def fault(self, endpoint: str, hashes: str = "all", **fields: str) -> tuple[int, str]:
        """The status and the text of an action that fails."""
        with pytest.raises(ActionFailed) as raised:
            self.actions.on_torrents(endpoint, hashes, fields)
        return raised.value.status, str(raised.value)

    def states(self) -> list[str]:
        return [str(self.library.shelf().by_hash[made.hash].row["state"]) for made in self.made]


@pytest.fixture
def fleet(make_bench: BenchMaker, scripted: NodeMaker) -> Fleet:
    return Fleet(make_bench, scripted)


def test_nodes_are_asked_at_once(fleet: Fleet) -> None:
    """Each takes its time; together they take no longer than one."""
    for node in fleet.nodes:
        node.delay_seconds |= {"torrents/stop": 0.4, "torrents/pause": 0.4}
    started = time.monotonic()
    assert fleet.actions.on_torrents("torrents/stop", "all", {}) == 2
    assert time.monotonic() - started < 0.75
    assert fleet.states() == ["stoppedDL", "stoppedDL"]


def test_a_hung_node_is_an_error_by_name_and_the_other_has_done_it(fleet: Fleet) -> None:
    """503: to be tried again."""
    fleet.nodes[0].delay_seconds["torrents/stop"] = 30
    status, text = fleet.fault("torrents/stop")
    assert (status, "node a" in text, "node b" in text) == (503, True, False)
    assert fleet.states() == ["stalledDL", "stoppedDL"]


def test_a_silent_node_outweighs_one_that_says_no(fleet: Fleet) -> None:
    """The client has to ask again, and a 4xx would tell it not to."""
    assert fleet.fault("torrents/topPrio")[0] == 409
    fleet.nodes[0].delay_seconds["torrents/topPrio"] = 30
    assert fleet.fault("torrents/topPrio")[0] == 503


def test_what_every_node_refuses_is_refused_in_their_words(fleet: Fleet) -> None:
    """With their status."""
    assert fleet.fault("torrents/topPrio") == (409, "Torrent queueing must be enabled")
    assert fleet.fault("torrents/noSuchThing")[0] == 404


def test_nobody_is_asked_where_nothing_is_meant(fleet: Fleet) -> None:
    """An unknown hash is no torrent, and no hash is not all."""
    calls = [node.calls.copy() for node in fleet.nodes]
    assert [fleet.actions.on_torrents("torrents/stop", hashes, {}) for hashes in ("f" * 40, "", "|")] == [0, 0, 0]
    fleet.actions.delete("", delete_files=True)
    assert [node.calls for node in fleet.nodes] == calls


def test_a_row_that_cannot_be_read_back_is_an_error(fleet: Fleet) -> None:
    """The action was done, but the next list would not show it: the client asks again, which changes nothing."""
    fleet.nodes[0].delay_seconds["torrents/info"] = 30
    assert fleet.fault("torrents/stop", fleet.made[0].hash)[0] == 503


def test_a_torrent_that_this_worker_has_not_heard_of_is_not_taken_for_unknown_while_the_store_is_away(
    fleet: Fleet,
) -> None:
    """Another worker has placed it. An action on it fails, to be asked again, although lists come from memory."""
    fleet.library.shelf()
    made = make_torrent("new", GIB)
    put(fleet.nodes[0], made)
    fleet.bench.poll("a")
    with fleet.bench.store.write() as connection:
        connection.execute(text("ALTER TABLE mirror RENAME TO away"))
    assert made.hash not in fleet.library.shelf().by_hash
    with pytest.raises(StoreUnavailable):
        fleet.actions.delete(made.hash, delete_files=True)


def test_a_deletion_ends_the_placement_and_the_claim(fleet: Fleet) -> None:
    """The bytes that were promised for a magnet without size are free again; so is the torrent."""
    made = made_up_magnet()
    fleet.bench.submit(made.magnet)
    home = fleet.bench.homes(made)[0]
    assert len(fleet.bench.claims(home)) == 1
    fleet.actions.delete(str(made.v1), delete_files=False)
    assert (fleet.bench.homes(made), fleet.bench.claims(home)) == ([], [])


def test_a_torrent_of_a_node_that_tells_no_infohash_can_be_deleted(fleet: Fleet) -> None:
    """As 4.3 does."""
    parsed = parse_url(made_up_magnet().magnet)
    assert parsed is not None
    row: dict[str, Any] = fleet.nodes[1].put(parsed)
    del row["infohash_v1"], row["infohash_v2"]
    fleet.bench.poll("b")
    fleet.actions.delete(parsed.hash, delete_files=True)
    assert parsed.hash not in fleet.nodes[1].torrents_by_hash
    assert fleet.library.shelf().find(parsed.hash) is None


def test_a_category_that_a_node_will_not_have_is_an_error(fleet: Fleet) -> None:
    """It is made there first; where that fails too the client learns it."""
    fleet.nodes[0].refused_categories.add("tv")
    with pytest.raises(ActionFailed) as raised:
        fleet.actions.set_category(fleet.made[0].hash, "tv", "")
    assert raised.value.status == 409
    fleet.actions.set_category(fleet.made[1].hash, "tv", "/tv")
    assert fleet.nodes[1].categories == {"tv": {"name": "tv", "savePath": "/tv"}}
    assert fleet.library.shelf().by_hash[fleet.made[1].hash].row["category"] == "tv"


def test_a_question_about_a_torrent_goes_to_its_node_by_its_nodes_hash(fleet: Fleet) -> None:
    """Listed by v1, held under the truncated v2; with nothing known, silence is an error."""
    hybrid = make_torrent("t", GIB, "hybrid")
    put(fleet.nodes[0], hybrid)
    fleet.bench.poll("a")
    entry = fleet.library.shelf().by_hash[str(hybrid.v1)]
    assert fleet.actions.detail(entry, "files", {}) == []
    fleet.nodes[0].delay_seconds["*"] = 30
    assert fleet.actions.detail(entry, "files", {}) == []
    with pytest.raises(NodeError):
        fleet.actions.detail(entry, "trackers", {})
    with pytest.raises(NodeError):
        fleet.actions.ask(entry, "GET", "torrents/pieceStates", {})


def test_a_torrent_that_its_node_has_just_renamed_is_reached_all_the_same(fleet: Fleet) -> None:
    """A hybrid that came by its v1 hash gets another id with the metadata; before any poll, a change and a removal
    under the old one still arrive, instead of being ignored by the node and pretended by us."""
    node, hybrid = fleet.nodes[0], make_torrent("hybrid", GIB, "hybrid")
    half = parse_url(f"magnet:?xt=urn:btih:{hybrid.v1}")
    assert half is not None
    assert hybrid.v1 is not None
    node.put(half)
    fleet.bench.poll("a")
    del node.torrents_by_hash[half.hash]
    put(node, hybrid)

    fleet.actions.on_torrents("torrents/stop", hybrid.v1, {})
    assert node.torrents_by_hash[hybrid.hash]["state"] == "stoppedDL"
    fleet.actions.delete(hybrid.v1, delete_files=True)
    assert hybrid.hash not in node.torrents_by_hash

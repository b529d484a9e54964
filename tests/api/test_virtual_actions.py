"""What is done to torrents wherever they are: traps 6, 15, 20, 24, 25 and 26 of the wire contract."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.api.virtual import FAST, SwitchedNode, Virtual
from tests.conftest import AppMaker, node_entry
from tests.rig.disks import GIB
from tests.rig.swarm import make_torrent

Hashes = list[str]


@pytest.fixture
def nodes(switched: Callable[..., SwitchedNode]) -> list[SwitchedNode]:
    return [switched("4.5.2", name="old"), switched("5.1.0", name="new"), switched("5.3.0", name="newest")]


@pytest.fixture
def hashes(nodes: list[SwitchedNode]) -> Hashes:
    """Two torrents on each node, in the order of the nodes."""
    return [node.have(make_torrent(name, GIB), tags="old").hash for node in nodes for name in ("one", "two")]


@pytest.fixture
def worker(make_app: AppMaker, nodes: list[SwitchedNode], hashes: Hashes) -> Callable[[], Virtual]:
    return lambda: Virtual(make_app([node_entry(node) for node in nodes], polled=False, **FAST))


@pytest.fixture
def virtual(worker: Callable[[], Virtual], nodes: list[SwitchedNode]) -> Virtual:
    first = worker()
    first.poll(*nodes)
    return first


def _held(nodes: list[SwitchedNode]) -> list[set[str]]:
    return [set(node.torrents_by_hash) for node in nodes]


@pytest.mark.parametrize(("stop", "start"), [("stop", "start"), ("pause", "resume")])
def test_every_node_is_told_in_its_own_words_and_every_worker_shows_it_at_once(
    virtual: Virtual, worker: Callable[[], Virtual], nodes: list[SwitchedNode], hashes: Hashes, stop: str, start: str
) -> None:
    """Traps 6 and 15: stop or pause, by either name, over nodes that know only one of them; then `all`."""
    chosen, other = hashes[::2], worker()
    virtual.done(f"torrents/{stop}", hashes="|".join(chosen))
    assert [[name for name, _ in node.requests] for node in nodes] == [["pause"], ["stop"], ["stop"]]
    for one in (virtual, other):
        assert set(one.rows(filter="stopped")) == set(chosen)
    other.done(f"torrents/{start}", hashes="all")
    assert [sorted(fields["hashes"].split("|")) for node in nodes for fields in node.requests[-1][1:]] == [
        sorted(hashes[place : place + 2]) for place in (0, 2, 4)
    ]
    assert virtual.rows(filter="stopped") == {}


def test_a_poll_that_began_before_an_action_does_not_undo_it(
    virtual: Virtual, worker: Callable[[], Virtual], nodes: list[SwitchedNode], hashes: Hashes
) -> None:
    """What the node said before it was told arrives too late: a stop and a deletion stay, what else changed comes
    with the next poll."""
    node, other = nodes[1], worker()
    stopped, deleted = hashes[2:4]
    node.change(stopped, progress=0.5)
    node.change(deleted, progress=0.5)
    node.keeps_back = "sync/maindata"
    poll = threading.Thread(target=virtual.poll, args=(node,))
    poll.start()
    assert node.kept_back.wait(10)
    other.done("torrents/stop", hashes=stopped)
    other.done("torrents/delete", hashes=deleted, deleteFiles="true")
    node.let_go.set()
    poll.join(10)
    for _ in range(2):
        row = virtual.rows()[stopped]
        assert (row["state"], row["progress"], deleted in virtual.rows()) == ("stoppedDL", 0.5, False)
        virtual.poll(node)


def test_set_tags_works_on_every_version(virtual: Virtual, nodes: list[SwitchedNode], hashes: Hashes) -> None:
    """Trap 15: it came with 5.1. The tags are the fleet's then, and those before are gone from the torrents."""
    virtual.done("torrents/setTags", hashes="all", tags="a, b")
    assert virtual.field("tags") == dict.fromkeys(hashes, "a, b")
    assert [node.tags for node in nodes] == [{"a", "b"}] * 3
    assert virtual.json("torrents/tags") == ["a", "b"]


def test_share_limits_reach_every_version(virtual: Virtual, hashes: Hashes) -> None:
    """Trap 15: 5.3 insists on five fields of which the client sends two; without those it is told."""
    virtual.done("torrents/setShareLimits", hashes="all", ratioLimit="2.5", seedingTimeLimit="60")
    assert virtual.field("ratio_limit") == dict.fromkeys(hashes, 2.5)
    assert virtual.post("torrents/setShareLimits", hashes="all", ratioLimit="1").status_code == 400


def test_a_node_without_queueing_does_not_fail_the_batch(
    virtual: Virtual, nodes: list[SwitchedNode], hashes: Hashes
) -> None:
    """Trap 20: 409 only where all the nodes concerned say so, as *arr take it for "queueing is off"."""
    nodes[1].preferences["queueing_enabled"] = True
    for endpoint in ("topPrio", "bottomPrio", "increasePrio", "decreasePrio"):
        answers = [virtual.post(f"torrents/{endpoint}", hashes=one) for one in ("all", hashes[2], hashes[0])]
        assert [answer.status_code for answer in answers] == [200, 200, 409]
        assert answers[-1].text == "Torrent queueing must be enabled"


def test_torrents_are_deleted_from_all_their_nodes_at_once(
    virtual: Virtual, worker: Callable[[], Virtual], nodes: list[SwitchedNode], hashes: Hashes
) -> None:
    """Trap 24: over several nodes, in capitals as *arr keep them, with unknown ones among them."""
    other = worker()
    asked = "|".join([hashes[0].upper(), "f" * 40, hashes[3]])
    virtual.done("torrents/delete", hashes=asked, deleteFiles="True")
    rest = set(hashes) - {hashes[0], hashes[3]}
    assert _held(nodes) == [{hashes[1]}, {hashes[2]}, {hashes[4], hashes[5]}]
    assert set(virtual.rows()) == set(other.rows()) == rest
    virtual.done("torrents/delete", hashes="all", deleteFiles="false")
    assert (_held(nodes), other.rows()) == ([set()] * 3, {})


def test_a_delete_without_its_fields_deletes_nothing(
    virtual: Virtual, nodes: list[SwitchedNode], hashes: Hashes
) -> None:
    """Trap 25: 400, as on the real server; and GET is no way to delete."""
    assert virtual.post("torrents/delete", hashes=hashes[0]).status_code == 400
    assert virtual.post("torrents/delete", deleteFiles="true").status_code == 400
    assert virtual.get("torrents/delete", hashes=hashes[0], deleteFiles="true").status_code == 405
    assert _held(nodes) == [set(hashes[0:2]), set(hashes[2:4]), set(hashes[4:6])]


@pytest.mark.parametrize("noticed", [False, True])
def test_a_delete_with_a_node_down_is_an_error_until_it_is_done(
    virtual: Virtual, worker: Callable[[], Virtual], nodes: list[SwitchedNode], hashes: Hashes, noticed: bool
) -> None:
    """Trap 25: Sonarr asks again each minute. The other nodes' torrents go at once; nothing is pretended."""
    nodes[0].down = True
    if noticed:
        virtual.poll(nodes[0])
    asked = {"hashes": f"{hashes[0]}|{hashes[2]}", "deleteFiles": "true"}
    assert virtual.post("torrents/delete", **asked).status_code == 503
    for one in (virtual, worker()):
        assert set(one.rows()) == set(hashes) - {hashes[2]}
    assert hashes[0] in nodes[0].torrents_by_hash
    nodes[0].down = False
    if noticed:
        virtual.poll(nodes[0])
    virtual.done("torrents/delete", **asked)
    assert set(virtual.rows()) == set(hashes) - {hashes[0], hashes[2]}
    assert _held(nodes[:2]) == [{hashes[1]}, {hashes[3]}]


def test_a_torrent_on_two_nodes_is_deleted_from_both(
    virtual: Virtual, nodes: list[SwitchedNode], hashes: Hashes
) -> None:
    """Trap 26: with one of them down it is not done; the row of the copy that is left stays."""
    made = make_torrent("t", GIB)
    for node in nodes[:2]:
        node.have(made)
    virtual.poll(*nodes)
    nodes[0].down = True
    assert virtual.post("torrents/delete", hashes=made.hash, deleteFiles="true").status_code == 503
    assert made.hash in virtual.rows()
    nodes[0].down = False
    virtual.done("torrents/delete", hashes=made.hash, deleteFiles="true")
    assert [made.hash in node.torrents_by_hash for node in nodes] == [False] * 3
    assert made.hash not in virtual.rows()


def test_what_was_deleted_can_be_added_again_at_once(
    virtual: Virtual, nodes: list[SwitchedNode], hashes: Hashes
) -> None:
    """Its placement goes with it: no duplicate, and it is listed as added anew."""
    made = make_torrent("t", GIB)
    virtual.done("torrents/add", urls=made.magnet)
    virtual.done("torrents/delete", hashes=made.hash, deleteFiles="true")
    assert made.hash not in virtual.rows()
    virtual.done("torrents/add", urls=made.magnet, category="again")
    assert virtual.rows()[made.hash]["category"] == "again"
    assert sum(added == made.hash for node in nodes for added, _ in node.adds) == 2


def test_an_action_on_a_node_that_is_down_is_an_error_and_the_others_do_it(
    virtual: Virtual, nodes: list[SwitchedNode], hashes: Hashes
) -> None:
    """So that the client tries again; the text names the node."""
    nodes[2].down = True
    answer = virtual.post("torrents/stop", hashes="all")
    assert (answer.status_code, answer.content_type) == (503, "text/plain; charset=UTF-8")
    assert "newest" in answer.text
    assert set(virtual.rows(filter="stopped")) == set(hashes[:4])


def test_unknown_hashes_are_ignored_where_there_are_many_and_404_where_there_is_one(virtual: Virtual) -> None:
    """As on the real server."""
    virtual.done("torrents/recheck", hashes="f" * 40)
    assert virtual.post("torrents/rename", hash="f" * 40, name="x").status_code == 404
    assert virtual.post("torrents/rename", name="x").status_code == 400
    assert virtual.post("torrents/recheck").status_code == 400


def test_one_torrent_is_renamed_where_it_is(virtual: Virtual, nodes: list[SwitchedNode], hashes: Hashes) -> None:
    """By its hash in capitals; shown at once; no other node is asked."""
    virtual.done("torrents/rename", hash=hashes[4].upper(), name="new name")
    assert virtual.rows()[hashes[4]]["name"] == "new name"
    assert [len(node.requests) for node in nodes] == [0, 0, 1]

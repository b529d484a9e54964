"""`sync/maindata` over the whole fleet: trap 22 of the wire contract, and no removal where a node is only away (1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qbdispatch.services import EXTENSION
from qbdispatch.store import mirror
from tests.api.virtual import FAST, SwitchedNode, Virtual
from tests.conftest import AppMaker, node_entry
from tests.rig.disks import GIB
from tests.rig.swarm import make_torrent

Client = Callable[[Virtual], dict[str, Any]]


@pytest.fixture
def nodes(switched: Callable[..., SwitchedNode]) -> list[SwitchedNode]:
    return [switched("4.5.2", name="old"), switched("5.1.0", name="new")]


@pytest.fixture
def worker(make_app: AppMaker, nodes: list[SwitchedNode]) -> Callable[[], Virtual]:
    return lambda: Virtual(make_app([node_entry(node) for node in nodes], polled=False, **FAST))


class Follower:
    """A client that keeps a copy by increments, as go-qbittorrent does, from whichever worker answers."""

    def __init__(self) -> None:
        self.rid = 0
        self.torrents: dict[str, dict[str, Any]] = {}
        self.categories: dict[str, Any] = {}
        self.tags: set[str] = set()

    def ask(self, virtual: Virtual) -> dict[str, Any]:
        """One increment; answers it without what is in each."""
        answer: dict[str, Any] = virtual.json("sync/maindata", rid=self.rid)
        if answer.get("full_update"):
            self.torrents, self.categories, self.tags = {}, {}, set()
        for hash_, row in answer.get("torrents", {}).items():
            assert "hash" not in row
            self.torrents.setdefault(hash_, {}).update(row)
        for hash_ in answer.get("torrents_removed", []):
            self.torrents.pop(hash_, None)
        self.categories |= answer.get("categories", {})
        for name in answer.get("categories_removed", []):
            self.categories.pop(name, None)
        self.tags = (self.tags | set(answer.get("tags", []))) - set(answer.get("tags_removed", []))
        self.rid = answer.pop("rid")
        assert answer.pop("server_state")["connection_status"]
        return answer

    def check(self, virtual: Virtual) -> None:
        """The copy is what the worker lists."""
        assert self.torrents == {hash_: _without_hash(row) for hash_, row in virtual.rows().items()}
        assert self.categories == virtual.json("torrents/categories")
        assert self.tags == set(virtual.json("torrents/tags"))


def _without_hash(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "hash"}


def test_increments_bring_exactly_what_changed_over_workers_and_a_restart(
    nodes: list[SwitchedNode], worker: Callable[[], Virtual]
) -> None:
    """A new torrent, a changed one, one that is gone, and nothing; each answered by another worker."""
    old, new = nodes
    first, second = worker(), worker()
    one, two = (old.have(make_torrent(name, GIB)).hash for name in ("one", "two"))
    first.poll(*nodes)
    client = Follower()
    full = client.ask(first)
    assert (full["full_update"], set(full["torrents"])) == (True, {one, two})
    assert client.ask(second) == {}
    three = new.have(make_torrent("three", GIB)).hash
    old.change(one, progress=0.5)
    first.poll(*nodes)
    assert {hash_: row["progress"] for hash_, row in client.ask(second)["torrents"].items()} == {one: 0.5, three: 0}
    assert client.ask(first) == {}
    del old.torrents_by_hash[two]
    first.poll(*nodes)
    restarted = worker()
    assert client.ask(restarted) == {"torrents_removed": [two]}
    assert client.ask(first) == {}
    for virtual in (first, second, restarted):
        client.check(virtual)


def test_increments_bring_categories_and_tags(nodes: list[SwitchedNode], worker: Callable[[], Virtual]) -> None:
    """As they come, change and go: made through us, and found on a node."""
    virtual, client = worker(), Follower()
    virtual.poll(*nodes)
    client.ask(virtual)
    virtual.done("torrents/createCategory", category="tv", savePath="/tv")
    virtual.done("torrents/createTags", tags="x,y")
    tv = {"name": "tv", "savePath": "/tv"}
    assert client.ask(virtual) == {"categories": {"tv": tv}, "tags": ["x", "y"]}
    virtual.done("torrents/editCategory", category="tv", savePath="/tv2")
    assert client.ask(virtual) == {"categories": {"tv": tv | {"savePath": "/tv2"}}}
    nodes[0].categories["found"] = {"name": "found", "savePath": ""}
    virtual.poll(nodes[0])
    assert list(client.ask(virtual)["categories"]) == ["found"]
    virtual.done("torrents/removeCategories", categories="tv\nfound")
    virtual.done("torrents/deleteTags", tags="x")
    gone = client.ask(virtual)
    assert {name: sorted(names) for name, names in gone.items()} == {
        "categories_removed": ["found", "tv"],
        "tags_removed": ["x"],
    }
    client.check(virtual)


def test_the_very_first_change_is_not_missed(nodes: list[SwitchedNode], worker: Callable[[], Virtual]) -> None:
    """By a client that asked before there was anything at all."""
    virtual, client = worker(), Follower()
    assert client.ask(virtual) == {"full_update": True}
    virtual.done("torrents/createTags", tags="x")
    assert client.ask(virtual) == {"tags": ["x"]}


def test_an_unknown_rid_is_answered_in_full(nodes: list[SwitchedNode], worker: Callable[[], Virtual]) -> None:
    """One from the future too, as after the store was replaced; and none at all."""
    hash_ = nodes[0].have(make_torrent("t", GIB)).hash
    virtual = worker()
    virtual.poll(*nodes)
    rids = ["0", "-1", "", "x", "999999", "9" * 30]
    for answer in [virtual.json("sync/maindata", rid=rid) for rid in rids] + [virtual.json("sync/maindata")]:
        assert (answer["full_update"], list(answer["torrents"])) == (True, [hash_])


def test_a_rid_from_before_what_was_forgotten_is_answered_in_full(
    nodes: list[SwitchedNode], worker: Callable[[], Virtual]
) -> None:
    """Two purges later the removal is forgotten; who has asked since the first of them still gets it."""
    hashes = [nodes[0].have(make_torrent("t", GIB)).hash for _ in range(2)]
    virtual, sleeper, awake = worker(), Follower(), Follower()
    store = virtual.app.extensions[EXTENSION].store

    def purge() -> None:
        with store.write() as connection:
            mirror.purge(connection)

    virtual.poll(*nodes)
    sleeper.ask(virtual)
    del nodes[0].torrents_by_hash[hashes[0]]
    virtual.poll(nodes[0])
    purge()
    awake.ask(virtual)
    del nodes[0].torrents_by_hash[hashes[1]]
    virtual.poll(nodes[0])
    purge()
    for other in (virtual, worker()):
        late, punctual = Follower(), Follower()
        late.__dict__ |= sleeper.__dict__
        punctual.__dict__ |= awake.__dict__
        assert late.ask(other) == {"full_update": True}
        assert punctual.ask(other) == {"torrents_removed": [hashes[1]]}
        assert (late.torrents, punctual.torrents) == ({}, {})


def test_a_node_that_goes_away_removes_nothing_and_its_rows_change(
    nodes: list[SwitchedNode], worker: Callable[[], Virtual]
) -> None:
    """Trap 1: a removal would make clients forget. The harmless state comes, and later the real one."""
    hash_ = nodes[0].have(make_torrent("t", GIB), state="stalledUP", progress=1).hash
    virtual, client = worker(), Follower()
    virtual.poll(*nodes)
    client.ask(virtual)
    states = []
    for down in (True, False):
        nodes[0].down = down
        virtual.poll(nodes[0])
        answer = client.ask(virtual)
        states.append({key: row["state"] for key, row in answer.pop("torrents").items()})
        assert answer == {}
    assert states == [{hash_: "checkingUP"}, {hash_: "stalledUP"}]


def test_a_torrents_other_copy_takes_over_by_an_increment(
    nodes: list[SwitchedNode], worker: Callable[[], Virtual]
) -> None:
    """Trap 5: the row of a copy that has not changed itself is news all the same; nothing is removed."""
    made = make_torrent("t", GIB)
    for node, progress in zip(nodes, (0.2, 0.9), strict=True):
        node.have(made, progress=progress)
    virtual, client = worker(), Follower()
    virtual.poll(*nodes)
    client.ask(virtual)
    del nodes[1].torrents_by_hash[made.hash]
    virtual.poll(nodes[1])
    answer = client.ask(virtual)
    assert list(answer) == ["torrents"]
    assert client.torrents[made.hash]["progress"] == 0.2


def test_an_action_is_in_the_next_increment_of_every_worker(
    nodes: list[SwitchedNode], worker: Callable[[], Virtual]
) -> None:
    """Before any poll: stopped, and then deleted."""
    hash_ = nodes[0].have(make_torrent("t", GIB)).hash
    virtual, other, client = worker(), worker(), Follower()
    virtual.poll(*nodes)
    client.ask(virtual)
    virtual.done("torrents/stop", hashes=hash_)
    assert client.ask(other)["torrents"][hash_]["state"] == "stoppedDL"
    virtual.done("torrents/delete", hashes=hash_, deleteFiles="true")
    assert client.ask(other) == {"torrents_removed": [hash_]}

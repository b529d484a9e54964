"""Categories and tags of the whole fleet: trap 18 of the wire contract."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.virtual import FAST, SwitchedNode, Virtual
from tests.conftest import AppMaker, node_entry
from tests.rig.disks import GIB
from tests.rig.processes import wait_until
from tests.rig.swarm import make_torrent


@pytest.fixture
def nodes(switched: Callable[..., SwitchedNode]) -> list[SwitchedNode]:
    return [switched("4.5.2", name="old"), switched("5.1.0", name="new"), switched("5.3.0", name="newest")]


@pytest.fixture
def virtual(make_app: AppMaker, nodes: list[SwitchedNode]) -> Virtual:
    return Virtual(make_app([node_entry(node) for node in nodes], **FAST))


def _paths(node: SwitchedNode) -> dict[str, str]:
    return {name: category["savePath"] for name, category in node.categories.items()}


def test_a_category_and_tags_are_made_on_every_node_at_once(virtual: Virtual, nodes: list[SwitchedNode]) -> None:
    """Before any poll, and told in the shape of 5.1; blanks around tags say nothing, on no version."""
    virtual.done("torrents/createCategory", category="tv", savePath="/tv")
    virtual.done("torrents/createTags", tags="a, b")
    assert [(_paths(node), node.tags) for node in nodes] == [({"tv": "/tv"}, {"a", "b"})] * 3
    assert virtual.json("torrents/categories") == {"tv": {"name": "tv", "savePath": "/tv"}}
    assert virtual.json("torrents/tags") == ["a", "b"]
    virtual.poll(*nodes)
    assert virtual.json("torrents/tags") == ["a", "b"]


REFUSALS: list[tuple[str, dict[str, str], int]] = [
    ("createCategory", {"category": "tv"}, 409),
    ("createCategory", {"category": ""}, 400),
    ("createCategory", {}, 400),
    ("createCategory", {"category": "a\\b"}, 409),
    ("createCategory", {"category": "/a"}, 409),
    ("createCategory", {"category": "a//b"}, 409),
    ("createCategory", {"category": "tv/new"}, 200),
    ("editCategory", {"category": "none", "savePath": ""}, 409),
    ("editCategory", {"category": "", "savePath": ""}, 400),
    ("removeCategories", {"categories": "none"}, 200),
    ("setCategory", {"hashes": "f" * 40, "category": "none"}, 409),
    ("setCategory", {"hashes": "f" * 40, "category": "tv"}, 200),
    ("setCategory", {"hashes": "f" * 40, "category": ""}, 200),
]


def test_what_qbittorrent_refuses_is_refused(virtual: Virtual) -> None:
    """Section 2.4 of the wire contract: 409 for a taken, impossible or unknown name, 400 for none."""
    virtual.done("torrents/createCategory", category="tv")
    answered = [
        (endpoint, fields, virtual.post(f"torrents/{endpoint}", **fields).status_code)
        for endpoint, fields, _ in REFUSALS
    ]
    assert answered == REFUSALS


def test_the_union_of_what_nodes_have_is_made_on_all_of_them(virtual: Virtual, nodes: list[SwitchedNode]) -> None:
    """One that is there already, on some nodes or all, is no failure; unlike save paths are left alone."""
    nodes[0].categories["tv"] = {"name": "tv", "savePath": "/tv"}
    nodes[1].categories["tv"] = {"name": "tv", "savePath": "/other"}
    nodes[2].tags.add("x")
    virtual.poll(*nodes)
    virtual.poll(*nodes)
    assert [_paths(node) for node in nodes] == [{"tv": "/tv"}, {"tv": "/other"}, {"tv": "/tv"}]
    assert [node.tags for node in nodes] == [{"x"}] * 3
    assert virtual.json("torrents/categories")["tv"]["savePath"] == "/tv"


def test_a_node_that_was_down_catches_up_with_the_next_poll(virtual: Virtual, nodes: list[SwitchedNode]) -> None:
    """What came and what went; no call failed because of it."""
    node = nodes[0]
    virtual.done("torrents/createCategory", category="old")
    virtual.done("torrents/createTags", tags="x,y")
    hash_ = node.have(make_torrent("t", GIB), category="old", tags="x, y").hash
    virtual.poll(node)
    node.down = True
    virtual.poll(node)
    virtual.done("torrents/createCategory", category="tv", savePath="/tv")
    virtual.done("torrents/createTags", tags="z")
    virtual.done("torrents/removeCategories", categories="old")
    virtual.done("torrents/deleteTags", tags="x")
    assert (set(virtual.json("torrents/categories")), virtual.json("torrents/tags")) == ({"tv"}, ["y", "z"])
    node.down = False
    virtual.poll(node)
    assert (_paths(node), node.tags) == ({"tv": "/tv"}, {"y", "z"})
    virtual.poll(node)
    assert (virtual.rows()[hash_]["category"], virtual.rows()[hash_]["tags"]) == ("", "y")
    assert set(virtual.json("torrents/categories")) == {"tv"}


def test_a_node_that_is_added_later_gets_everything(
    virtual: Virtual, nodes: list[SwitchedNode], make_app: AppMaker, switched: Callable[..., SwitchedNode]
) -> None:
    """With its first poll."""
    virtual.done("torrents/createCategory", category="tv", savePath="/tv")
    virtual.done("torrents/createTags", tags="x")
    late = switched("5.1.0", name="late")
    later = Virtual(make_app([node_entry(node) for node in [*nodes, late]], polled=False, **FAST))
    later.poll(late)
    assert (_paths(late), late.tags) == ({"tv": "/tv"}, {"x"})


def test_a_removed_category_is_taken_off_torrents_at_once(virtual: Virtual, nodes: list[SwitchedNode]) -> None:
    """In the next list, before any poll; tags likewise."""
    virtual.done("torrents/createCategory", category="tv")
    virtual.done("torrents/createTags", tags="x,y")
    hashes = [node.have(make_torrent("t", GIB), category="tv", tags="x, y").hash for node in nodes]
    virtual.poll(*nodes)
    virtual.done("torrents/removeCategories", categories="tv")
    assert virtual.field("category") == dict.fromkeys(hashes, "")
    virtual.done("torrents/deleteTags", tags="y")
    assert virtual.field("tags") == dict.fromkeys(hashes, "x")


def test_a_save_path_is_changed_on_every_node_or_the_client_learns(virtual: Virtual, nodes: list[SwitchedNode]) -> None:
    """No poll makes up for it, since nodes may have their own: a node that is down makes it an error to be repeated."""
    virtual.done("torrents/createCategory", category="tv", savePath="/tv")
    nodes[0].down = True
    assert virtual.post("torrents/editCategory", category="tv", savePath="/new").status_code == 503
    nodes[0].down = False
    virtual.done("torrents/editCategory", category="tv", savePath="/new")
    assert [_paths(node) for node in nodes] == [{"tv": "/new"}] * 3
    assert virtual.json("torrents/categories")["tv"]["savePath"] == "/new"


def test_the_import_mark_is_never_lost_for_want_of_a_category(virtual: Virtual, nodes: list[SwitchedNode]) -> None:
    """A node that does not have it yet gets it first, with its save path: *arr take a 409 for a mere warning."""
    hashes = [node.have(make_torrent("t", GIB)).hash for node in nodes]
    virtual.poll(*nodes)
    virtual.done("torrents/createCategory", category="imported", savePath="/i")
    del nodes[1].categories["imported"]
    virtual.done("torrents/setCategory", hashes="|".join(hashes).upper(), category="imported")
    assert virtual.field("category") == dict.fromkeys(hashes, "imported")
    assert [_paths(node) for node in nodes] == [{"imported": "/i"}] * 3


def test_an_add_makes_its_category_and_tags_known_everywhere(virtual: Virtual, nodes: list[SwitchedNode]) -> None:
    """On the node at once, as qBittorrent does; to clients at once; on the other nodes with the next poll."""
    made = make_torrent("t", GIB)
    virtual.done("torrents/add", urls=made.magnet, category="tv", tags="x, y")
    assert (set(virtual.json("torrents/categories")), virtual.json("torrents/tags")) == ({"tv"}, ["x", "y"])
    virtual.poll(*nodes)
    assert [(set(node.categories), node.tags) for node in nodes] == [({"tv"}, {"x", "y"})] * 3


def test_a_category_that_one_node_refuses_does_not_keep_others_from_it(
    virtual: Virtual, nodes: list[SwitchedNode]
) -> None:
    """Poll after poll it gets what it will take."""
    nodes[0].refused_categories.add("a")
    virtual.done("torrents/createCategory", category="a")
    nodes[0].down = True
    virtual.done("torrents/createCategory", category="b")
    virtual.done("torrents/createTags", tags="x")
    nodes[0].down = False
    virtual.poll(nodes[0])
    assert (set(nodes[0].categories), nodes[0].tags) == ({"b"}, {"x"})


@pytest.mark.parametrize("path", ["/submit", "/api/v2/torrents/add"])
def test_a_torrent_keeps_the_category_that_it_comes_with_though_that_was_removed_once(
    virtual: Virtual, nodes: list[SwitchedNode], path: str
) -> None:
    """The node makes it for the torrent; a poll at that very moment must not take it off again."""
    virtual.done("torrents/createCategory", category="tv")
    virtual.done("torrents/removeCategories", categories="tv")
    virtual.poll(*nodes)
    made, client = make_torrent("t", GIB), virtual.app.test_client()
    field = "magnet" if path == "/submit" else "urls"
    for node in nodes:
        node.keeps_back = "torrents/add"
    with ThreadPoolExecutor(1) as pool:
        adding = pool.submit(client.post, path, data={field: made.magnet, "category": "tv"})
        wait_until(lambda: any(node.kept_back.is_set() for node in nodes), 20, "a node to have the torrent")
        virtual.poll(*nodes)
        for one in nodes:
            one.let_go.set()
        assert adding.result(20).status_code == 200
    virtual.poll(*nodes)
    assert virtual.field("category") == {made.hash: "tv"}
    assert [set(one.categories) for one in nodes] == [{"tv"}] * 3


def test_what_was_removed_may_be_made_again_on_a_node(virtual: Virtual, nodes: list[SwitchedNode]) -> None:
    """By its user, in its own pages: it stays there, and the others get it."""
    virtual.done("torrents/createCategory", category="tv")
    virtual.done("torrents/createTags", tags="x")
    virtual.done("torrents/removeCategories", categories="tv")
    virtual.done("torrents/deleteTags", tags="x")
    virtual.poll(*nodes)
    nodes[1].categories["tv"] = {"name": "tv", "savePath": "/new"}
    nodes[1].tags.add("x")
    virtual.poll(*nodes)
    virtual.poll(*nodes)
    assert [(_paths(node), node.tags) for node in nodes] == [({"tv": "/new"}, {"x"})] * 3

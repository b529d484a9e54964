"""Categories and tags everywhere: what each node is told when it is polled. Trap 18 of the wire contract."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from sqlalchemy import Connection

from qbdispatch.config.settings import NodeSettings, PathRule
from qbdispatch.dispatch.labelling import NodeLabels, Work, carry_out, define_new
from qbdispatch.nodes.errors import NodeRefused, NodeUnreachable
from qbdispatch.nodes.view import NodeView
from qbdispatch.store import labels, mirror
from qbdispatch.store.engine import Store
from qbdispatch.store.labels import Kind

NODE = NodeSettings(name="a", url="http://a", path_map=(PathRule(from_="/d", to="/mnt/a"),))
C, T = Kind.CATEGORY, Kind.TAG


def _view(categories: dict[str, str] | None = None, tags: set[str] | None = None) -> NodeView:
    view = NodeView()
    view.categories, view.tags = categories or {}, tags or set()
    return view


def _compare(connection: Connection, view: NodeView, node: NodeSettings) -> Work:
    return NodeLabels().compare(connection, view, node, anew=True)


@pytest.fixture
def connection(store: Store) -> object:
    with store.write() as opened:
        yield opened


def test_a_node_gets_what_it_lacks_and_loses_what_was_removed(connection: Connection) -> None:
    """As it was left when the node was away, or before it was one of ours."""
    labels.define(connection, C, {"tv": "/mnt/a/tv", "movies": "", "old": ""}, revision=1)
    labels.define(connection, T, {"x": "", "y": "", "z": ""}, revision=1)
    labels.drop(connection, C, ["old"], revision=2)
    labels.drop(connection, T, ["z"], revision=2)
    work = _compare(connection, _view({"movies": "", "old": ""}, {"x", "z"}), NODE)
    assert work == Work({"tv": "/mnt/a/tv"}, frozenset({"old"}), frozenset({"y"}), frozenset({"z"}))


def test_what_only_a_node_has_becomes_the_fleets(connection: Connection) -> None:
    """With the save path that clients know it by, and as news under one revision."""
    assert _compare(connection, _view({"tv": "/d/tv", "movies": ""}, {"x"}), NODE) == Work()
    assert labels.defined(connection, C) == {"movies": "", "tv": "/mnt/a/tv"}
    assert (labels.defined(connection, T), mirror.revision(connection)) == ({"x": ""}, 1)
    assert _compare(connection, _view({"tv": "/d/tv", "movies": ""}, {"x"}), NODE) == Work()
    assert mirror.revision(connection) == 1


def test_of_unlike_save_paths_the_first_known_is_shown_and_no_node_is_changed(connection: Connection) -> None:
    """To change a node's would move torrents about."""
    _compare(connection, _view({"tv": "/d/tv"}), NODE)
    assert _compare(connection, _view({"tv": "/elsewhere"}), NodeSettings(name="b", url="http://b")) == Work()
    assert labels.defined(connection, C) == {"tv": "/mnt/a/tv"}


def test_what_was_removed_is_not_taken_over_again(connection: Connection) -> None:
    """From the node that was away when it was."""
    labels.define(connection, C, {"old": ""}, revision=1)
    labels.drop(connection, C, ["old"], revision=2)
    assert _compare(connection, _view({"old": ""}), NODE).remove == {"old"}
    assert labels.defined(connection, C) == {}


def test_what_was_removed_and_made_again_on_a_node_is_the_fleets_again(connection: Connection) -> None:
    """The node was rid of it, so whoever has made it there since wants it; with the save path that it has now."""
    labels.define(connection, C, {"old": "/was"}, revision=1)
    labels.define(connection, T, {"x": ""}, revision=1)
    labels.drop(connection, C, ["old"], revision=2)
    labels.drop(connection, T, ["x"], revision=2)
    known = NodeLabels()
    assert known.compare(connection, _view({"old": ""}, {"x"}), NODE, anew=True).remove == {"old"}
    assert known.compare(connection, _view(), NODE, anew=False) == Work()
    assert known.compare(connection, _view({"old": "/d/new"}, {"x"}), NODE, anew=False) == Work()
    assert labels.defined(connection, C) == {"old": "/mnt/a/new"}
    assert set(labels.defined(connection, T)) == {"x"}


@pytest.mark.parametrize("reason", ["the view begins anew", "it was removed a second time"])
def test_what_a_node_may_only_have_from_earlier_is_taken_off_it(connection: Connection, reason: str) -> None:
    """A node that restarts may come back with what it had; and one that was made and removed through us between two
    polls is not of the node's own making."""
    labels.define(connection, C, {"old": ""}, revision=1)
    labels.drop(connection, C, ["old"], revision=2)
    known = NodeLabels()
    known.compare(connection, _view(), NODE, anew=True)
    anew = reason == "the view begins anew"
    if not anew:
        labels.define(connection, C, {"old": ""}, revision=3)
        labels.drop(connection, C, ["old"], revision=4)
    assert known.compare(connection, _view({"old": ""}), NODE, anew=anew).remove == {"old"}
    assert labels.defined(connection, C) == {}


def test_what_a_torrent_comes_with_is_defined_once(connection: Connection) -> None:
    """What is known keeps its save path and costs no revision; what was removed is there again; a category that no
    qBittorrent accepts is none."""
    labels.define(connection, C, {"tv": "/tv", "old": "/old"}, revision=1)
    labels.drop(connection, C, ["old"], revision=2)
    define_new(connection, "tv", "")
    define_new(connection, "a//b", " , ")
    assert mirror.revision(connection) == 0
    define_new(connection, "old", "x, y,x")
    assert labels.defined(connection, C) == {"old": "", "tv": "/tv"}
    assert (set(labels.defined(connection, T)), mirror.revision(connection)) == ({"x", "y"}, 1)


def _told(work: Work, refused: frozenset[str] = frozenset()) -> list[tuple[str, dict[str, str]]]:
    told = []

    def post(endpoint: str, fields: Mapping[str, str]) -> None:
        told.append((endpoint.removeprefix("torrents/"), dict(fields)))
        if fields.get("category") in refused:
            raise NodeRefused("no", 409)

    try:
        carry_out(work, post)
    except NodeRefused:
        assert refused
    return told


WORK = Work({"a": "/p", "b": ""}, frozenset({"d", "c"}), frozenset({"y", "x"}), frozenset({"z"}))
REST = [
    ("removeCategories", {"categories": "c\nd"}),
    ("createTags", {"tags": "x,y"}),
    ("deleteTags", {"tags": "z"}),
]


@pytest.mark.parametrize("refused", [frozenset[str](), frozenset({"a"}), frozenset({"a", "b"})])
def test_a_node_is_told_everything_even_if_it_refuses_a_category(refused: frozenset[str]) -> None:
    """One name that it will not take must not keep all others from it, poll after poll."""
    created = [("createCategory", {"category": name, "savePath": path}) for name, path in WORK.create.items()]
    assert _told(WORK, refused) == created + REST
    assert _told(Work()) == []


def test_a_refusal_is_reported_and_a_silent_node_is_left_alone() -> None:
    """The first for the log; the second ends it at the first call."""
    calls = []

    def refuse(endpoint: str, fields: Mapping[str, str]) -> None:
        calls.append(endpoint)
        raise NodeRefused("no", 409)

    with pytest.raises(NodeRefused):
        carry_out(Work({"a": ""}), refuse)

    def silent(endpoint: str, fields: Mapping[str, str]) -> None:
        calls.append(endpoint)
        raise NodeUnreachable("away")

    with pytest.raises(NodeUnreachable):
        carry_out(WORK, silent)
    assert len(calls) == 2

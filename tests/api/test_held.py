"""Held torrents as clients see them: answers, lists, increments, what can be done to them, and `/held`."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from qbdispatch.services import EXTENSION
from tests.api.virtual import FAST, SwitchedNode, Virtual
from tests.conftest import AppMaker, node_entry
from tests.rig.disks import GIB
from tests.rig.swarm import MadeTorrent, made_up_magnet, make_torrent


@pytest.fixture
def node(switched: Callable[..., SwitchedNode]) -> SwitchedNode:
    return switched("5.1.0", name="a", free_gib=5)


@pytest.fixture
def virtual(make_app: AppMaker, node: SwitchedNode) -> Virtual:
    made = Virtual(make_app([node_entry(node)], polled=False, hold={"enabled": True}, **FAST))
    made.poll(node)
    return made


def hold(virtual: Virtual, name: str = "t", **fields: str) -> MadeTorrent:
    """A .torrent of 10 GB, which has no room on the node."""
    made = make_torrent(name, 10 * GIB)
    answer = virtual.post("torrents/add", torrents=(io.BytesIO(made.data), "t.torrent"), **fields)
    assert (answer.status_code, answer.text) == (200, "Ok.")
    return made


def place(virtual: Virtual, node: SwitchedNode) -> None:
    """The node gets room, and the leader places what is held."""
    node.free_bytes = 500 * GIB
    virtual.poll(node)
    dispatcher = virtual.app.extensions[EXTENSION].dispatcher
    left_out: set[int] = set()
    while dispatcher.place_next(left_out):
        pass


def test_submit_answers_202_and_when_to_ask_again(virtual: Virtual) -> None:
    """The same for the preview, for a repetition, and nothing is refused; without hold it was 503."""
    client = virtual.app.test_client()
    body = {"magnet": made_up_magnet().magnet, "size_estimate_gb": 50}
    preview, first, again = (client.post(path, json=body) for path in ("/submit/preview", "/submit", "/submit"))
    for answer in (preview, first, again):
        assert answer.json is not None
        assert (answer.status_code, answer.json["status"], answer.json["selected_node"]) == (202, "held", None)
        assert int(answer.headers["Retry-After"]) > 0
    assert first.json is not None
    assert again.json is not None
    assert again.json["decision_id"] == first.json["decision_id"]
    (row,) = client.get("/held").get_json()
    assert set(row) == {
        "position", "name", "hash", "size_gb", "category", "since", "age_s", "decision_id", "why",
    }  # fmt: skip
    assert (row["position"], row["hash"], row["size_gb"]) == (1, first.json["hash"], 50.0)
    assert "insufficient_space" in row["why"]


def test_a_held_torrent_is_listed_as_queued_with_all_that_was_said_of_it(virtual: Virtual) -> None:
    """As clients know a torrent that waits in the queue, in the list and in its details."""
    made = hold(virtual, category="tv", tags="x,y", savepath="/data/tv", dlLimit="7")
    row = virtual.rows(category="tv", filter="downloading")[made.hash]
    shown = {name: row[name] for name in ("state", "progress", "tags", "save_path", "size", "infohash_v1", "dl_limit")}
    assert shown == {
        "state": "queuedDL",
        "progress": 0,
        "tags": "x, y",
        "save_path": "/data/tv",
        "size": 10 * GIB,
        "infohash_v1": made.v1,
        "dl_limit": 7,
    }
    assert row["added_on"] > 0
    assert row["has_metadata"] is False
    assert virtual.json("torrents/properties", hash=made.hash)["save_path"] == "/data/tv"
    assert [virtual.json(f"torrents/{kind}", hash=made.hash) for kind in ("files", "trackers", "webseeds")] == [[]] * 3
    assert virtual.json("sync/torrentPeers", hash=made.hash)["peers"] == {}
    assert virtual.get("torrents/export", hash=made.hash).status_code == 409
    assert virtual.get("torrents/count").text == "1"
    assert "tv" in virtual.json("torrents/categories")


def test_increments_show_a_held_torrent_come_be_placed_and_never_go(virtual: Virtual, node: SwitchedNode) -> None:
    """Placing it is a change of the torrent, not a removal; deleting another one is a removal."""
    rid = virtual.json("sync/maindata")["rid"]
    made, other = hold(virtual), hold(virtual, "other")
    came = virtual.json("sync/maindata", rid=rid)
    assert {hash_: row["state"] for hash_, row in came["torrents"].items()} == {
        made.hash: "queuedDL",
        other.hash: "queuedDL",
    }
    virtual.done("torrents/delete", hashes=other.hash, deleteFiles="true")
    went = virtual.json("sync/maindata", rid=came["rid"])
    assert went["torrents_removed"] == [other.hash]
    place(virtual, node)
    placed = virtual.json("sync/maindata", rid=went["rid"])
    assert ("torrents_removed" in placed, set(placed["torrents"])) == (False, {made.hash})
    assert [hash_ for hash_, _ in node.adds] == [made.hash]


CHANGES: list[tuple[str, dict[str, str], dict[str, str]]] = [
    ("stop", {}, {"stopped": "true"}),
    ("setCategory", {"category": "films"}, {"category": "films"}),
    ("addTags", {"tags": "b,c"}, {"tags": "a,b,c"}),
    ("removeTags", {"tags": "a"}, {"tags": ""}),
    ("removeTags", {}, {"tags": ""}),
    ("setLocation", {"location": "/elsewhere"}, {"savepath": "/elsewhere"}),
    ("setUploadLimit", {"limit": "5"}, {"upLimit": "5"}),
    ("setDownloadLimit", {"limit": "6"}, {"dlLimit": "6"}),
    ("setShareLimits", {"ratioLimit": "2", "seedingTimeLimit": "9", "inactiveSeedingTimeLimit": "-2"},
     {"ratioLimit": "2", "seedingTimeLimit": "9"}),
    ("setForceStart", {"value": "true"}, {"forced": "true"}),
    ("toggleSequentialDownload", {}, {"sequentialDownload": "true"}),
    ("topPrio", {}, {}),
    ("recheck", {}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("endpoint", "asked", "sent"), CHANGES)
def test_what_is_done_to_a_held_torrent_goes_along_when_it_is_placed(
    virtual: Virtual, node: SwitchedNode, endpoint: str, asked: dict[str, str], sent: dict[str, str]
) -> None:
    """The node gets it with the changed fields; all else that was said stays."""
    virtual.done("torrents/createCategory", category="films")
    made = hold(virtual, tags="a", savepath="/first")
    virtual.done(f"torrents/{endpoint}", hashes=made.hash, **asked)
    place(virtual, node)
    ((_, fields),) = node.adds
    expected: dict[str, Any] = {"tags": "a", "savepath": "/first"} | sent
    assert {name: fields.get(name, "") for name in expected} == expected


def test_changes_show_at_once(virtual: Virtual) -> None:
    """Stopped, renamed, in another category, without a tag that was removed everywhere."""
    made = hold(virtual, tags="a,b", category="tv")
    virtual.done("torrents/stop", hashes="all")
    virtual.done("torrents/rename", hash=made.hash, name="new name")
    virtual.done("torrents/deleteTags", tags="a")
    virtual.done("torrents/removeCategories", categories="tv")
    row = virtual.rows()[made.hash]
    assert (row["state"], row["name"], row["tags"], row["category"]) == ("stoppedDL", "new name", "b", "")
    virtual.done("torrents/start", hashes=made.hash)
    assert virtual.rows()[made.hash]["state"] == "queuedDL"


def test_what_needs_the_torrents_content_is_a_conflict(virtual: Virtual) -> None:
    """As for a torrent without metadata."""
    made = hold(virtual)
    for endpoint, fields in (
        ("filePrio", {"id": "0", "priority": "1"}),
        ("renameFile", {"oldPath": "a", "newPath": "b"}),
        ("addTrackers", {"urls": "http://127.0.0.1/announce"}),
    ):
        assert virtual.post(f"torrents/{endpoint}", hash=made.hash, **fields).status_code == 409


def test_while_it_is_being_placed_the_client_is_asked_to_come_again(virtual: Virtual, node: SwitchedNode) -> None:
    """It is on its way to a node: a deletion now would leave it there. Then it is deleted on the node."""
    made = hold(virtual)
    node.keeps_back = "torrents/add"
    with ThreadPoolExecutor(1) as pool:
        placing = pool.submit(place, virtual, node)
        assert node.kept_back.wait(20)
        answer = virtual.post("torrents/delete", hashes=made.hash, deleteFiles="true")
        also = virtual.app.test_client().delete(f"/held/{made.hash}")
        node.let_go.set()
        placing.result(20)
    assert (answer.status_code, also.status_code) == (503, 503)
    assert "being placed on a" in answer.text
    virtual.done("torrents/delete", hashes=made.hash, deleteFiles="true")
    assert (virtual.rows(), node.torrents_by_hash) == ({}, {})


def test_held_can_be_deleted_and_tried_again_by_its_owner(virtual: Virtual) -> None:
    """`DELETE /held/HASH` and `POST /held/HASH/release`; 404 for what is not held."""
    made, client = hold(virtual), virtual.app.test_client()
    assert client.post(f"/held/{made.hash}/release").status_code == 200
    assert client.delete(f"/held/{made.hash.upper()}").status_code == 200
    assert (client.get("/held").get_json(), virtual.rows()) == ([], {})
    for hash_ in (made.hash, "ab" * 32, "nonsense"):
        assert client.delete(f"/held/{hash_}").status_code == 404
        assert client.post(f"/held/{hash_}/release").status_code == 404


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 19, "-1", "٣", "1e3"])
def test_a_limit_that_is_no_usable_number_is_shown_as_none(virtual: Virtual, number: str) -> None:
    """As a node would; it is passed on all the same."""
    made = hold(virtual, dlLimit=number, ratioLimit=number)
    assert virtual.rows()[made.hash]["dl_limit"] == 0
    virtual.done("torrents/setUploadLimit", hashes=made.hash, limit=number)
    assert virtual.rows()[made.hash]["up_limit"] == 0

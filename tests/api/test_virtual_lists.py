"""The list over all nodes: traps 1 to 7, 10, 24 and 28 of the wire contract."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.virtual import FAST, SwitchedNode, Virtual
from tests.conftest import AppMaker, node_entry
from tests.rig.disks import GIB
from tests.rig.swarm import made_up_magnet, make_torrent

SwitchedMaker = Callable[..., SwitchedNode]


@pytest.fixture
def nodes(switched: SwitchedMaker) -> list[SwitchedNode]:
    return [switched("4.5.2", name="old"), switched("5.1.0", name="new"), switched("5.3.0", name="newest")]


@pytest.fixture
def worker(make_app: AppMaker, nodes: list[SwitchedNode]) -> Callable[[], Virtual]:
    """Makes workers over the same nodes and the same store; all but the first come later, as after a restart."""
    return lambda: Virtual(make_app([node_entry(node) for node in nodes], polled=False, **FAST))


def _one_each(nodes: list[SwitchedNode], **changes: Any) -> list[str]:
    return [node.have(make_torrent(f"t-{node.name}", GIB), **changes).hash for node in nodes]


def test_all_nodes_torrents_are_one_list_for_every_worker_and_after_a_restart(
    nodes: list[SwitchedNode], worker: Callable[[], Virtual]
) -> None:
    """Trap 2: the list comes from the store, not from what a worker has seen; then with all nodes down, too."""
    hashes = _one_each(nodes)
    first, second = worker(), worker()
    first.poll(*nodes)
    assert first.rows() == second.rows()
    assert set(first.rows()) == set(hashes)
    for node in nodes:
        node.down = True
    restarted = worker()
    assert restarted.rows() == first.rows()
    restarted.poll(*nodes)
    assert set(restarted.rows()) == set(first.rows()) == set(hashes)
    assert restarted.get("torrents/count").text == "3"


@pytest.mark.parametrize("version", ["4.5.2", "5.1.0", "5.3.0"])
def test_a_node_that_is_away_is_listed_in_a_state_that_does_no_harm(
    make_app: AppMaker, switched: SwitchedMaker, version: str
) -> None:
    """Traps 1 and 3: its torrents stay, none as finished, none as running, and come back as they are."""
    node = switched(version, name="a")
    word = "paused" if version == "4.5.2" else "stopped"
    states = {"stalledUP": 1, f"{word}UP": 1, "downloading": 0.5, f"{word}DL": 0.5, "uploading": 1}
    for state, progress in states.items():
        node.have(make_torrent(state, GIB), state=state, progress=progress, dlspeed=7, upspeed=8)
    virtual = Virtual(make_app([node_entry(node)], **FAST))
    before = sorted(virtual.field("state").values())
    assert before == sorted(state.replace("paused", "stopped") for state in states)
    node.down = True
    virtual.poll(node)
    assert sorted(virtual.field("state").values()) == ["checkingUP"] * 3 + ["queuedDL", "stoppedDL"]
    assert {row["dlspeed"] + row["upspeed"] for row in virtual.rows().values()} == {0}
    assert virtual.json("transfer/info")["dl_info_speed"] == 0
    node.down = False
    virtual.poll(node)
    assert sorted(virtual.field("state").values()) == before


def test_a_node_that_restarts_with_a_short_list_loses_no_row(
    nodes: list[SwitchedNode], worker: Callable[[], Virtual]
) -> None:
    """Trap 4: it is loading still. What an increment removes is gone at once."""
    node = nodes[1]
    hashes = [node.have(make_torrent(f"t{number}", GIB)).hash for number in range(3)]
    virtual = worker()
    virtual.poll(node)
    kept = {hash_: node.torrents_by_hash.pop(hash_) for hash_ in hashes[1:]}
    node.forget_sessions()
    virtual.poll(node)
    assert set(virtual.rows()) == set(hashes)
    node.torrents_by_hash |= kept
    virtual.poll(node)
    assert set(virtual.rows()) == set(hashes)
    del node.torrents_by_hash[hashes[0]]
    virtual.poll(node)
    assert set(virtual.rows()) == set(hashes[1:])


def test_a_torrent_on_two_nodes_is_one_row(nodes: list[SwitchedNode], worker: Callable[[], Virtual]) -> None:
    """Trap 5: the more complete copy, unless its node is away."""
    made = make_torrent("t", GIB)
    for node, progress in zip(nodes[:2], (0.2, 0.9), strict=True):
        node.have(made, progress=progress, save_path=f"/{node.name}")
    virtual = worker()
    virtual.poll(*nodes)
    assert virtual.field("save_path") == {made.hash: "/new"}
    nodes[1].down = True
    virtual.poll(nodes[1])
    assert virtual.field("save_path") == {made.hash: "/old"}


def test_a_hybrid_is_listed_by_v1_and_found_by_all_its_hashes(
    nodes: list[SwitchedNode], worker: Callable[[], Virtual]
) -> None:
    """Trap 24: in the list, in what a node is asked and in what is done to it, in either case of letters."""
    node, made = nodes[1], make_torrent("t", GIB, "hybrid")
    assert made.v1 is not None
    assert made.v2 is not None
    node.have(made)
    node.documents[made.hash, "files"] = [{"name": "t", "index": 0}]
    virtual = worker()
    virtual.poll(*nodes)
    forms = [form for hash_ in (made.v1, made.v2, made.v2[:40]) for form in (hash_, hash_.upper())]
    for form in forms:
        assert list(virtual.rows(hashes=form)) == [made.v1]
        assert virtual.json("torrents/properties", hash=form)["hash"] == made.v1
        assert virtual.json("torrents/files", hash=form) == [{"name": "t", "index": 0}]
        virtual.done("torrents/recheck", hashes=form)
    assert [fields["hashes"] for fields in node.asked("recheck")] == [made.hash] * len(forms)
    assert list(virtual.rows(hashes="|".join(forms))) == [made.v1]


@pytest.mark.parametrize("kind", ["magnet", "file", "hybrid"])
def test_what_was_just_added_is_there_for_the_very_next_call_to_any_worker(
    nodes: list[SwitchedNode], worker: Callable[[], Virtual], kind: str
) -> None:
    """Trap 10: Sonarr asks for its properties at once and acts on it, long before any poll."""
    virtual, other = worker(), worker()
    virtual.poll(*nodes)
    made = made_up_magnet() if kind == "magnet" else make_torrent("t", GIB, "hybrid" if kind == "hybrid" else "v1")
    virtual.done("torrents/add", urls=made.magnet, category="tv", tags="a,b", stopped="True")
    for one in (virtual, other):
        row = one.rows(category="tv")[str(made.v1)]
        assert (row["state"], row["tags"], row["name"]) == ("stoppedDL", "a, b", made.name)
        assert one.json("torrents/properties", hash=str(made.v1).upper())["hash"] == made.v1
    other.done("torrents/addTags", hashes=str(made.v1), tags="c")
    assert virtual.field("tags") == {made.v1: "a, b, c"}


def test_filter_sort_and_cut_apply_to_the_merged_list(nodes: list[SwitchedNode], worker: Callable[[], Virtual]) -> None:
    """Trap 6: over nodes of both dialects, with old and new names; GET reads the query, POST the form (trap 28)."""
    for place, node in enumerate(nodes):
        word = "paused" if node.version == "4.5.2" else "stopped"
        for number, state in enumerate([f"{word}DL", "stalledDL"]):
            node.have(make_torrent("t", GIB), state=state, size=10 * number + place, amount_left=1)
    virtual = worker()
    virtual.poll(*nodes)

    def sizes(**query: Any) -> list[int]:
        asked = virtual.json("torrents/info", sort="size", **query)
        posted = virtual.post("torrents/info", sort="size", **query).get_json()
        assert asked == posted
        return [row["size"] for row in asked]

    assert sizes() == [0, 1, 2, 10, 11, 12]
    assert (sizes(filter="stopped"), sizes(filter="paused"), sizes(filter="resumed")) == ([0, 1, 2],) * 2 + (
        [10, 11, 12],
    )
    assert sizes(reverse="True", limit=2, offset=1) == [11, 10]
    assert sizes(filter="running", offset=-1) == [12]
    assert virtual.get("torrents/info", sort="no such").status_code == 400
    assert (virtual.rows(hashes="all"), len(virtual.rows(hashes=""))) == ({}, 6)


def test_details_of_each_torrent_cost_a_call_to_its_own_node_alone(
    nodes: list[SwitchedNode], worker: Callable[[], Virtual]
) -> None:
    """Trap 7: qbit_manage asks for all of them in each run. An unknown hash costs none."""
    hashes = _one_each(nodes)
    virtual = worker()
    virtual.poll(*nodes)
    before = [node.calls.copy() for node in nodes]
    for hash_ in hashes:
        virtual.json("torrents/trackers", hash=hash_)
    assert virtual.get("torrents/trackers", hash="f" * 40).status_code == 404
    assert virtual.get("torrents/trackers").status_code == 400
    assert [node.calls - known for node, known in zip(nodes, before, strict=True)] == [{"torrents/trackers": 1}] * 3


def test_details_of_a_node_that_is_away_are_as_last_known_or_an_error(
    nodes: list[SwitchedNode], worker: Callable[[], Virtual]
) -> None:
    """Trap 1: never an empty list in place of files that are there, whether the outage is known already or not."""
    node = nodes[1]
    seen, unseen = (node.have(make_torrent("t", GIB)).hash for _ in range(2))
    for hash_ in (seen, unseen):
        node.documents[hash_, "files"] = [{"name": "t", "index": 0}]
        node.documents[hash_, "trackers"] = [{"url": "http://tracker", "status": 2}]
    virtual = worker()
    virtual.poll(*nodes)
    live = [virtual.json(f"torrents/{kind}", hash=seen) for kind in ("files", "trackers")]
    node.down = True
    for noticed in (False, True):
        if noticed:
            virtual.poll(node)
            cut_before = node.cut
        assert [virtual.json(f"torrents/{kind}", hash=seen) for kind in ("files", "trackers")] == live
        assert virtual.json("torrents/properties", hash=seen)["save_path"] == "/downloads"
        assert virtual.get("torrents/files", hash=unseen).status_code == 503
    assert node.cut == cut_before  # its watcher alone tries it


def test_trackers_and_files_come_with_the_list_for_a_call_or_two_to_each_node(
    nodes: list[SwitchedNode], worker: Callable[[], Virtual]
) -> None:
    """Those that can list them are asked once, others once for each torrent; one torrent alone costs one call too."""
    for node in nodes:
        for number in range(20):
            hash_ = node.have(make_torrent("t", GIB)).hash
            node.documents[hash_, "trackers"] = [{"url": f"http://{node.name}/{number}", "status": 2}]
            node.documents[hash_, "files"] = [{"name": str(number), "index": 0}]
    without_metadata = _one_each(nodes)
    virtual = worker()
    virtual.poll(*nodes)
    before = [node.calls.copy() for node in nodes]
    rows = virtual.rows(includeTrackers="True", includeFiles="true")
    for node in nodes:
        for hash_ in node.torrents_by_hash:
            told = [node.documents.get((hash_, kind), []) for kind in ("trackers", "files")]
            assert [rows[hash_]["trackers"], rows[hash_]["files"]] == told
    assert [rows[hash_]["files"] for hash_ in without_metadata] == [[]] * 3
    made = [sum((node.calls - known).values()) for node, known in zip(nodes, before, strict=True)]
    assert {node.version: count for node, count in zip(nodes, made, strict=True)} == {
        "4.5.2": 42,
        "5.1.0": 22,
        "5.3.0": 2,
    }
    one = next(iter(nodes[1].torrents_by_hash))
    asked = nodes[1].calls.total()
    assert virtual.rows(hashes=one, includeTrackers="true")[one]["trackers"] == rows[one]["trackers"]
    assert nodes[1].calls.total() == asked + 1
    assert "trackers" not in virtual.rows(includeTrackers="false")[one]


@pytest.mark.parametrize("told", [None, {}, "x", [1], [None]])
def test_what_is_no_list_of_trackers_is_left_out(
    nodes: list[SwitchedNode], worker: Callable[[], Virtual], told: Any
) -> None:
    """Rather than spoiling the list of all nodes."""
    hashes = _one_each(nodes)
    nodes[0].documents[hashes[0], "trackers"] = nodes[1].documents[hashes[1], "trackers"] = told
    virtual = worker()
    virtual.poll(*nodes)
    rows = virtual.rows(includeTrackers="true")
    assert [hash_ for hash_ in hashes if "trackers" in rows[hash_]] == hashes[2:]


def test_a_slow_old_node_does_not_hold_up_the_list(nodes: list[SwitchedNode], worker: Callable[[], Virtual]) -> None:
    """Clients give up after 15 s: what it has not told by then is left out, and told from memory the next time."""
    hashes = [nodes[0].have(make_torrent("t", GIB)).hash for _ in range(30)]
    for hash_ in hashes:
        nodes[0].documents[hash_, "trackers"] = [{"url": "http://tracker"}]
    virtual = worker()
    virtual.poll(*nodes)
    nodes[0].delay_seconds["torrents/trackers"] = 0.5
    began = time.monotonic()
    told = [hash_ for hash_, row in virtual.rows(includeTrackers="true").items() if row.get("trackers")]
    assert time.monotonic() - began < 12
    assert 0 < len(told) < len(hashes)
    nodes[0].down = True
    assert {hash_ for hash_, row in virtual.rows(includeTrackers="true").items() if row.get("trackers")} == set(told)


@pytest.mark.parametrize("reads", ["its files", "the list"])
def test_a_list_with_files_says_nothing_of_files_that_nobody_knows(
    nodes: list[SwitchedNode], worker: Callable[[], Virtual], reads: str
) -> None:
    """Trap 1: an empty list would tell clients that the torrent has none; without one they ask for it by itself. What
    was told once is told again, however it was asked for."""
    node = nodes[1]
    seen, unseen = (node.have(make_torrent("t", GIB)).hash for _ in range(2))
    for hash_ in (seen, unseen):
        node.documents[hash_, "files"] = [{"name": "t", "index": 0}]
    virtual = worker()
    virtual.poll(*nodes)
    if reads == "the list":
        virtual.rows(hashes=seen, includeFiles="true")
    else:
        virtual.json("torrents/files", hash=seen)
    node.down = True
    for noticed in (False, True):
        if noticed:
            virtual.poll(node)
        rows = virtual.rows(includeFiles="true", includeTrackers="true")
        assert (rows[seen]["files"], "trackers" in rows[seen]) == ([{"name": "t", "index": 0}], False)
        assert rows[unseen].keys() & {"files", "trackers"} == set()
        assert virtual.json("torrents/files", hash=seen) == [{"name": "t", "index": 0}]

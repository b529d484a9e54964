"""Preferences, figures and paths of unlike nodes as one server's: traps 15 to 17, 19, 21 and 27 to 29."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.virtual import FAST, SwitchedNode, Virtual
from tests.conftest import AppMaker, node_entry
from tests.rig.disks import GIB
from tests.rig.swarm import make_torrent

PREFIXES = {
    "old": [{"from": "/downloads", "to": "/mnt/old"}],
    "new": [{"from": "D:\\dl", "to": "/mnt/win"}],
}


@pytest.fixture
def nodes(switched: Callable[..., SwitchedNode]) -> list[SwitchedNode]:
    old, new = switched("4.5.2", name="old", free_gib=100), switched("5.1.0", name="new", free_gib=30)
    new.save_path = "D:\\dl"
    return [old, new]


@pytest.fixture
def make(make_app: AppMaker, nodes: list[SwitchedNode]) -> Callable[[], Virtual]:
    def made() -> Virtual:
        entries = [node_entry(node, path_map=PREFIXES[node.name]) for node in nodes]
        return Virtual(make_app(entries, **FAST))

    return made


def test_the_version_is_one_whatever_the_nodes_are(make: Callable[[], Virtual]) -> None:
    """Trap 17: *arr keep it for ten minutes and ask again elsewhere."""
    virtual = make()
    assert [virtual.get(f"app/{name}").text for name in ("version", "webapiVersion")] == ["v5.1.4", "2.11.4"]


def test_preferences_are_merged_to_do_no_harm_and_hold_no_secret(
    make: Callable[[], Virtual], nodes: list[SwitchedNode]
) -> None:
    """Trap 17: a removing limit of any node counts, queueing and DHT of all; passwords and keys are blank."""
    secrets = ["proxy_password", "mail_notification_password", "dyndns_password", "web_ui_api_key"]
    for node in nodes:
        node.preferences |= {
            "max_ratio_act": 0,
            "dht": True,
            "queueing_enabled": True,
            **dict.fromkeys(secrets, "hush"),
        }
    nodes[0].preferences |= {"max_ratio_act": 3, "dht": False}
    nodes[1].preferences |= {"queueing_enabled": False}
    answer = make().get("app/preferences")
    shown = answer.get_json()
    assert (shown["max_ratio_act"], shown["dht"], shown["queueing_enabled"]) == (3, False, False)
    assert [shown[name] for name in secrets] == [""] * 4
    assert "hush" not in answer.text


def test_only_what_means_the_same_on_every_node_can_be_set(
    make: Callable[[], Virtual], nodes: list[SwitchedNode]
) -> None:
    """Trap 17: no paths, ports, passwords; and what is set is what the next call and the next poll show."""
    virtual = make()
    virtual.poll(*nodes)
    forbidden = {"save_path": "/x", "web_ui_port": 1, "web_ui_password": "x", "temp_path": "/x", "listen_port": 1}
    wanted = {"queueing_enabled": True, "max_ratio": 2.0, "max_ratio_enabled": True} | forbidden
    virtual.done("app/setPreferences", json=json.dumps(wanted))
    for node in nodes:
        assert (node.preferences["queueing_enabled"], node.preferences["max_ratio"]) == (True, 2.0)
        assert node.preferences.keys() & (forbidden.keys() - {"temp_path"}) == set()
        assert node.preferences["temp_path"] == "/downloads/temp"
    for _ in range(2):
        shown = virtual.json("app/preferences")
        assert (shown["queueing_enabled"], shown["max_ratio"]) == (True, 2.0)
        virtual.poll(*nodes)


def test_preferences_that_are_no_object_are_refused(make: Callable[[], Virtual], nodes: list[SwitchedNode]) -> None:
    """With the reason, and no node is asked."""
    virtual = make()
    wrong = ["", "x", "[1]", "[" * 100_000]
    assert [virtual.post("app/setPreferences", json=given).status_code for given in wrong] == [400] * 4
    assert [node.calls["app/setPreferences"] for node in nodes] == [0, 0]


def test_preferences_that_a_node_could_not_take_are_an_error(
    make: Callable[[], Virtual], nodes: list[SwitchedNode]
) -> None:
    """The client asks again; the other node has them."""
    virtual = make()
    nodes[0].down = True
    assert virtual.post("app/setPreferences", json='{"queueing_enabled": true}').status_code == 503
    assert nodes[1].preferences["queueing_enabled"] is True
    assert virtual.json("app/preferences")["queueing_enabled"] is False


def test_each_torrent_carries_the_limits_that_hold_on_its_node(
    make: Callable[[], Virtual], nodes: list[SwitchedNode]
) -> None:
    """Trap 16: -2 means another thing on each node, and *arr would look it up in one place."""
    limits = {}
    for node, ratio in zip(nodes, (2.5, -1), strict=True):
        made = node.have(make_torrent("t", GIB), ratio_limit=-2, max_ratio=ratio, seeding_time_limit=-2)
        limits[made.hash] = ratio
    virtual = make()
    assert virtual.field("ratio_limit") == limits
    assert set(virtual.field("seeding_time_limit").values()) == {-1}


def test_free_space_is_the_roomiest_nodes_and_speeds_are_summed(
    make: Callable[[], Virtual], nodes: list[SwitchedNode]
) -> None:
    """Trap 21: the sum of 130 GiB would promise room that no node has."""
    for node in nodes:
        node.transfer["dl_info_speed"] = 5
    state = make().json("sync/maindata")["server_state"]
    assert (state["free_space_on_disk"], state["dl_info_speed"]) == (100 * GIB, 10)


def test_every_path_outward_is_the_clients(make: Callable[[], Virtual], nodes: list[SwitchedNode]) -> None:
    """Trap 19: of torrents, properties, preferences and categories, from a Windows node too."""
    paths = {"old": "/downloads/tv", "new": "D:\\dl\\tv"}
    shown = {"old": "/mnt/old/tv", "new": "/mnt/win/tv"}
    hashes = {}
    for node in nodes:
        path = paths[node.name]
        made = node.have(make_torrent("t", GIB), save_path=path, content_path=f"{path}/t", download_path=path)
        hashes[made.hash] = shown[node.name]
        node.categories[node.name] = {"name": node.name, "savePath": path}
    virtual = make()
    assert virtual.field("save_path") == virtual.field("download_path") == hashes
    assert virtual.field("content_path") == {hash_: f"{path}/t" for hash_, path in hashes.items()}
    for hash_, path in hashes.items():
        properties = virtual.json("torrents/properties", hash=hash_)
        assert (properties["save_path"], properties["download_path"]) == (path, path)
    categories = virtual.json("torrents/categories")
    assert {name: category["savePath"] for name, category in categories.items()} == shown
    assert virtual.json("app/preferences")["save_path"] == virtual.get("app/defaultSavePath").text == "/mnt/win"


def test_every_path_inward_is_the_nodes(make: Callable[[], Virtual], nodes: list[SwitchedNode]) -> None:
    """Trap 19: when a torrent is added, moved, or a category made; what no rule covers is passed on as it is."""
    old, new = nodes
    one, two = (node.have(make_torrent("t", GIB)).hash for node in nodes)
    virtual = make()
    virtual.done("torrents/setLocation", hashes=one, location="/mnt/old/x")
    virtual.done("torrents/setLocation", hashes=two, location="/mnt/win/x/y")
    assert (old.torrents_by_hash[one]["save_path"], new.torrents_by_hash[two]["save_path"]) == (
        "/downloads/x",
        "D:\\dl\\x\\y",
    )
    assert virtual.field("save_path") == {one: "/mnt/old/x", two: "/mnt/win/x/y"}
    virtual.done("torrents/createCategory", category="tv", savePath="/mnt/win/tv")
    assert [node.categories["tv"]["savePath"] for node in nodes] == ["/mnt/win/tv", "D:\\dl\\tv"]
    made = make_torrent("added", GIB)
    virtual.done("torrents/add", urls=made.magnet, savepath="/mnt/old/tv")
    assert [fields["savepath"] for _, fields in old.adds] == ["/downloads/tv"]
    assert virtual.rows()[made.hash]["save_path"] == "/mnt/old/tv"
    virtual.poll(*nodes)
    assert virtual.rows()[made.hash]["save_path"] == "/mnt/old/tv"


def test_a_path_just_added_is_shown_once_mapped(make_app: AppMaker, switched: Callable[..., SwitchedNode]) -> None:
    """Also where the clients' prefix looks like another of the node's."""
    node = switched(name="a")
    virtual = Virtual(make_app([node_entry(node, path_map=[{"from": "/data", "to": "/data/a"}])], **FAST))
    made = make_torrent("t", GIB)
    virtual.done("torrents/add", urls=made.magnet, savepath="/data/a/tv")
    assert (node.adds[0][1]["savepath"], virtual.rows()[made.hash]["save_path"]) == ("/data/tv", "/data/a/tv")


def test_nodes_that_clients_cannot_tell_apart_are_warned_of(make_app: AppMaker, nodes: list[SwitchedNode]) -> None:
    """Trap 19, in `/nodes`: one path for two disks; with a prefix each there is nothing to say."""
    nodes[1].save_path = "/downloads/"
    alike = Virtual(make_app([node_entry(node) for node in nodes], **FAST))
    warnings: dict[str, Any] = {node["name"]: node["warnings"] for node in alike.nodes()}
    assert [(len(warnings[name]), other in warnings[name][0]) for name, other in (("old", "new"), ("new", "old"))] == [
        (1, True)
    ] * 2
    told_apart = Virtual(make_app([node_entry(node, path_map=PREFIXES["old"]) for node in nodes[:1]], **FAST))
    assert [node["warnings"] for node in told_apart.nodes()] == [[]]


def test_reads_answer_every_method_with_the_right_type(make: Callable[[], Virtual]) -> None:
    """Traps 27 and 28: text or JSON, never HTML, and no redirect; what is no call is 404."""
    client = make().app.test_client()
    types = {"app/version": "text/plain; charset=UTF-8", "torrents/info": "application/json"}
    types |= {"app/preferences": "application/json", "transfer/info": "application/json"}
    for ask in (client.get, client.post, client.head):
        for endpoint, kind in types.items():
            answer = ask(f"/api/v2/{endpoint}")
            assert (answer.status_code, answer.content_type) == (200, kind)
        assert ask("/version/api").status_code == 404

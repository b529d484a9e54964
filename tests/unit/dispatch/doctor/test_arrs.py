"""What the doctor learns from a Sonarr or Radarr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import node_entry
from tests.rig.ailing import AilingNode
from tests.rig.processes import free_port
from tests.rig.scripted_arr import ScriptedArr
from tests.unit.dispatch.doctor.conftest import URL, Examine, arr_entry, codes

NodeMaker = Callable[..., AilingNode]
ArrMaker = Callable[..., ScriptedArr]
Look = Callable[..., Any]


@pytest.fixture
def arr(scripted_arr: ArrMaker) -> ScriptedArr:
    """A Sonarr in which all is well."""
    made = scripted_arr("sonarr")
    made.entry("qbdispatch", host="127.0.0.1", port=8000)
    made.folders = {"/data/a"}
    return made


@pytest.fixture
def seen(look: Examine, ailing: NodeMaker, arr: ScriptedArr) -> Look:
    """Examine one healthy node and that Sonarr; answers the findings."""
    node = ailing(name="a")

    def run(entry: dict[str, Any] | None = None, url: str | None = URL, **changes: Any) -> Any:
        return look([node_entry(node, **changes)], url=url, arr_instances=[entry or arr_entry(arr)])

    return run


def test_nothing_is_said_where_all_is_well(seen: Look) -> None:
    """Reached, connected, and the folders are there."""
    assert seen() == []


@pytest.mark.parametrize("kind", ["sonarr", "radarr"])
def test_a_wrong_key_is_named(seen: Look, arr: ScriptedArr, kind: str) -> None:
    """With where to copy the right one from, and nothing else is asked."""
    (found,) = seen(arr_entry(arr, name="tv", type=kind, api_key="not-this-one"))
    assert codes([found]) == [("arr_key_refused", f"{kind} tv")]
    assert "Settings, General" in found.remedy
    assert "not-this-one" not in str(found)


def test_an_address_where_nobody_is_or_somebody_else(seen: Look, arr: ScriptedArr) -> None:
    """One is not there, the other lacks /api/v3."""
    assert codes(seen(arr_entry(arr, url=f"http://127.0.0.1:{free_port()}/api/v3"))) == [
        ("arr_unreachable", "sonarr sonarr")
    ]
    assert codes(seen(arr_entry(arr, url=arr.url.removesuffix("/v3")))) == [("not_arr", "sonarr sonarr")]


@pytest.mark.parametrize(
    ("kind", "version", "expected"),
    [
        ("sonarr", "4.0.3.1413", ["arr_too_old"]),
        ("sonarr", "4.0.4.1491", []),
        ("sonarr", "3.0.10.1567", ["arr_too_old"]),
        ("radarr", "5.4.6.8723", ["arr_too_old"]),
        ("radarr", "5.5.3.8819", []),
        ("radarr", "6.0.4.10291", []),
    ],
)
def test_versions_that_do_not_know_stopped_torrents_are_too_old(
    seen: Look, arr: ScriptedArr, kind: str, version: str, expected: list[str]
) -> None:
    """The first releases that know qBittorrent 5's states are the oldest ones."""
    arr.version = version
    assert [finding.code for finding in seen(arr_entry(arr, type=kind))] == expected


@pytest.mark.parametrize(
    ("values", "enable", "expected"),
    [
        ({"host": "127.0.0.1", "port": 8000}, True, []),
        ({"host": "127.0.0.1", "port": 8001}, True, ["arr_not_connected"]),
        ({"host": "other", "port": 8000}, True, ["arr_not_connected"]),
        ({"host": "127.0.0.1", "port": 8000}, False, ["arr_client_disabled"]),
    ],
)
def test_whether_it_uses_this_dispatcher_is_told_by_host_and_port(
    seen: Look, arr: ScriptedArr, values: dict[str, Any], enable: bool, expected: list[str]
) -> None:
    """Only where our own address is given; else nobody can say."""
    arr.entries.clear()
    arr.entry("by hand", **values)["enable"] = enable
    found = seen()
    assert [finding.code for finding in found] == expected
    assert all(f"--url {URL}" in finding.remedy for finding in found if finding.code == "arr_not_connected")
    assert seen(url=None) == []


def test_a_save_path_that_it_does_not_see_is_named(seen: Look, arr: ScriptedArr) -> None:
    """By its own look at its disk, for the path as clients are told it."""
    arr.folders = {"/data/b", "/mnt/a"}
    (found,) = seen()
    assert (found.code, "/data/a" in found.seen) == ("save_path_not_visible", True)
    assert seen(path_map=[{"from": "/data", "to": "/mnt"}]) == []


def test_its_own_remote_path_mapping_is_followed(seen: Look, arr: ScriptedArr) -> None:
    """For our host and the first that covers the path, as it does itself."""
    arr.mappings = [
        {"host": "elsewhere", "remotePath": "/data/", "localPath": "/wrong/"},
        {"host": "127.0.0.1", "remotePath": "/data/", "localPath": "/tv/"},
    ]
    arr.folders = {"/tv/a"}
    assert seen() == []
    arr.folders = {"/data/a"}
    (found,) = seen()
    assert found.code == "save_path_not_visible"
    assert "does not see /tv/a, which its remote path mapping makes of /data/a" in found.seen


def test_saving_into_the_library_is_named(seen: Look, arr: ScriptedArr) -> None:
    """It imports from the save path into the root folder, so they must differ."""
    arr.roots = [{"path": "/data/a/", "accessible": True}]
    assert codes(seen()) == [("saves_into_library", "sonarr sonarr")]


def test_what_it_says_itself_of_download_clients_is_passed_on(seen: Look, arr: ScriptedArr) -> None:
    """Its other complaints are not ours."""
    arr.health = [
        {
            "source": "DownloadClientStatusCheck",
            "type": "error",
            "message": "All are unavailable",
            "wikiUrl": "http://w",
        },
        {"source": "UpdateCheck", "type": "warning", "message": "New update"},
        {"source": "RemotePathMappingCheck", "type": "ok", "message": ""},
    ]
    (found,) = seen()
    assert (found.code, found.remedy) == ("arr_health", "see http://w")
    assert "All are unavailable" in found.seen


def test_an_instance_that_fails_half_way_is_named(seen: Look, arr: ScriptedArr) -> None:
    """What was found before stays."""
    arr.version = "4.0.0.1"
    arr.missing = {"rootfolder"}
    assert codes(seen()) == [("arr_too_old", "sonarr sonarr"), ("arr_call_failed", "sonarr sonarr")]


def test_its_clock_is_compared_as_well(seen: Look, arr: ScriptedArr) -> None:
    """By the Date of its answer."""
    arr.clock_ahead_seconds = -120
    assert codes(seen()) == [("clock_skew", "sonarr sonarr")]

"""What the doctor learns from a Sonarr or Radarr."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from qbdispatch.store import mirror, snapshots
from qbdispatch.store.engine import Store
from qbdispatch.store.mirror import Listed
from qbdispatch.store.snapshots import Snapshot
from tests.conftest import node_entry
from tests.rig.ailing import AilingNode
from tests.rig.disks import GIB
from tests.rig.processes import free_port
from tests.rig.scripted_arr import ScriptedArr
from tests.unit.dispatch.doctor.conftest import URL, Examine, arr_entry, codes

NodeMaker = Callable[..., AilingNode]
ArrMaker = Callable[..., ScriptedArr]
Look = Callable[..., Any]
AUTH = {"username": "user", "password": "secret-pass"}


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

    def run(
        entry: dict[str, Any] | None = None,
        url: str | None = URL,
        auth: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Any:
        return look([node_entry(node, **changes)], url=url, auth=auth or {}, arr_instances=[entry or arr_entry(arr)])

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
    ("change", "seen_as", "remedy"),
    [
        (("http:", "https:"), "failed at TLS", "http or https"),
        (("127.0.0.1", "a..test"), "cannot be resolved", "host name"),
        (("127.0.0.1", f"{'a' * 64}.test"), "cannot be resolved", "host name"),
    ],
    ids=["tls", "empty-part", "long-part"],
)
def test_ways_not_to_be_reached_are_told_apart(
    seen: Look, arr: ScriptedArr, change: tuple[str, str], seen_as: str, remedy: str
) -> None:
    """Each with a remedy of its own: to start it would help in none of these."""
    (found,) = seen(arr_entry(arr, url=arr.url.replace(*change)))
    assert codes([found]) == [("arr_unreachable", "sonarr sonarr")]
    assert seen_as in found.seen
    assert remedy in found.remedy


def test_a_proxy_that_answers_in_its_place_is_no_wrong_address(seen: Look, arr: ScriptedArr) -> None:
    """502 and 503 come from there while it starts; so the url is not to blame."""
    arr.failing = {"system/status"}
    (found,) = seen()
    assert (found.code, found.seen) == ("arr_unreachable", "answered 503")
    assert "log" in found.remedy


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
    away = [finding for finding in found if finding.code == "arr_not_connected"]
    assert all(f"--url {URL}" in finding.remedy for finding in away)
    assert all("by hand at {host}:{port}".format(**values) in finding.seen for finding in away)
    assert seen(url=None) == []


@pytest.mark.parametrize(
    ("values", "auth", "expected"),
    [
        ({"useSsl": True}, {}, ["Use SSL must be off"]),
        ({"urlBase": "/qb/", "useSsl": True}, {}, ["Use SSL must be off", "URL Base must be empty"]),
        ({"username": "other"}, AUTH, ["its user name is not auth.username"]),
        ({"username": "other"}, {}, []),
        ({"username": "user"}, AUTH, []),
        ({"apiKey": "key"}, AUTH, []),
    ],
)
def test_an_entry_that_leads_here_but_cannot_get_in_is_named(
    seen: Look, arr: ScriptedArr, values: dict[str, Any], auth: dict[str, Any], expected: list[str]
) -> None:
    """By all that it shows of itself; with what puts that very entry right. A disabled one harms nobody."""
    arr.entries.clear()
    entry = arr.entry("by hand", host="127.0.0.1", port=8000, **values)
    found = seen(auth=auth)
    assert [finding.code for finding in found] == ["arr_client_wrong"] * bool(expected)
    assert all(", ".join(expected) in finding.seen and '--entry "by hand"' in finding.remedy for finding in found)
    entry["enable"] = False
    assert [finding.code for finding in seen(auth=auth)] == ["arr_client_disabled"]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("tv", "tv", "of category tv"),
        ("tv", "films", None),
        ("", "films", "sonarr tv asks for all"),
        ("", "", "radarr films asks for all"),
    ],
)
def test_two_instances_that_ask_for_the_same_torrents_are_named(
    look: Examine, scripted_arr: ArrMaker, ailing: NodeMaker, one: str, other: str, expected: str | None
) -> None:
    """Each would import what the other has asked for. One alone may ask for whatever it likes."""
    arrs = [scripted_arr("sonarr"), scripted_arr("radarr")]
    for arr, name, category in zip(arrs, ("tvCategory", "movieCategory"), (one, other), strict=True):
        arr.entry("qbdispatch", host="127.0.0.1", port=8000, **{name: category})
        arr.folders = {"/data/a"}
    entries = [arr_entry(arr, name=name) for arr, name in zip(arrs, ("tv", "films"), strict=True)]
    node = node_entry(ailing(name="a"))
    found = look([node], arr_instances=entries)
    assert codes(found) == [("shared_category", "sonarr tv and radarr films")] * (expected is not None)
    assert all(str(expected) in finding.seen for finding in found)
    assert look([node], arr_instances=entries[:1]) == []
    arrs[0].entries[0]["enable"] = False
    assert "shared_category" not in dict(codes(look([node], arr_instances=entries)))


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


def test_where_nobody_told_our_address_any_mapping_is_followed(seen: Look, arr: ScriptedArr) -> None:
    """It cannot be told which are for us, and what is fine must not be called a fault."""
    arr.mappings = [{"host": "qb-dispatcher", "remotePath": "/data/", "localPath": "/tv/"}]
    arr.folders = {"/tv/a"}
    assert seen(url=None) == []
    assert [finding.code for finding in seen()] == ["save_path_not_visible"]


def test_a_folder_that_it_leaves_out_of_lists_is_seen_by_what_is_in_it(seen: Look, arr: ScriptedArr) -> None:
    """It hides folders called `cache`, and shows nothing of a parent that it may not read."""
    arr.folders, arr.files = set(), {"/mnt/cache/film.mkv"}
    arr.hidden = {"/mnt/cache/"}
    assert seen(path_map=[{"from": "/data/a", "to": "/mnt/cache"}]) == []


@pytest.mark.parametrize(
    ("state", "there", "expected"),
    [
        ("stalledUP", "/mnt/b/other.mkv", ["files_not_visible"]),
        ("stalledUP", "/mnt/b/film.mkv", []),
        ("downloading", "/mnt/b/other.mkv", []),
        ("stoppedUP", "/mnt/b/other.mkv", []),
    ],
)
def test_another_nodes_folder_is_told_by_what_is_in_it(
    seen: Look, arr: ScriptedArr, store: Store, state: str, there: str, expected: list[str]
) -> None:
    """Two mappings that are swapped lead to folders that are both there; what the node has finished is not. From a
    stopped one *arr may just have moved the files."""
    with store.write() as connection:
        row = {"content_path": "/data/a/film.mkv", "state": state}
        revision = mirror.next_revision(connection)
        mirror.put(connection, "a", [Listed("x", "x", row)], revision=revision, seen_at=time.time())
        snapshots.keep(connection, Snapshot("a", time.time(), 100 * GIB, 0, 0, 0, 0, 0, 0, None, "v5.1.0"))
    arr.folders, arr.files = set(), {there}
    found = seen(path_map=[{"from": "/data/a", "to": "/mnt/b"}])
    assert [finding.code for finding in found] == expected
    assert all("film.mkv" in finding.seen and "swapped" in finding.remedy for finding in found)


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

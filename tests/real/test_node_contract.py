"""One contract for every node: what the scripted node claims to be is what the real ones are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.rig.availability import VERSIONS, Version, require
from tests.rig.processes import wait_until
from tests.rig.qbittorrent import RealNode
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet, make_torrent

Node = RealNode | ScriptedNode
MODERN: tuple[Version, ...] = ("5.3.0",)


def _nodes() -> list[Any]:
    real = [pytest.param(("real", version), marks=pytest.mark.real, id=f"real-{version}") for version in VERSIONS]
    return [pytest.param(("scripted", version), id=f"scripted-{version}") for version in VERSIONS] + real


@pytest.fixture(scope="module", params=_nodes())
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    """A node that runs for all tests here: each adds torrents of its own, one alone logs in wrongly."""
    kind, version = request.param
    if kind == "real":
        require(version)
        with RealNode(version, size_gib=100) as real:
            yield real
    else:
        with ScriptedNode(version, free_gib=100) as scripted:
            yield scripted


@pytest.fixture
def http(node: Node) -> Iterator[requests.Session]:
    """A logged-in plain session, with cookies of its own."""
    with requests.Session() as session:
        session.trust_env = False
        answer = _login(session, node, node.password)
        assert answer.ok
        yield session
        session.post(f"{node.url}/api/v2/auth/logout")


def _login(session: requests.Session, node: Node, password: str) -> requests.Response:
    return session.post(
        f"{node.url}/api/v2/auth/login", data={"username": node.username, "password": password}, timeout=10
    )


def _add(http: requests.Session, node: Node, **arguments: Any) -> requests.Response:
    return http.post(f"{node.url}/api/v2/torrents/add", timeout=10, **arguments)


def _row(http: requests.Session, node: Node, torrent_hash: str) -> dict[str, Any] | None:
    url = f"{node.url}/api/v2/torrents/info"
    rows: list[dict[str, Any]] = http.get(url, params={"hashes": torrent_hash}, timeout=10).json()
    return rows[0] if rows else None


def _listed(http: requests.Session, node: Node, torrent_hash: str) -> dict[str, Any]:
    row = wait_until(lambda: _row(http, node, torrent_hash), 10, f"{torrent_hash} to be listed")
    assert row is not None
    return row


def _maindata(http: requests.Session, node: Node, rid: int) -> dict[str, Any]:
    url = f"{node.url}/api/v2/sync/maindata"
    answer: dict[str, Any] = http.get(url, params={"rid": rid}, timeout=10).json()
    return answer


def test_a_wrong_password_is_refused_in_the_words_of_the_version(node: Node) -> None:
    """200 `Fails.` up to 5.1, 401 from 5.2 on; no cookie either way."""
    with requests.Session() as session:
        answer = _login(session, node, "wrong")
        assert (answer.status_code, answer.text if answer.ok else "") == (
            (401, "") if node.version in MODERN else (200, "Fails.")
        )
        assert not session.cookies


def test_the_right_password_gives_the_cookie_of_the_version(node: Node) -> None:
    """200 `Ok.` with SID up to 5.1; 204 with a cookie named after the port from 5.2 on."""
    with requests.Session() as session:
        answer = _login(session, node, node.password)
        port = node.url.rpartition(":")[2]
        modern = node.version in MODERN
        assert (answer.status_code, answer.text) == ((204, "") if modern else (200, "Ok."))
        assert list(session.cookies.keys()) == [f"QBT_SID_{port}" if modern else "SID"]


def test_without_a_session_everything_is_forbidden(node: Node) -> None:
    """403, for what exists and for what does not."""
    for endpoint in ("app/version", "torrents/info", "no/such"):
        assert requests.get(f"{node.url}/api/v2/{endpoint}", timeout=10).status_code == 403


def test_unknown_endpoints_and_wrong_methods_are_told_apart(http: requests.Session, node: Node) -> None:
    """404 for what is not there, 405 for a GET where only POST is allowed."""
    assert http.get(f"{node.url}/api/v2/torrents/nosuch", timeout=10).status_code == 404
    assert http.get(f"{node.url}/api/v2/torrents/add", timeout=10).status_code == 405


def test_the_versions_are_plain_text(http: requests.Session, node: Node) -> None:
    """`v` and the version; the API's version bare, in the range that belongs to the dialect."""
    version = http.get(f"{node.url}/api/v2/app/version", timeout=10).text
    api = http.get(f"{node.url}/api/v2/app/webapiVersion", timeout=10).text
    assert version.startswith("v")
    numbers = tuple(int(part) for part in api.split("."))
    lowest = {"4.5.2": (2, 8, 18), "5.1.0": (2, 11, 2), "5.3.0": (2, 14, 0)}[node.version]
    below = {"4.5.2": (2, 11), "5.1.0": (2, 14), "5.3.0": (3,)}[node.version]
    assert lowest <= numbers < below


def test_a_magnet_is_added_and_listed_by_its_hash(http: requests.Session, node: Node) -> None:
    """The add is a success; the row has no size yet, and the category that was asked for."""
    magnet = made_up_magnet("a magnet")
    answer = _add(http, node, data={"urls": magnet.magnet, "category": "tv", "tags": "one,two"})
    assert answer.status_code == 200
    if node.version in MODERN:
        said = answer.json()
        assert (said["success_count"], said["failure_count"]) == (1, 0)
        assert said["added_torrent_ids"] == [magnet.hash]
    else:
        assert answer.text == "Ok."
    row = _listed(http, node, magnet.hash)
    assert (row["hash"], row["name"], row["category"], row["tags"]) == (
        magnet.hash,
        "a magnet",
        "tv",
        "one, two",
    )
    assert (row["size"], row["total_size"], row["amount_left"]) == (0, -1, 0)


@pytest.mark.parametrize("kind", ["v1", "v2", "hybrid"])
def test_a_torrent_file_is_listed_with_its_size(http: requests.Session, node: Node, kind: Any) -> None:
    """40 GiB are to be written; the id is the one libtorrent 2 gives."""
    torrent = make_torrent(f"file {kind}", 40 * 2**30 - 1, kind)
    upload = {"torrents": ("t.torrent", torrent.data, "application/x-bittorrent")}
    assert _add(http, node, files=upload).status_code == 200
    row = _listed(http, node, torrent.hash)
    assert row["size"] == torrent.size_bytes
    assert (row["infohash_v1"], row["infohash_v2"]) == (torrent.v1 or "", torrent.v2 or "")
    wait_until(
        lambda: _listed(http, node, torrent.hash)["amount_left"] == torrent.size_bytes,
        10,
        "its bytes to count",
    )


def test_what_is_there_already_is_refused(http: requests.Session, node: Node) -> None:
    """`Fails.` up to 5.1, 409 `Conflict` from 5.2 on; the torrent stays."""
    magnet = made_up_magnet()
    assert _add(http, node, data={"urls": magnet.magnet}).ok
    _listed(http, node, magnet.hash)
    again = _add(http, node, data={"urls": magnet.magnet})
    expected = (409, "Conflict") if node.version in MODERN else (200, "Fails.")
    assert (again.status_code, again.text) == expected
    assert _row(http, node, magnet.hash)


def test_what_is_no_torrent_is_refused(http: requests.Session, node: Node) -> None:
    """415 for a file that is none."""
    upload = {"torrents": ("t.torrent", b"<html>", "application/x-bittorrent")}
    assert _add(http, node, files=upload).status_code == 415


def test_info_lists_only_the_hashes_asked_for(http: requests.Session, node: Node) -> None:
    """Several are separated by a bar; unknown ones are left out."""
    one, two = made_up_magnet("one"), made_up_magnet("two")
    for magnet in (one, two):
        assert _add(http, node, data={"urls": magnet.magnet}).ok
        _listed(http, node, magnet.hash)
    url = f"{node.url}/api/v2/torrents/info"
    wanted = f"{one.hash.upper()}|{'0' * 40}|{two.hash}"
    rows = http.get(url, params={"hashes": wanted}, timeout=10).json()
    assert {row["hash"] for row in rows} == {one.hash, two.hash}
    assert _row(http, node, "0" * 40) is None


def test_maindata_is_full_first_and_then_a_delta(http: requests.Session, node: Node) -> None:
    """What is unchanged is absent; an addition and a removal each show once; an unknown rid gives all."""
    kept, removed = made_up_magnet("kept"), made_up_magnet("removed")
    for magnet in (kept, removed):
        assert _add(http, node, data={"urls": magnet.magnet}).ok
        _listed(http, node, magnet.hash)
    # The first answer after a login may say 0 free: a real node gathers the figure in the background.
    wait_until(lambda: _maindata(http, node, 0)["server_state"]["free_space_on_disk"], 10, "free space")
    full = _maindata(http, node, 0)
    assert full["full_update"] is True
    assert {kept.hash, removed.hash} <= full["torrents"].keys()
    assert "hash" not in full["torrents"][kept.hash]
    assert full["server_state"]["free_space_on_disk"] == pytest.approx(100 * 2**30, rel=0.01)

    http.post(
        f"{node.url}/api/v2/torrents/delete",
        data={"hashes": removed.hash, "deleteFiles": "false"},
        timeout=10,
    )
    delta = _maindata(http, node, full["rid"])
    assert "full_update" not in delta
    assert delta["torrents_removed"] == [removed.hash]
    later = _maindata(http, node, delta["rid"])
    assert "torrents_removed" not in later
    assert "size" not in later.get("torrents", {}).get(kept.hash, {})
    assert _maindata(http, node, 999_999)["full_update"] is True


def test_an_answer_that_got_lost_can_be_asked_for_again(http: requests.Session, node: Node) -> None:
    """The rid acknowledged last still gives everything since."""
    first = _maindata(http, node, 0)
    magnet = made_up_magnet("seen twice")
    assert _add(http, node, data={"urls": magnet.magnet}).ok
    _listed(http, node, magnet.hash)
    for _ in range(2):
        assert magnet.hash in _maindata(http, node, first["rid"])["torrents"]


def test_delete_removes_from_the_list_and_forgives_unknown_hashes(http: requests.Session, node: Node) -> None:
    """200 either way; both parameters are needed."""
    magnet = made_up_magnet()
    assert _add(http, node, data={"urls": magnet.magnet}).ok
    _listed(http, node, magnet.hash)
    url = f"{node.url}/api/v2/torrents/delete"
    for _ in range(2):
        assert http.post(url, data={"hashes": magnet.hash, "deleteFiles": "true"}, timeout=10).status_code == 200
    wait_until(lambda: _row(http, node, magnet.hash) is None, 10, "the torrent to be gone")
    assert http.post(url, data={"hashes": magnet.hash}, timeout=10).status_code == 400

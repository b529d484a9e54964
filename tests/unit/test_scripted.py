"""The scripted node's dials: each fault is what a client sees, and nothing is left running after it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.rig.disks import GIB
from tests.rig.processes import wait_until
from tests.rig.scripted import BANNED, ScriptedNode
from tests.rig.swarm import made_up_magnet, make_torrent


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    with ScriptedNode("5.1.0", free_gib=100) as scripted:
        yield scripted


@pytest.fixture
def http(node: ScriptedNode) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        _login(session, node)
        yield session


def _login(session: requests.Session, node: ScriptedNode, password: str | None = None) -> requests.Response:
    fields = {"username": node.username, "password": password or node.password}
    return session.post(f"{node.url}/api/v2/auth/login", data=fields, timeout=10)


def _add(http: requests.Session, node: ScriptedNode, urls: str, **fields: str) -> requests.Response:
    return http.post(f"{node.url}/api/v2/torrents/add", data={"urls": urls, **fields}, timeout=10)


@pytest.mark.parametrize(("behaviour", "kept"), [("add_then_drop", True), ("drop", False)])
def test_an_add_can_be_cut_off_with_and_without_effect(
    node: ScriptedNode, http: requests.Session, behaviour: Any, kept: bool
) -> None:
    """The client sees the same: a connection closed without an answer."""
    node.add_behaviour = behaviour
    magnet = made_up_magnet()
    with pytest.raises(requests.ConnectionError):
        _add(http, node, magnet.magnet)
    assert (magnet.hash in node.torrents_by_hash) is kept
    assert [added for added, _ in node.adds] == ([magnet.hash] if kept else [])
    assert node.calls["torrents/add"] == 1


@pytest.mark.parametrize(
    ("behaviour", "status", "text"),
    [("fail", 200, "Fails."), ("http_500", 500, "Internal Server Error"), ("html", 200, "<!DOCTYPE")],
)
def test_an_add_can_be_refused_in_several_ways(
    node: ScriptedNode, http: requests.Session, behaviour: Any, status: int, text: str
) -> None:
    """None of them takes the torrent."""
    node.add_behaviour = behaviour
    answer = _add(http, node, made_up_magnet().magnet)
    assert (answer.status_code, answer.text[: len(text)]) == (status, text)
    assert node.adds == []


@pytest.mark.parametrize(("behaviour", "kept"), [("hang", False), ("add_then_hang", True)])
def test_a_held_answer_ends_when_it_is_released(
    node: ScriptedNode, http: requests.Session, behaviour: Any, kept: bool
) -> None:
    """Until then the caller waits, and others are served."""
    node.add_behaviour = behaviour
    magnet = made_up_magnet()
    seen: list[Exception] = []

    def add() -> None:
        try:
            _add(http, node, magnet.magnet)
        except requests.ConnectionError as error:
            seen.append(error)

    caller = threading.Thread(target=add)
    caller.start()
    node.wait_until_holding()
    assert (node.session().torrent(magnet.hash) is not None) is kept
    assert caller.is_alive()
    node.release()
    caller.join(10)
    assert len(seen) == 1


def test_a_delay_holds_up_only_its_endpoint(node: ScriptedNode, http: requests.Session) -> None:
    """A client's own time limit runs out there and nowhere else."""
    node.delay_seconds["sync/maindata"] = 30
    with pytest.raises(requests.ReadTimeout):
        http.get(f"{node.url}/api/v2/sync/maindata", timeout=0.2)
    assert http.get(f"{node.url}/api/v2/app/version", timeout=10).text == "v5.1.0"


def test_five_wrong_passwords_ban_even_the_right_one(node: ScriptedNode) -> None:
    """Sessions from before go on working."""
    with requests.Session() as before, requests.Session() as http:
        assert _login(before, node).text == "Ok."
        for _ in range(5):
            assert _login(http, node, "wrong").text == "Fails."
        answer = _login(http, node)
        assert (answer.status_code, answer.text) == (403, BANNED)
        assert before.get(f"{node.url}/api/v2/app/version", timeout=10).ok
    assert node.failed_logins == 5
    assert node.calls["auth/login"] == 7


def test_it_can_refuse_everybody_and_forget_everybody(node: ScriptedNode, http: requests.Session) -> None:
    """As when banned, and as after a restart."""
    address = f"{node.url}/api/v2/app/version"
    node.unauthorised = True
    assert (http.get(address, timeout=10).status_code, _login(http, node).status_code) == (403, 403)
    node.unauthorised = False
    assert http.get(address, timeout=10).ok
    node.forget_sessions()
    assert http.get(address, timeout=10).status_code == 403


@pytest.mark.parametrize("garbage", ["json", "html"])
def test_maindata_can_be_garbage(node: ScriptedNode, http: requests.Session, garbage: Any) -> None:
    """It is 200 and no JSON."""
    node.garbage = garbage
    answer = http.get(f"{node.url}/api/v2/sync/maindata", timeout=10)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_the_free_space_and_the_dialect_are_live_dials(node: ScriptedNode, http: requests.Session) -> None:
    """A delta carries the new figure; an upgrade changes the cookie and the words."""
    rid = node.session().maindata()["rid"]
    node.free_bytes = 5 * GIB
    assert node.session().maindata(rid)["server_state"] == {"free_space_on_disk": 5 * GIB}
    node.version = "5.3.0"
    assert _login(http, node).status_code == 204
    assert _add(http, node, made_up_magnet().magnet).json()["success_count"] == 1


def test_every_field_of_an_add_is_recorded(node: ScriptedNode, http: requests.Session) -> None:
    """What the dispatcher sends can be checked to the letter."""
    magnet = made_up_magnet()
    _add(http, node, magnet.magnet, category="tv", savepath="/x", stopped="true")
    sent = {"urls": magnet.magnet, "category": "tv", "savepath": "/x", "stopped": "true"}
    assert node.adds == [(magnet.hash, sent)]
    assert node.torrents_by_hash[magnet.hash]["state"] == "stoppedDL"
    assert node.categories == {"tv": {"name": "tv", "savePath": ""}}


def test_an_api_key_opens_a_modern_node() -> None:
    """Without any login."""
    with ScriptedNode("5.3.0") as node:
        node.api_key = "qbt_" + "k" * 28
        key = {"Authorization": f"Bearer {node.api_key}"}
        assert requests.get(f"{node.url}/api/v2/app/version", headers=key, timeout=10).text == "v5.3.0"
        assert node.calls["auth/login"] == 0


def test_close_leaves_no_thread_behind_whatever_hangs() -> None:
    """Not with a held answer, a delayed one and an idle kept-alive connection all open."""
    before = set(threading.enumerate())
    node = ScriptedNode("5.1.0")
    magnet = made_up_magnet()
    node.session().torrents()
    node.add_behaviour = "hang"
    node.delay_seconds["transfer/info"] = 60

    def call(method: str, endpoint: str, **arguments: Any) -> None:
        with requests.Session() as http:
            _login(http, node)
            with pytest.raises(requests.ConnectionError):
                http.request(method, f"{node.url}/api/v2/{endpoint}", timeout=30, **arguments)

    callers = [
        threading.Thread(target=call, args=("POST", "torrents/add"), kwargs={"data": {"urls": magnet.magnet}}),
        threading.Thread(target=call, args=("GET", "transfer/info")),
    ]
    for caller in callers:
        caller.start()
    node.wait_until_holding()
    wait_until(lambda: node.calls["transfer/info"], 10, "the delayed call to have come")
    node.close()
    node.close()
    for caller in callers:
        caller.join(10)
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("kind", ["v1", "v2", "hybrid"])
@pytest.mark.parametrize("size_bytes", [1, 2**14, 2**14 + 1, 3 * 2**30 + 5, 40 * 2**30])
def test_made_up_torrents_are_what_libtorrent_reads(kind: Any, size_bytes: int) -> None:
    """Size, name and hashes, from the file and from the magnet."""
    libtorrent = pytest.importorskip("libtorrent")
    made = make_torrent("ein Film.mkv", size_bytes, kind)
    info = libtorrent.torrent_info(made.data)
    hashes = info.info_hashes()
    assert (info.name(), info.size_on_disk()) == (made.name, size_bytes)
    assert (str(hashes.v1) if hashes.has_v1() else None) == made.v1
    assert (str(hashes.v2) if hashes.has_v2() else None) == made.v2
    assert libtorrent.parse_magnet_uri(made.magnet).info_hashes == hashes

"""The calls to a node that is well, in the dialect of each version."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from qbdispatch.config.settings import PathRule
from qbdispatch.nodes.dialects import AddReply
from qbdispatch.nodes.errors import NodeForbidden
from qbdispatch.torrents.source import InfoHashes, TorrentSource
from tests.rig.availability import VERSIONS, Version
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import Kind, made_up_magnet, make_torrent
from tests.unit.nodes.builders import COOKIES, HASHES, LINK, MAGNET, V1, client_at, client_of, source_of
from tests.unit.nodes.wire import answer, wired

NodeMaker = Callable[..., ScriptedNode]
FIELDS = {"category": "tv", "tags": "a,b", "stopped": "true", "rename": "näme"}
SENT = FIELDS | {"paused": "true"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_login_gives_the_cookies_that_the_calls_need(scripted: NodeMaker, version: Version) -> None:
    """Whatever the version calls its cookie; without it a call is refused, with it every call is answered."""
    node = scripted(version)
    client = client_of(node)
    with pytest.raises(NodeForbidden):
        client.version({})
    cookies = client.log_in()
    assert list(cookies) == [node.cookie_name]
    assert client.version(cookies) == f"v{version}"
    assert client.transfer(cookies)["dl_info_speed"] == node.transfer["dl_info_speed"]
    assert client_of(node).version(cookies) == f"v{version}"
    assert node.calls["auth/login"] == 1


def test_an_api_key_needs_no_login(scripted: NodeMaker) -> None:
    """5.2 and later take it with each call."""
    node = scripted("5.3.0")
    node.api_key = "k" * 20
    assert client_of(node, username="", password="", api_key="k" * 20).version({}) == "v5.3.0"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("as_file", [False, True])
def test_an_add_arrives_with_all_its_fields(scripted: NodeMaker, version: Version, as_file: bool) -> None:
    """By link and by file, once, with both names of a renamed field; a second time it is not taken."""
    node = scripted(version)
    client = client_of(node)
    cookies = client.log_in()
    source = source_of(make_torrent("n", 10**6), as_file=as_file)
    assert client.add(cookies, source, FIELDS | {"cookie": "c", "urls": "magnet:?x"}) is AddReply.TAKEN
    (sent,) = node.add_requests
    assert sent == (SENT if as_file else SENT | {"urls": source.magnet})
    assert list(node.torrents_by_hash) == [source.hashes.key]
    assert client.add(cookies, source, {}) is AddReply.NOT_TAKEN
    assert node.calls["torrents/add"] == 2


def test_folders_are_sent_in_the_nodes_words(scripted: NodeMaker) -> None:
    """Both of them; an empty one stays empty, a missing one missing."""
    node = scripted()
    client = client_of(node, path_map=(PathRule(from_="/downloads", to="/mnt/box"),))
    cookies = client.log_in()
    client.add(cookies, source_of(made_up_magnet()), {"savepath": "/mnt/box/tv", "downloadPath": "/mnt/box/tmp"})
    client.add(cookies, source_of(made_up_magnet()), {"savepath": ""})
    folders = [(sent.get("savepath"), sent.get("downloadPath")) for sent in node.add_requests]
    assert folders == [("/downloads/tv", "/downloads/tmp"), ("", None)]


def test_a_file_is_sent_whole_under_an_ascii_name() -> None:
    """The name is the hash: old versions choke on others, and a release's name is nobody's business."""
    content = b"d4:info" + bytes(range(256)) + b"e"
    source = TorrentSource(HASHES, "gehe\N{LATIN SMALL LETTER I WITH DIAERESIS}m", 1, content=content)
    with wired(answer(b"Ok.")) as wire:
        assert client_at(wire.url).add(COOKIES, source, {}) is AddReply.TAKEN
    (request,) = wire.requests
    assert f'filename="{V1}.torrent"'.encode() in request
    assert content in request
    assert b"gehe" not in request


def test_a_magnet_is_sent_as_it_came() -> None:
    """Trackers and all; the cookies go along."""
    with wired(answer(b"Ok.")) as wire:
        client_at(wire.url).add(COOKIES, LINK, {})
    head, _, body = wire.requests[0].partition(b"\r\n\r\n")
    assert b"Cookie: SID=hush-cookie" in head.split(b"\r\n")
    assert parse_qs(body.decode()) == {"urls": [MAGNET]}


@pytest.mark.parametrize("kind", ["v1", "v2", "hybrid"])
def test_a_torrent_is_found_under_any_id_a_node_may_list(scripted: NodeMaker, kind: Kind) -> None:
    """One question for all of them; none found is None."""
    node = scripted()
    client = client_of(node)
    cookies = client.log_in()
    source = source_of(make_torrent("wanted", 10**6, kind), as_file=True)
    client.add(cookies, source_of(make_torrent("other", 10**6), as_file=True), {})
    assert client.find(cookies, source.hashes) is None
    client.add(cookies, source, {})
    row = client.find(cookies, source.hashes)
    assert row is not None
    assert row["name"] == "wanted"
    assert node.calls["torrents/info"] == 2


def test_maindata_comes_in_increments(scripted: NodeMaker) -> None:
    """All at first, then what has changed since the last rid; one connection's worth of session."""
    node = scripted()
    client = client_of(node)
    cookies = client.log_in()
    made = make_torrent("n", 10**6)
    first = client.maindata(cookies, 0)
    client.add(cookies, source_of(made), {})
    second = client.maindata(cookies, first["rid"])
    assert (first["full_update"], first.get("torrents", {})) == (True, {})
    assert (second.get("full_update", False), list(second["torrents"])) == (False, [made.hash])


@pytest.mark.parametrize("delete_files", [False, True])
def test_a_delete_says_whether_the_files_go_too(delete_files: bool) -> None:
    """And names the torrents by the node's ids."""
    with wired(answer()) as wire:
        client_at(wire.url).delete(COOKIES, [V1, "b2" * 20], delete_files=delete_files)
    head, _, body = wire.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/v2/torrents/delete ")
    assert parse_qs(body.decode()) == {"deleteFiles": [str(delete_files)], "hashes": [f"{V1}|{'b2' * 20}"]}


def test_the_hosts_own_settings_do_not_get_between(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a proxy of the environment nor a .netrc touches what is said to a node."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with wired(answer(b"v5.1.0")) as wire:
        assert client_at(wire.url).version({}) == "v5.1.0"
    assert b"authorization" not in wire.requests[0].lower()


def test_a_path_in_the_url_is_kept() -> None:
    """A node behind a proxy's prefix."""
    with wired(answer(b"v5.1.0")) as wire:
        client_at(f"{wire.url}/box/one").version({})
    assert wire.requests[0].startswith(b"GET /box/one/api/v2/app/version ")


def test_many_threads_share_one_client(scripted: NodeMaker) -> None:
    """20 threads with 20 calls each: every answer is the one to its own question, and none is asked twice."""
    node = scripted()
    client = client_of(node)
    cookies = client.log_in()
    made = [make_torrent(f"torrent {number}", 10**6) for number in range(20)]
    for torrent in made:
        client.add(cookies, source_of(torrent, as_file=True), {})
    start = threading.Barrier(20)

    def ask(number: int) -> set[str]:
        start.wait(10)
        rows = [client.find(cookies, InfoHashes(v1=made[number].v1)) for _ in range(20)]
        return {row["name"] if row else "" for row in rows}

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(ask, range(20))) == [{torrent.name} for torrent in made]
    assert node.calls["torrents/info"] == 400

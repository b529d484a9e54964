"""`torrents/add` as Sonarr, Radarr and the Python clients send it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from qbdispatch.services import EXTENSION
from tests.conftest import AppMaker, node_entry
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import MadeTorrent, made_up_magnet, make_torrent
from tests.unit.torrents.web import serving

ADD = "/api/v2/torrents/add"
PLAIN = "text/plain; charset=UTF-8"
# Every field that qBittorrent 4.3 to 5.3 reads when it adds (torrentscontroller.cpp at its releases).
FIELDS = {
    "savepath": "/d",
    "downloadPath": "/incomplete",
    "useDownloadPath": "true",
    "category": "tv",
    "tags": "a,b",
    "rename": "new name",
    "stopCondition": "MetadataReceived",
    "contentLayout": "Subfolder",
    "root_folder": "true",
    "sequentialDownload": "true",
    "firstLastPiecePrio": "true",
    "addToTopOfQueue": "true",
    "forced": "true",
    "autoTMM": "false",
    "upLimit": "1",
    "dlLimit": "2",
    "ratioLimit": "3.5",
    "seedingTimeLimit": "4",
    "inactiveSeedingTimeLimit": "5",
    "shareLimitAction": "Stop",
}


def _file(made: MadeTorrent | bytes, name: str = "a.torrent") -> tuple[io.BytesIO, str]:
    return io.BytesIO(made if isinstance(made, bytes) else made.data), name


def _said(answer: Any) -> tuple[int, str]:
    assert answer.content_type == PLAIN
    return answer.status_code, answer.text


def _hashes(*nodes: ScriptedNode) -> set[str]:
    return {added for node in nodes for added, _ in node.adds}


def test_a_magnet_is_added(client: FlaskClient, node: ScriptedNode) -> None:
    """`Ok.` as text/plain; charset=UTF-8: some clients take an add for failed with any other type."""
    made = made_up_magnet()
    assert _said(client.post(ADD, data={"urls": made.magnet})) == (200, "Ok.")
    assert _hashes(node) == {made.hash}


@pytest.mark.parametrize("field", ["torrents", "torrents[]", "fileselect[]", "x"])
def test_a_file_is_added_under_whatever_field_it_comes(client: FlaskClient, node: ScriptedNode, field: str) -> None:
    """qBittorrent takes every file part, whatever its name."""
    made = make_torrent("t", GIB)
    assert _said(client.post(ADD, data={field: _file(made, "t\xfc.torrent")})) == (200, "Ok.")
    assert _hashes(node) == {made.hash}


def test_several_links_and_files_in_one_call_are_each_placed(
    make_app: AppMaker, node: ScriptedNode, small: ScriptedNode
) -> None:
    """Links by line, also in several fields, also as a long multipart text; files of one name; an address; repeats."""
    links = [made_up_magnet() for _ in range(4)]
    files = [make_torrent(f"t{number}", GIB) for number in range(3)]
    client = make_app([node_entry(node), node_entry(small)]).test_client()
    with serving() as site:
        site.pages["/f"] = lambda handler: handler.reply(files[2].data)
        urls = [
            f"{links[0].magnet}\r\n\n  {links[1].magnet}  \n{site.url('/f')}",
            f"{links[2].magnet}\n{links[2].hash}",
        ]
        long_link = links[3].magnet + "&tr=http%3A%2F%2Ft.example%2F" + "x" * 2000
        form = {"urls": [*urls, long_link], "torrents": [_file(files[0]), _file(files[1])]}
        assert _said(client.post(ADD, data=form, content_type="multipart/form-data")) == (200, "Ok.")
    assert _hashes(node, small) == {made.hash for made in links + files}
    assert len(node.add_requests) + len(small.add_requests) == 7


@pytest.mark.parametrize("as_file", [False, True])
def test_all_fields_of_qbittorrent_are_passed_on(client: FlaskClient, node: ScriptedNode, as_file: bool) -> None:
    """With each torrent of the call, and nothing else with them."""
    made = make_torrent("t", GIB)
    form = FIELDS | {"stopped": "true", "skip_checking": "true", "cookie": "secret", "unknown": "x", "hashes": "all"}
    assert _said(client.post(ADD, data=form | ({"torrents": _file(made)} if as_file else {"urls": made.magnet}))) == (
        200,
        "Ok.",
    )
    sent = dict(node.add_requests[0])
    assert sent.pop("urls", None) == (None if as_file else made.magnet)
    assert sent == FIELDS | {"stopped": "true", "paused": "true", "skip_checking": "true", "seedMode": "true"}


def test_all_fields_are_sent_again_when_another_node_has_to_take_it(
    client: FlaskClient, node: ScriptedNode, small: ScriptedNode
) -> None:
    """The second node gets exactly what the first got."""
    node.add_behaviour = "fail"
    made = make_torrent("t", GIB)
    assert _said(client.post(ADD, data=FIELDS | {"torrents": _file(made)})) == (200, "Ok.")
    assert small.add_requests == node.add_requests
    assert small.adds[0][0] == made.hash
    assert {name: small.adds[0][1].get(name) for name in FIELDS} == FIELDS


def test_a_torrent_that_the_fleet_has_counts_as_added(client: FlaskClient, node: ScriptedNode) -> None:
    """The client wants it to be there, and it is."""
    made = make_torrent("t", GIB)
    for form in ({"urls": made.magnet}, {"urls": made.hash.upper()}, {"torrents": _file(made)}):
        assert _said(client.post(ADD, data=form)) == (200, "Ok.")
    assert len(node.add_requests) == 1


def test_a_torrent_that_the_fleet_has_in_another_category_fails(client: FlaskClient, node: ScriptedNode) -> None:
    """Who adds it would look for it in its own category, in vain; a node says `Fails.` as well."""
    made = made_up_magnet()
    said = [client.post(ADD, data={"urls": made.magnet, "category": one}).text for one in ("tv", "tv", "films", "")]
    assert said == ["Ok.", "Ok.", "Fails.", "Ok."]
    assert len(node.add_requests) == 1


@pytest.mark.parametrize(
    "urls", ["", "\n \n", "file:///etc/passwd", "/etc/passwd", "magnet:?xt=urn:btih:x", "http://127.0.0.1:1/x"]
)
def test_what_cannot_be_used_fails(client: FlaskClient, node: ScriptedNode, urls: str) -> None:
    """`Fails.` with status 200; no file of any node's disk is opened."""
    assert _said(client.post(ADD, data={"urls": urls})) == (200, "Fails.")
    assert _said(client.post(ADD)) == (200, "Fails.")
    assert node.add_requests == []


def test_one_good_torrent_among_bad_ones_is_a_success(client: FlaskClient, node: ScriptedNode) -> None:
    """As with qBittorrent, whose answer cannot tell more."""
    made, other = make_torrent("t", GIB), made_up_magnet()
    assert _said(client.post(ADD, data={"urls": f"nonsense\n{other.magnet}"})) == (200, "Ok.")
    assert _said(client.post(ADD, data={"a": _file(b"nonsense"), "b": _file(made)})) == (200, "Ok.")
    assert _hashes(node) == {made.hash, other.hash}


@pytest.mark.parametrize("data", [b"", b"nonsense", b"d4:infod4:name1:xee", b"l" * 100_000])
def test_a_file_that_is_no_torrent_is_415(client: FlaskClient, node: ScriptedNode, data: bytes) -> None:
    """With the file's name, so that its owner knows which."""
    assert _said(client.post(ADD, data={"torrents": _file(data, "my.torrent")})) == (
        415,
        "Error: 'my.torrent' is not a valid torrent file.",
    )
    assert node.add_requests == []


def test_what_no_node_takes_fails(client: FlaskClient, node: ScriptedNode, small: ScriptedNode) -> None:
    """Too large for all, or refused by all: `Fails.`, so that the client tries again later."""
    assert _said(client.post(ADD, data={"urls": f"{made_up_magnet().magnet}&xl={5000 * GIB}"})) == (200, "Fails.")
    node.add_behaviour = small.add_behaviour = "fail"
    assert _said(client.post(ADD, data={"urls": made_up_magnet().magnet})) == (200, "Fails.")


def test_there_is_a_limit_to_the_torrents_of_one_call(client: FlaskClient, node: ScriptedNode) -> None:
    """A thousand; beyond that nothing is placed, and the client is told why."""
    status, said = _said(client.post(ADD, data={"urls": "x\n" * 1001}))
    assert (status, "1000" in said) == (400, True)
    assert _said(client.post(ADD, data={"urls": "x\n" * 1000})) == (200, "Fails.")


def test_without_the_store_nothing_is_promised(client: FlaskClient, node: ScriptedNode) -> None:
    """503 in plain text; no node is called."""
    with client.application.extensions[EXTENSION].store.write() as connection:
        connection.execute(text("DROP TABLE claims"))
    status, said = _said(client.post(ADD, data={"urls": made_up_magnet().magnet}))
    assert (status, said.startswith("the store does not answer")) == (503, True)
    assert node.add_requests == []


def test_the_configured_save_path_is_used_for_those_without_one(make_app: AppMaker, node: ScriptedNode) -> None:
    """And a path that clients know by another name arrives under the node's own."""
    path_map = [{"from": "/node", "to": "/clients"}]
    settings = {"submission": {"save_path": "/clients/default"}}
    client = make_app([node_entry(node, path_map=path_map)], dispatcher=settings).test_client()
    for fields in ({}, {"savepath": "/clients/own"}):
        client.post(ADD, data={"urls": made_up_magnet().magnet} | fields)
    assert [sent["savepath"] for sent in node.add_requests] == ["/node/default", "/node/own"]

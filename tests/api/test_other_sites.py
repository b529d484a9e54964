"""What a page of another site has a browser send: refused, as by qBittorrent (section 2.3 of the wire contract)."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet

WRITES = (
    "/api/v2/torrents/add",
    "/api/v2/torrents/delete",
    "/api/v2/auth/login",
    "/submit",
    "/nodes/big/drain",
    "/notifications/test",
)
OURS = {"Host": "box.example:8000"}


@pytest.mark.parametrize(
    "foreign",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://evil.example:8000"},
        {"Origin": "http://box.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Referer": "http://evil.example/page"},
        {"Origin": "http://evil.example", "Referer": "http://box.example:8000/"},
    ],
)
def test_nothing_is_changed_for_a_page_of_another_site(
    client: FlaskClient, node: ScriptedNode, foreign: dict[str, str]
) -> None:
    """401, before anything is looked at, also where no login is needed: any page in the web could do it otherwise."""
    form = {"urls": made_up_magnet().magnet}
    told = {path: client.post(path, data=form, headers=OURS | foreign).status_code for path in WRITES}
    assert told == dict.fromkeys(WRITES, 401)
    assert node.adds == []
    assert [one["draining"] for one in client.get("/nodes", headers=OURS).get_json()] == [False, False]


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"Origin": "http://box.example:8000"},
        {"Referer": "http://BOX.example:8000/some/page"},
        {"Host": "box.example", "Origin": "https://box.example"},
        {"Host": "box.example:443", "Origin": "https://box.example"},
        {"Host": "inner:8000", "X-Forwarded-Host": "box.example", "Origin": "https://box.example"},
    ],
)
def test_a_page_of_our_own_and_who_is_no_browser_go_on(client: FlaskClient, own: dict[str, str]) -> None:
    """Behind a proxy too; clients of qBittorrent name no site, or the address that they were given."""
    headers = OURS | own
    made = made_up_magnet()
    assert client.post("/api/v2/torrents/add", data={"urls": made.magnet}, headers=headers).text == "Ok."
    assert client.post("/nodes/big/drain", headers=headers).status_code == 200


def test_a_link_on_another_site_may_lead_here(client: FlaskClient) -> None:
    """Reading changes nothing, and no other site gets to see the answer."""
    for path in ("/nodes", "/api/v2/torrents/info", "/decisions", "/"):
        assert client.get(path, headers=OURS | {"Referer": "http://start.example/"}).status_code == 200

"""The dashboard's pages without any script: what they say, their forms, and hostile names."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import pytest
import responses
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from qbdispatch.services import EXTENSION, Services
from qbdispatch.store import leases, samples
from qbdispatch.store.samples import Sample
from tests.api.pages import Page, get, send
from tests.conftest import AppMaker, node_entry, poll
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet, make_torrent
from tests.rig.webhook import Webhook

HOSTILE = '<script>alert("x")</script>\' onload=x {{ 7*7 }} مرحبا \u05d0\u05d1'
LONG = "W" * 400


def _services(app: Flask) -> Services:
    found = app.extensions[EXTENSION]
    assert isinstance(found, Services)
    return found


def _place(client: FlaskClient, name: str = "A film", **more: Any) -> Any:
    made = made_up_magnet(name)
    return client.post("/submit", json={"magnet": made.magnet, "name": name, **more}).json


def _led(app: Flask) -> None:
    with _services(app).store.write() as connection:
        leases.acquire(connection, "poller", "test", now=time.time(), ttl_seconds=60)


def test_the_page_shows_each_node_with_its_figures(client: FlaskClient) -> None:
    """Free for more, what is to arrive, downloads and version, and a bar that says the same in words."""
    _place(client, size_estimate_gb=50)
    page = get(client)
    assert "850 GB free for more" in page.text
    assert "v5.1.0" in page.text
    bars = [bar["aria-label"] for bar in page.of("svg") if bar.get("class", "").strip() == "bar"]
    assert bars[0] == "Disk: 0 GB torrents, 0 GB to arrive, 50 GB claimed, 850 GB free, 0 GB kept free"


def test_all_is_well_only_when_it_is(make_app: AppMaker, node: ScriptedNode) -> None:
    """Watched nodes that answer need nobody; one that fails is on top with its reason and what to do."""
    app = make_app([node_entry(node)])
    client = app.test_client()
    _led(app)
    assert "All is well" in get(client).text
    node.garbage = "html"
    poll(app, "big")
    page = get(client)
    assert "1 thing needs you" in page.text
    assert "big: does not answer" in page.text
    assert next(item["class"] for item in page.of("div") if "notice" in item.get("class", "")) == "notice danger"


def test_what_is_not_known_is_no_figure(make_app: AppMaker, node: ScriptedNode) -> None:
    """Neither before the first poll nor where a node does not tell its free space."""
    assert "0 GB" not in get(make_app([node_entry(node)], polled=False).test_client()).text
    node.free_bytes = 0
    page = get(make_app([node_entry(node)]).test_client())
    assert "Free for more \N{EN DASH} Downloading" in page.text
    bars = [bar["aria-label"] for bar in page.of("svg") if bar.get("class", "").strip() == "bar"]
    assert bars == ["Disk: 0 GB torrents, 0 GB to arrive, 0 GB claimed"]


def test_a_node_that_is_away_has_nothing_free_for_more(app: Flask, client: FlaskClient, node: ScriptedNode) -> None:
    """Its figure is an old one, and is called so."""
    node.garbage = "html"
    poll(app, "big")
    text_ = get(client).text
    assert "900 GB free when last seen" in text_
    assert "900 GB free for more" not in text_


@pytest.mark.parametrize("trouble", ["drained", "at its limit"])
def test_a_fleet_that_takes_nothing_is_told(make_app: AppMaker, node: ScriptedNode, trouble: str) -> None:
    """Although every node answers: what Sonarr sends now is refused."""
    app = make_app([node_entry(node, max_downloads=1 if trouble == "at its limit" else 9)])
    client = app.test_client()
    _led(app)
    assert "No node takes torrents" not in get(client).text
    if trouble == "drained":
        send(client, get(client).form("/nodes/big/drain"))
    else:
        _place(client)
    page = get(client)
    assert "No node takes torrents" in page.text
    assert "All is well" not in page.text
    assert "#nodes" in {link.get("href") for link in page.of("a")}


def test_an_unwatched_fleet_is_the_first_thing_said(app: Flask, client: FlaskClient) -> None:
    """No leader, or one whose lease ended, means old figures."""
    assert "Nobody watches the nodes" in get(client).text
    with _services(app).store.write() as connection:
        leases.acquire(connection, "poller", "test", now=time.time() - 120, ttl_seconds=1)
    assert "for 2 min" in get(client).text
    _led(app)
    assert "Nobody watches the nodes" not in get(client).text


def test_open_doors_are_told_and_closed_ones_are_not(make_app: AppMaker, node: ScriptedNode) -> None:
    """No auth and no admin key each have a note."""
    entries = [node_entry(node)]
    page = get(make_app(entries).test_client())
    assert "This page is open" in page.text
    assert "The qBittorrent API is open" in page.text
    closed = make_app(entries, auth={"username": "u", "password": "p"}).test_client()
    assert "The qBittorrent API is open" not in get(closed).text


def test_equal_paths_on_two_nodes_are_a_warning(client: FlaskClient) -> None:
    """Both scripted nodes save to /downloads."""
    assert "big: same path as another node" in get(client).text


def test_a_disk_that_fills_is_told_before_it_is_full(app: Flask, client: FlaskClient) -> None:
    """40 GB an hour with 200 GB left: five hours."""
    now = time.time()
    with _services(app).store.write() as connection:
        past = [Sample("big", now - 60 * ago, (200 * 60 + 40 * ago) * GIB // 60, None, 0, 0) for ago in range(60)]
        samples.add(connection, past)
    assert "big: full in about 5 h at the present rate" in get(client).text


def test_a_drained_node_says_so_and_is_resumed_by_its_button(app: Flask, client: FlaskClient) -> None:
    """Two forms, each followed by a redirect; the next torrent goes elsewhere meanwhile."""
    answer = send(client, get(client).form("/nodes/big/drain"))
    assert answer.headers["Location"] == "/#node-big"
    assert "Drained" in get(client).text
    assert _place(client)["selected_node"] == "small"
    send(client, get(client).form("/nodes/big/resume"))
    assert _place(client)["selected_node"] == "big"


def test_a_decision_explains_every_node(client: FlaskClient) -> None:
    """Values and weights of those that may, reasons of those that may not, and which was chosen."""
    decision = _place(client, "A film", size_estimate_gb=150)["decision_id"]
    page = get(client, f"/dashboard/decisions/{decision}")
    assert "Placed on big" in page.text
    assert "big was the only node that may take it." in page.text
    assert "1.00 \N{MULTIPLICATION SIGN} 1" in page.text
    assert "Too little room for this torrent needs 150.0 GB" in page.text
    assert "insufficient_space" in page.text
    passed = [one["aria-label"] for one in page.of("ul") if one.get("class") == "passed"]
    assert passed == ["Filters that big passed", "Filters that small passed"]
    assert "900 GB effectively free" in page.text
    assert "0 of at most 50 downloading" in page.text
    assert f"/dashboard/decisions/{decision}" in {link.get("href") for link in get(client).of("a")}
    assert "no such decision" in get(client, "/dashboard/decisions/nothing", 404).text


def test_a_node_that_was_tried_first_is_told(client: FlaskClient, node: ScriptedNode) -> None:
    """Else nobody sees why the torrent did not go to the better one."""
    node.add_behaviour = "http_500"
    assert _place(client)["selected_node"] == "small"
    assert "big did not take it; small was the only node that may take it." in get(client).text


def test_a_decision_without_figures_is_explained_as_well(
    make_app: AppMaker, scripted: Callable[..., ScriptedNode]
) -> None:
    """A node whose free space is not known, one that was never reached, and one that may take it."""
    well, odd, away = (scripted(name=name) for name in ("well", "odd", "away"))
    odd.free_bytes = 0
    away.unauthorised = True
    client = make_app([node_entry(one) for one in (well, odd, away)]).test_client()
    page = get(client, f"/dashboard/decisions/{_place(client)['decision_id']}")
    assert "Free space not known" in page.text
    assert "Refuses the login" in page.text
    assert [one["aria-label"] for one in page.of("ul") if one.get("class") == "passed"] != []


def test_two_that_may_are_compared_in_a_sentence(client: FlaskClient) -> None:
    """Who came next, and what told between them."""
    decision = _place(client, size_estimate_gb=5)["decision_id"]
    assert "ahead of small" in get(client, f"/dashboard/decisions/{decision}").text
    assert "most of all for free space" in get(client).text


def test_a_refusal_is_told_in_words_with_the_nodes_of_each_reason(
    make_app: AppMaker, scripted: Callable[..., ScriptedNode]
) -> None:
    """Of more than three nodes only the number; what holding says stays."""
    entries = [node_entry(scripted(name=name)) for name in ("a", "b", "c", "d", "e")]
    client = make_app(entries, hold={"enabled": True}).test_client()
    send(client, get(client).form("/nodes/a/drain"))
    decision = _place(client, size_estimate_gb=5000)["decision_id"]
    assert (
        "Held until a node has room; no node may take it \N{EN DASH}"
        " drained: a; too little room for this torrent: 4 nodes."
    ) in get(client, f"/dashboard/decisions/{decision}").text


@pytest.mark.parametrize("kind", ["magnet", "file"])
def test_a_preview_answers_and_can_be_submitted(client: FlaskClient, node: ScriptedNode, kind: str) -> None:
    """Nothing is added until "Submit it", which needs nothing filled in again."""
    made = make_torrent("previewed", 3 * GIB)
    given: dict[str, Any] = {"link": made.magnet, "size_estimate_gb": "3", "category": "tv"}
    if kind == "file":
        given = {"torrent": (io.BytesIO(made.data), "a.torrent")}
    shown = Page(send(client, get(client).form("/dashboard/preview"), 200, **given).text)
    assert "It would go to big" in shown.text
    assert node.adds == []
    answer = send(client, shown.form("/dashboard/submit"))
    assert [hash_ for hash_, _ in node.adds] == [made.hash]
    assert "Placed on big" in get(client, answer.headers["Location"]).text


def test_a_file_need_not_be_chosen_again_until_a_link_takes_its_place(client: FlaskClient) -> None:
    """A browser empties its field for files with each answer; one that is no torrent is not kept."""
    file, other = make_torrent("From a file", 3 * GIB), make_torrent("From a link", 3 * GIB)
    form = get(client, "/dashboard/preview").form("/dashboard/preview")
    shown = Page(send(client, form, 200, torrent=(io.BytesIO(file.data), "a.torrent")).text)
    assert "a.torrent is kept" in shown.text
    again = Page(send(client, shown.form("/dashboard/preview"), 200, category="tv").text)
    assert "It would go to big" in again.text
    assert "From a file" in again.text
    assert "From a link" in send(client, again.form("/dashboard/preview"), 200, link=other.magnet).text
    broken = Page(send(client, form, 422, torrent=(io.BytesIO(b"no torrent"), "x")).text)
    assert "is kept" not in broken.text
    assert "torrent_base64" not in broken.html


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "Give a magnet"),
        ({"link": "magnet:?x"}, "magnet"),
        ({"link": "a" * 40, "size_estimate_gb": "much"}, "Not a valid number."),
        ({"link": "a" * 40, "category": "a//b"}, "separated by single"),
        ({"torrent_base64": "!"}, "choose it again"),
        ({"torrent": (io.BytesIO(b"no torrent"), "x")}, "torrent"),
    ],
)
@pytest.mark.parametrize("action", ["preview", "submit"])
def test_a_wrong_field_is_named_and_what_was_filled_in_stays(
    idle: FlaskClient, given: dict[str, Any], says: str, action: str
) -> None:
    """422 and the form again."""
    form = get(idle, "/dashboard/preview").form("/dashboard/preview")
    form.action = f"/dashboard/{action}"
    given = {name: (io.BytesIO(b"no torrent"), "x") if name == "torrent" else value for name, value in given.items()}
    page = Page(send(idle, form, 422, **given).text)
    assert says in page.text
    assert page.form("/dashboard/preview").values["link"] == given.get("link", "")


def test_held_torrents_are_listed_tried_and_deleted(make_app: AppMaker, small: ScriptedNode) -> None:
    """Only where there are some; the search knows them as well."""
    client = make_app([node_entry(small)], hold={"enabled": True}).test_client()
    assert "Held until a node has room" not in get(client).text
    _place(client, "Too big", size_estimate_gb=500)
    page = get(client)
    assert "Held until a node has room" in page.text
    assert "1 torrent waits until a node has room" in page.text
    assert "Held" in get(client, "/dashboard/torrents").text
    send(client, page.form("/release"))
    send(client, get(client).form("/delete"))
    left = get(client)
    assert "Try now" not in left.text
    assert "until a node has room Each" not in left.text


def test_a_test_notice_is_sent_by_a_button(make_app: AppMaker, small: ScriptedNode) -> None:
    """The page says which target took it, and shows no address; without targets there is no button."""
    assert "test notice" not in get(make_app([node_entry(small)]).test_client()).text
    with Webhook() as good, Webhook() as bad:
        bad.status = 500
        client = make_app([node_entry(small)], notifications={"targets": [good.url, bad.url]}).test_client()
        answer = send(client, get(client).form("/notices/test"), 200)
        assert good.titles == ["qbdispatch: a test"]
        assert bad.tried == 1
    assert "Taken" in answer.text
    assert "Not taken" in answer.text
    assert "s3cret" not in get(client).text + answer.text


def test_torrents_are_found_by_words_of_their_name_and_by_hash(client: FlaskClient) -> None:
    """In any case and order; a hash by its beginning."""
    hash_ = _place(client, "Big Buck Bunny")["hash"]
    _place(client, "Sintel")
    for query in ("", "q=buck+BIG", f"q={hash_[:8].upper()}"):
        assert "Big Buck Bunny" in get(client, f"/dashboard/torrents?{query}").text
    assert "0 torrents for" in get(client, "/dashboard/torrents?q=nothing").text
    assert "Sintel" not in get(client, "/dashboard/torrents?q=buck").text


def test_names_are_shown_as_text_whatever_they_hold(app: Flask, client: FlaskClient, node: ScriptedNode) -> None:
    """Neither markup nor templates in a torrent's name, a category or a query take effect."""
    _place(client, LONG)
    made = make_torrent("x", GIB)
    decision = client.post("/submit", json={"magnet": made.magnet, "name": HOSTILE, "category": "<b>c"}).json
    assert decision is not None
    node.torrents_by_hash[made.hash]["name"] = HOSTILE
    poll(app)
    for path in ("/", f"/dashboard/decisions/{decision['decision_id']}", "/dashboard/torrents?q=<script>"):
        page = get(client, path)
        assert "alert(" in page.text
        assert all(script.get("src", "").startswith("/static/") for script in page.of("script"))
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
        assert page.of("b") == []


def test_every_field_and_picture_has_a_name(client: FlaskClient) -> None:
    """Labels, titles, one h1 and landmarks on each page; no style or script within the page, which the policy bars."""
    decision = _place(client)["decision_id"]
    paths = ("/", f"/dashboard/decisions/{decision}", "/dashboard/torrents", "/dashboard/preview", "/dashboard/arr")
    for path in (*paths, "/dashboard/nodes/big"):
        page = get(client, path)
        assert [len(page.of(tag)) for tag in ("h1", "main", "header", "footer")] == [1, 1, 1, 1], path
        labelled = {label.get("for") for label in page.of("label")}
        fields = [one for one in page.of("input") if one.get("type") != "hidden" and "hidden" not in one]
        assert {one.get("id") for one in fields} <= labelled
        assert all(one.get("aria-hidden") or one.get("aria-label") for one in page.of("svg"))
        assert page.of("style") == []
        assert not [attributes for _, attributes in page.elements if "style" in attributes]
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))


def test_arr_instances_are_asked_on_their_own_page_only(make_app: AppMaker, node: ScriptedNode) -> None:
    """The dashboard itself asks nobody, so that one that hangs cannot hold it up."""
    instances = [{"name": "tv", "type": "sonarr", "url": "http://sonarr.test/api/v3", "api_key": "k"}]
    client = make_app([node_entry(node)], arr_instances=instances).test_client()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as web:
        asked = web.get("http://sonarr.test/api/v3/system/status", json={"version": "4.0"})
        assert "not asked yet" in get(client).text
        assert asked.call_count == 0
        assert "Sonarr 4.0" in get(client, "/dashboard/arr").text


def test_a_page_that_has_not_changed_is_not_sent_again(client: FlaskClient) -> None:
    """304 for the script that asks every two seconds; a change of a node is sent."""
    _led(client.application)
    known = {"If-None-Match": client.get("/").headers["ETag"]}
    again = client.get("/", headers=known)
    assert (again.status_code, again.data) == (304, b"")
    send(client, get(client).form("/nodes/big/drain"))
    assert client.get("/", headers=known).status_code == 200


def test_the_page_of_a_node_draws_a_day_and_a_week(app: Flask, client: FlaskClient) -> None:
    """As curves with a table beside them, or a word that there is nothing yet."""
    assert get(client, "/dashboard/nodes/big").text.count("Nothing to draw yet") == 2
    now = time.time()
    with _services(app).store.write() as connection:
        past = [Sample("big", now - 900 * ago, (100 + ago) * GIB, 90 * GIB, 0, 0) for ago in range(300)]
        samples.add(connection, past)
    page = get(client, "/dashboard/nodes/big")
    labels = [one.get("aria-label", "") for one in page.of("svg") if one.get("class") == "history"]
    assert labels == [
        "Free space over the last day. Now 100 GB; lowest 100 GB, highest 195 GB",
        "Free space over the last week. Now 100 GB; lowest 100 GB, highest 399 GB",
    ]
    assert "Effectively free" in page.text
    assert get(client, "/dashboard/nodes/nobody", 404)


def test_without_the_store_the_page_says_so(client: FlaskClient) -> None:
    """503 and a sentence, no traceback."""
    with client.application.extensions[EXTENSION].store.write() as connection:
        connection.execute(text("DROP TABLE node_states"))
    assert "The store does not answer" in get(client, "/", 503).text

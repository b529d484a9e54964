"""The database goes while clients are there: what is answered from memory, and what is refused."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from qbdispatch.services import EXTENSION, remember
from tests.conftest import AppMaker, node_entry
from tests.rig.availability import require_postgres
from tests.rig.postgres import Postgres
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet

KNOWN, NEW = made_up_magnet("known"), made_up_magnet("new")
LISTS = (
    "torrents/info",
    "torrents/info?category=tv",
    "torrents/count",
    "torrents/categories",
    "torrents/tags",
    "sync/maindata",
    "app/preferences",
    "app/defaultSavePath",
    "app/version",
    "app/webapiVersion",
    "transfer/info",
)


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A server of the test's own, to be stopped."""
    require_postgres()
    with Postgres() as started:
        yield started


@pytest.fixture
def app(make_app: AppMaker, server: Postgres, node: ScriptedNode) -> Flask:
    """One torrent, a category and a tag, behind a password."""
    auth = {"username": "u", "password": "p"}
    made = make_app([node_entry(node)], database_url=server.url, auth=auth)
    client = logged_in(made)
    fields = {"urls": KNOWN.magnet, "category": "tv", "tags": "x"}
    assert client.post("/api/v2/torrents/add", data=fields).text == "Ok."
    remember(made.extensions[EXTENSION])
    return made


def logged_in(app: Flask) -> FlaskClient:
    client = app.test_client()
    assert client.post("/api/v2/auth/login", data={"username": "u", "password": "p"}).text == "Ok."
    return client


def test_lists_are_answered_as_before_also_for_who_logs_in_only_now(app: Flask, server: Postgres) -> None:
    """Byte for byte; without a login they are closed as ever."""
    before = {path: logged_in(app).get(f"/api/v2/{path}").data for path in LISTS}
    assert b"known" in before["torrents/info?category=tv"]
    server.stop()
    client = logged_in(app)
    answers = {path: client.get(f"/api/v2/{path}") for path in LISTS}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(LISTS, 200)
    assert {path: answer.data for path, answer in answers.items()} == before
    assert app.test_client().get("/api/v2/torrents/info").status_code == 403
    assert client.get("/healthz").status_code == 200


def test_an_increment_says_that_nothing_has_changed(app: Flask, server: Postgres) -> None:
    """A client that has the list already is not told anew what it knows, nor that anything went."""
    client = logged_in(app)
    rid = client.get("/api/v2/sync/maindata").get_json()["rid"]
    server.stop()
    assert client.get(f"/api/v2/sync/maindata?rid={rid}").get_json().keys() == {"rid", "server_state"}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/api/v2/torrents/add", {"urls": NEW.magnet}),
        ("/api/v2/torrents/createCategory", {"category": "new"}),
        ("/api/v2/torrents/delete", {"hashes": str(KNOWN.v1), "deleteFiles": "false"}),
        ("/api/v2/torrents/delete", {"hashes": str(NEW.v1), "deleteFiles": "false"}),  # another worker may know it
        ("/submit", {"magnet": NEW.magnet}),
        ("/nodes/big/drain", {}),
    ],
)
def test_what_would_change_something_is_refused_so_that_it_is_tried_again(
    app: Flask, server: Postgres, node: ScriptedNode, path: str, fields: dict[str, str]
) -> None:
    """503 with a reason, and no `Fails.`, which some clients take for a success; no node is called."""
    server.stop()
    adds = len(node.adds)
    answer = logged_in(app).post(path, data=fields)
    assert answer.status_code == 503
    assert "the store does not answer" in answer.text
    assert len(node.adds) == adds


def test_the_dispatcher_is_not_ready_until_the_database_is_back(app: Flask, server: Postgres) -> None:
    """A load balancer that looks at /readyz sees it."""
    assert app.test_client().get("/readyz").status_code == 200
    server.stop()
    assert app.test_client().get("/readyz").status_code == 503

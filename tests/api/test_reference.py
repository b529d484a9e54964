"""`/openapi.json` and `/docs` describe every JSON route as it is: what routes really answer is held to the shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import responses
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from qbdispatch.dispatch.reconcile import reconcile_configuration
from qbdispatch.reference.operations import LOCKED, OPERATIONS
from qbdispatch.services import EXTENSION
from qbdispatch.store import placements, vanished
from tests.api.pages import get
from tests.conftest import AppMaker, node_entry, poll
from tests.rig.dispatcher import REPOSITORY
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet

KEY = "the-admin-key"
NOT_JSON = {"arr", "ui", "reference", "bootstrap", "static"}
"""qBittorrent's own API, pages and files, and the reference itself."""
HELD_HASH = "ab" * 20
DECLARED = [(endpoint, status) for endpoint, operation in OPERATIONS.items() for status in operation.answers]


def _endpoints(app: Flask) -> set[str]:
    return {rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.partition(".")[0] not in NOT_JSON}


class Stage:
    """Apps over one node, in whatever state an answer needs."""

    def __init__(self, make_app: AppMaker, node: ScriptedNode) -> None:
        self.make_app, self.node = make_app, node

    def client(self, **more: Any) -> FlaskClient:
        return self.make_app([node_entry(self.node)], **more).test_client()

    def storeless(self) -> FlaskClient:
        client = self.client()
        with client.application.extensions[EXTENSION].store.write() as connection:
            for table in ("held", "node_states", "decisions", "claims", "vanished"):
                connection.execute(text(f"DROP TABLE {table}"))
        return client

    def holding(self) -> FlaskClient:
        """What fits nowhere is held, and `HELD_HASH` is."""
        client = self.client(hold={"enabled": True})
        _submit(client, magnet=HELD_HASH, size_estimate_gb=5000)
        return client


def _submit(client: FlaskClient, path: str = "/submit", **fields: Any) -> TestResponse:
    return client.post(path, json={"magnet": made_up_magnet().magnet, **fields})


def _decided(stage: Stage) -> FlaskClient:
    """Placed, refused and failed: decisions of each kind."""
    client = stage.client()
    _submit(client, size_estimate_gb=5000)
    _submit(client, category="tv")
    stage.node.add_behaviour = "fail"
    _submit(client)
    return client


def _one_decision(stage: Stage) -> TestResponse:
    client = _decided(stage)
    return client.get(f"/decisions/{client.get('/decisions').get_json()[-1]['decision_id']}")


def _vanished(stage: Stage) -> FlaskClient:
    """Somebody has removed a torrent on its node."""
    client = stage.client()
    _submit(client, magnet=HELD_HASH)
    found = client.application.extensions[EXTENSION]
    with found.store.write() as connection:
        vanished.record(connection, placements.on_node(connection, stage.node.name), found.store.now())
    return client


def _without_its_node(stage: Stage) -> FlaskClient:
    """The configuration names another node by now."""
    client = stage.client()
    found = client.application.extensions[EXTENSION]
    with found.store.write() as connection:
        reconcile_configuration(connection, {"other"}, found.store.now())
    return client


def _arr(stage: Stage) -> TestResponse:
    instances = [
        {"name": name, "type": name, "url": f"http://{name}.test/api/v3", "api_key": "k"}
        for name in ("sonarr", "radarr")
    ]
    with responses.RequestsMock() as web:
        web.get("http://sonarr.test/api/v3/system/status", json={"version": "4.0"})
        web.get("http://radarr.test/api/v3/system/status", status=401)
        return stage.client(arr_instances=instances).get("/arr")


def _nodes(stage: Stage) -> TestResponse:
    """One that is well, with a torrent, and one that nobody has heard of."""
    gone = {"name": "gone", "url": "http://127.0.0.1:1", "username": "u", "password": "p", "pool": "one"}
    app = stage.make_app([node_entry(stage.node), gone], polled=False)
    poll(app)
    _submit(app.test_client())
    return app.test_client().get("/nodes")


def _notified(stage: Stage) -> TestResponse:
    return stage.client(notifications={"targets": ["json://127.0.0.1:1/x"]}).post("/notifications/test")


def _submissions(path: str, endpoint: str) -> dict[tuple[str, int], Callable[[Stage], TestResponse]]:
    return {
        (endpoint, 200): lambda stage: _submit(stage.client(), path, category="tv"),
        (endpoint, 202): lambda stage: _submit(stage.holding(), path, size_estimate_gb=5000),
        (endpoint, 400): lambda stage: stage.client().post(path, data="{"),
        (endpoint, 422): lambda stage: stage.client().post(path, json={"magnet": 5, "nothing": 1}),
        (endpoint, 503): lambda stage: _submit(stage.client(), path, size_estimate_gb=5000),
    }


SITUATIONS: dict[tuple[str, int], Callable[[Stage], TestResponse]] = {
    **_submissions("/submit", "submit.place"),
    **_submissions("/submit/preview", "submit.preview"),
    ("admin.nodes", 200): _nodes,
    ("admin.nodes", 503): lambda stage: stage.storeless().get("/nodes"),
    ("admin.arr_instances", 200): _arr,
    ("admin.newest_decisions", 200): lambda stage: _decided(stage).get("/decisions"),
    ("admin.newest_decisions", 422): lambda stage: stage.client().get("/decisions?limit=0"),
    ("admin.newest_decisions", 503): lambda stage: stage.storeless().get("/decisions"),
    ("admin.decision", 200): _one_decision,
    ("admin.decision", 404): lambda stage: stage.client().get("/decisions/nothing"),
    ("admin.decision", 503): lambda stage: stage.storeless().get("/decisions/nothing"),
    ("admin.removed_nodes", 200): lambda stage: _without_its_node(stage).get("/nodes/removed"),
    ("admin.removed_nodes", 503): lambda stage: stage.storeless().get("/nodes/removed"),
    ("admin.open_claims", 200): lambda stage: _decided(stage).get("/claims"),
    ("admin.open_claims", 503): lambda stage: stage.storeless().get("/claims"),
    ("admin.vanished_torrents", 200): lambda stage: _vanished(stage).get("/vanished"),
    ("admin.vanished_torrents", 422): lambda stage: stage.client().get("/vanished?hours=0"),
    ("admin.vanished_torrents", 503): lambda stage: stage.storeless().get("/vanished"),
    ("admin.held_torrents", 200): lambda stage: stage.holding().get("/held"),
    ("admin.held_torrents", 503): lambda stage: stage.storeless().get("/held"),
    ("admin.delete_held", 200): lambda stage: stage.holding().delete(f"/held/{HELD_HASH}"),
    ("admin.delete_held", 404): lambda stage: stage.client().delete(f"/held/{HELD_HASH}"),
    ("admin.delete_held", 503): lambda stage: stage.storeless().delete(f"/held/{HELD_HASH}"),
    ("admin.release_held", 200): lambda stage: stage.holding().post(f"/held/{HELD_HASH}/release"),
    ("admin.release_held", 404): lambda stage: stage.client().post(f"/held/{HELD_HASH}/release"),
    ("admin.release_held", 503): lambda stage: stage.storeless().post(f"/held/{HELD_HASH}/release"),
    ("admin.alive", 200): lambda stage: stage.client().get("/healthz"),
    ("admin.ready", 200): lambda stage: stage.client().get("/readyz"),
    ("admin.ready", 503): lambda stage: stage.storeless().get("/readyz"),
    ("admin.metrics", 200): lambda stage: stage.client().get("/metrics"),
    ("admin.try_notifications", 200): _notified,
    ("admin.try_notifications", 422): lambda stage: stage.client().post("/notifications/test"),
} | {
    (f"admin.{action}", status): lambda stage, path=path, storeless=status == 503: (
        stage.storeless() if storeless else stage.client()
    ).post(path)
    for action in ("drain", "resume")
    for status, path in (
        (200, f"/nodes/big/{action}"),
        (404, f"/nodes/nobody/{action}"),
        (503, f"/nodes/big/{action}"),
    )
}
"""How each declared status of each route comes about. One that is declared and not here fails."""


def fits(answer: TestResponse, endpoint: str) -> list[Any]:
    """The shapes of this status that the answer has, to the last field and type."""
    answers = {**OPERATIONS[endpoint].answers, **LOCKED}
    assert answer.status_code in answers, (endpoint, answer.status_code, answer.text)
    declared = answers[answer.status_code]
    if not declared.shapes:
        return [None] if answer.mimetype == "text/plain" else []
    assert answer.mimetype == "application/json"
    documents = answer.get_json() if declared.many else [answer.get_json()]
    assert documents, "an empty list says nothing"
    faults = {shape: [shape().validate(one) for one in documents] for shape in declared.shapes}
    fitting = [shape for shape, found in faults.items() if not any(found)]
    assert fitting, faults
    return fitting


@pytest.fixture
def stage(make_app: AppMaker, node: ScriptedNode) -> Stage:
    return Stage(make_app, node)


@pytest.mark.parametrize(("endpoint", "status"), DECLARED)
def test_what_a_route_really_answers_has_the_declared_shape(stage: Stage, endpoint: str, status: int) -> None:
    """For every status that is declared of it; a field more or fewer, or of another type, is a fault."""
    answer = SITUATIONS[endpoint, status](stage)
    assert answer.status_code == status
    assert len(fits(answer, endpoint)) == 1


def test_every_ending_of_a_submission_has_the_declared_shape(stage: Stage) -> None:
    """A duplicate is answered like what was accepted; what nodes failed to take and a lost store each in one way."""
    client = stage.client()
    twice = [_submit(client, magnet=HELD_HASH) for _ in range(2)][1]
    stage.node.add_behaviour = "fail"
    failed, without_store = _submit(client), _submit(stage.storeless())
    assert [len(fits(answer, "submit.place")) for answer in (twice, failed, without_store)] == [1, 1, 1]
    assert [answer.get_json()["status"] for answer in (twice, failed)] == ["duplicate", "failed"]


def test_without_the_key_each_locked_route_answers_as_described(stage: Stage) -> None:
    """401 in the shape of errors, for all but the open ones."""
    client = stage.client(dispatcher={"admin_api_key": KEY})
    for rule in client.application.url_map.iter_rules():
        if rule.endpoint in OPERATIONS:
            (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            answer = client.open(re.sub(r"<\w+>", "x", rule.rule), method=method)
            assert (answer.status_code == 401) is not OPERATIONS[rule.endpoint].open
            assert fits(answer, rule.endpoint)


def test_every_json_route_is_described_and_nothing_else(idle: FlaskClient) -> None:
    """A new one fails here until it has its line, and so does one that is gone."""
    assert set(OPERATIONS) == _endpoints(idle.application)
    described = idle.get("/openapi.json").get_json()["paths"]
    assert {(path, method) for path, methods in described.items() for method in methods} == {
        (re.sub(r"<(\w+?)_?>", r"{\1}", rule.rule), method.lower())
        for rule in idle.application.url_map.iter_rules()
        if rule.endpoint in OPERATIONS
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


PAGES = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_call_that_a_page_names_is_a_route(idle: FlaskClient, page: Path) -> None:
    """`POST /nodes/NAME/drain`: capitals stand for what a user puts there."""
    routes = idle.application.url_map.bind("localhost")
    for method, path in re.findall(r"`(GET|POST|PUT|DELETE) (/[^\s`?]*)[^`]*`", page.read_text()):
        assert routes.match(path, method), (method, path)


def _nodes_of(document: Any) -> Iterator[dict[str, Any]]:
    """Each object of a JSON document."""
    if isinstance(document, dict):
        yield document
    for child in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from _nodes_of(child)


def test_the_document_is_openapi(idle: FlaskClient) -> None:
    """Version, parameters of each path, unique ids, references that lead somewhere, types that there are."""
    document = idle.get("/openapi.json").get_json()
    assert document["openapi"] == "3.0.3"
    assert {"title", "version"} <= set(document["info"])
    operations = [(path, one) for path, methods in document["paths"].items() for one in methods.values()]
    assert len({one["operationId"] for _, one in operations}) == len(operations)
    for path, one in operations:
        in_path = {parameter["name"] for parameter in one["parameters"] if parameter["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path))
        assert one["summary"]
        assert all(re.fullmatch(r"[2-5]\d\d", status) for status in one["responses"])
        assert all({"description", "content"} == set(response) for response in one["responses"].values())
    for part in _nodes_of(document):
        if isinstance(reference := part.get("$ref"), str):
            assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]
        if isinstance(kind := part.get("type"), str):
            assert kind in {"string", "number", "integer", "boolean", "array", "object", "apiKey"}
        assert part.get("type") != "array" or "items" in part


def _letters(words: str) -> str:
    return re.sub(r"\W+", "", words)


def test_the_page_shows_every_call_field_and_status(idle: FlaskClient) -> None:
    """Without script, and with nothing from elsewhere; its links lead to what is on it."""
    document, page = idle.get("/openapi.json").get_json(), get(idle, "/docs")
    letters = _letters(page.text)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in page.text
            assert all(_letters(one["description"]) in letters for one in operation["responses"].values())
    for name, schema in document["components"]["schemas"].items():
        assert {name, *schema["properties"]} <= set(page.text.split())
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    inside = [link["href"] for link in page.of("a") if link["href"].startswith("#")]
    assert len(inside) > 30
    assert {link.removeprefix("#") for link in inside} <= ids
    addresses = [attributes.get(name, "") for _, attributes in page.elements for name in ("src", "href")]
    assert not [address for address in addresses if "//" in address]


def test_both_need_the_admin_key(stage: Stage) -> None:
    """The login form for people, JSON for programs; a login opens the document too, so that its link works."""
    client = stage.client(dispatcher={"admin_api_key": KEY})
    assert "Admin key" in get(client, "/docs", 401).text
    refused = client.get("/openapi.json")
    assert (refused.status_code, refused.mimetype) == (401, "application/json")
    for path in ("/docs", "/openapi.json"):
        assert client.get(path, headers={"X-API-Key": KEY}).status_code == 200
    client.post("/dashboard/login", data={"key": KEY})
    assert [client.get(path).status_code for path in ("/docs", "/openapi.json")] == [200, 200]


def test_behind_a_path_of_a_proxy_the_addresses_are_those_of_the_proxy(idle: FlaskClient) -> None:
    """As `X-Forwarded-Prefix` tells."""
    document = idle.get("/openapi.json", headers={"X-Forwarded-Prefix": "/qb"}).get_json()
    assert document["servers"] == [{"url": "/qb"}]
    assert idle.get("/openapi.json").get_json()["servers"] == [{"url": "/"}]

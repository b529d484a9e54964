"""Nodes, drain and resume, decisions, *arr instances, the probes, and the key before them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import responses
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from qbdispatch.services import EXTENSION
from tests.conftest import AppMaker, node_entry, poll
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet

KEY = "the-admin-key"
OPEN = {"/healthz", "/readyz"}
LOOKS = {"/static/dashboard.css", "/bootstrap/static/dashboard.css", "/dashboard/theme"}
"""What the login form looks like tells nothing of the nodes."""
NODE_FIELDS = {
    "name",
    "url",
    "reachable",
    "error",
    "cause",
    "failures",
    "retry_in_s",
    "last_seen",
    "warnings",
    "latency_ms",
    "version",
    "free_gb",
    "effective_free_gb",
    "active_downloads",
    "paused_downloads",
    "download_mbps",
    "score",
    "excluded",
    "reasons",
}


def _rules(app: Flask) -> list[tuple[str, str]]:
    """Every route outside /api/v2 with one method it takes."""
    found = []
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/api/v2"):
            path = rule.rule.replace("<name>", "big").replace("<decision_id>", "0" * 32)
            path = path.replace("<path:filename>", "dashboard.css")
            methods = sorted(rule.methods or ()) if path not in LOOKS else []
            found += [(method, path) for method in methods if method != "OPTIONS"]
    return found


def _json(answer: Any) -> Any:
    assert answer.content_type == "application/json"
    return answer.json


def test_everything_but_the_probes_and_the_api_of_qbittorrent_needs_the_admin_key(
    make_app: AppMaker, node: ScriptedNode
) -> None:
    """Every route there is: 401 without the key and with a wrong one, something else with it."""
    app = make_app([node_entry(node)], dispatcher={"admin_api_key": KEY})
    client = app.test_client()
    rules = _rules(app)
    assert {path for _, path in rules} >= OPEN | {"/submit", "/submit/preview", "/nodes", "/arr", "/decisions"}
    for method, path in rules:
        tries: list[dict[str, str]] = [{}, {"X-API-Key": ""}, {"X-API-Key": "wrong"}, {"X-API-Key": f"{KEY}x"}]
        seen = {client.open(path, method=method, headers=headers).status_code for headers in tries}
        assert seen == ({200} if path in OPEN else {401}), path
        assert client.open(path, method=method, headers={"X-API-Key": KEY}).status_code != 401
    refused = client.get("/nodes", headers={"X-API-Key": "wr\xf6ng"})
    assert set(_json(refused)) == {"status", "reason", "errors"}
    assert "X-API-Key" in _json(refused)["reason"]
    assert client.get("/api/v2/app/version").status_code == 200


def test_without_an_admin_key_nothing_is_locked(client: FlaskClient) -> None:
    """The original dispatcher's configuration goes on working."""
    for method, path in _rules(client.application):
        assert client.open(path, method=method).status_code != 401


def test_nodes_are_listed_in_configured_order_with_every_field(client: FlaskClient) -> None:
    """Scores and space as a decision would see them."""
    answer = client.get("/nodes")
    shown = _json(answer)
    assert answer.status_code == 200
    assert [one["name"] for one in shown] == ["big", "small"]
    assert all(set(one) >= NODE_FIELDS for one in shown)
    assert [(one["reachable"], one["version"], one["free_gb"]) for one in shown] == [
        (True, "v5.1.0", 900.0),
        (True, "v5.1.0", 100.0),
    ]
    client.post("/submit", json={"magnet": made_up_magnet().magnet, "size_estimate_gb": 50})
    assert [one["effective_free_gb"] for one in _json(client.get("/nodes"))] == [850.0, 100.0]


def test_a_wrong_node_password_is_shown_with_what_to_do(make_app: AppMaker, node: ScriptedNode) -> None:
    """And however often it is asked, the node sees one login; `resume` lets the next one through."""
    node.password = "changed on the node"
    client = make_app([node_entry(node, password="old")], polled=False).test_client()
    for _ in range(3):
        shown = _json(client.get("/nodes"))[0]
        assert (shown["reachable"], shown["reasons"][0]["code"]) == (False, "auth_failed")
        assert "Correct username and password" in shown["error"]
    assert node.failed_logins == 1
    node.password = "old"
    assert client.post("/nodes/big/resume").status_code == 200
    assert _json(client.get("/nodes"))[0]["reachable"] is True


def test_drain_and_resume_hold_for_all_workers_and_over_restarts(
    make_app: AppMaker, node: ScriptedNode, small: ScriptedNode
) -> None:
    """A second app over the same store places around the drained node, and on it again after resume."""
    nodes = [node_entry(node), node_entry(small)]
    here, there = make_app(nodes).test_client(), make_app(nodes, polled=False).test_client()
    assert _json(here.post("/nodes/big/drain")) == {"name": "big", "draining": True}
    assert _json(there.get("/nodes"))[0]["draining"] is True

    def placed_on(client: FlaskClient) -> str:
        answer = _json(client.post("/submit", json={"magnet": made_up_magnet().magnet}))
        return str(answer["selected_node"])

    assert placed_on(there) == "small"
    restarted = make_app(nodes).test_client()
    assert (placed_on(restarted), len(node.adds)) == ("small", 0)
    assert _json(there.post("/nodes/big/resume")) == {"name": "big", "draining": False}
    assert placed_on(here) == "big"


@pytest.mark.parametrize("action", ["drain", "resume"])
def test_an_unknown_node_is_answered_with_those_there_are(client: FlaskClient, action: str) -> None:
    """404 in the JSON shape."""
    answer = client.post(f"/nodes/nobody/{action}")
    assert answer.status_code == 404
    assert _json(answer)["reason"] == "no such node; there are: big, small"


def test_decisions_are_listed_newest_first_and_each_is_found_by_its_id(client: FlaskClient) -> None:
    """As many as asked for, 50 if nothing is said."""
    ids = []
    for number in range(4):
        body = {"magnet": made_up_magnet().magnet, "name": f"t{number}", "size_estimate_gb": 1}
        ids.append(_json(client.post("/submit", json=body))["decision_id"])
    assert [one["decision_id"] for one in _json(client.get("/decisions"))] == ids[::-1]
    assert [one["name"] for one in _json(client.get("/decisions?limit=2"))] == ["t3", "t2"]
    assert _json(client.get(f"/decisions/{ids[1]}"))["name"] == "t1"
    missing = client.get("/decisions/nothing")
    assert (missing.status_code, _json(missing)["status"]) == (404, "invalid")


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "", "1e2", "٣", "99999999999999999999"])
def test_a_limit_out_of_range_is_refused_by_name(client: FlaskClient, limit: str) -> None:
    """422, and the bounds are said; both of them are allowed."""
    answer = client.get("/decisions", query_string={"limit": limit})
    assert answer.status_code == 422
    assert _json(answer)["reason"] == "limit: give a whole number from 1 to 500"
    assert [client.get(f"/decisions?limit={bound}").status_code for bound in (1, 500)] == [200, 200]


def test_arr_instances_are_asked_and_listed(make_app: AppMaker, node: ScriptedNode) -> None:
    """One that answers and one that does not; the answer is 200 for both, as it is about them."""
    instances = [
        {"name": name, "type": name, "url": f"http://{name}.test/api/v3", "api_key": "k"}
        for name in ("sonarr", "radarr")
    ]
    client = make_app([node_entry(node)], arr_instances=instances).test_client()
    with responses.RequestsMock() as web:
        web.get("http://sonarr.test/api/v3/system/status", json={"version": "4.0"})
        web.get("http://radarr.test/api/v3/system/status", status=401)
        shown = _json(client.get("/arr"))
    assert shown[0] == {
        "name": "sonarr",
        "type": "sonarr",
        "url": "http://sonarr.test/api/v3",
        "reachable": True,
        "version": "4.0",
        "error": None,
    }
    assert (shown[1]["reachable"], shown[1]["version"], "api_key" in shown[1]["error"]) == (False, None, True)


def test_without_arr_instances_the_list_is_empty(client: FlaskClient) -> None:
    """Not an error."""
    assert (client.get("/arr").status_code, _json(client.get("/arr"))) == (200, [])


def test_a_new_store_is_not_ready_before_each_node_was_seen(
    make_app: AppMaker, node: ScriptedNode, scripted: Callable[..., ScriptedNode]
) -> None:
    """Till then every submission is rejected; which node is missing is told alike."""
    other = scripted(name="other")
    app = make_app([node_entry(one) for one in (node, other)], polled=False)
    client = app.test_client()
    poll(app, node.name)
    waiting = client.get("/readyz")
    rejected = client.post("/submit", json={"magnet": made_up_magnet().magnet})
    assert (waiting.status_code, rejected.status_code) == (503, 503)
    assert "what is on other already is not known yet" in _json(waiting)["reason"] == _json(rejected)["reason"]
    poll(app, other.name)
    assert client.get("/readyz").status_code == 200


def test_ready_means_that_a_node_has_been_heard_of(make_app: AppMaker, node: ScriptedNode) -> None:
    """503 before the first poll and when the only node fails, 200 after a good one; alive all the time."""
    app = make_app([node_entry(node)], polled=False)
    client = app.test_client()

    def probes() -> list[int]:
        return [client.get(path).status_code for path in ("/healthz", "/readyz")]

    assert probes() == [200, 503]
    waiting = client.get("/readyz")
    assert ("Retry-After" in waiting.headers, _json(waiting)["status"]) == (True, "failed")
    poll(app)
    assert probes() == [200, 200]
    assert (_json(client.get("/healthz")), _json(client.get("/readyz"))) == ({"status": "ok"}, {"status": "ready"})
    node.garbage = "html"
    poll(app)
    assert probes() == [200, 503]
    node.garbage = None
    poll(app)
    with app.extensions[EXTENSION].store.write() as connection:
        connection.execute(text("UPDATE node_states SET seen_at = seen_at - 31"))
    assert probes() == [200, 503]


def test_without_the_store_it_is_alive_but_not_ready(client: FlaskClient) -> None:
    """And whatever needs the store says so in the JSON shape."""
    with client.application.extensions[EXTENSION].store.write() as connection:
        for table in ("node_states", "decisions"):
            connection.execute(text(f"DROP TABLE {table}"))
    assert client.get("/healthz").status_code == 200
    for method, path in [
        ("GET", "/readyz"),
        ("GET", "/nodes"),
        ("POST", "/nodes/big/drain"),
        ("GET", "/decisions"),
        ("GET", "/decisions/x"),
    ]:
        answer = client.open(path, method=method)
        assert (answer.status_code, _json(answer)["status"]) == (503, "failed")

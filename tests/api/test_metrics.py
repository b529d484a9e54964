"""`/metrics`: what is told, that it is right and exact, and that docs, rules and dashboard name nothing else."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, text, update

from qbdispatch import meters
from qbdispatch.app import create_app
from qbdispatch.dispatch.leader import LEASE
from qbdispatch.scoring.model import Reason
from qbdispatch.services import EXTENSION
from qbdispatch.store import leases, tables
from qbdispatch.store.claims import Phase
from tests.conftest import AppMaker, SettingsMaker, node_entry, poll
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import MadeTorrent, made_up_magnet

ROOT = Path(__file__).parents[2]
OWN_NAME = re.compile(r"qbdispatch_\w+")


def _families(client: FlaskClient, **headers: str) -> dict[str, Metric]:
    answer = client.get("/metrics", headers=headers)
    assert (answer.status_code, answer.content_type.partition(";")[0]) == (200, "text/plain")
    found = {family.name: family for family in text_string_to_metric_families(answer.text)}
    return {name: family for name, family in found.items() if not name.endswith("_created")}


def _values(client: FlaskClient, name: str) -> dict[tuple[str, ...], float]:
    """The samples of this name, by the values of their labels in alphabetical order of the labels."""
    samples = [one for family in _families(client).values() for one in family.samples if one.name == name]
    return {tuple(value for _, value in sorted(one.labels.items())): one.value for one in samples}


def _submissions(client: FlaskClient) -> dict[tuple[str, ...], float]:
    """How many ended how, without what has not happened."""
    return {end: number for end, number in _values(client, "qbdispatch_submissions_total").items() if number}


def _submit(client: FlaskClient, magnet: str | None = None, **more: Any) -> str:
    body = {"magnet": magnet or made_up_magnet().magnet, "size_estimate_gb": 1} | more
    answer = client.post("/submit", json=body).json
    assert answer is not None
    return str(answer["status"])


def _execute(app: Flask, *statements: Any) -> None:
    with app.extensions[EXTENSION].store.write() as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def busy(app: Flask, small: ScriptedNode) -> FlaskClient:
    """An app in which there is something to tell of everything."""
    client = app.test_client()
    assert _submit(client) == "accepted"
    small.garbage = "html"
    poll(app, "small")
    states, held = tables.node_states, tables.held
    now = time.time()
    waiting = {
        "title": "t",
        "next_at": 0.0,
        "size": GIB,
        "category": "",
        "fields": {},
        "decision_id": "d",
        "held_at": now - 100,
    }
    _execute(
        app,
        update(states).values(retry_at=now + 60, latency_ms=2.5),
        update(states).where(states.c.node == "small").values(cause="not_qbittorrent", failures=3),
        insert(held).values(**waiting),
        insert(held).values(**waiting | {"held_at": now - 50}),
    )
    with app.extensions[EXTENSION].store.write() as connection:
        leases.acquire(connection, LEASE, "me", now=now, ttl_seconds=5)
    meters.failed("test")
    return client


def test_the_documentation_has_each_metric_with_its_kind_labels_and_meaning(busy: FlaskClient) -> None:
    """No more and no less; and each has a sample here, so that none is declared and never told."""
    client = busy
    client.get("/healthz")
    rows = []
    for family in _families(client).values():
        assert family.samples, family.name
        labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
        name = family.name + ("_total" if family.type == "counter" else "")
        shown = ", ".join(f"`{label}`" for label in labels)
        rows.append(f"| `{name}` | {family.type} | {shown} | {family.documentation} |")
    table = (ROOT / "docs/metrics.md").read_text().split("| --- | --- | --- | --- |\n")[1].split("\n\n")[0]
    assert table.splitlines() == sorted(rows)


def _named_in_deploy() -> dict[str, str]:
    rules = yaml.safe_load((ROOT / "deploy/prometheus-rules.yml").read_text())["groups"][0]["rules"]
    dashboard = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text())
    places = {
        str(rule.get("alert") or rule["record"]): " ".join([rule["expr"], *rule.get("annotations", {}).values()])
        for rule in rules
    }
    for panel in dashboard["panels"]:
        texts = [f"{target['expr']} {target['legendFormat']}" for target in panel["targets"]]
        places[f"panel {panel['title']}"] = " ".join(texts)
    return places | {"variables": json.dumps(dashboard["templating"])}


def _labels_in(expression: str) -> set[str]:
    """Those that it selects or groups by, and those that texts beside it show."""
    grouped = " ".join(re.findall(r"\b(?:by|on|without) \(([^)]*)\)", expression))
    selected = re.findall(r'(\w+)!?[=~]+"', expression)
    shown = re.findall(r"\{\{ ?(?:\$labels\.)?(\w+)", expression)
    return {*re.findall(r"\w+", grouped), *selected, *shown}


def test_every_metric_in_rules_and_dashboard_exists(busy: FlaskClient) -> None:
    """By the name of its samples, with labels that it has; recorded names are recorded."""
    samples: dict[str, set[str]] = {}
    for family in _families(busy).values():
        for sample in family.samples:
            samples.setdefault(sample.name, set()).update(sample.labels)
    places = _named_in_deploy()
    assert len(places) > 30
    recorded = {name for name in places if ":" in name}
    labels = {"job", "instance"}.union(*samples.values())
    for place, expression in places.items():
        assert set(OWN_NAME.findall(re.sub(r"qbdispatch:[\w:]+", "", expression))) <= samples.keys(), place
        assert set(re.findall(r"qbdispatch:[\w:]+", expression)) <= recorded, place
        assert _labels_in(expression) <= labels, place
        for name, selected in re.findall(r"(qbdispatch_\w+)\{([^}]*)\}", expression):
            assert set(re.findall(r"(\w+)!?=", selected)) <= samples[name] | {"job"}, place


def test_the_dashboard_can_be_used_with_any_data_source() -> None:
    """Panels have ids of their own, do not overlap, and take the data source from the variable."""
    dashboard = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    covered = [
        (column, row)
        for panel in panels
        for column in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for row in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(covered)) == len(covered)
    assert max(column for column, _ in covered) < 24


def test_figures_are_those_of_the_nodes_and_the_store(busy: FlaskClient, node: ScriptedNode) -> None:
    """In bytes and seconds; a node that fails is not up, and says why."""
    assert _values(busy, "qbdispatch_node_up") == {("big",): 1, ("small",): 0}
    assert _values(busy, "qbdispatch_node_free_bytes")["big",] == 900 * GIB
    assert _values(busy, "qbdispatch_node_claimed_bytes") == {("big",): GIB, ("small",): 0}
    assert _values(busy, "qbdispatch_node_effective_free_bytes")["big",] == 899 * GIB
    claimed = _values(busy, "qbdispatch_claims_bytes")
    assert claimed == {(phase.value,): GIB if phase is Phase.ADDED else 0 for phase in Phase}
    assert _values(busy, "qbdispatch_node_latency_seconds")["big",] == 0.0025
    [fault] = _values(busy, "qbdispatch_node_fault")
    assert fault == ("not_qbittorrent", "small", "unreachable")
    assert _values(busy, "qbdispatch_held")[()] == 2
    assert 100 <= _values(busy, "qbdispatch_held_oldest_age_seconds")[()] < 130
    assert _values(busy, "qbdispatch_leader")[()] == 1
    assert 0 <= _values(busy, "qbdispatch_lease_age_seconds")[()] < 5
    assert _values(busy, "qbdispatch_store_bytes")[()] > 100_000
    assert 0 <= _values(busy, "qbdispatch_mirror_lag_seconds")["big",] < 30


def test_submissions_are_counted_exactly_over_workers_and_restarts(
    make_settings: SettingsMaker, node: ScriptedNode
) -> None:
    """By outcome and main reason: each answer once, whichever worker gave it."""
    settings = make_settings([node_entry(node)], dispatcher={"submission": {"max_retries": 0}})
    workers = [create_app(settings) for _ in range(3)]
    poll(workers[0])
    clients = [worker.test_client() for worker in workers]
    magnets = [made_up_magnet().magnet for _ in range(12)]
    with ThreadPoolExecutor(6) as pool:
        given = list(pool.map(lambda number: _submit(clients[number % 3], magnets[number // 2]), range(24)))
    assert sorted(given) == ["accepted"] * 12 + ["duplicate"] * 12
    assert [_submit(clients[0], size_estimate_gb=9999) for _ in range(2)] == ["rejected"] * 2
    node.add_behaviour = "fail"
    assert _submit(clients[1]) == "failed"
    wanted = {
        ("accepted", ""): 12,
        ("duplicate", ""): 12,
        ("rejected", "insufficient_space"): 2,
        ("failed", "not_added"): 1,
    }
    restarted = create_app(settings)
    for worker in (*workers, restarted):
        assert _submissions(worker.test_client()) == wanted
        worker.extensions[EXTENSION].store.close()


def test_a_submission_that_every_node_fails_to_take_is_one(
    client: FlaskClient, node: ScriptedNode, small: ScriptedNode
) -> None:
    """Failed, and not rejected as well, though no node was left in the end."""
    node.add_behaviour = small.add_behaviour = "fail"
    assert _submit(client) == "failed"
    assert _submissions(client) == {("failed", "not_added"): 1}


def test_previews_and_invalid_input_are_no_submissions(client: FlaskClient) -> None:
    """Nothing was decided on."""
    client.post("/submit/preview", json={"magnet": made_up_magnet().magnet})
    client.post("/submit", json={"magnet": "x"})
    assert _submissions(client) == {}


def test_what_alerts_count_is_told_before_it_first_happens(client: FlaskClient) -> None:
    """As 0: Prometheus sees no growth in a counter that begins with its first count, so the first alert would be
    missing. The ends and places told are those that there are."""
    told = _values(client, "qbdispatch_submissions_total")
    assert told["rejected", "insufficient_space"] == told["failed", "not_added"] == 0
    assert len(told) == 7 + 2 * len(Reason)
    assert _submit(client, size_estimate_gb=9999) == "rejected"
    assert _values(client, "qbdispatch_submissions_total").keys() == told.keys()
    places = {where for (where,) in _values(client, "qbdispatch_exceptions_total")}
    assert {"request", "leader", "watch", "chore"} <= places


def test_a_full_disk_is_told_though_its_free_space_is_not_known(app: Flask, node: ScriptedNode) -> None:
    """As a fault of a node that is up; what is odd about a node that takes torrents is none."""
    client, states = app.test_client(), tables.node_states
    _execute(app, update(states).where(states.c.node == "big").values(cause="disk_full"))
    _execute(app, update(states).where(states.c.node == "small").values(cause="list_incomplete"))
    assert _values(client, "qbdispatch_node_fault") == {("disk_full", "big", "missing_free_space"): 1}
    assert _values(client, "qbdispatch_node_up") == {("big",): 1, ("small",): 1}


def test_what_each_process_does_is_measured(client: FlaskClient, node: ScriptedNode) -> None:
    """Decisions, adds, polls and requests, each once."""
    names = (
        "qbdispatch_decision_seconds_count",
        "qbdispatch_add_seconds_count",
        "qbdispatch_poll_seconds_count",
        "qbdispatch_http_requests_total",
    )
    before = {name: _values(client, name) for name in names}
    _submit(client)
    poll(client.application, "big")
    client.get("/healthz")

    def grown(name: str) -> dict[tuple[str, ...], float]:
        now = _values(client, name)
        return {key: now[key] - before[name].get(key, 0) for key in now if now[key] != before[name].get(key, 0)}

    assert grown(names[0]) == {(): 1}
    assert grown(names[1]) == {("big", "added"): 1}
    assert grown(names[2]) == {("big",): 1}
    requests = grown(names[3])
    assert (requests["submit.place", "2xx"], requests["admin.alive", "2xx"]) == (1, 1)


def test_requests_are_told_by_route_never_by_path(client: FlaskClient) -> None:
    """What strangers ask for cannot fill the memory of Prometheus, nor tell it secrets."""
    for path in ("/s3cret", "/api/v2/s3cret", "/nodes/s3cret/drain", "/decisions/s3cret", "/api/v2/app/version"):
        client.get(path)
    endpoints = {rule.endpoint for rule in client.application.url_map.iter_rules()} | {"none"}
    routes = {route for route, _ in _values(client, "qbdispatch_http_requests_total")}
    assert {"none", "arr.unknown", "admin.decision", "arr.app_version"} <= routes <= endpoints
    assert "s3cret" not in client.get("/metrics").text


def test_an_exception_that_nobody_foresaw_is_counted(app: Flask) -> None:
    """Where it was: in a request."""

    def broken() -> str:
        raise RuntimeError("never seen before")

    app.add_url_rule("/broken", view_func=broken)
    client = app.test_client()
    before = _values(client, "qbdispatch_exceptions_total").get(("request",), 0)
    assert client.get("/broken").status_code == 500
    assert _values(client, "qbdispatch_exceptions_total")["request",] == before + 1


class _Unwritable(str):
    """A label that fails as a full disk under the files of the meters would: while measuring."""

    def __str__(self) -> str:
        raise OSError("no space left on device")


def test_a_meter_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """It is in the log, and that is all."""
    meters.add_took(_Unwritable("x"), "added", 1.0)
    assert "add_took could not be measured" in caplog.text


def test_without_the_store_the_rest_is_still_told(busy: FlaskClient) -> None:
    """And that the store is away."""
    _execute(busy.application, text("DROP TABLE snapshots"))
    assert _values(busy, "qbdispatch_store_up") == {(): 0}
    assert _values(busy, "qbdispatch_decision_seconds_count")[()] > 0
    assert "qbdispatch_node_up" not in _families(busy)


@pytest.mark.parametrize("name", ['a "quoted" one', "ä b{c=}d", "x,y"])
def test_any_name_of_a_node_can_be_told(make_app: AppMaker, scripted: Any, name: str) -> None:
    """As the configuration has it."""
    client = make_app([node_entry(scripted(name=name))]).test_client()
    assert _values(client, "qbdispatch_node_up") == {(name,): 1}


def test_prometheus_may_send_the_admin_key_as_bearer(make_app: AppMaker, node: ScriptedNode) -> None:
    """Here alone; a wrong key is refused in either way."""
    client = make_app([node_entry(node)], dispatcher={"admin_api_key": "the-key"}).test_client()
    answers = {
        given: client.get("/metrics", headers=[given] if given[0] else []).status_code
        for given in [
            ("", ""),
            ("Authorization", "Bearer the-key"),
            ("Authorization", "Bearer wrong"),
            ("Authorization", "Bearer "),
            ("Authorization", "Basic the-key"),
            ("X-API-Key", "the-key"),
            ("X-API-Key", "wrong"),
        ]
    }
    assert list(answers.values()) == [401, 200, 401, 401, 401, 200, 401]
    assert client.get("/nodes", headers={"Authorization": "Bearer the-key"}).status_code == 401


def test_a_torrents_room_is_told_as_promised_before_the_node_shows_it(client: FlaskClient, node: ScriptedNode) -> None:
    """Claimed first, then still to arrive, never both."""
    made: MadeTorrent = made_up_magnet()
    _submit(client, made.magnet, size_estimate_gb=10)
    assert _values(client, "qbdispatch_node_claimed_bytes")["big",] == 10 * GIB


def test_a_held_torrent_counts_as_held_and_when_it_is_placed(make_app: AppMaker, node: ScriptedNode) -> None:
    """Once each; that it was submitted again meanwhile is told apart."""
    app = make_app([node_entry(node)], hold={"enabled": True})
    client = app.test_client()
    magnet = made_up_magnet().magnet
    assert [_submit(client, magnet, size_estimate_gb=950) for _ in range(2)] == ["held", "held"]
    node.free_bytes = 1000 * GIB
    poll(app)
    app.extensions[EXTENSION].dispatcher.place_next(set())
    wanted = {("held", "insufficient_space"): 1, ("held", "already_held"): 1, ("accepted", ""): 1}
    assert _submissions(client) == wanted
    assert _values(client, "qbdispatch_held") == {(): 0}

"""No secret in any answer or log line, whatever goes wrong."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
import responses
from flask import Flask
from sqlalchemy import select

from qbdispatch.dispatch.alerting import Lookout
from qbdispatch.logs import FORMATS, formatter
from qbdispatch.services import EXTENSION
from qbdispatch.store import tables
from tests.conftest import AppMaker, node_entry, poll
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet, make_torrent

KINDS = ("node", "wrong", "node-key", "arr", "admin", "auth", "bearer", "passkey", "cookie", "target")
SECRETS = {kind: f"s3cret-{kind}" for kind in KINDS}
ADMIN = {"X-API-Key": SECRETS["admin"]}
BEARER = {"Authorization": f"Bearer {SECRETS['bearer']}"}
PAGES = ("/", "/dashboard/nodes/n0", "/dashboard/torrents", "/dashboard/preview", "/dashboard/arr")
TRACKER = f"&tr=http%3A%2F%2Ft.example%2F{SECRETS['passkey']}%2Fannounce"


def _private() -> tuple[io.BytesIO, str]:
    """Another .torrent with a passkey in its tracker's address, as a form has it."""
    made = make_torrent("private", GIB)
    announce = f"http://t.example/{SECRETS['passkey']}/announce".encode()
    return io.BytesIO(b"d8:announce%d:%s" % (len(announce), announce) + made.data[1:]), "x.torrent"


def _everything(app: Flask) -> list[str]:
    """Every answer of a round of right and wrong calls, headers included."""
    client = app.test_client()
    magnet = made_up_magnet().magnet + TRACKER
    address = f"http://127.0.0.1:1/{SECRETS['passkey']}.torrent?key={SECRETS['passkey']}"
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/submit", {"json": {"magnet": magnet}}),
        ("POST", "/submit", {"json": {"magnet": magnet}}),
        ("POST", "/submit", {"json": {"magnet": magnet.replace("btih:", "btih:x")}}),
        ("POST", "/submit", {"json": {"magnet": magnet, "url": address, "name": "\0"}}),
        ("POST", "/submit", {"json": {"url": address}}),
        ("POST", "/submit", {"data": {"torrent": (io.BytesIO(TRACKER.encode()), "x")}}),
        ("POST", "/submit", {"data": {"torrent": _private()}}),
        ("POST", "/submit/preview", {"json": {"magnet": made_up_magnet().magnet + TRACKER}}),
        ("POST", "/submit", {"json": {"magnet": made_up_magnet().magnet + TRACKER, "size_estimate_gb": 9999}}),
        *[
            ("GET", path, {})
            for path in ("/nodes", "/arr", "/decisions", "/healthz", "/readyz", "/nothing", "/metrics", *PAGES)
        ],
        ("POST", "/notifications/test", {}),
        ("POST", "/nodes/n0/drain", {}),
        ("POST", "/nodes/n0/resume", {}),
        ("POST", "/nodes/n0/nothing", {}),
        ("GET", "/submit", {}),
        ("POST", "/dashboard/preview", {"data": {"link": made_up_magnet().magnet}}),
        ("POST", "/dashboard/login", {"data": {"key": SECRETS["admin"] + "x"}}),
    ]
    answers = [client.open(path, method=method, headers=ADMIN, **more) for method, path, more in calls]
    answers += [client.open(path, method=method, **more) for method, path, more in calls[9:]]
    answers.append(client.get("/nodes", headers={"X-API-Key": SECRETS["admin"] + "x"}))
    form = {"urls": f"{made_up_magnet().magnet + TRACKER}\n{address}\nx{magnet}", "cookie": SECRETS["cookie"]}
    answers += [client.post("/api/v2/torrents/add", data=form, headers=headers) for headers in (BEARER, {})]
    for file in ((io.BytesIO(b"x"), "x"), _private()):
        answers.append(client.post("/api/v2/torrents/add", data={"f": file}, headers=BEARER))
    for password in (SECRETS["auth"], SECRETS["auth"] + "x"):
        answers.append(client.post("/api/v2/auth/login", data={"username": "user", "password": password}))
    answers.append(client.get("/api/v2/app/version", headers={"Authorization": f"Bearer {SECRETS['bearer']}x"}))
    return [f"{answer.status} {answer.headers} {answer.text}" for answer in answers]


def test_no_secret_is_ever_told(make_app: AppMaker, scripted: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Passwords, keys, passkeys and cookies, in a fleet where each node fails in a way of its own."""
    caplog.set_level(logging.DEBUG)
    versions = ("5.1.0", "4.5.2", "5.1.0", "5.3.0", "5.3.0", "5.1.0")
    nodes: list[ScriptedNode] = [
        scripted(version, name=f"n{number}", password=SECRETS["node"]) for number, version in enumerate(versions)
    ]
    entries = [node_entry(node) for node in nodes]
    entries[2] |= {"password": SECRETS["wrong"]}
    nodes[3].api_key = SECRETS["node-key"]
    entries[3] |= {"username": "", "password": "", "api_key": SECRETS["node-key"]}
    entries[4] |= {"password": SECRETS["wrong"], "api_key": SECRETS["node-key"]}
    nodes[5].close()
    instances = [
        {"name": name, "type": "sonarr", "url": f"http://{name}.test", "api_key": SECRETS["arr"]} for name in ("a", "b")
    ]
    app = make_app(
        entries,
        arr_instances=instances,
        dispatcher={"admin_api_key": SECRETS["admin"]},
        notifications={"targets": [f"json://u:{SECRETS['target']}@127.0.0.1:1/{SECRETS['target']}"]},
        auth={"username": "user", "password": SECRETS["auth"], "api_keys": [SECRETS["bearer"]]},
    )
    told: list[str] = []
    with responses.RequestsMock(assert_all_requests_are_fired=False) as web:
        web.add_passthru("http://127.0.0.1")
        web.get("http://a.test/system/status", status=401, body=SECRETS["arr"])
        told += _everything(app)
        nodes[0].add_behaviour, nodes[1].add_behaviour, nodes[3].add_behaviour = "fail", "http_500", "drop"
        poll(app)
        told += _everything(app)
        nodes[1].unauthorised = True
        nodes[0].garbage = "html"
        poll(app)
        told += _everything(app)
    for format_ in FORMATS:
        shape = formatter(format_)
        told += [shape.format(record) + str(record.exc_info or "") for record in caplog.records]
    Lookout(app.extensions[EXTENSION].store, app.extensions[EXTENSION].settings).work()
    with app.extensions[EXTENSION].store.read() as connection:
        waiting = connection.execute(select(tables.notices)).all()
    assert {row.event for row in waiting} >= {"refused", "auth_failed"}
    told += [str(row) for row in waiting]
    told += [repr(value) for value in app.extensions["qbdispatch"].fleet.members.values()]
    told.append(repr(app.extensions["qbdispatch"].settings))
    assert len(told) > 100
    assert any("auth_failed" in text for text in told)
    assert [(name, text) for text in told for name, secret in SECRETS.items() if secret in text] == []

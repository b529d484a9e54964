"""Request ids: taken from the client, answered, logged, and passed on to whoever is called for the request."""

from __future__ import annotations

import logging

import pytest
import responses
from flask.testing import FlaskClient

from qbdispatch.logs import formatter
from tests.conftest import AppMaker, node_entry
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet

MINE = {"X-Request-ID": "from-the-client-1"}


@pytest.mark.parametrize(
    "path", ["/healthz", "/nodes", "/nothing", "/api/v2/app/version", "/api/v2/nothing", "/submit"]
)
def test_every_answer_has_the_request_id(client: FlaskClient, path: str) -> None:
    """Refusals too: the client's own, or a new one where that is not fit to be passed on."""
    assert client.get(path, headers=MINE).headers.getlist("X-Request-ID") == [MINE["X-Request-ID"]]
    made = client.get(path, headers={"X-Request-ID": "two words"}).headers["X-Request-ID"]
    assert made not in ("two words", client.get(path).headers["X-Request-ID"])


def test_log_lines_of_a_request_carry_its_id(client: FlaskClient) -> None:
    """All of them, and none that come after it."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler, logger = Kept(), logging.getLogger("qbdispatch")
    handler.setFormatter(formatter("json"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        client.post("/submit", json={"magnet": made_up_magnet().magnet, "size_estimate_gb": 1}, headers=MINE)
        logger.info("afterwards")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert [('"request_id": "from-the-client-1"' in line) for line in lines] == [True, False]
    assert '"event": "submission accepted"' in lines[0]


def test_nodes_and_arr_are_told_the_request_id(make_app: AppMaker, node: ScriptedNode) -> None:
    """In calls made from threads of our own, too; polls, which no request asked for, have none."""
    instance = {"name": "s", "type": "sonarr", "url": "http://sonarr.test", "api_key": "k"}
    client = make_app([node_entry(node)], arr_instances=[instance]).test_client()
    assert set(node.request_ids) == {None}
    client.post("/submit", json={"magnet": made_up_magnet().magnet, "size_estimate_gb": 1}, headers=MINE)
    assert node.request_ids[-1] == MINE["X-Request-ID"]
    client.get("/nodes", headers={"X-Request-ID": "another"})
    assert node.request_ids[-1] == "another"
    with responses.RequestsMock() as web:
        web.get("http://sonarr.test/system/status", json={"version": "4"})
        client.get("/arr", headers=MINE)
        assert web.calls[0].request.headers["X-Request-ID"] == MINE["X-Request-ID"]

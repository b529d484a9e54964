"""`POST /notifications/test`: each target is tried, and named without what is secret in its address."""

from __future__ import annotations

import logging

import pytest
from flask.testing import FlaskClient

from tests.conftest import AppMaker, node_entry
from tests.rig.scripted import ScriptedNode
from tests.rig.webhook import Webhook


def test_each_target_is_tried_and_answered_for(
    make_app: AppMaker, node: ScriptedNode, caplog: pytest.LogCaptureFixture
) -> None:
    """One that takes it, one that refuses, one where nobody listens; no address in the answer or the log."""
    caplog.set_level(logging.DEBUG, "apprise")
    with Webhook() as good, Webhook() as bad:
        bad.status = 401
        gone = "json://user:s3cret-password@127.0.0.1:1/s3cret-token"
        targets = {"targets": [good.url, bad.url, gone]}
        answer = make_app([node_entry(node)], notifications=targets).test_client().post("/notifications/test")
        assert good.titles == ["qbdispatch: a test"]
        assert (bad.tried, bad.received) == (1, [])
    told = answer.json["targets"] if answer.json else []
    assert answer.status_code == 200
    assert [(one["target"], one["ok"]) for one in told] == [
        ("1 json://127.0.0.1", True),
        ("2 json://127.0.0.1", False),
        ("3 json://127.0.0.1", False),
    ]
    assert told[0]["error"] is None
    assert "is the address right" in told[1]["error"]
    assert "s3cret" not in answer.text + caplog.text


def test_without_targets_it_says_what_to_set(client: FlaskClient) -> None:
    """422 in the JSON shape."""
    answer = client.post("/notifications/test")
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["reason"] == "nobody is to be told; set notifications.targets"

"""`/submit` and `/submit/preview`: forms of input, shapes of answers, and each wrong field by its name."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.datastructures import MultiDict

from qbdispatch.services import EXTENSION
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet, make_torrent
from tests.unit.torrents.web import serving

ANSWER = {"status", "selected_node", "reason", "hash", "decision_id", "attempted_nodes"}
MAGNET = "magnet:?xt=urn:btih:" + "ab" * 20


def _upload(data: bytes, **fields: str) -> dict[str, Any]:
    return {"data": {"torrent": (io.BytesIO(data), "a.torrent"), **fields}}


def test_an_accepted_torrent_is_explained_node_by_node(client: FlaskClient, node: ScriptedNode) -> None:
    """200, JSON, every node with its reasons and values; the same is found under its decision's id."""
    made = made_up_magnet("its name")
    body = {"magnet": made.magnet, "name": "my name", "category": "tv", "size_estimate_gb": 50}
    answer = client.post("/submit", json=body)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.json is not None
    assert set(answer.json) == ANSWER
    assert (answer.json["status"], answer.json["selected_node"], answer.json["hash"]) == ("accepted", "big", made.hash)
    shown = {key for one in answer.json["attempted_nodes"] for key in one}
    assert shown >= {"name", "score", "excluded", "reasons", "contributions", "free_gb", "effective_free_gb"}
    assert [one["name"] for one in answer.json["attempted_nodes"]] == ["big", "small"]
    assert node.adds == [(made.hash, {"category": "tv", "urls": made.magnet})]
    decision = client.get(f"/decisions/{answer.json['decision_id']}").json
    assert decision is not None
    assert {name: decision[name] for name in ("name", "category", "size_gb", "size_source", "status")} == {
        "name": "my name",
        "category": "tv",
        "size_gb": 50.0,
        "size_source": "size_estimate_gb",
        "status": "accepted",
    }
    assert decision["attempted_nodes"] == answer.json["attempted_nodes"]


@pytest.mark.parametrize("form", ["json", "form", "file", "any field", "url", "bare hash", "plain text json"])
def test_a_torrent_may_come_in_any_form(client: FlaskClient, node: ScriptedNode, form: str) -> None:
    """JSON whatever its content type says, a form, an upload under any name, an address that is fetched."""
    made = make_torrent("t", GIB)
    with serving() as site:
        site.pages["/t.torrent"] = lambda handler: handler.reply(made.data)
        request: dict[str, Any] = {
            "json": {"json": {"magnet": made.magnet}},
            "form": {"data": {"magnet": made.magnet, "size_estimate_gb": "1"}},
            "file": _upload(made.data, category="tv"),
            "any field": {"data": {"whatever": (io.BytesIO(made.data), "x")}},
            "url": {"json": {"url": site.url("/t.torrent")}},
            "bare hash": {"json": {"magnet": made.hash.upper()}},
            "plain text json": {"data": f'{{"magnet": "{made.magnet}"}}', "content_type": "text/plain"},
        }[form]
        answer = client.post("/submit", **request)
    assert answer.json is not None
    assert (answer.status_code, answer.json["status"], answer.json["hash"]) == (200, "accepted", made.hash)
    assert [added for added, _ in node.adds] == [made.hash]


def test_a_duplicate_is_answered_with_its_node(client: FlaskClient, node: ScriptedNode) -> None:
    """200, the first decision's id, and nothing is added twice."""
    made = make_torrent("t", GIB)
    first, again = client.post("/submit", json={"magnet": made.magnet}), client.post("/submit", **_upload(made.data))
    assert first.json is not None
    assert again.json is not None
    assert (again.status_code, set(again.json)) == (200, ANSWER)
    assert (again.json["status"], again.json["selected_node"]) == ("duplicate", "big")
    assert again.json["decision_id"] == first.json["decision_id"]
    assert len(node.adds) == 1


def test_what_no_node_may_take_is_rejected_for_now(client: FlaskClient) -> None:
    """503 with Retry-After, since tomorrow there may be room; the reasons are given for each node."""
    answer = client.post("/submit", json={"magnet": MAGNET, "size_estimate_gb": 5000})
    assert (answer.status_code, answer.content_type) == (503, "application/json")
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json is not None
    assert (answer.json["status"], answer.json["selected_node"], set(answer.json)) == ("rejected", None, ANSWER)
    reasons = {one["name"]: [part["code"] for part in one["reasons"]] for one in answer.json["attempted_nodes"]}
    assert reasons == {"big": ["insufficient_space"], "small": ["insufficient_space"]}


def test_what_no_node_took_has_failed_for_now(client: FlaskClient, node: ScriptedNode, small: ScriptedNode) -> None:
    """503 with Retry-After, and what each node said."""
    node.add_behaviour = small.add_behaviour = "fail"
    answer = client.post("/submit", json={"magnet": MAGNET})
    assert answer.json is not None
    assert (answer.status_code, answer.json["status"]) == (503, "failed")
    assert int(answer.headers["Retry-After"]) > 0
    assert [name in answer.json["reason"] for name in ("big: ", "small: ")] == [True, True]


def test_a_preview_answers_the_same_and_sends_nothing(client: FlaskClient, node: ScriptedNode) -> None:
    """No decision is kept and no byte claimed; a submission after it has the same outcome."""
    body = {"magnet": MAGNET, "size_estimate_gb": 50}
    preview = client.post("/submit/preview", json=body)
    assert preview.json is not None
    assert (preview.status_code, set(preview.json)) == (200, ANSWER)
    assert (preview.json["status"], preview.json["decision_id"]) == ("accepted", None)
    assert node.add_requests == []
    assert client.get("/decisions").json == []
    real = client.post("/submit", json=body)
    assert real.json is not None
    assert real.json["attempted_nodes"] == preview.json["attempted_nodes"]
    assert client.post("/submit/preview", json=body | {"size_estimate_gb": 1}).json["status"] == "duplicate"  # type: ignore[index]
    refused = client.post("/submit/preview", json={"magnet": "cd" * 20, "size_estimate_gb": 5000})
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)


@pytest.mark.parametrize(
    ("body", "faulty"),
    [
        ({}, {"magnet"}),
        ({"magnet": ""}, {"magnet"}),
        ({"magnet": None}, {"magnet"}),
        ({"magnet": MAGNET, "url": "http://127.0.0.1/x"}, {"magnet"}),
        ({"magnet": "magnet:?xt=urn:btih:zz"}, {"magnet"}),
        ({"magnet": "file:///etc/passwd"}, {"magnet"}),
        ({"magnet": "/etc/passwd"}, {"magnet"}),
        ({"magnet": 5}, {"magnet"}),
        ({"magnet": f"{MAGNET}\n{MAGNET}"}, {"magnet"}),
        ({"url": "ftp://127.0.0.1/x"}, {"url"}),
        ({"url": "http://127.0.0.1:1/x"}, {"url"}),
        ({"magnet": MAGNET, "size_estimate_gb": 0}, {"size_estimate_gb"}),
        ({"magnet": MAGNET, "size_estimate_gb": -1}, {"size_estimate_gb"}),
        ({"magnet": MAGNET, "size_estimate_gb": float("nan")}, {"size_estimate_gb"}),
        ({"magnet": MAGNET, "size_estimate_gb": float("inf")}, {"size_estimate_gb"}),
        ({"magnet": MAGNET, "size_estimate_gb": 10**400}, {"size_estimate_gb"}),
        ({"magnet": MAGNET, "size_estimate_gb": 2**20 + 1}, {"size_estimate_gb"}),
        ({"magnet": MAGNET, "size_estimate_gb": "much"}, {"size_estimate_gb"}),
        ({"magnet": MAGNET, "size_estimate_gb": []}, {"size_estimate_gb"}),
        ({"magnet": MAGNET, "name": "a\x00b"}, {"name"}),
        ({"magnet": MAGNET, "name": "\ud800"}, {"name"}),
        ({"magnet": MAGNET, "name": "x" * 1001}, {"name"}),
        ({"magnet": MAGNET, "category": "a//b"}, {"category"}),
        ({"magnet": MAGNET, "category": "/a"}, {"category"}),
        ({"magnet": MAGNET, "category": "a\\b"}, {"category"}),
        ({"magnet": MAGNET, "category": 7}, {"category"}),
        ({"magnet": MAGNET, "magnets": "x"}, {"magnets"}),
        (
            {"magnet": [], "category": "/", "size_estimate_gb": "x", "n": 1},
            {"magnet", "category", "size_estimate_gb", "n"},
        ),
        ([MAGNET], {"body"}),
        ("text", {"body"}),
    ],
)
def test_each_field_that_is_wrong_is_named(idle: FlaskClient, body: Any, faulty: set[str]) -> None:
    """422 with one list of texts for each; all at once, and nothing is decided."""
    for path in ("/submit", "/submit/preview"):
        answer = idle.post(path, json=body)
        assert (answer.status_code, answer.content_type) == (422, "application/json")
        assert answer.json is not None
        assert set(answer.json) == {"status", "reason", "errors"}
        assert (answer.json["status"], set(answer.json["errors"])) == ("invalid", faulty)
        assert all(texts and all(isinstance(one, str) for one in texts) for texts in answer.json["errors"].values())
        assert all(name in answer.json["reason"] for name in faulty)
    assert idle.get("/decisions").json == []


def test_an_upload_that_is_no_torrent_is_named_too(client: FlaskClient) -> None:
    """As field `torrent`; a file beside a magnet is one too many."""
    for data in (b"", b"not a torrent", b"d4:infode"):
        answer = client.post("/submit", **_upload(data))
        assert answer.json is not None
        assert (answer.status_code, set(answer.json["errors"])) == (422, {"torrent"})
    both = client.post("/submit", **_upload(make_torrent("t", GIB).data, magnet=MAGNET))
    assert both.json is not None
    assert (both.status_code, both.json["errors"]["magnet"][0]) == (
        422,
        "Give exactly one of magnet, url and torrent (got 2).",
    )


@pytest.mark.parametrize("body", ["", "{", "[" * 100_000, '{"magnet": ' + "9" * 5000 + "}", b"\xff\xfe", '"\\'])
def test_a_body_that_is_no_json_is_a_bad_request(idle: FlaskClient, body: str | bytes) -> None:
    """400 in the same shape."""
    answer = idle.post("/submit", data=body, content_type="application/json")
    assert answer.json is not None
    assert (answer.status_code, answer.json["status"], answer.json["errors"]) == (400, "invalid", {})


def test_without_the_store_the_client_is_asked_to_come_again(client: FlaskClient, node: ScriptedNode) -> None:
    """503 with Retry-After, in the same shape; nothing is sent to a node."""
    with client.application.extensions[EXTENSION].store.write() as connection:
        connection.execute(text("DROP TABLE claims"))
    answer = client.post("/submit", json={"magnet": MAGNET})
    assert answer.json is not None
    assert (answer.status_code, answer.json["status"], "Retry-After" in answer.headers) == (503, "failed", True)
    assert node.add_requests == []


def test_of_two_uploads_none_is_passed_over_in_silence(client: FlaskClient, node: ScriptedNode) -> None:
    """The answer has room for one torrent only: 422, and nothing is placed."""
    contents = [make_torrent(f"t{number}", GIB).data for number in range(2)]
    for names in (("torrent", "torrent"), ("torrent", "other")):
        form = MultiDict((name, (io.BytesIO(content), "a")) for name, content in zip(names, contents, strict=True))
        answer = client.post("/submit", data=form, content_type="multipart/form-data")
        assert answer.json is not None
        assert (answer.status_code, set(answer.json["errors"])) == (422, {"torrent"})
    assert node.adds == []

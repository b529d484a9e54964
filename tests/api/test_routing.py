"""What no route answers: plain refusals, and never a redirect, since *arr follow none."""

import pytest
from flask.testing import FlaskClient


@pytest.mark.parametrize(
    "path",
    [
        "/version/api",
        "/api/v2",
        "/api/v2/",
        "/api/v2/app/version/",
        "/api/v2//app/version",
        "//api/v2/app/version",
        "/api/v2/torrents/nothing",
        "/api",
        "/nodes/",
        "/submit/",
        "/submit//preview",
        "/healthz/",
        "/%2e%2e/etc/passwd",
    ],
)
def test_an_unknown_path_is_a_plain_404(idle: FlaskClient, path: str) -> None:
    """Text, no page, no `Location`."""
    for method, said in (("GET", "Not Found"), ("POST", "Not Found"), ("HEAD", "")):
        answer = idle.open(path, method=method)
        assert (answer.status_code, answer.mimetype, answer.text.strip()) == (404, "text/plain", said)
        assert "Location" not in answer.headers


@pytest.mark.parametrize(("method", "path", "allowed"), [("GET", "/submit", "POST"), ("POST", "/nodes", "GET")])
def test_a_wrong_method_is_told_the_right_one(idle: FlaskClient, method: str, path: str, allowed: str) -> None:
    """405 with `Allow`, as HTTP demands."""
    answer = idle.open(path, method=method)
    assert (answer.status_code, answer.mimetype) == (405, "text/plain")
    assert allowed in answer.headers["Allow"]

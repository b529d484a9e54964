"""Who may see the dashboard, whose forms count, and what browsers are told to refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from qbdispatch.dispatch.attempts import FAILURES
from tests.api.pages import get, send
from tests.conftest import AppMaker
from tests.rig.swarm import made_up_magnet

KEY = "the-admin-key"
NODE = {"name": "n", "url": "http://127.0.0.1:1", "username": "u", "password": "p"}
PAGES = ("/", "/dashboard/torrents", "/dashboard/preview", "/dashboard/nodes/n", "/dashboard/arr")
Locked = Callable[..., Flask]


@pytest.fixture
def locked(make_app: AppMaker) -> Locked:
    """An app that wants the admin key; each is one more worker over the same store."""
    return lambda key=KEY: make_app([NODE], polled=False, dispatcher={"admin_api_key": key})


def _login(client: FlaskClient, key: str = KEY, status: int = 303, **more: Any) -> Any:
    answer = client.post("/dashboard/login", data={"key": key}, **more)
    assert answer.status_code == status, answer.text
    return answer


def test_without_the_key_every_page_is_the_login_form(locked: Locked) -> None:
    """401, and nothing of the nodes; with it, the page."""
    client = locked().test_client()
    for path in PAGES:
        page = get(client, path, 401)
        assert "Admin key" in page.text
        assert NODE["url"] not in page.html
    _login(client)
    assert all(get(client, path) for path in PAGES)


def test_a_wrong_key_is_told_and_sets_no_cookie(locked: Locked) -> None:
    """Nor does it tell how much of it was right."""
    client = locked().test_client()
    for key in ("", "wrong", KEY[:-1], f"{KEY}x", "schl\xfcssel"):
        answer = _login(client, key, 401)
        assert "That is not the key." in answer.text
        assert "Set-Cookie" not in answer.headers


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(locked: Locked) -> None:
    """And from plain HTTP, where the visitor came by https."""
    client = locked().test_client()
    cookie = _login(client).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    other = locked().test_client()
    assert "Secure" in _login(other, headers={"X-Forwarded-Proto": "https"}).headers["Set-Cookie"]


def test_a_login_holds_on_every_worker_until_the_key_changes(locked: Locked) -> None:
    """It is signed, so that no worker has to remember it; an altered one is worth nothing."""
    client = locked().test_client()
    _login(client)
    cookie = client.get_cookie("qbdispatch")
    assert cookie is not None

    def status(app: Flask, value: str) -> int:
        visitor = app.test_client()
        visitor.set_cookie("qbdispatch", value)
        return visitor.get("/").status_code

    assert status(locked(), cookie.value) == 200
    assert [status(locked(), value) for value in ("", f"x{cookie.value}", cookie.value[:-1])] == [401, 401, 401]
    assert status(locked("another"), cookie.value) == 401


def test_a_cookie_from_before_there_was_a_key_is_worth_nothing(make_app: AppMaker, locked: Locked) -> None:
    """Anybody could have got one then."""
    client = make_app([NODE], polled=False).test_client()
    client.get("/")
    cookie = client.get_cookie("qbdispatch")
    assert cookie is not None
    later = locked().test_client()
    later.set_cookie("qbdispatch", cookie.value)
    assert later.get("/").status_code == 401


def test_logging_out_ends_it(locked: Locked) -> None:
    """By its form."""
    client = locked().test_client()
    _login(client)
    send(client, get(client).form("/logout"))
    assert client.get("/").status_code == 401


def test_guessing_is_cut_short_for_that_address_alone(locked: Locked) -> None:
    """Over all workers; then even the right key has to wait, but not for who is elsewhere."""
    workers = [locked().test_client() for _ in range(3)]
    for number in range(FAILURES):
        _login(workers[number % 3], "wrong", 401)
    for key in ("wrong", KEY):
        assert "Wait a minute" in _login(workers[0], key, 429).text
    _login(workers[0], KEY, 303, headers={"X-Forwarded-For": "10.0.0.9"})


def test_right_keys_are_not_counted(locked: Locked) -> None:
    """However often somebody logs in."""
    app = locked()
    for _ in range(2 * FAILURES):
        _login(app.test_client())
    _login(app.test_client(), "wrong", 401)


@pytest.mark.parametrize("token", [None, "", "made up", "another visitor's"])
def test_a_form_from_elsewhere_does_nothing(idle: FlaskClient, token: str | None) -> None:
    """403, although the cookie is there; every form that changes something is so protected."""
    get(idle)
    data = {} if token is None else {"csrf": token}
    if token == "another visitor's":
        data = {"csrf": get(idle.application.test_client()).form("/drain").values["csrf"]}
    rules = [rule for rule in idle.application.url_map.iter_rules() if rule.endpoint.startswith("ui.")]
    open_ones = {"ui.login", "ui.theme"}
    tried = [rule for rule in rules if "POST" in (rule.methods or ()) and rule.endpoint not in open_ones]
    assert len(tried) >= 7
    for rule in tried:
        path = rule.rule.replace("<name>", "big").replace("<hash_>", "a" * 40)
        answer = idle.post(path, data={**data, "link": made_up_magnet().magnet})
        assert (answer.status_code, answer.mimetype) == (403, "text/html"), path
        assert "not sent from a page of this dashboard" in answer.text
    assert "Drained" not in get(idle).text


def test_a_script_with_the_key_in_its_header_needs_neither_cookie_nor_token(locked: Locked) -> None:
    """No browser sends that header for another site."""
    client = locked().test_client()
    assert client.post("/dashboard/nodes/n/drain", headers={"X-API-Key": KEY}).status_code == 303
    assert client.post("/dashboard/nodes/n/drain", headers={"X-API-Key": "wrong"}).status_code == 401


def test_pages_tell_browsers_what_to_refuse(locked: Locked) -> None:
    """No script but ours, no frame, no guessing of types, no copies; style and script may be kept for a while."""
    client = locked().test_client()
    _login(client)
    for path in (*PAGES, "/dashboard/nothing-of-the-kind", "/dashboard/decisions/x"):
        answer = client.get(path)
        if answer.mimetype != "text/html":
            continue
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        told = [answer.headers[name] for name in ("X-Frame-Options", "X-Content-Type-Options", "Cache-Control")]
        assert told == ["DENY", "nosniff", "no-store"]
        assert answer.headers["Referrer-Policy"] == "same-origin"
    with client.get("/static/dashboard.css") as style:
        assert style.headers["Cache-Control"] == "public, max-age=3600"


def test_no_key_is_ever_on_a_page(locked: Locked) -> None:
    """Neither ours nor a node's password."""
    client = locked().test_client()
    _login(client)
    for path in PAGES:
        assert KEY not in get(client, path).html


def test_behind_a_prefix_all_links_stay_below_it(idle: FlaskClient) -> None:
    """nginx says it in X-Forwarded-Prefix."""
    headers = {"X-Forwarded-Prefix": "/qb"}
    answer = idle.get("/", headers=headers)
    assert 'href="/' not in answer.text.replace('href="/qb/', "")
    assert 'action="/' not in answer.text.replace('action="/qb/', "")
    assert 'src="/' not in answer.text.replace('src="/qb/', "")
    assert "Path=/qb/" in answer.headers["Set-Cookie"]


def test_the_theme_is_kept_without_any_script(idle: FlaskClient) -> None:
    """What is neither light nor dark is not."""
    assert "data-bs-theme" not in idle.get("/").text
    idle.post("/dashboard/theme", data={"theme": "purple"})
    assert "data-bs-theme" not in idle.get("/").text
    idle.post("/dashboard/theme", data={"theme": "dark"})
    assert 'data-bs-theme="dark"' in idle.get("/").text
    assert "/dashboard/theme" in {form.action for form in get(idle).forms}

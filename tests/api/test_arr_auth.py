"""Who may use `/api/v2`: anybody without configured credentials; with them, the right user or key over all workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from qbdispatch.dispatch.attempts import FAILURES, NAMED_BY_ONE
from qbdispatch.passwords import hash_password
from tests.conftest import AppMaker
from tests.unit.test_passwords import qbittorrent_hash

AUTH: dict[str, Any] = {"username": "user", "password": "pass", "api_keys": ["key-one", "key-two"]}
NODE = {"name": "n", "url": "http://127.0.0.1:1", "username": "u", "password": "p"}
PLAIN = "text/plain; charset=UTF-8"
Guarded = Callable[..., Flask]


@pytest.fixture
def guarded(make_app: AppMaker) -> Guarded:
    """An app whose `/api/v2` is locked; each is one more worker, or the same after a restart."""
    return lambda **changes: make_app([NODE], polled=False, auth=AUTH | changes)


def _login(client: FlaskClient, username: str = "user", password: str = "pass") -> Any:
    return client.post("/api/v2/auth/login", data={"username": username, "password": password})


def _cookie(app: Flask) -> str:
    client = app.test_client()
    _login(client)
    cookie = client.get_cookie("SID")
    assert cookie is not None
    return cookie.value


def _version(app: Flask, cookie: str) -> int:
    client = app.test_client()
    client.set_cookie("SID", cookie)
    return client.get("/api/v2/app/version").status_code


@pytest.mark.parametrize("form", [{}, {"username": "any", "password": "thing"}, {"username": ""}])
def test_without_configured_credentials_any_login_is_accepted(idle: FlaskClient, form: dict[str, str]) -> None:
    """`Ok.`, and the cookie is set all the same, as some clients insist on one."""
    answer = idle.post("/api/v2/auth/login", data=form)
    assert (answer.status_code, answer.text, answer.content_type) == (200, "Ok.", PLAIN)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("SID=")
    assert {"HttpOnly", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    assert not set(cookie.split(";")[0].removeprefix("SID=")) & set(' ",\\')


def test_without_configured_credentials_no_login_is_needed(idle: FlaskClient) -> None:
    """Nor does a wrong header or cookie do harm, such as the empty `Basic` that Radarr sends."""
    for headers in ({}, {"Authorization": "Basic Og=="}, {"Authorization": "Bearer x"}, {"Cookie": "SID=x"}):
        assert idle.get("/api/v2/app/version", headers=headers).text == "v5.1.4"


def test_the_versions_are_those_clients_know(idle: FlaskClient) -> None:
    """One constant pair, by GET and POST, in qBittorrent's content type."""
    for path, expected in (("version", "v5.1.4"), ("webapiVersion", "2.11.4")):
        for method in ("GET", "POST"):
            answer = idle.open(f"/api/v2/app/{path}", method=method)
            assert (answer.status_code, answer.text, answer.content_type) == (200, expected, PLAIN)


@pytest.mark.parametrize(
    ("username", "password", "says"),
    [
        ("user", "pass", "Ok."),
        ("user", "wrong", "Fails."),
        ("user", "", "Fails."),
        ("User", "pass", "Fails."),
        ("", "pass", "Fails."),
        ("user", "pass\x00", "Fails."),
        ("user", "p\xe4ss", "Fails."),
    ],
)
def test_only_the_right_login_opens_the_api(guarded: Guarded, username: str, password: str, says: str) -> None:
    """`Fails.` with status 200 and without a cookie, as qBittorrent up to 5.1 says it."""
    client = guarded().test_client()
    assert client.get("/api/v2/app/version").status_code == 403
    answer = _login(client, username, password)
    assert (answer.status_code, answer.text, answer.content_type) == (200, says, PLAIN)
    assert ("Set-Cookie" in answer.headers) is (says == "Ok.")
    assert client.get("/api/v2/app/version").status_code == (200 if says == "Ok." else 403)


def test_a_session_holds_on_every_worker_and_over_restarts(guarded: Guarded) -> None:
    """The cookie of one is good for another over the same store."""
    cookie = _cookie(guarded())
    assert _version(guarded(), cookie) == 200


@pytest.mark.parametrize("change", [{"password": "new"}, {"username": "new"}])
def test_a_session_ends_when_the_credentials_change(guarded: Guarded, change: dict[str, str]) -> None:
    """Who knew the old password only is out at once."""
    cookie = _cookie(guarded())
    assert _version(guarded(**change), cookie) == 403
    assert _version(guarded(), cookie) == 200


def test_a_cookie_that_was_made_up_or_altered_is_worth_nothing(guarded: Guarded) -> None:
    """Every part of it is signed; nor does a cookie from the time before `auth` was set open anything."""
    app = guarded()
    cookie = _cookie(app)
    payload, stamp, signature = cookie.split(".")
    altered = [f"x{payload}.{stamp}.{signature}", f"{payload}.x{stamp}.{signature}", f"{payload}.{stamp}.x", "", "x"]
    assert [_version(app, one) for one in [*altered, cookie]] == [403] * len(altered) + [200]


def test_a_cookie_from_before_there_were_credentials_is_worth_nothing(make_app: AppMaker, guarded: Guarded) -> None:
    """Anybody could have got one then."""
    cookie = _cookie(make_app([NODE], polled=False))
    assert _version(guarded(), cookie) == 403


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer key-one", 200),
        ("Bearer key-two", 200),
        ("bearer key-one", 200),
        ("Bearer key-three", 403),
        ("Bearer ", 403),
        ("key-one", 403),
        ("Basic key-one", 403),
        ("Basic dXNlcjpwYXNz", 403),
    ],
)
def test_an_api_key_opens_the_api_without_a_login(guarded: Guarded, header: str, status: int) -> None:
    """As `Authorization: Bearer` only."""
    answer = guarded().test_client().get("/api/v2/app/version", headers={"Authorization": header})
    assert (answer.status_code, answer.content_type) == (status, PLAIN)


def test_with_api_keys_alone_no_login_is_right(guarded: Guarded) -> None:
    """An unset password is not an empty one."""
    client = guarded(username=None, password=None).test_client()
    for username, password in (("", ""), ("user", "pass"), ("None", "None")):
        assert _login(client, username, password).text == "Fails."
    assert client.get("/api/v2/app/version").status_code == 403
    assert client.get("/api/v2/app/version", headers={"Authorization": "Bearer key-one"}).status_code == 200


def test_who_is_not_logged_in_does_not_learn_which_paths_there_are(guarded: Guarded) -> None:
    """403 for any path, known or not, and 404 for an unknown one only with a session."""
    app = guarded()
    client = app.test_client()
    for path in ("app/version", "torrents/add", "torrents/nothing", ""):
        assert [client.open(f"/api/v2/{path}", method=method).status_code for method in ("GET", "POST")] == [403, 403]
    assert client.post("/api/v2/torrents/add").text == "Forbidden"
    _login(client)
    unknown = client.get("/api/v2/torrents/nothing")
    assert (unknown.status_code, unknown.text, unknown.content_type) == (404, "Not Found", PLAIN)


def test_guessing_a_password_is_cut_short_as_qbittorrent_does_it(guarded: Guarded) -> None:
    """403 and its words after ten failures from one address, over all workers, for the right password too; other
    addresses and API keys go on."""
    workers = [guarded().test_client() for _ in range(3)]
    assert [_login(workers[number % 3], password="wrong").text for number in range(FAILURES)] == ["Fails."] * FAILURES
    for password in ("wrong", "pass"):
        refused = _login(workers[0], password=password)
        assert (refused.status_code, refused.content_type) == (403, PLAIN)
        assert refused.text.startswith("Your IP address has been banned")
    form = {"username": "user", "password": "pass"}
    elsewhere = workers[0].post("/api/v2/auth/login", data=form, headers={"X-Forwarded-For": "x, 192.168.1.9"})
    assert elsewhere.text == "Ok."
    keyed = guarded().test_client().get("/api/v2/app/version", headers={"Authorization": "Bearer key-one"})
    assert keyed.status_code == 200


def test_a_peer_that_is_no_proxy_cannot_give_itself_another_name(guarded: Guarded) -> None:
    """Whoever comes from the Internet itself is known by the address it comes from."""
    client = guarded().test_client()
    told = []
    for number in range(FAILURES + 1):
        headers = {"X-Forwarded-For": f"10.0.0.{number}"}
        form = {"username": "user", "password": "wrong"}
        peer = {"REMOTE_ADDR": "203.0.114.7"}
        told.append(client.post("/api/v2/auth/login", data=form, headers=headers, environ_base=peer).status_code)
    assert told == [200] * FAILURES + [403]


def test_making_up_names_for_itself_does_not_help_a_host_of_the_private_network(guarded: Guarded) -> None:
    """It cannot be told from a proxy; but all whom it names have a limit together, which no single one of them uses up:
    a client that fails for long keeps nobody else behind the same proxy out."""
    client = guarded().test_client()

    def login(named: str, password: str = "wrong") -> int:
        form, headers = {"username": "user", "password": password}, {"X-Forwarded-For": named}
        return int(client.post("/api/v2/auth/login", data=form, headers=headers).status_code)

    assert [login("10.0.0.1") for _ in range(2 * NAMED_BY_ONE)].count(200) < 2 * FAILURES
    assert login("10.0.0.2", "pass") == 200
    told = [login(f"10.0.1.{number}") for number in range(NAMED_BY_ONE)]
    assert 0 < told.count(403) < NAMED_BY_ONE
    assert login("10.0.0.3", "pass") == 403


def test_right_logins_are_not_counted(guarded: Guarded) -> None:
    """Sonarr may log in as often as it likes."""
    client = guarded().test_client()
    assert {_login(client).text for _ in range(2 * FAILURES)} == {"Ok."}


@pytest.mark.parametrize("make", [hash_password, qbittorrent_hash])
def test_a_password_may_be_kept_as_its_hash(guarded: Guarded, make: Callable[[str], str]) -> None:
    """The same logins are right and wrong, and the hash itself is no password."""
    hashed = make("pass")
    client = guarded(password=None, password_hash=hashed).test_client()
    for username, password in (("user", "wrong"), ("other", "pass"), ("user", ""), ("user", hashed)):
        assert _login(client, username, password).text == "Fails."
    assert _login(client).text == "Ok."
    assert client.get("/api/v2/app/version").status_code == 200


def test_a_session_ends_when_the_hash_changes(guarded: Guarded) -> None:
    """As it does with the password."""
    first, second = hash_password("pass"), hash_password("pass")
    cookie = _cookie(guarded(password=None, password_hash=first))
    assert _version(guarded(password=None, password_hash=first), cookie) == 200
    assert _version(guarded(password=None, password_hash=second), cookie) == 403

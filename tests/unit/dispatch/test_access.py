"""One login for all workers, renewed once, and never enough wrong ones for a ban."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from qbdispatch.config.settings import NodeSettings
from qbdispatch.dispatch.access import NodeAccess
from qbdispatch.nodes.client import Cookies
from qbdispatch.nodes.errors import NodeAuthFailed, NodeUnreachable
from qbdispatch.store.engine import Store
from qbdispatch.store.sessions import LoginGranted, LoginTaken, SessionVault
from tests.unit.dispatch.bench import WatchedNode, at_once

TEN_MINUTES = 600
Settled = str | NodeAuthFailed


@pytest.fixture
def node() -> Iterator[WatchedNode]:
    with WatchedNode("5.1.0") as scripted:
        yield scripted


def _settings(node: WatchedNode, **changes: Any) -> NodeSettings:
    return NodeSettings(**{"name": "n", "url": node.url, "username": "admin", "password": node.password} | changes)


def _version(access: NodeAccess) -> str:
    def ask(cookies: Cookies) -> str:
        return access.client.version(cookies)

    return access.call(ask)


def _outcome(access: NodeAccess) -> Settled:
    try:
        return _version(access)
    except NodeAuthFailed as error:
        return error


def _crowd(settings: NodeSettings, store: Store) -> list[Settled]:
    """12 callers at once, over three workers."""
    workers = [NodeAccess(settings, store) for _ in range(3)]
    return at_once([partial(_outcome, workers[turn % 3]) for turn in range(12)])


def test_one_login_serves_all_threads_of_all_workers(node: WatchedNode, store: Store) -> None:
    """And those that come later."""
    assert _crowd(_settings(node), store) == ["v5.1.0"] * 12
    assert _version(NodeAccess(_settings(node), store)) == "v5.1.0"
    assert node.calls["auth/login"] == 1


def test_a_session_that_ended_is_renewed_once_for_everybody(node: WatchedNode, store: Store) -> None:
    """After a restart of the node one of the callers logs in, and all get their answer."""
    _crowd(_settings(node), store)
    node.forget_sessions()
    assert _crowd(_settings(node), store) == ["v5.1.0"] * 12
    assert node.calls["auth/login"] == 2


def test_who_had_to_wait_for_the_store_does_not_log_in_besides_another(store: Store) -> None:
    """It asks for leave with a time from before its wait; the other's lease then ends further ahead than usual."""
    vault = SessionVault(store, "n", "credentials")
    assert isinstance(vault.begin_login(None, 1000.0), LoginGranted)
    assert isinstance(vault.begin_login(None, 999.0), LoginTaken)


def test_wrong_passwords_are_tried_twice_in_ten_minutes_at_most(node: WatchedNode, store: Store) -> None:
    """Once, then after some minutes once more, then not within ten minutes, by 24 callers of six workers."""
    settings = _settings(node, password="wrong")
    outcomes = _crowd(settings, store)
    assert {type(outcome) for outcome in outcomes} == {NodeAuthFailed}
    assert node.failed_logins == 1
    for text in map(str, outcomes):
        assert "refused the user name or password" in text
        assert "POST /nodes/n/resume" in text
        assert "Correct username and password" in text
    waits = [_wait_seconds(store, node)]
    _let_pass(store, waits[0])
    _crowd(settings, store)
    assert node.failed_logins == 2
    waits.append(_wait_seconds(store, node))
    assert sum(waits) > TEN_MINUTES


def _wait_seconds(store: Store, node: WatchedNode) -> float:
    """How long from now the refusal holds, by the next caller's own word."""
    error = _outcome(NodeAccess(_settings(node, password="wrong"), store))
    assert isinstance(error, NodeAuthFailed)
    return 60 * float(str(error).partition("next try in ")[2].partition(" min")[0])


def _let_pass(store: Store, seconds: float) -> None:
    """Move the pause in the store that far into the past, and a little more."""
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE sessions SET retry_at = retry_at - ?", (seconds + 31,))


@pytest.mark.parametrize("mend", ["forgive", "new password"])
def test_a_mended_cause_is_tried_at_once(node: WatchedNode, store: Store, mend: str) -> None:
    """Whether the user says so, with the node's own password changed, or corrects the configuration."""
    wrong = _settings(node, password="other")
    assert isinstance(_outcome(NodeAccess(wrong, store)), NodeAuthFailed)
    if mend == "forgive":
        node.password = "other"
        assert isinstance(_outcome(NodeAccess(wrong, store)), NodeAuthFailed)
        NodeAccess(wrong, store).forgive()
        assert _version(NodeAccess(wrong, store)) == "v5.1.0"
    else:
        assert _version(NodeAccess(_settings(node), store)) == "v5.1.0"
    assert node.failed_logins == 0


def test_a_refusal_kept_by_an_earlier_version_still_holds(node: WatchedNode, store: Store) -> None:
    """It has no cause in front."""
    access = NodeAccess(_settings(node, password="wrong"), store)
    _outcome(access)
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE sessions SET refusal_detail = 'says: no'")
    assert str(_outcome(access)).startswith("says: no; next try in 6 min")
    assert node.failed_logins == 1


def test_a_ban_is_told_from_a_wrong_password(node: WatchedNode, store: Store) -> None:
    """The user learns that the password may be right."""
    node.unauthorised = True
    assert "has banned this address" in str(_outcome(NodeAccess(_settings(node), store)))


def test_an_api_key_needs_no_login(store: Store) -> None:
    """From 5.2 on; user and password are not used, even where they are given."""
    with WatchedNode("5.3.0") as node:
        node.api_key = "right"
        assert _version(NodeAccess(_settings(node, api_key="right", password="wrong"), store)) == "v5.3.0"
        assert node.calls["auth/login"] == 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"api_key": "wrong"}, "refuses the api_key"),
        ({"username": "", "password": ""}, "wants a login, but the configuration has none"),
    ],
)
def test_without_usable_credentials_the_node_is_asked_once_and_left_alone(
    store: Store, changes: dict[str, str], says: str
) -> None:
    """The refusal holds for all workers, and no login is tried."""
    with WatchedNode("5.3.0") as node:
        node.api_key = "right"
        for _ in range(3):
            assert says in str(_outcome(NodeAccess(_settings(node, **changes), store)))
        assert node.calls.total() == node.calls["app/version"] == 1


def test_a_node_that_lets_us_in_without_a_login_is_used_so(node: WatchedNode, store: Store) -> None:
    """As with qBittorrent's bypass for certain addresses."""
    node.knows = True
    assert _version(NodeAccess(_settings(node, username="", password=""), store)) == "v5.1.0"
    assert node.calls["auth/login"] == 0


def test_a_node_that_takes_the_login_but_not_the_session_is_left_alone(node: WatchedNode, store: Store) -> None:
    """Say behind a proxy that drops cookies: one renewal, then a pause instead of login upon login."""
    node.knows = False
    access = NodeAccess(_settings(node), store)
    assert "lets us log in, but then says" in str(_outcome(access))
    assert isinstance(_outcome(access), NodeAuthFailed)
    assert node.calls["auth/login"] == 2


def test_a_login_that_nobody_answers_may_be_tried_again_at_once(node: WatchedNode, store: Store) -> None:
    """The node was down, not unwilling: no pause, and the next caller may log in."""
    access = NodeAccess(_settings(node), store)
    node.close()
    for _ in range(2):
        with pytest.raises(NodeUnreachable, match=r"login: .* refuses connections"):
            _version(access)


def test_a_login_under_way_elsewhere_is_waited_for_but_not_for_ever(node: WatchedNode, store: Store) -> None:
    """A worker that hangs in its login costs others some seconds, not their answer."""
    access = NodeAccess(_settings(node), store)
    SessionVault(store, "n", "other").begin_login(None, time.time())
    started = time.monotonic()
    with pytest.raises(NodeUnreachable, match="another worker"):
        _version(access)
    assert 2 < time.monotonic() - started < 10
    assert node.calls.total() == 0

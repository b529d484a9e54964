"""What the doctor finds on a node, and that looking does no harm."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from werkzeug.wrappers import Request, Response

from qbdispatch.nodes.probe import clock_ahead
from qbdispatch.store import snapshots
from qbdispatch.store.engine import Store
from qbdispatch.store.snapshots import Snapshot
from tests.conftest import node_entry
from tests.rig.ailing import AilingNode, swallowing_address
from tests.rig.disks import GIB
from tests.rig.processes import free_port
from tests.rig.scripted_server import LoopbackServer, html_answer, text_answer
from tests.unit.dispatch.doctor.conftest import Examine, codes

NodeMaker = Callable[..., AilingNode]


@contextmanager
def _somebody_else(answer: Response) -> Iterator[str]:
    """A server that answers everything so."""
    server = LoopbackServer(Request.application(lambda _: answer))
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.close()


@pytest.mark.parametrize("version", ["4.5.2", "5.1.0", "5.3.0"])
def test_nothing_is_said_of_a_healthy_node(look: Examine, ailing: NodeMaker, version: str) -> None:
    """Of any version; it is logged in to once, and by a second look not again."""
    node = ailing(version, name="a")
    assert look([node_entry(node)]) == []
    assert look([node_entry(node)]) == []
    assert node.calls["auth/login"] == 1


@pytest.mark.parametrize("version", ["4.5.2", "5.3.0"])
def test_a_wrong_password_is_named_and_tried_once_however_often_one_looks(
    look: Examine, ailing: NodeMaker, version: str
) -> None:
    """So that no number of looks leads to a ban; nor is the password in what is said. From 5.2 on it is a 401."""
    node = ailing(version, name="a")
    for _ in range(3):
        (found,) = look([node_entry(node, password="not-this-one")])
        assert codes([found]) == [("login_refused", "node a")]
        assert "qbdispatch resume a" in found.remedy
        assert "not-this-one" not in str(found)
    assert node.failed_logins == 1


def test_a_ban_is_told_from_a_wrong_password(look: Examine, ailing: NodeMaker) -> None:
    """Waiting or a restart ends it, after the password was put right."""
    node = ailing(name="a")
    node.failed_logins = 5
    (found,) = look([node_entry(node)])
    assert codes([found]) == [("banned", "node a")]
    assert "wait for the ban to end" in found.remedy


def test_a_refused_host_header_is_told_from_a_wrong_password(look: Examine) -> None:
    """It is refused before any login, so none is tried: 401 to the first look."""
    with _somebody_else(text_answer("Unauthorized", 401)) as url:
        (found,) = look([{"name": "a", "url": url, "username": "u", "password": "p"}])
    assert codes([found]) == [("host_refused", "node a")]
    assert "add 127.0.0.1 to Server domains" in found.remedy


def test_a_closed_port_is_a_wrong_port(look: Examine) -> None:
    """With the address that was tried."""
    entry = {"name": "a", "url": f"http://127.0.0.1:{free_port()}", "username": "u", "password": "p"}
    (found,) = look([entry])
    assert codes([found]) == [("connection_refused", "node a")]
    assert entry["url"] in found.seen


@pytest.mark.parametrize(
    "answer",
    [html_answer(), text_answer("Not Found", 404), Response("<html>403 nginx</html>", 403), Response(status=302)],
    ids=["html", "404", "403-html", "redirect"],
)
def test_something_that_is_not_qbittorrent_is_given_no_password(look: Examine, answer: Response) -> None:
    """Whatever it answers; the first look has no credentials in it, and there is no second."""
    with _somebody_else(answer) as url:
        (found,) = look([{"name": "a", "url": url, "username": "u", "password": "p"}])
    assert codes([found]) == [("not_qbittorrent", "node a")]


def test_an_address_that_swallows_packets_is_unreachable(look: Examine) -> None:
    """After the time that a connection gets, and not later."""
    started = time.monotonic()
    with swallowing_address() as url:
        (found,) = look([{"name": "a", "url": url, "username": "u", "password": "p"}])
    assert codes([found]) == [("unreachable", "node a")]
    assert time.monotonic() - started < 8


def test_other_ways_not_to_be_reached_are_told_apart(look: Examine, ailing: NodeMaker) -> None:
    """A name that no host can have, https where there is none, and an answer that does not come."""
    node = ailing(name="a")
    assert codes(look([node_entry(node, url=f"http://{'a' * 64}.test")])) == [("unknown_host", "node a")]
    assert codes(look([node_entry(node, url=node.url.replace("http:", "https:"))])) == [("tls_failed", "node a")]
    node.delay_seconds["*"] = 5
    assert codes(look([node_entry(node, timeout_s=0.2)])) == [("unreachable", "node a")]


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Thu, 01 Jan 1970 00:02:00 GMT", 17.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:01:00 GMT", -39.0),
        ("nonsense", None),
        (None, None),
    ],
)
def test_a_clock_is_read_to_the_second(date: str | None, expected: float | None) -> None:
    """Asked at second 100 and answered at 103: what was written between is no difference."""
    assert clock_ahead(date, 100.0, 103.0) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [("v4.2.5", ["version_too_old"]), ("v4.3.0", []), ("v5.3.9", []), ("v5.4.0", ["version_unknown"])],
)
def test_only_versions_from_4_3_to_5_3_are_passed_over(
    look: Examine, ailing: NodeMaker, told: str, expected: list[str]
) -> None:
    """Older ones are an error, newer ones a warning."""
    node = ailing(name="a")
    node.told_version = told
    assert [finding.code for finding in look([node_entry(node)])] == expected


@pytest.mark.parametrize(
    ("ahead", "expected"), [(55, []), (-55, []), (3600, ["ahead of"]), (-65, ["behind"]), (65, ["ahead of"])]
)
def test_a_clock_more_than_a_minute_off_is_named(
    look: Examine, ailing: NodeMaker, ahead: float, expected: list[str]
) -> None:
    """In which direction, too."""
    node = ailing(name="a")
    node.clock_ahead_seconds = ahead
    found = look([node_entry(node)])
    assert [finding.code for finding in found] == ["clock_skew"] * len(expected)
    assert all(way in finding.seen for way, finding in zip(expected, found, strict=True))


@pytest.mark.parametrize(
    ("free_gib", "min_free_gb", "expected"),
    [(100, 50, []), (49, 50, ["disk_full"]), (0, 0, ["disk_full"]), (-1 / GIB, 0, ["free_space_unknown"])],
)
def test_too_little_room_is_named(
    look: Examine, ailing: NodeMaker, free_gib: float, min_free_gb: float, expected: list[str]
) -> None:
    """By the node's own min_free_gb; -1 is a node that does not know."""
    node = ailing(name="a", free_gib=free_gib)
    assert [finding.code for finding in look([node_entry(node, min_free_gb=min_free_gb)])] == expected


def test_beside_a_running_service_its_last_poll_is_taken(look: Examine, ailing: NodeMaker, store: Store) -> None:
    """A full list in the shared session would cost the service its next difference."""
    node = ailing(name="a", free_gib=100)
    with store.write() as connection:
        snapshots.keep(connection, Snapshot("a", time.time(), GIB, 0, 0, 0, 0, 0, 0, None, "v5.1.0"))
    (found,) = look([node_entry(node, min_free_gb=50)])
    assert (found.code, "1.0 GB" in found.seen) == ("disk_full", True)
    assert node.calls["sync/maindata"] == 0


def test_a_save_path_beside_the_path_map_is_named(look: Examine, ailing: NodeMaker) -> None:
    """Clients would be told a path that means nothing to them."""
    node = ailing(name="a", save_path="/srv/torrents")
    (found,) = look([node_entry(node, path_map=[{"from": "/downloads", "to": "/mnt/a"}])])
    assert codes([found]) == [("save_path_not_mapped", "node a")]
    assert look([node_entry(node, path_map=[{"from": "/srv", "to": "/mnt/a"}])]) == []

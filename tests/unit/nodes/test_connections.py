"""Connections to a node are kept, but never longer or after more than is safe."""

import pytest

from qbdispatch.nodes.client import NodeClient
from qbdispatch.nodes.errors import NodeError, NodeOutcomeUnknown
from tests.rig.processes import wait_until
from tests.unit.nodes.builders import COOKIES, LINK, client_at
from tests.unit.nodes.wire import answer, wired

VERSION = answer(b"v5.1.0")


def let_idle(client: NodeClient, seconds: float) -> None:
    """Make its one idle connection look as if that much time had passed since its last use."""
    since, idle = client._idle.get_nowait()
    client._idle.put((since - seconds, idle))


def test_calls_share_a_connection() -> None:
    """One after the other, within seconds: no new connection for each."""
    with wired(VERSION, keeps_open=True) as wire:
        client = client_at(wire.url)
        for idle_seconds in (0.0, 4.0, 4.0):
            client.version(COOKIES)
            let_idle(client, idle_seconds)
        client.version(COOKIES)
    assert (wire.connections, len(wire.requests)) == (1, 4)


def test_an_idle_connection_is_dropped_before_the_node_drops_it() -> None:
    """After 5 s, as the node ends it after 7: an add on a connection that is just closing has an unknown outcome."""
    with wired(VERSION, keeps_open=True) as wire:
        client = client_at(wire.url)
        client.version(COOKIES)
        let_idle(client, 5.0)
        client.version(COOKIES)
        wait_until(lambda: wire.closed, 5, "the idle connection to be closed")
    assert (wire.connections, len(wire.requests)) == (2, 2)


def test_a_connection_is_not_used_again_after_a_fault() -> None:
    """What a node may still send on it would be taken for the answer to another question."""
    with wired(VERSION, keeps_open=True) as wire:
        client = client_at(wire.url)
        client.version(COOKIES)
        wire.reply = answer(b"", "500 Internal Server Error")
        with pytest.raises(NodeError):
            client.version(COOKIES)
        wire.reply = VERSION
        assert client.version(COOKIES) == "v5.1.0"
    assert wire.connections == 2


def test_an_add_on_a_kept_connection_that_breaks_is_not_repeated() -> None:
    """The node may have taken it: only asking can tell."""
    with wired(VERSION, keeps_open=True) as wire:
        client = client_at(wire.url)
        client.version(COOKIES)
        wire.reply = None
        with pytest.raises(NodeOutcomeUnknown):
            client.add(COOKIES, LINK, {})
    assert (wire.connections, len(wire.requests)) == (1, 2)


def test_a_connection_that_the_node_closed_meanwhile_is_replaced() -> None:
    """That is seen before anything is sent, so the call simply works."""
    with wired(VERSION) as wire:
        client = client_at(wire.url)
        client.version(COOKIES)
        wait_until(lambda: wire.closed, 5, "the connection to be closed")
        assert client.version(COOKIES) == "v5.1.0"
    assert (wire.connections, len(wire.requests)) == (2, 2)


def test_cookies_of_one_session_do_not_stay_for_the_next() -> None:
    """Each call sends what it is given and nothing from the calls before."""
    with wired(VERSION, keeps_open=True) as wire:
        client = client_at(wire.url)
        for cookies in ({"SID": "one"}, {"SID": "two"}, {}):
            client.version(cookies)
    sent = [[line for line in request.split(b"\r\n") if line.startswith(b"Cookie")] for request in wire.requests]
    assert sent == [[b"Cookie: SID=one"], [b"Cookie: SID=two"], []]

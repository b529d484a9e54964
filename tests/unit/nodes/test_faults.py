"""Each way a node can fail, what it is called, and that nothing is ever sent twice or said out loud."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qbdispatch.nodes.client import NodeClient
from qbdispatch.nodes.dialects import AddReply
from qbdispatch.nodes.errors import (
    NodeAuthFailed,
    NodeError,
    NodeForbidden,
    NodeOutcomeUnknown,
    NodeRefused,
    NodeUnreachable,
)
from qbdispatch.torrents.source import TorrentSource
from tests.rig.availability import VERSIONS, Version
from tests.rig.processes import free_port
from tests.rig.scripted import AddBehaviour, ScriptedNode
from tests.rig.swarm import made_up_magnet
from tests.unit.nodes.builders import COOKIES, HASHES, LINK, V1, client_at, client_of, source_of
from tests.unit.nodes.wire import Reply, Wire, accepting_nobody, answer, wired
from tests.unit.torrents.web import serving

NodeMaker = Callable[..., ScriptedNode]
Call = Callable[[NodeClient], Any]

CALLS: dict[str, Call] = {
    "log_in": lambda client: client.log_in(),
    "version": lambda client: client.version(COOKIES),
    "transfer": lambda client: client.transfer(COOKIES),
    "maindata": lambda client: client.maindata(COOKIES, 7),
    "find": lambda client: client.find(COOKIES, HASHES),
    "add": lambda client: client.add(COOKIES, LINK, {}),
    "delete": lambda client: client.delete(COOKIES, [V1], delete_files=False),
}
HTML = "<html><body>Please log in to this network</body></html>"
BANNED = "Your IP address has been banned after too many failed authentication attempts."
CERTIFICATE = str(Path(__file__).parents[1] / "torrents" / "localhost.pem")
JSON_CALLS = ("transfer", "maindata", "find")
REDIRECT = "302 Found"


def fault(client: NodeClient, name: str = "version") -> NodeError:
    """The error of this call, which repeats none of our secrets."""
    with pytest.raises(NodeError) as caught:
        CALLS[name](client)
    assert "hush" not in str(caught.value)
    return caught.value


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A server on which a test sets the reply."""
    with wired(None) as running:
        yield running


def echo(status: str) -> Reply:
    """An error page that repeats what is secret in a request, at its very beginning."""

    def reply(request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        keys = [line for line in head.split(b"\r\n") if line.startswith(b"Authorization")]
        return answer(b" ".join([*keys, body]), status)

    return reply


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (None, NodeOutcomeUnknown, "closed the connection without an answer"),
        (b"\x00\x01\x02 no http at all\r\n\r\n", NodeOutcomeUnknown, "closed the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nOk.", NodeOutcomeUnknown, "closed the connection"),
        (answer(b"no gzip", "200 OK", "Content-Encoding: gzip"), NodeOutcomeUnknown, ""),
        (answer(b"hush-password", "500 Internal Server Error"), NodeOutcomeUnknown, "answered 500"),
        (answer(HTML.encode(), "502 Bad Gateway"), NodeOutcomeUnknown, "answered 502"),
        (answer(b"Not Found", "404 Not Found"), NodeRefused, "answered 404"),
        (answer(b"Method Not Allowed", "405 Method Not Allowed"), NodeRefused, "answered 405: Method Not Allowed"),
        (answer(b"Error: bad file", "415 Unsupported"), NodeRefused, "answered 415: Error: bad file"),
        (answer(HTML.encode(), "400 Bad Request"), NodeRefused, "answered 400: no reason given"),
        (answer(b"Forbidden", "403 Forbidden"), NodeForbidden, "session is not valid"),
        (answer(BANNED.encode(), "403 Forbidden"), NodeForbidden, "banned this address"),
        (answer(b"", REDIRECT, "Location: /login"), NodeOutcomeUnknown, "does not answer as qBittorrent"),
        (answer(b"Ok.", REDIRECT, "Location: /login"), NodeOutcomeUnknown, "does not answer as qBittorrent"),
        (answer(b"", REDIRECT, "Location: http://["), NodeOutcomeUnknown, "does not answer as qBittorrent"),
        (answer(b"", "304 Not Modified"), NodeOutcomeUnknown, "does not answer as qBittorrent"),
        (answer(b"", "418 Teapot"), NodeOutcomeUnknown, ""),
    ],
)
def test_a_bad_answer_is_told_by_what_it_means(
    wire: Wire, call: str, reply: Reply, kind: type[NodeError], words: str
) -> None:
    """For every call alike: one request, the right class for the next step, and words that help."""
    wire.reply = reply
    error = fault(client_at(wire.url), call)
    assert type(error) is kind
    assert words in str(error)
    assert len(wire.requests) == 1


@pytest.mark.parametrize("call", JSON_CALLS)
@pytest.mark.parametrize("body", [HTML, "", "[[[", "[" * 100_000, '"text"', "7", "null"])
def test_a_page_where_data_should_be_is_an_error(wire: Wire, call: str, body: str) -> None:
    """A captive portal's 200 is no answer of qBittorrent."""
    wire.reply = answer(body.encode(), "200 OK", "Content-Type: text/html")
    error = fault(client_at(wire.url), call)
    assert isinstance(error, NodeOutcomeUnknown | NodeRefused)


@pytest.mark.parametrize(("call", "body"), [("transfer", b"[]"), ("maindata", b"[]"), ("find", b"{}")])
def test_data_of_another_shape_is_an_error(wire: Wire, call: str, body: bytes) -> None:
    """A list is no mapping and a mapping no list."""
    wire.reply = answer(body)
    assert isinstance(fault(client_at(wire.url), call), NodeRefused)


def test_rows_that_are_no_rows_are_no_torrent(wire: Wire) -> None:
    """They are passed over, up to the first that is one."""
    wire.reply = answer(b'[null, 7, {"hash": "x"}]')
    assert client_at(wire.url).find(COOKIES, HASHES) == {"hash": "x"}
    wire.reply = answer(b"[null]")
    assert client_at(wire.url).find(COOKIES, HASHES) is None


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "status", ["400 Bad Request", "404 Not Found", "415 Unsupported", "500 Error", "403 Forbidden"]
)
def test_an_error_page_that_repeats_the_request_is_not_repeated(wire: Wire, call: str, status: str) -> None:
    """Neither the password nor an API key comes out of an error."""
    wire.reply = echo(status)
    for client in (client_at(wire.url), client_at(wire.url, username="", api_key="hush-key")):
        if call in ("log_in", "version"):
            fault(client, call)
        else:
            with pytest.raises(NodeError) as caught:
                CALLS[call](client)
            assert [word for word in ("hush-password", "hush-key") if word in str(caught.value)] == []


@pytest.mark.parametrize(
    "link", [b"magnet:?xt=urn:btih:1&tr=http://t/hush", b"magnet%3A%3Fxt%3D1%26tr%3Dhush", b"HTTP://t/hush.torrent"]
)
def test_a_link_in_an_error_page_is_not_repeated(wire: Wire, link: bytes) -> None:
    """There may be a passkey in it; what else the page says is told."""
    wire.reply = answer(b"cannot use urls=" + link + b" here", "400 Bad Request")
    error = fault(client_at(wire.url), "add")
    assert str(error) == "answered 400: cannot use urls=*** here"


def test_a_401_names_both_causes(wire: Wire) -> None:
    """Outside a login it may be the credentials or the host header check."""
    wire.reply = answer(b"Unauthorized", "401 Unauthorized")
    error = fault(client_at(wire.url))
    assert isinstance(error, NodeAuthFailed)
    assert [word for word in ("credentials", "Host header", "WebUI") if word not in str(error)] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_wrong_password_is_tried_once(scripted: NodeMaker, version: Version) -> None:
    """`Fails.` or 401, by version: refused, and said what to correct."""
    node = scripted(version)
    error = fault(client_of(node, password="hush-wrong"), "log_in")
    assert isinstance(error, NodeAuthFailed)
    assert "Correct username and password" in str(error)
    assert node.failed_logins == 1


def test_a_banned_address_is_told_what_to_do(scripted: NodeMaker) -> None:
    """A login that is answered 403 is not called a wrong password."""
    node = scripted()
    node.unauthorised = True
    error = fault(client_of(node), "log_in")
    assert isinstance(error, NodeForbidden)
    assert "banned" in str(error)


@pytest.mark.parametrize("call", CALLS)
def test_a_closed_port_was_sent_nothing(call: str) -> None:
    """Refused connections are safe to go on from."""
    error = fault(client_at(f"http://127.0.0.1:{free_port()}"), call)
    assert isinstance(error, NodeUnreachable)
    assert "refuses connections" in str(error)


@pytest.mark.parametrize("host", ["no-such-node.invalid", "two..dots", "x" * 64])
def test_a_name_that_cannot_be_resolved_was_sent_nothing(host: str) -> None:
    """Also one that is no name at all, though the configuration lets it through."""
    error = fault(client_at(f"http://{host}"))
    assert isinstance(error, NodeUnreachable)
    assert "cannot be resolved" in str(error)


@pytest.mark.parametrize(("timeout_s", "limit"), [(0.2, 0.2), (60.0, 3.0)])
def test_a_node_that_accepts_nobody_was_sent_nothing(timeout_s: float, limit: float) -> None:
    """A full queue, as of a hung process: connecting gets 3 s, or less where an answer gets less."""
    started = time.monotonic()
    with accepting_nobody() as url:
        error = fault(client_at(url, timeout_s=timeout_s), "add")
    assert isinstance(error, NodeUnreachable)
    assert "did not accept a connection" in str(error)
    assert limit <= time.monotonic() - started < limit + 2


@pytest.mark.parametrize("call", ["version", "transfer", "find"])
def test_a_caller_may_wait_for_less(scripted: NodeMaker, call: str) -> None:
    """Its own limit holds, whatever the node's configuration allows."""
    node = scripted()
    node.delay_seconds["*"] = 20
    waits: dict[str, Call] = {
        "version": lambda client: client.version(COOKIES, 0.1),
        "transfer": lambda client: client.transfer(COOKIES, 0.1),
        "find": lambda client: client.find(COOKIES, HASHES, 0.1),
    }
    started = time.monotonic()
    with pytest.raises(NodeOutcomeUnknown, match="did not answer in time"):
        waits[call](client_of(node, timeout_s=20))
    assert time.monotonic() - started < 5


def test_an_unknown_certificate_was_sent_nothing() -> None:
    """The handshake ends before any request; with verify_tls off the same node is spoken to."""
    with serving(CERTIFICATE) as site:
        site.pages["/api/v2/app/version"] = lambda page: page.reply(b"v5.1.0")
        url = site.url("", scheme="https")
        error = fault(client_at(url))
        assert isinstance(error, NodeUnreachable)
        assert "verify_tls: false" in str(error)
        assert site.requests == []
        assert client_at(url, verify_tls=False).version({}) == "v5.1.0"


def test_http_where_tls_is_expected_is_told_apart(wire: Wire) -> None:
    """No certificate is to blame; as such an error may also come later, the outcome counts as unknown."""
    wire.reply = answer(b"Ok.")
    error = fault(client_at(wire.url.replace("http:", "https:")), "add")
    assert isinstance(error, NodeOutcomeUnknown)
    assert "its port speaks https" in str(error)


@pytest.mark.parametrize(
    ("behaviour", "kind", "taken"),
    [
        ("drop", NodeOutcomeUnknown, 0),
        ("add_then_drop", NodeOutcomeUnknown, 1),
        ("hang", NodeOutcomeUnknown, 0),
        ("add_then_hang", NodeOutcomeUnknown, 1),
        ("http_500", NodeOutcomeUnknown, 0),
        ("html", NodeOutcomeUnknown, 0),
        ("fail", AddReply.NOT_TAKEN, 0),
        ("normal", AddReply.TAKEN, 1),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_an_add_is_sent_exactly_once_whatever_happens(
    scripted: NodeMaker, version: Version, behaviour: AddBehaviour, kind: object, taken: int
) -> None:
    """What the node made of it may be unknown; that it was asked once never is."""
    node = scripted(version)
    client = client_of(node, timeout_s=0.3)
    cookies = client.log_in()
    node.add_behaviour = behaviour
    said, started = "", time.monotonic()
    try:
        outcome: object = client.add(cookies, source_of(made_up_magnet()), {})
    except NodeError as error:
        outcome, said = type(error), str(error)
    assert outcome is kind
    assert time.monotonic() - started < 5
    assert ("did not answer in time" in said) == ("hang" in behaviour)
    assert (node.calls["torrents/add"], len(node.torrents_by_hash), node.calls["auth/login"]) == (1, taken, 1)


def test_a_file_the_node_cannot_read_is_refused(scripted: NodeMaker) -> None:
    """415 is a definite no, in the node's words."""
    node = scripted()
    client = client_of(node)
    broken = TorrentSource(HASHES, None, 1, content=b"no torrent")
    with pytest.raises(NodeRefused, match="415: Error: torrent file is not valid"):
        client.add(client.log_in(), broken, {})

"""FaultyNode: a scripted node that misbehaves below its API: in bytes, in time and in size."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Iterator
from typing import Any

from werkzeug.wrappers import Request, Response

from tests.rig.scripted import ScriptedNode
from tests.rig.scripted_server import hang_up

Fault = Callable[["FaultyNode", Request], Response]
LOGIN_PAGE = "<!DOCTYPE html><html><body><form>Log in to this network</form></body></html>"
MIB = 2**20
_PART = b'{"rid": 1, "torrents": {"' + b"a" * 40 + b'": {"name": "'


class FaultyNode(ScriptedNode):
    """Answers all calls as `fault` says while one is set. `sent_bytes` counts the bodies of endless answers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.fault: Fault | None = None
        self.sent_bytes = 0
        super().__init__(*args, **kwargs)

    def restart(self, **torrents: Any) -> dict[str, Any]:
        """Forget all sessions and list these torrents only; answers what was listed before."""
        before = self.torrents_by_hash
        self.torrents_by_hash = dict(torrents)
        self.forget_sessions()
        return before

    def say_date(self, date: str | None) -> None:
        """Put this into the Date header of all answers; `None` for the time."""
        self._server.date = date

    def wait(self, seconds: float) -> bool:
        """Pass time; whether the node was closed meanwhile."""
        return self._closing.wait(seconds)

    def _respond(self, request: Request) -> Response:
        fault = self.fault
        if fault is not None:
            with self._lock:
                self.calls[request.path.removeprefix("/api/v2/")] += 1
            return fault(self, request)
        return super()._respond(request)


def drop(_: FaultyNode, request: Request) -> Response:
    """Close the connection unanswered."""
    raise hang_up(request)


def hang(node: FaultyNode, request: Request) -> Response:
    """Say nothing."""
    node.wait(30)
    raise hang_up(request)


def page(status: int, **headers: str) -> Fault:
    """Answer with a page for people, as a proxy does."""
    return lambda _, __: Response(LOGIN_PAGE, status, headers=headers, content_type="text/html; charset=utf-8")


def body(text: str, content_type: str = "application/json", status: int = 200) -> Fault:
    """Answer all calls with this."""
    return lambda _, __: Response(text, status, content_type=content_type)


def cut_short(_: FaultyNode, request: Request) -> Response:
    """Announce more than is sent."""
    _connection(request).sendall(_head("Content-Length: 1000") + b'{"rid": 1, "torr')
    raise hang_up(request)


def drip_body(node: FaultyNode, request: Request) -> Response:
    """A byte now and then, each well within the time limit for one read."""
    return _drip(node, request, _head("Content-Length: 10000"), b'{"rid":')


def drip_head(node: FaultyNode, request: Request) -> Response:
    """The same, from the first header on."""
    return _drip(node, request, b"HTTP/1.1 200 OK\r\n", b"X-Header: ")


def endless(node: FaultyNode, _: Request) -> Response:
    """JSON that never ends."""

    def parts() -> Iterator[bytes]:
        yield _PART
        while not node.wait(0):
            node.sent_bytes += MIB
            yield b"x" * MIB

    return Response(parts(), content_type="application/json")


def announced(_: FaultyNode, request: Request) -> Response:
    """An answer whose head already says that it is too large."""
    _connection(request).sendall(_head(f"Content-Length: {10**12}") + _PART)
    raise hang_up(request)


def bomb(_: FaultyNode, __: Request) -> Response:
    """Little on the wire that is much when unpacked."""
    packed = gzip.compress(b" " * (100 * MIB), 1)
    return Response(packed, content_type="application/json", headers={"Content-Encoding": "gzip"})


def _drip(node: FaultyNode, request: Request, head: bytes, part: bytes) -> Response:
    connection = _connection(request)
    try:
        connection.sendall(head + part)
        while not node.wait(0.05):
            connection.sendall(b" ")
    except OSError:
        pass
    raise hang_up(request)


def _connection(request: Request) -> socket.socket:
    found = request.environ["werkzeug.socket"]
    assert isinstance(found, socket.socket)
    return found


def _head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: application/json", *lines, "", ""]).encode()

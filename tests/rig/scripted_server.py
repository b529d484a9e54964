"""A threaded WSGI server on loopback whose every thread and socket is gone after `close()`.

Owns: the port, the connections and their threads, the kinds of answer, and cutting a connection off.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from tests.rig.processes import free_port


class LoopbackServer:
    """Serves one WSGI application until closed; kept-alive connections are served, and cut at the end.

    `clock_ahead_seconds`: by how much its Date header is off.
    `date`: what its Date header says instead of the time.
    """

    def __init__(self, application: Any) -> None:
        connections: set[socket.socket] = set()
        guard = threading.Lock()
        served = self
        self.date: str | None = None

        class Handler(WSGIRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                with guard:
                    connections.add(self.connection)

            def finish(self) -> None:
                with guard:
                    connections.discard(self.connection)
                # A client may have gone away with our last bytes still unsent.
                with suppress(OSError):
                    super().finish()

            def date_time_string(self, timestamp: float | None = None) -> str:
                if served.date is not None:
                    return served.date
                return super().date_time_string((timestamp or time.time()) + served.clock_ahead_seconds)

            def log(self, type: str, message: str, *args: Any) -> None:
                """Say nothing: tests read counters, not access logs."""

        self.port = free_port()
        self.clock_ahead_seconds = 0.0
        self._connections = connections
        self._guard = guard
        self._server = ThreadedWSGIServer("127.0.0.1", self.port, application, handler=Handler)
        # Threads that are not daemons are joined by server_close().
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="scripted-node")
        self._thread.start()

    def close(self) -> None:
        """Stop accepting, cut what is open, and wait for every thread."""
        self._server.shutdown()
        self._thread.join()
        with self._guard:
            for connection in self._connections:
                _cut(connection)
        self._server.server_close()


class HangupError(ConnectionError):
    """Raised inside the application once the connection was cut: werkzeug then answers nothing."""


def hang_up(request: Request) -> HangupError:
    """Cut the client off; raise what this returns."""
    _cut(request.environ["werkzeug.socket"])
    return HangupError()


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def text_answer(body: str, status: int = 200) -> Response:
    return Response(body, status, content_type="text/plain; charset=UTF-8")


def json_answer(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, content_type="application/json")


def html_answer() -> Response:
    """What a proxy in between says while the node is away, though with status 200."""
    return Response("<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>", mimetype="text/html")

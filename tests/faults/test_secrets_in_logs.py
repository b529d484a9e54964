"""What gunicorn and libraries say of requests and answers that are broken: nothing secret, whatever is in them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.conftest import node_entry
from tests.rig.dispatcher import Dispatcher
from tests.rig.processes import wait_until
from tests.rig.scripted import ScriptedNode

SECRET = "s3cret"
LOGIN = b"POST /api/v2/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
BROKEN = {
    b"GET /metrics?key=s3cret s3cret HTTP/1.1\r\n\r\n": 400,
    b"GET /metrics HTTP/s3cret\r\n\r\n": 400,
    b"s3cret /metrics HTTP/1.1\r\n\r\n": 400,
    b"GET /metrics HTTP/1.1\r\nX-API-Key s3cret\r\n\r\n": 400,
    b"GET /metrics HTTP/1.1\r\nX-API-Key s3cret: s3cret\r\n\r\n": 400,
    LOGIN + FORM + b"username=u&password=s3cret\r\n\r\n": 400,
    LOGIN + FORM + b"1a\r\nusername=u&password=s3cretX\r\n0\r\n\r\n": 400,
}


@pytest.fixture
def odd_hook() -> Iterator[int]:
    """The port of a server whose every answer has a header line that is none."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.recv(65536)
                    client.sendall(b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _status(port: int, request: bytes) -> int:
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(request)
        return int(client.recv(65536).split(b" ", 2)[1])


def test_broken_requests_and_answers_are_not_repeated_in_the_log(
    scripted: Callable[..., ScriptedNode], odd_hook: int
) -> None:
    """Each broken request is refused, and that it was is said where gunicorn has found it."""
    target = f"json://127.0.0.1:{odd_hook}/{SECRET}"
    config = {"nodes": [node_entry(scripted(name="a"))], "notifications": {"targets": [target]}}
    with Dispatcher(config, workers=1) as dispatcher:
        given = {request: _status(dispatcher.port, request) for request in BROKEN}
        told = requests.post(f"{dispatcher.url}/notifications/test", timeout=20).json()
        wait_until(lambda: "Invalid HTTP Header" in dispatcher.log_text(), 10, "the last refusal to be logged")
        log = dispatcher.log_text()
    assert given == BROKEN
    assert told["targets"][0]["target"] == "1 json://127.0.0.1"
    assert "Invalid request from ip=127.0.0.1" in log
    assert [line for line in log.splitlines() if SECRET in line] == []

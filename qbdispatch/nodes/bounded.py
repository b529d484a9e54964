"""Answers that end: a session whose every answer is over within its time limit and is not larger than we can bear.

`requests` gives each read of a socket the whole time limit and reads without end: a server that sends a byte now and
then, or never stops, would hold its caller for ever or fill the memory.
"""

import http.client
import io
import socket
import time
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

MOST_BYTES = 64 * 2**20
"""The list of a node with some 30,000 torrents, at about 2 KiB each; more than that no qBittorrent serves in time."""

_CHUNK_BYTES = 64 * 2**10


class AnswerTooLarge(requests.RequestException):
    """The answer is larger than `MOST_BYTES`; the rest of it was not read."""


class _Readable(Protocol):
    def readinto(self, buffer: Any, /) -> int | None: ...

    def close(self) -> None: ...


class _TimedReader(io.RawIOBase):
    """Reads from a socket until a time of the steady clock."""

    def __init__(self, raw: _Readable, connection: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_seconds = self._deadline - time.monotonic()
        if left_seconds <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left_seconds)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """The time limit that `urllib3` has set for one read holds for head and body together."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        limit_seconds = sock.gettimeout()
        if limit_seconds is not None:
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_TimedReader(raw, sock, time.monotonic() + limit_seconds))


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _TlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _BoundedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def bound(session: requests.Session) -> None:
    """Have this session's answers end, without repeats; each call is to be made with `stream=True`. Nothing of this
    host's environment, such as a proxy or a .netrc, gets between the session and its server."""
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _BoundedAdapter(max_retries=0))
    session.hooks["response"] = [_read]


def _read(response: requests.Response, **_: Any) -> None:
    """Read the whole answer, so that it is used like any other. Raises `AnswerTooLarge`."""
    size, chunks = 0, []
    announced = response.headers.get("Content-Length", "")
    too_large = announced.isdecimal() and int(announced) > MOST_BYTES
    for chunk in () if too_large else response.iter_content(_CHUNK_BYTES):
        size += len(chunk)
        too_large = size > MOST_BYTES
        if too_large:
            break
        chunks.append(chunk)
    if too_large:
        response.close()
        raise AnswerTooLarge(f"more than {MOST_BYTES} bytes")
    response._content = b"".join(chunks)
    response._content_consumed = True  # type: ignore[attr-defined]

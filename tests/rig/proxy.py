"""A proxy on loopback between the dispatcher and one node, that can be told at any time to treat its requests badly.

Owns: its listening socket and its connections. It reads whole HTTP requests and replies, so that a fault falls exactly
before or after a request; the port in the Host header is made the node's own, which qBittorrent insists on.
"""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import BinaryIO, Self

from tests.rig.processes import free_port

UPSTREAM_SECONDS = 60.0
_ADD = b"/api/v2/torrents/add"


class Harm(StrEnum):
    """What is done to a request."""

    CUT_BEFORE = "cut before forwarding"  # the node never sees it
    CUT_AFTER = "cut after forwarding"  # the node carries it out, its reply finds nobody
    DROP_REPLY = "drop the reply"  # the same, but only when the node has answered
    DELAY = "delay"
    BLACK_HOLE = "black hole"  # neither forwarded nor answered while it lasts


@dataclass(frozen=True, slots=True)
class Fault:
    """Does `harm` to a share of the requests (0 to 1), of the adds only if asked; `seconds` is the delay's."""

    harm: Harm
    share: float = 1.0
    adds_only: bool = False
    seconds: float = 0.0


class FaultyProxy:
    """Forwards to `target_port` from a port of its own, which is refused between `shut()` and `open()`."""

    def __init__(self, target_port: int, *, seed: int = 0) -> None:
        self.port = free_port()
        self.harmed = 0
        self._target_port = target_port
        self._random = random.Random(seed)
        self._fault: Fault | None = None
        self._changed = threading.Event()  # of the present fault: set as soon as another one holds
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Accept connections; when it does so already, nothing changes."""
        if self._listener is not None:
            return
        listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), name=f"proxy-{self.port}", daemon=True).start()

    def shut(self) -> None:
        """Refuse connections and cut those that there are, as the death of the node behind it would."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()
        with self._lock:
            held = list(self._open)
        for one in held:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def set(self, fault: Fault | None) -> None:
        """From now on do this to requests; `None` ends it."""
        with self._lock:
            self._fault = fault
            self._changed.set()
            self._changed = threading.Event()

    def close(self) -> None:
        """End all connections; once more is harmless."""
        self.set(None)
        self.shut()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="proxied", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Requests of one connection, one after the other, until either end has had enough."""
        with client, client.makefile("rb") as requests, suppress(OSError):
            self._hold(client)
            try:
                node = socket.create_connection(("127.0.0.1", self._target_port), UPSTREAM_SECONDS)
                with node, node.makefile("rb") as replies:
                    self._hold(node)
                    try:
                        while self._exchange(client, requests, node, replies):
                            pass
                    finally:
                        self._drop(node)
            finally:
                self._drop(client)

    def _exchange(self, client: socket.socket, requests: BinaryIO, node: socket.socket, replies: BinaryIO) -> bool:
        """One request and its reply; whether the connection goes on."""
        request = _message(requests)
        if not request:
            return False
        fault, changed = self._drawn(request)
        if fault is not None and fault.harm in (Harm.DELAY, Harm.BLACK_HOLE):
            changed.wait(fault.seconds if fault.harm is Harm.DELAY else None)
        if fault is not None and fault.harm in (Harm.CUT_BEFORE, Harm.BLACK_HOLE):
            return False
        node.sendall(request.replace(b"127.0.0.1:%d" % self.port, b"127.0.0.1:%d" % self._target_port))
        if fault is not None and fault.harm is Harm.CUT_AFTER:
            return False
        reply = _message(replies)
        if not reply or (fault is not None and fault.harm is Harm.DROP_REPLY):
            return False
        client.sendall(reply)
        return b"connection: close" not in reply.partition(b"\r\n\r\n")[0].lower()

    def _drawn(self, request: bytes) -> tuple[Fault | None, threading.Event]:
        """The fault that falls on this request, if any, and the event of its end."""
        with self._lock:
            fault, changed = self._fault, self._changed
            if fault is None or self._random.random() >= fault.share:
                return None, changed
            if fault.adds_only and _ADD not in request.partition(b"\r\n")[0]:
                return None, changed
            self.harmed += 1
        return fault, changed

    def _hold(self, one: socket.socket) -> None:
        with self._lock:
            self._open.add(one)

    def _drop(self, one: socket.socket) -> None:
        with self._lock:
            self._open.discard(one)


def _message(stream: BinaryIO) -> bytes:
    """A whole request or reply, head and body; empty where the stream ends. All bodies here have a length."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return b""
        head += line
    names = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    length = next((int(value) for name, _, value in names if name.strip().lower() == b"content-length"), 0)
    body = stream.read(length)
    return head + body if len(body) == length else b""

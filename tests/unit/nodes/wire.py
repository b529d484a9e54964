"""A server that answers every request with the very bytes it is given: what no web framework would send."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Reply = bytes | Callable[[bytes], bytes] | None


def answer(body: bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
    """A whole, well-formed answer."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers))
    return head.encode("latin-1") + b"\r\n" + body


@dataclass
class Wire:
    """What the server saw; `reply` may be changed at any moment, `None` closes without a word."""

    url: str
    reply: Reply
    keeps_open: bool
    connections: int = 0
    closed: int = 0
    requests: list[bytes] = field(default_factory=list)

    def serve(self, listening: socket.socket) -> None:
        """Accept until the listening socket is shut down, then end every connection."""
        accepted: list[tuple[socket.socket, threading.Thread]] = []
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                self.connections += 1
                thread = threading.Thread(target=self._converse, args=(connection,))
                accepted.append((connection, thread))
                thread.start()
        for connection, thread in accepted:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _converse(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while self._exchange(connection) and self.keeps_open:
                pass
        self.closed += 1

    def _exchange(self, connection: socket.socket) -> bool:
        request = _read_request(connection)
        if not request:
            return False
        self.requests.append(request)
        reply = self.reply(request) if callable(self.reply) else self.reply
        connection.sendall(reply or b"")
        return reply is not None


@contextmanager
def wired(reply: Reply, *, keeps_open: bool = False) -> Iterator[Wire]:
    """A running server; its sockets and threads are gone at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        wire = Wire(f"http://127.0.0.1:{listening.getsockname()[1]}", reply, keeps_open)
        thread = threading.Thread(target=wire.serve, args=(listening,))
        thread.start()
        try:
            yield wire
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def accepting_nobody() -> Iterator[str]:
    """The address of a server whose queue is full: the kernel leaves every further connection hanging."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        yield f"http://127.0.0.1:{port}"
        for one in waiting:
            one.close()


def _read_request(connection: socket.socket) -> bytes:
    """One request with its body, or the first bytes of what is no HTTP; empty when the client has gone."""
    data = b""
    while b"\r\n\r\n" not in data and not data.startswith(b"\x16"):
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < length:
        more = connection.recv(65536)
        if not more:
            return b""
        body += more
    return head + b"\r\n\r\n" + body

"""One checked connection under one deadline. Owns name resolution, the address rule, TLS and time; not HTTP.

The rule is applied to the very address that is then connected to, so an answer of the name server that
changes between check and use (DNS rebinding) gains nothing.
"""

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last four bytes


class PrivateAddressError(OSError):
    """The host has no address on the public internet."""


class Deadline:
    """A total limit on everything done on the watched connection, from the first byte to the last.

    A time-out on the socket starts anew with each byte, so a slow drip would outlast it; here the connection
    is shut down when time is up, which ends any call waiting on it. Only the name server's own time-out,
    some seconds, may come on top. Close it (`with`) to end its timer.
    """

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._watched: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()

    def remaining_seconds(self) -> float:
        """Raises TimeoutError when none are left."""
        seconds = self._ends_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    @contextlib.contextmanager
    def watch(self, sock: socket.socket) -> Iterator[None]:
        """Have `sock` shut down at the deadline; through a duplicate, since TLS takes the original over."""
        with sock.dup() as duplicate:
            self._watch(duplicate)
            try:
                self.remaining_seconds()  # the timer may have run just before
                yield
            finally:
                self._watch(None)

    def _watch(self, sock: socket.socket | None) -> None:
        with self._lock:
            self._watched = sock

    def _shut_down(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._watched is not None:
                self._watched.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def connection(
    host: str, port: int, *, tls: ssl.SSLContext | None, allow_private: bool, deadline: Deadline
) -> Iterator[socket.socket]:
    """A connected socket, closed at the end. Raises OSError, or its PrivateAddressError or TimeoutError."""
    with _connect(host, port, allow_private=allow_private, deadline=deadline) as sock, deadline.watch(sock):
        if tls is None:
            yield sock
        else:
            with tls.wrap_socket(sock, server_hostname=host) as secured:
                yield secured


def is_public(address: str) -> bool:
    """Whether an IP address is on the public internet; of an IPv4 address inside an IPv6 one, that one."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip in _NAT64 and ipaddress.IPv4Address(ip.packed[-4:]))
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


def _connect(host: str, port: int, *, allow_private: bool, deadline: Deadline) -> socket.socket:
    """The first of the host's admitted addresses that answers."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except ValueError:  # a label too long, or not encodable
        raise socket.gaierror(socket.EAI_NONAME, "no host can have this name") from None
    admitted = [entry for entry in found if allow_private or is_public(str(entry[4][0]))]
    failure: OSError = PrivateAddressError()
    for tried, (family, kind, protocol, _, address) in enumerate(admitted):
        sock = socket.socket(family, kind, protocol)
        try:
            # An address that swallows packets may use up its share of the time, not that of the next ones.
            sock.settimeout(deadline.remaining_seconds() / (len(admitted) - tried))
            sock.connect(address)
            sock.settimeout(deadline.remaining_seconds())
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure

"""A small real web server on loopback whose every page is a function."""

import contextlib
import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Page = Callable[["Handler"], None]


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the site's pages; HTTP/1.1, one request a connection."""

    protocol_version = "HTTP/1.1"
    site: "Site"

    def do_GET(self) -> None:
        """Note the request, then let the page answer; a client that hangs up is no error."""
        self.site.requests.append((self.path, dict(self.headers)))
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.site.pages[self.path.partition("?")[0]](self)

    def log_message(self, format: str, *args: object) -> None:
        """Tests are silent."""

    def reply(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        """A whole reply; `Content_Length=…` and the like are headers."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | named).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@dataclass
class Site:
    """Pages by path, what was asked for, and where it stands."""

    port: int = 0
    pages: dict[str, Page] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Broken handshakes and the like are what the tests are about."""


@contextlib.contextmanager
def serving(certificate: str | None = None) -> Iterator[Site]:
    """A running site, closed with all its threads at the end; over TLS if there is a certificate."""
    site = Site()
    handler = type("SiteHandler", (Handler,), {"site": site})
    with _Server(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = False  # so that closing waits for them
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        site.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            site.closing.set()
            server.shutdown()
            thread.join()

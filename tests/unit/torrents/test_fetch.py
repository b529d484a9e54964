"""Fetching from a real server on loopback: limits, redirects, secrets, and every way it can go wrong."""

import gzip
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qbdispatch.torrents.errors import FetchFailed, InvalidMagnet, InvalidTorrentFile, TorrentError
from qbdispatch.torrents.fetch import fetch_torrent
from qbdispatch.torrents.source import TorrentSource
from tests.unit.torrents.oracle import bencoded, reads_file
from tests.unit.torrents.web import Handler, Page, Site, serving

INFO = {b"length": 100, b"name": b"n", b"piece length": 16384, b"pieces": b"p" * 20}
TORRENT = bencoded({b"info": INFO})
V1 = reads_file(TORRENT).v1
CERTIFICATE = str(Path(__file__).with_name("localhost.pem"))
LONG_SECONDS = 30  # far beyond what any of these takes


@pytest.fixture
def site() -> Iterator[Site]:
    """A server with one good torrent at /t."""
    with serving() as running:
        running.pages["/t"] = lambda page: page.reply(TORRENT)
        yield running


def fetch(url: str, **options: Any) -> TorrentSource:
    """`fetch_torrent` with generous limits unless told otherwise."""
    usual = {"cookie": None, "allow_private": True, "timeout_seconds": LONG_SECONDS, "max_bytes": 1_000_000}
    return fetch_torrent(url, **(usual | options))


def failure(url: str, **options: Any) -> str:
    """What FetchFailed said."""
    with pytest.raises(FetchFailed) as caught:
        fetch(url, **options)
    return str(caught.value)


def redirect(to: str, status: int = 302) -> Page:
    return lambda page: page.reply(status=status, Location=to)


def body(content: bytes, **headers: str) -> Page:
    return lambda page: page.reply(content, 200, **headers)


def test_a_torrent_file_is_fetched(site: Site) -> None:
    """Its bytes come back whole, as a node is to get them."""
    source = fetch(site.url("/t?passkey=1&q=a%20b"))
    assert source.content == TORRENT
    assert source.hashes.v1 == V1
    path, headers = site.requests[0]
    assert path == "/t?passkey=1&q=a%20b"
    assert headers["Host"] == f"127.0.0.1:{site.port}"
    assert "Authorization" not in headers
    assert "Cookie" not in headers


@pytest.mark.parametrize(
    ("path", "asked"),
    [("", "/"), ("?a=1", "/?a=1"), ("/a b\u00e4#part", "/a%20b%C3%A4"), ("/%2e%zz", "/%2e%zz")],
)
def test_the_path_is_asked_for_in_a_form_http_allows(site: Site, path: str, asked: str) -> None:
    """Indexers hand out links with blanks; escapes in them are left alone."""
    site.pages[asked.partition("?")[0]] = body(TORRENT)
    assert fetch(site.url(path)).hashes.v1 == V1
    assert site.requests[0][0] == asked


def test_user_info_in_the_url_becomes_basic_authorization(site: Site) -> None:
    """user:p@ss, of which base64 makes dXNlcjpwQHNz; what .netrc says is not looked at."""
    fetch(f"http://user:p%40ss@127.0.0.1:{site.port}/t")
    assert site.requests[0][1]["Authorization"] == "Basic dXNlcjpwQHNz"


def test_proxies_of_the_environment_are_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would connect to addresses that we refuse."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch(site.url("/t")).hashes.v1 == V1


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("gzip", gzip.compress), ("X-GZIP", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)],
)
def test_a_compressed_body_is_decoded(site: Site, encoding: str, encode: Callable[[bytes], bytes]) -> None:
    """Servers compress whether asked or not."""
    site.pages["/z"] = body(encode(TORRENT), Content_Encoding=encoding)
    assert fetch(site.url("/z")).content == TORRENT


def test_a_chunked_body_is_read(site: Site) -> None:
    """Without a Content-Length, in pieces."""

    def chunked(page: Handler) -> None:
        page.send_response(200)
        page.send_header("Transfer-Encoding", "chunked")
        page.end_headers()
        for byte in TORRENT:
            page.wfile.write(b"1\r\n%c\r\n" % byte)
        page.wfile.write(b"0\r\n\r\n")

    site.pages["/c"] = chunked
    assert fetch(site.url("/c")).content == TORRENT


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(site: Site, status: int) -> None:
    """Of every kind, to a path or a whole URL."""
    site.pages["/r"] = redirect("/t?x=1", status)
    site.pages["/whole"] = redirect(site.url("/r"), status)
    assert fetch(site.url("/whole")).hashes.v1 == V1
    assert [path for path, _ in site.requests] == ["/whole", "/r", "/t?x=1"]


def test_a_redirect_to_a_magnet_is_that_magnet(site: Site) -> None:
    """Prowlarr and Jackett do so. A name in raw UTF-8 survives the header."""
    name = "\u00e4\u4e2d"
    raw = name.encode().decode("latin-1")
    site.pages["/m"] = redirect(f"Magnet:?xt=urn:btih:{V1}&dn={raw}")
    source = fetch(site.url("/m"))
    assert source.hashes.v1 == V1
    assert source.name == name
    assert source.magnet == f"magnet:?xt=urn:btih:{V1}&dn={name}"


def test_a_redirect_to_a_broken_magnet_says_so(site: Site) -> None:
    """The magnet's error, not one of HTTP."""
    site.pages["/m"] = redirect("magnet:?dn=x")
    with pytest.raises(InvalidMagnet):
        fetch(site.url("/m"))


def test_five_redirects_are_followed_and_no_more(site: Site) -> None:
    """The sixth is a loop, or as good as one."""
    for number in range(6):
        site.pages[f"/{number}"] = redirect(f"/{number + 1}")
    site.pages["/6"] = body(TORRENT)
    assert fetch(site.url("/1")).hashes.v1 == V1
    site.requests.clear()
    assert "redirects more than 5 times" in failure(site.url("/0"))
    assert len(site.requests) == 6
    site.pages["/loop"] = redirect("/loop")
    assert "redirects more than 5 times" in failure(site.url("/loop"))


@pytest.mark.parametrize(
    "to",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/t",
        "http://:80/",
        "http://a:b/",
        "http://[x/",
        "gopher://a",
        "http://a\x00/",
    ],
)
def test_a_redirect_to_anything_but_the_web_or_a_magnet_is_refused(site: Site, to: str) -> None:
    """Local files above all."""
    site.pages["/r"] = redirect(to)
    assert "no http(s) address" in failure(site.url("/r"))


def test_the_cookie_goes_to_the_first_host_alone(site: Site) -> None:
    """It stays for another page of that host, and is gone on any other."""
    site.pages["/away"] = redirect(site.url("/back", host="localhost"))
    site.pages["/back"] = redirect(site.url("/t"))
    site.pages["/near"] = redirect("/away")
    fetch(site.url("/near"), cookie="uid=1; pass=2")
    seen = {path: headers.get("Cookie") for path, headers in site.requests}
    assert seen == {"/near": "uid=1; pass=2", "/away": "uid=1; pass=2", "/back": None, "/t": "uid=1; pass=2"}


def test_user_info_does_not_go_to_another_host(site: Site) -> None:
    """It belongs to the URL that it stands in."""
    site.pages["/away"] = redirect(site.url("/t", host="localhost"))
    fetch(f"http://user:pw@127.0.0.1:{site.port}/away")
    assert [headers.get("Authorization") is not None for _, headers in site.requests] == [True, False]


def test_the_cookie_is_not_sent_in_the_clear_once_it_was_meant_for_tls(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A redirect from https to http on the same host would show it to everybody on the way."""
    monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
    with serving(CERTIFICATE) as secure:
        secure.pages["/down"] = redirect(site.url("/t", host="localhost"))
        fetch(secure.url("/down", host="localhost", scheme="https"), cookie="uid=1")
        assert secure.requests[0][1]["Cookie"] == "uid=1"
    assert "Cookie" not in site.requests[0][1]


@pytest.mark.parametrize("cookie", ["a=1\r\nX: y", "a=\u00e4", "a=\x00", "a=\ud800"])
def test_a_cookie_that_would_break_the_request_is_refused(site: Site, cookie: str) -> None:
    """A line break in it would add headers of the client's choice."""
    assert "cookie" in failure(site.url("/t"), cookie=cookie)
    assert site.requests == []


def test_https_is_spoken_to_whom_the_certificate_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the certificate trusted and the right name it works; with another name it does not."""
    monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
    with serving(CERTIFICATE) as site:
        site.pages["/t"] = body(TORRENT)
        assert fetch(site.url("/t", host="localhost", scheme="https")).hashes.v1 == V1
        assert site.requests[0][1]["Host"] == f"localhost:{site.port}"
        assert "no valid certificate" in failure(site.url("/t", scheme="https"))


def test_a_certificate_nobody_vouches_for_is_refused() -> None:
    """Nothing is asked of such a server."""
    with serving(CERTIFICATE) as site:
        assert "no valid certificate" in failure(site.url("/t", host="localhost", scheme="https"))
        assert site.requests == []


def test_tls_to_a_server_without_it_fails_in_a_sentence(site: Site) -> None:
    """Not in an ssl.SSLError."""
    assert failure(site.url("/t", scheme="https")).startswith("https://127.0.0.1 ")


# --- size ---------------------------------------------------------------------------------------------------


def test_the_cap_is_on_the_last_byte_it_allows(site: Site) -> None:
    """Exactly max_bytes is in, one more is out, compressed or not."""
    site.pages["/z"] = body(gzip.compress(TORRENT, mtime=0), Content_Encoding="gzip")
    for path in ("/t", "/z"):
        assert fetch(site.url(path), max_bytes=len(TORRENT)).hashes.v1 == V1
        assert f"more than {len(TORRENT) - 1} bytes" in failure(site.url(path), max_bytes=len(TORRENT) - 1)


def endless(page: Handler) -> None:
    page.send_response(200)
    page.end_headers()
    while not page.site.closing.is_set():
        page.wfile.write(b"d" * 65536)


def test_an_endless_body_is_given_up_at_the_cap(site: Site) -> None:
    """Long before the deadline."""
    site.pages["/e"] = endless
    assert "more than 1000000 bytes" in failure(site.url("/e"))


def test_a_gzip_bomb_is_given_up_at_the_cap(site: Site) -> None:
    """200 MB in 200 kB: it may not be unpacked to find out."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(200)) + packer.flush()
    site.pages["/b"] = body(bomb, Content_Encoding="gzip")
    tracemalloc.start()
    try:
        assert "more than 1000000 bytes" in failure(site.url("/b"))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", ["99999999999999999999", "1000"])
def test_a_content_length_that_promises_too_much_is_a_broken_answer(site: Site, length: str) -> None:
    """The body ends before its time: it was cut off on the way."""
    site.pages["/l"] = body(TORRENT, Content_Length=length)
    assert "broken answer" in failure(site.url("/l"))


@pytest.mark.parametrize("length", ["-5", "x", ""])
def test_a_content_length_that_is_none_is_not_minded(site: Site, length: str) -> None:
    """The body is read to its end."""
    site.pages["/l"] = body(TORRENT, Content_Length=length)
    assert fetch(site.url("/l")).content == TORRENT


def test_a_content_length_that_is_too_small_cuts_the_file(site: Site) -> None:
    """What is left is no torrent."""
    site.pages["/l"] = body(TORRENT, Content_Length="20")
    with pytest.raises(InvalidTorrentFile):
        fetch(site.url("/l"))


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (gzip.compress(TORRENT, mtime=0)[:-9], "gzip"),
        (b"not gzip", "gzip"),
        (b"", "gzip"),
        (TORRENT, "br"),
        (TORRENT, "gzip, gzip"),
    ],
)
def test_what_cannot_be_decoded_is_a_broken_answer(site: Site, content: bytes, encoding: str) -> None:
    """Cut off, not what it says, or in a way that we did not offer to take."""
    site.pages["/z"] = body(content, Content_Encoding=encoding)
    assert "broken answer" in failure(site.url("/z"))


def test_what_follows_a_gzip_body_is_not_read(site: Site) -> None:
    """Else an endless tail would go uncounted."""

    def tail(page: Handler) -> None:
        page.send_response(200)
        page.send_header("Content-Encoding", "gzip")
        page.end_headers()
        page.wfile.write(gzip.compress(TORRENT, mtime=0))
        while not page.site.closing.is_set():
            page.wfile.write(b"x" * 65536)

    site.pages["/z"] = tail
    assert fetch(site.url("/z")).content == TORRENT


# --- time ---------------------------------------------------------------------------------------------------


def drip(page: Handler, data: bytes) -> None:
    """A byte now and again, for ever: no single read ever waits long."""
    page.wfile.write(data)
    while not page.site.closing.wait(0.02):
        page.wfile.write(b"1")


def dripping_headers(page: Handler) -> None:
    drip(page, b"HTTP/1.1 200 OK\r\nX-Filler: ")


def dripping_body(page: Handler) -> None:
    drip(page, b"HTTP/1.1 200 OK\r\n\r\nd1:a9999999:")


def dripping_gzip(page: Handler) -> None:
    drip(page, b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9999\r\n\r\n")


def ever_continuing(page: Handler) -> None:
    while not page.site.closing.wait(0.02):
        page.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def silent(page: Handler) -> None:
    page.site.closing.wait(LONG_SECONDS)


def complete_but_never_closed(page: Handler) -> None:
    """A whole torrent, but no sign of its end: cut off at the deadline it looks complete."""
    page.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + TORRENT)
    page.site.closing.wait(LONG_SECONDS)


SLOW_PAGES = [dripping_headers, dripping_body, dripping_gzip, ever_continuing, silent, complete_but_never_closed]


@pytest.mark.parametrize("page", SLOW_PAGES)
def test_the_deadline_is_on_the_whole_and_not_on_each_read(site: Site, page: Page) -> None:
    """A server that drips keeps any time-out between two bytes from ever passing."""
    site.pages["/s"] = page
    started = time.monotonic()
    assert "did not send the file in time" in failure(site.url("/s"), timeout_seconds=0.3)
    assert time.monotonic() - started < LONG_SECONDS / 3


def test_redirects_share_one_deadline(site: Site) -> None:
    """Each hop within the limit, all of them not."""

    def slow(page: Handler) -> None:
        page.site.closing.wait(0.2)
        redirect("/slow")(page)

    site.pages["/slow"] = slow
    assert "did not send the file in time" in failure(site.url("/slow"), timeout_seconds=0.5)


def test_a_server_that_never_finishes_the_tls_handshake_runs_into_the_deadline() -> None:
    """The connection stands, but not one byte comes back."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        assert "did not send the file in time" in failure(url, timeout_seconds=0.2)


def test_no_thread_and_no_connection_is_left_behind(site: Site) -> None:
    """Whatever came of it; sockets left open would fail the test run as warnings."""
    site.pages["/s"] = silent
    before = threading.active_count()
    fetch(site.url("/t"))
    failure("http://127.0.0.1:1/")
    assert threading.active_count() <= before + 1  # the server's own, of the first request


# --- addresses ----------------------------------------------------------------------------------------------


class Internet:
    """Names and addresses of our making: the public 8.8.8.8 stands on loopback, and names change as told."""

    def __init__(self) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.connected: list[str] = []
        self.patience_seconds: list[float] = []

    def getaddrinfo(self, host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        """The host's next answer; the last one stays."""
        answers = self.names[host]
        current = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port)) for address in current]


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    """The standard library's name lookup and connect, replaced; nothing of ours."""
    world = Internet()
    real_connect = socket.socket.connect

    def connect(self: socket.socket, address: tuple[str, int]) -> None:
        world.connected.append(address[0])
        world.patience_seconds.append(self.gettimeout() or 0)
        real_connect(self, ("127.0.0.1" if address[0] == "8.8.8.8" else address[0], address[1]))

    monkeypatch.setattr(socket, "getaddrinfo", world.getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", connect)
    return world


def test_a_private_address_is_refused_if_they_are_not_allowed(site: Site) -> None:
    """By number and by name; the server is never asked."""
    for host in ("127.0.0.1", "localhost"):
        said = failure(site.url("/t", host=host), allow_private=False)
        assert "not on the public internet" in said
    assert site.requests == []


def test_a_public_address_is_allowed(site: Site, internet: Internet) -> None:
    """And where a name has private ones too, only the public one is used."""
    internet.names["public.example"] = [["10.0.0.1", "127.0.0.1", "8.8.8.8"]]
    assert fetch(site.url("/t", host="public.example"), allow_private=False).hashes.v1 == V1
    assert internet.connected == ["8.8.8.8"]


def test_a_redirect_from_a_public_to_a_private_address_is_refused(site: Site, internet: Internet) -> None:
    """By number, and by a name that stands for one."""
    internet.names |= {"public.example": [["8.8.8.8"]], "inside.example": [["127.0.0.1"]]}
    internet.names |= {"127.0.0.1": [["127.0.0.1"]]}
    for host in ("127.0.0.1", "inside.example"):
        site.pages["/r"] = redirect(site.url("/t", host=host))
        said = failure(site.url("/r", host="public.example"), allow_private=False)
        assert said.startswith(f"http://{host} is not on the public internet")
        assert fetch(site.url("/r", host="public.example"), allow_private=True).hashes.v1 == V1


def test_a_name_that_changes_its_address_gains_nothing(site: Site, internet: Internet) -> None:
    """DNS rebinding: public when first asked, private from then on. It is asked once a connection."""
    internet.names["rebind.example"] = [["8.8.8.8"], ["127.0.0.1"]]
    site.pages["/again"] = redirect("/t")
    said = failure(site.url("/again", host="rebind.example"), allow_private=False)
    assert "not on the public internet" in said
    assert internet.connected == ["8.8.8.8"]


def test_the_next_address_is_tried_when_one_does_not_answer(site: Site, internet: Internet) -> None:
    """A name with a dead and a live address is alive; the dead one may not use up all the time."""
    internet.names["two.example"] = [["127.0.0.2", "127.0.0.1"]]
    assert fetch(site.url("/t", host="two.example")).hashes.v1 == V1
    assert internet.connected == ["127.0.0.2", "127.0.0.1"]
    first, second = internet.patience_seconds
    assert first <= LONG_SECONDS / 2 < second


# --- what is said -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "passkey or cookie"), (403, "passkey or cookie"), (404, "search"), (410, "search"), (429, "later"),
     (500, "later"),      (204, "later"), (304, "later")],
)  # fmt: skip
def test_an_http_error_says_what_to_do(site: Site, status: int, advice: str) -> None:
    """With the number, for whoever looks closer."""
    site.pages["/x"] = lambda page: page.reply(status=status)
    said = failure(site.url("/x"))
    assert f"answered {status}" in said
    assert advice in said


def test_a_redirect_without_a_target_is_an_http_error(site: Site) -> None:
    """There is nowhere to go."""
    site.pages["/x"] = lambda page: page.reply(status=302)
    assert "answered 302" in failure(site.url("/x"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n<!DOCTYPE html><p>log in", "a web page instead"),
        (b"Torrent not found", "something else"),
        (b"", "something else"),
    ],
)
def test_a_page_instead_of_a_torrent_is_called_that(site: Site, content: bytes, said: str) -> None:
    """Mostly a login page: the passkey or cookie has run out."""
    site.pages["/p"] = body(content)
    assert said in failure(site.url("/p"))


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 64 + ".example", "a b", "%00", "\uff0f"])
def test_a_host_that_cannot_be_found_is_said_to_be(host: str) -> None:
    """Whatever stands in its place; a label of 64 letters cannot even be asked for."""
    with pytest.raises(TorrentError, match=r"did not answer|not a usable"):
        fetch(f"http://{host}/t", timeout_seconds=5)


def test_a_refused_connection_says_why() -> None:
    """Port 1 on loopback has no listener."""
    assert "Connection refused" in failure("http://127.0.0.1:1/t")


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000]
)  # fmt: skip
def test_what_is_not_http_is_a_broken_answer(site: Site, raw: bytes) -> None:
    """Nothing at all, rubbish, too many headers, a broken chunk, an endless line."""

    def answer(page: Handler) -> None:
        page.wfile.write(raw)

    site.pages["/x"] = answer
    said = failure(site.url("/x"))
    assert "broken answer" in said or "did not answer" in said


def test_no_error_names_a_secret(site: Site) -> None:
    """Passkeys stand in path, query, user info and cookie: none of them comes up, whatever goes wrong."""
    site.pages |= {
        "/SECRET": body(b"<html>"),
        "/SECRET/500": lambda page: page.reply(status=500),
        "/SECRET/file": redirect("file:///SECRET"),
        "/SECRET/loop": redirect("/SECRET/loop"),
        "/SECRET/dead": redirect("http://SECRET:SECRET@127.0.0.1:1/SECRET"),
        "/SECRET/gz": body(b"SECRET", Content_Encoding="gzip"),
        "/SECRET/drip": silent,
        "/SECRET/line": body(b"", Content_Encoding="SECRET"),
    }
    for path in site.pages:
        if path != "/t":
            url = f"http://SECRET:SECRET@127.0.0.1:{site.port}{path}?key=SECRET#SECRET"
            said = failure(url, cookie="SECRET=1", timeout_seconds=1 if path.endswith("drip") else LONG_SECONDS)
            assert "SECRET" not in said
            assert said.startswith("http://127.0.0.1 ")
            assert said.endswith(".")

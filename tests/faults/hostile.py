"""What a hostile client may send: raw requests past any client library's manners, made by hand and by hypothesis.

Owns the requests and their sending to a WSGI application; what has to come back is the tests' business.
"""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Flask
from hypothesis import strategies as st
from werkzeug.test import run_wsgi_app

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
HASH = b"ab" * 20
MAGNET = b"magnet:?xt=urn:btih:" + HASH


@dataclass(frozen=True)
class Attack:
    """One request as a WSGI server hands it on; `path` is unquoted already."""

    method: str
    path: bytes
    query: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str | None = None
    body: bytes = field(default=b"", repr=False)

    @property
    def environ(self) -> dict[str, Any]:
        given = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers}
        length = given.pop("HTTP_CONTENT_LENGTH", str(len(self.body)))
        typed = {} if self.content_type is None else {"CONTENT_TYPE": self.content_type}
        return {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": self.path.decode("latin-1"),
            "QUERY_STRING": self.query.decode("latin-1"),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": length,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(self.body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            **typed,
            **given,
        }


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    seconds: float


def send(app: Flask, attack: Attack) -> Reply:
    """Send it; what the application raises comes out here."""
    started = time.monotonic()
    parts, status, _ = run_wsgi_app(app, attack.environ, buffered=True)
    return Reply(int(status.split()[0]), b"".join(parts), time.monotonic() - started)


class Tracebacks(logging.Handler):
    """Keeps every record that shows a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info or record.stack_info or "Traceback" in text:
            self.seen.append(f"{text}: {record.exc_info}")

    def __enter__(self) -> Tracebacks:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)


def routes(app: Flask) -> list[tuple[str, bytes]]:
    """Every route with every method it takes; `*` stands for what the client may choose."""
    found = []
    for rule in app.url_map.iter_rules():
        path = rule.rule
        for argument in rule.arguments:
            path = path.replace(f"<{argument}>", "*").replace(f"<path:{argument}>", "*")
        found += [(method, path.encode()) for method in sorted(rule.methods or ())]
    return found


def part(body: bytes, name: bytes = b'"torrents"', more: bytes = b'; filename="a"') -> bytes:
    return b"--b\r\nContent-Disposition: form-data; name=" + name + more + b"\r\n\r\n" + body + b"\r\n--b--\r\n"


_NUMBERS = ["NaN", "-Infinity", "1e999", "-0.0", "1e308", "9" * 400, "9" * 5000, "true", "[]", '"NaN"', '"1_0"', '"٣"']
_VALUES = ["null", "{}", "[1]", '"\\u0000"', '"\\ud800"', '"' + "x" * 3000 + '"', '"a\\nb"', "[" * 900 + "]" * 900]
_JSON: list[bytes] = [
    *(f'{{"magnet": "{MAGNET.decode()}", "size_estimate_gb": {number}}}'.encode() for number in _NUMBERS),
    *(f'{{"{name}": {value}}}'.encode() for name in ("magnet", "url", "name", "category") for value in _VALUES),
    *(f"{{{value}: 1}}".encode() for value in _VALUES if value.startswith('"')),
    *(b'{"url": "%s"}' % url for url in (b"http://[", b"http://127.0.0.1:0", b"http://0x7f.1:99999", b"https://::1/")),
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"magnet": "' + b"\\ud83d" * 5000 + b'"}',
    b'{"magnet": 1, "magnet": 2',
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b'"' + b"x" * 2**21 + b'"',
    b"\x00",
    b"",
]
_BENCODE: list[bytes] = [
    b"l" * 100_000,
    b"d1:a" * 50_000 + b"e" * 50_000,
    b"d4:infod6:lengthi" + b"9" * 5000 + b"e4:name1:a12:piece lengthi16384e6:pieces20:" + b"x" * 20 + b"ee",
    b"d4:infod6:lengthi-1e4:name1:a12:piece lengthi0e6:pieces0:ee",
    b"d4:infod5:filesld6:lengthi1e4:pathl2:..eee4:name2:\xff\xfe12:piece lengthi1e6:pieces20:" + b"x" * 20 + b"ee",
    b"d4:info" + b"99999999999999999999:" + b"e",
    b"d4:infoi1ee",
    b"i-0e",
    b"d4:info0:e",
    b"\x00" * 1000,
    b"",
]
_FORMS: list[bytes] = [
    b"urls=" + MAGNET + b"&category=%00&savepath=%ff&tags=%ed%a0%80&rename=" + b"x" * 10_000,
    b"urls=" + b"%0A".join([b"magnet:?xt=urn:btih:" + b"z" * 40] * 500),
    b"urls=file:///etc/passwd%0Ahttp://[::1%0Amagnet:?" + b"&xt=" * 10_000,
    b"urls=magnet:?xt=urn:btih:" + HASH + b"%26xl=" + b"9" * 3000 + b"%26dn=%25ff%2500",
    b"urls=" + b"x" * 2**21,
    b"&".join(b"f%d=1" % number for number in range(11_000)),
    b"username=%00&password=%ed%a0%80",
    b"username=" + b"x" * 100_000,
    b"magnet=%ff&size_estimate_gb=nan&name=%ed%a0%80&category=%5c",
    b"=&&=;%%%",
    b"\xff\x00",
]
_MULTIPART: list[bytes] = [
    *(part(data) for data in _BENCODE),
    part(b"x", b'"urls"', b""),
    part(b"\xff\x00", b'"urls"', b""),
    part(b"x", b'"a', b'; filename="' + b"\xff" * 300 + b'"'),
    part(b"x", b'"a"', b"; filename*=utf-8''%ed%a0%80"),
    part(b"x", b'"a"', b"; filename*=nonsense''%ff"),
    part(b"x", b'"a"', b'; filename="\x00/../../etc"'),
    part(b"x") * 20,
    b"--b\r\n" * 1000,
    b"--b\r\nContent-Disposition: form-data; name=a",
    b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n",
    b"--b\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    b"--b--",
    b"nonsense",
]
_TYPES = [
    *(None, "", "text/plain", "application/json; charset=nonsense", "multipart/form-data"),
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=" + "b" * 300,
    "application/x-www-form-urlencoded; charset=utf-16",
    "\xff/\x00;;;=",
]
_ODD_HEADERS = {
    "Cookie": ("SID=", "SID=.eJw.x.y", "SID=a.b.c; SID=" + "x" * 9000, "\xff\x00=;;=", 'SID="\\377"'),
    "Authorization": ("Bearer", "Bearer \xff", "Basic \xff", "Basic Og==", "Digest a=b", "x" * 9000),
    "X-API-Key": ("", "\xff\x00", "x" * 9000),
    "Content-Length": ("", "-1", "nonsense", "9" * 30, "1", str(2**26 + 1)),
    "Host": ("", "\xff", "a b", "[::1", "x:99999999", "evil.example/../", "x" * 3000),
    "Transfer-Encoding": ("chunked",),
    "Range": ("bytes=-1",),
    "If-Modified-Since": ("\xff",),
    "If-None-Match": ('W/"\xff',),
    "Expect": ("100-continue",),
    "X-Forwarded-For": ("\x00",),
    "Accept": ("*" * 5000,),
}
_HEADERS = [(name, value) for name, values in _ODD_HEADERS.items() for value in values]
_ODD_NUMBERS = (b"%00", b"%ff", b"\xff", b"-1", b"1e9", b"9" * 5000, b"%D9%A3", b"1&limit=x", b"", b" 5 ", b"NaN")
_QUERIES = [
    *(name + b"=" + text for name in (b"limit", b"rid") for text in _ODD_NUMBERS),
    *(b"hash=" + text + b"&hashes=" + text for text in (b"all", b"%7C%7C", HASH, b"\xff", b"%ed%a0%80", b"x" * 5000)),
    b"\xff\x00=%zz&&;",
    b"a=" + b"x" * 10_000,
    b"&".join([b"a=1"] * 2000),
]
_SEGMENTS = [
    *(b"a", b"", b"\x00", b"\xff\xfe", b"..", b"../../etc/passwd", b"\xed\xa0\x80", b"%00", b"x" * 5000, b"a/b"),
    b"' OR 1=1 --",
]
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW", "get", "\xff"]
_PATHS = (b"", b"*", b"//", b"/\xff", b"/.git/config", b"http://x/", b"/" + b"a/" * 9000)
_NAMES = b"urls magnet username password category savepath cookie tags hash hashes limit rid json id value".split()
_LINKS = [MAGNET.decode(), "magnet:?", "magnet:?xt=urn:btih:", "http://127.0.0.1:1/x", "http://[::1]:x", "file:///x"]
_READERS = (b"/submit", b"/submit/preview", b"/api/v2/torrents/add")
_ASKED = (b"/decisions", b"/api/v2/torrents/info", b"/api/v2/sync/maindata")
Item = TypeVar("Item")


def by_hand(app: Flask) -> Iterator[Attack]:
    """On every route odd methods, headers, queries and bodies, a share of all on each; all where most is read."""
    found = sorted({path for _, path in routes(app)})
    bodies = list(_bodies())
    for turn, path in enumerate(found):
        known = path.replace(b"*", b"a")
        yield from (Attack("GET", path.replace(b"*", segment)) for segment in (_SEGMENTS if b"*" in path else ()))
        yield from (Attack(method, known) for method in _METHODS)
        for header in _share(_HEADERS, turn):
            for method in ("GET", "POST"):
                yield Attack(method, known, headers=(header,), content_type=FORM, body=b"a=1")
        for query in _QUERIES if path in _ASKED else _share(_QUERIES, turn):
            yield Attack("GET", known, query=query)
            yield Attack("POST", known, content_type=FORM, body=query)
        for content_type, body in bodies if path in _READERS else _share(bodies, turn):
            yield Attack("POST", known, content_type=content_type, body=body)
    yield from (Attack("GET", path) for path in _PATHS)


def _share(items: Sequence[Item], turn: int, share: int = 12) -> Sequence[Item]:
    """A twelfth of the items, another one each turn."""
    return items[turn % share :: share]


def _bodies() -> Iterator[tuple[str | None, bytes]]:
    for content_type, bodies in ((JSON, _JSON), (FORM, _FORMS), (MULTIPART, _MULTIPART), (None, _BENCODE)):
        yield from ((content_type, body) for body in bodies)
    yield from ((content_type, body) for content_type in _TYPES for body in (_JSON[0], _FORMS[0], _MULTIPART[0]))


def any_attack(app: Flask) -> st.SearchStrategy[Attack]:
    """Requests of any make, on a route more often than not."""
    raw = st.binary(max_size=60)
    latin = st.text(st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n"), max_size=40)
    segment = st.one_of(raw, st.sampled_from(_SEGMENTS))
    readers = st.sampled_from([("POST", path) for path in _READERS])
    route = st.builds(_chosen, st.one_of(st.sampled_from(routes(app)), readers), segment)
    target = st.one_of(route, route, st.tuples(st.sampled_from(_METHODS), raw.map(lambda rest: b"/" + rest)))
    pair = st.tuples(st.sampled_from(sorted(_ODD_HEADERS)), latin)
    headers = st.lists(st.one_of(st.sampled_from(_HEADERS), pair), max_size=3).map(tuple)
    typed = st.one_of(_json(), _form(raw), _multipart(raw), st.tuples(st.one_of(st.sampled_from(_TYPES), latin), raw))
    query = st.one_of(st.just(b""), raw, st.sampled_from(_QUERIES))
    return st.builds(_attack, target, query, headers, typed)


def _chosen(route: tuple[str, bytes], segment: bytes) -> tuple[str, bytes]:
    return route[0], route[1].replace(b"*", segment)


def _attack(
    target: tuple[str, bytes], query: bytes, headers: tuple[tuple[str, str], ...], typed: tuple[str | None, bytes]
) -> Attack:
    return Attack(*target, query, headers, *typed)


def _json() -> st.SearchStrategy[tuple[str | None, bytes]]:
    any_text = st.text(st.characters(), max_size=20)  # lone surrogates included
    leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), any_text, st.sampled_from(_LINKS))
    value = st.recursive(leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3))
    key = st.sampled_from(["magnet", "url", "name", "category", "size_estimate_gb", "torrent"])
    body = st.one_of(st.dictionaries(key, leaf, max_size=5), st.dictionaries(key, value, max_size=5), value)
    return st.tuples(st.just(JSON), body.map(lambda held: json.dumps(held).encode()))


def _form(raw: st.SearchStrategy[bytes]) -> st.SearchStrategy[tuple[str | None, bytes]]:
    values = st.one_of(raw, st.sampled_from([b"all", HASH, *(link.encode() for link in _LINKS)]))
    pairs = st.lists(st.tuples(st.sampled_from(_NAMES), values), max_size=5)
    return st.tuples(st.just(FORM), pairs.map(lambda held: b"&".join(name + b"=" + value for name, value in held)))


def _multipart(raw: st.SearchStrategy[bytes]) -> st.SearchStrategy[tuple[str | None, bytes]]:
    content = st.one_of(raw, st.sampled_from(_BENCODE[2:]))
    whole = st.builds(lambda held, name, more: part(held, name, b"; " + more), content, raw, raw)
    cut = st.builds(lambda held, end: held[:end], whole, st.integers(0, 120))
    return st.tuples(st.just(MULTIPART), st.one_of(whole, cut, st.sampled_from(_MULTIPART)))

"""Getting the .torrent file behind a URL, once, so that its hash and size are known before a node is chosen.

Owns HTTP: redirects, cookie, size cap, decoding, and an error for each way it goes wrong. The URL comes from
a stranger, so every hop is checked anew, proxies and netrc of the environment are not used, and errors name
only scheme and host: user info, path and query may hold secrets. Built on http.client rather than requests,
whose total time, address check and decoded size could only be limited through its private parts.
"""

import base64
import http.client
import ssl
import string
import zlib
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urljoin

from qbdispatch.torrents.connect import Deadline, PrivateAddressError, connection
from qbdispatch.torrents.errors import FetchFailed, TorrentError
from qbdispatch.torrents.link import split_http_url
from qbdispatch.torrents.magnet import parse_magnet
from qbdispatch.torrents.metainfo import parse_torrent_file
from qbdispatch.torrents.source import TorrentSource

_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK_BYTES = 64 * 1024
_GZIP_OR_ZLIB = 47  # zlib's wbits: find out which of the two it is
_CHECK_ACCESS = "check that the link's passkey or cookie is still valid"
_BY_HAND = "download the .torrent file yourself and upload it"
_ADVICE = {401: _CHECK_ACCESS, 403: _CHECK_ACCESS, 404: "search for it again", 410: "search for it again"}


@dataclass(frozen=True, slots=True)
class _Limits:
    deadline: Deadline
    allow_private: bool
    max_bytes: int


def fetch_torrent(
    url: str, *, cookie: str | None, allow_private: bool, timeout_seconds: float, max_bytes: int
) -> TorrentSource:
    """The torrent behind an http(s) URL, or the magnet it redirects to.

    `timeout_seconds` limits the whole of it, redirects included; `max_bytes` the decoded file. `cookie` is a
    Cookie header's value, sent to the first host alone. Unless `allow_private`, only addresses on the public
    internet are connected to. Raises FetchFailed, or what parsing the result raises.
    """
    if cookie is not None and not (cookie.isascii() and cookie.isprintable()):
        raise FetchFailed("The cookie has characters that no cookie may have; copy it again.")
    first = target = split_http_url(url)
    with Deadline(timeout_seconds) as deadline:
        limits = _Limits(deadline, allow_private, max_bytes)
        for _ in range(_MAX_REDIRECTS + 1):
            reply = _get(target, cookie if _may_see_cookie(target, first) else None, limits)
            if isinstance(reply, bytes):
                return _parse(reply, target)
            if reply[:7].lower() == "magnet:":
                return parse_magnet(reply)
            target = _redirected(target, reply)
    raise _failed(first, f"redirects more than {_MAX_REDIRECTS} times", _BY_HAND)


def _failed(target: SplitResult, problem: str, advice: str) -> FetchFailed:
    return FetchFailed(f"{target.scheme}://{target.hostname} {problem}; {advice}.")


def _may_see_cookie(target: SplitResult, first: SplitResult) -> bool:
    return target.hostname == first.hostname and target.scheme in ("https", first.scheme)


def _redirected(target: SplitResult, location: str) -> SplitResult:
    try:
        return split_http_url(urljoin(target.geturl(), location))
    except (TorrentError, ValueError):
        raise _failed(target, "redirects to something that is no http(s) address", _BY_HAND) from None


def _parse(body: bytes, target: SplitResult) -> TorrentSource:
    if body.startswith(b"d"):
        return parse_torrent_file(body)
    sent = "a web page" if body.lstrip().startswith(b"<") else "something else"
    raise _failed(target, f"sent {sent} instead of a .torrent file", _CHECK_ACCESS)


def _get(target: SplitResult, cookie: str | None, limits: _Limits) -> bytes | str:
    """One hop: the decoded body, or where it redirects to."""
    try:
        reply = _exchange(target, cookie, limits)
        limits.deadline.remaining_seconds()  # what was cut off at the deadline may look complete
    except PrivateAddressError:
        raise _failed(target, "is not on the public internet", "set fetch.allow_private to use it") from None
    except ssl.SSLCertVerificationError as error:
        raise _failed(target, f"has no valid certificate ({error.verify_message})", _BY_HAND) from None
    except (OSError, http.client.HTTPException, zlib.error, EOFError, ValueError) as error:
        raise _failed(target, _what_broke(error, limits.deadline), "try again later") from None
    return reply


def _what_broke(error: Exception, deadline: Deadline) -> str:
    try:
        deadline.remaining_seconds()
    except TimeoutError:
        return "did not send the file in time"
    reason = getattr(error, "strerror", None)
    return f"did not answer ({reason})" if reason else "sent a broken answer"


def _exchange(target: SplitResult, cookie: str | None, limits: _Limits) -> bytes | str:
    host, port = target.hostname or "", target.port or http.client.HTTP_PORT
    tls = None
    client = http.client.HTTPConnection(host, port)
    if target.scheme == "https":
        tls, port = ssl.create_default_context(), target.port or http.client.HTTPS_PORT
        client = http.client.HTTPSConnection(host, port, context=tls)
    deadline, allow_private = limits.deadline, limits.allow_private
    with connection(host, port, tls=tls, allow_private=allow_private, deadline=deadline) as client.sock:
        client.request("GET", _path(target), headers=_headers(target, cookie))
        with client.getresponse() as response:
            return _read(response, target, limits.max_bytes)


def _path(target: SplitResult) -> str:
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    return quote(path, safe=string.punctuation)  # escapes are kept as they are


def _headers(target: SplitResult, cookie: str | None) -> dict[str, str]:
    headers = {
        "Accept": "application/x-bittorrent, */*",
        "Accept-Encoding": "gzip, deflate",
        "Connection": "close",
        "User-Agent": "qbdispatch",
    }
    if cookie is not None:
        headers["Cookie"] = cookie
    if target.username is not None:
        login = f"{unquote(target.username)}:{unquote(target.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    return headers


def _read(response: http.client.HTTPResponse, target: SplitResult, max_bytes: int) -> bytes | str:
    location = response.headers.get("Location")
    if response.status in _REDIRECTS and location:
        return location.encode("latin-1").decode(errors="replace").strip()  # http.client reads Latin-1
    if response.status != http.HTTPStatus.OK:
        advice = _ADVICE.get(response.status, "try again later")
        raise _failed(target, f"answered {response.status}", advice)
    body = _body(response, max_bytes)
    if len(body) > max_bytes:
        raise _failed(target, f"sent more than {max_bytes} bytes", "check that the link is a .torrent file's")
    return body


def _body(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    """The decoded body; of one that is too large, no more than a chunk beyond `max_bytes`."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", "deflate"):
        raise ValueError(encoding)
    decoder = None if encoding == "identity" else zlib.decompressobj(_GZIP_OR_ZLIB)
    body = bytearray()
    while len(body) <= max_bytes and (chunk := response.read(_CHUNK_BYTES)):
        # Decoding stops one byte beyond the cap: a few bytes of gzip can stand for gigabytes.
        body += decoder.decompress(chunk, max_bytes + 1 - len(body)) if decoder else chunk
        if decoder and decoder.eof:
            return bytes(body)
    if len(body) <= max_bytes and (response.length or decoder):
        raise EOFError
    return bytes(body)

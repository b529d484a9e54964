"""Text links: hashes, magnets and URLs are taken, file paths and the rest are not."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbdispatch.torrents.errors import TorrentError
from qbdispatch.torrents.link import FetchableUrl, source_from_link
from qbdispatch.torrents.source import TorrentSource
from tests.unit.torrents.oracle import reads_magnet

V1, V2 = "0123456789abcdef0123456789abcdef01234567", "fedcba98" * 8


@pytest.mark.parametrize(
    ("link", "key"),
    [
        (V1, V1),
        (f"  {V1.upper()}\n", V1),
        (base64.b32encode(bytes.fromhex(V1)).decode(), V1),
        (base64.b32encode(bytes.fromhex(V1)).decode().lower(), V1),
        (V2.upper(), V2),
        (f"Magnet:?xt=urn:btih:{V1}", V1),
    ],
)
def test_a_bare_hash_or_magnet_becomes_a_magnet_that_libtorrent_takes(link: str, key: str) -> None:
    """The bare hashes that qBittorrent takes: 40 hex, 32 base32, 64 hex."""
    source = source_from_link(link)
    assert isinstance(source, TorrentSource)
    assert source.hashes.key == key
    reading = reads_magnet(source.magnet or "")
    assert key in (reading.v1, reading.v2)


@pytest.mark.parametrize(
    "url",
    [
        "http://indexer.example/dl?id=1",
        "HTTPS://user:pw@indexer.example:8443/a b.torrent",
        "http://[::1]:80/x",
    ],
)
def test_a_web_address_is_left_to_be_fetched(url: str) -> None:
    """It is not fetched here, and its repr keeps the passkey to itself."""
    assert source_from_link(f" {url} ") == FetchableUrl(url)
    assert "indexer" not in repr(FetchableUrl(url))


@pytest.mark.parametrize(
    "link",
    [
        "", "  ", "/etc/passwd", "file:///etc/passwd", "C:\\a.torrent", "ftp://host/a", "bc://bt/x", "a.torrent",
        "http://", "http:/x", "https://:80/", "http://host:port/", "http://host:99999/", "http://host:0/",
        "http://[::1/",
        "http://a\nb/", "http://a/\ud800", "http://a b/", "http://a/" + "x" * 65536,
        V1[:-1], V1 + "0", V2 + "0", "javascript:alert(1)",
        "magnet:?dn=x",
    ],
)  # fmt: skip
def test_everything_else_is_refused(link: str) -> None:
    """Above all paths, which a node would open on its own disk."""
    with pytest.raises(TorrentError):
        source_from_link(link)


@given(st.text() | st.text().map(lambda text: "http://" + text) | st.text(alphabet="ht:/p.s@[]#?&%0aM"))
def test_any_text_is_a_source_a_url_or_a_torrent_error(link: str) -> None:
    """No other exception escapes."""
    with contextlib.suppress(TorrentError):
        source_from_link(link)

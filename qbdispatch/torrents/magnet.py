"""Magnet links (BEP 9, BEP 52), read as libtorrent's `parse_magnet_uri` reads them.

Owns the hashes, name and size hint of a magnet, and the spelling a node is sent. Every other parameter
(trackers, web seeds, peers) goes through as the client wrote it.
"""

import base64
import re
from urllib.parse import unquote, unquote_plus

from qbdispatch.torrents.errors import InvalidMagnet
from qbdispatch.torrents.source import MAX_SIZE_BYTES, InfoHashes, TorrentSource, clean_name

MAX_LINK_BYTES = 64 * 1024
_SCHEME = "magnet:?"
_V1 = re.compile(r"urn:btih:([0-9a-f]{40}|[a-z1-7]{32})", re.IGNORECASE | re.ASCII)
_V2 = re.compile(r"urn:btmh:1220([0-9a-f]{64})", re.IGNORECASE | re.ASCII)  # 1220: multihash of SHA-256
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9a-f]{2})", re.IGNORECASE | re.ASCII)


def parse_magnet(uri: str) -> TorrentSource:
    """The torrent a magnet names. Raises InvalidMagnet.

    Where several hashes of one kind are given the last one counts, as in every libtorrent from 1.2 to 2.1.
    """
    hashes: dict[str, str] = {}
    values: dict[str, str] = {}
    sent: list[str] = []
    for name, value, text in _parameters(uri):
        topic = _topic(value) if name == "xt" else None
        if topic is None:
            values[name] = value
            sent.append(text)
        else:
            kind, digest = topic
            hashes[kind] = digest
            sent.append(f"xt=urn:btih:{digest}" if kind == "v1" else f"xt=urn:btmh:1220{digest}")
    return TorrentSource(
        hashes=_hashes(hashes.get("v1"), hashes.get("v2")),
        name=clean_name(unquote_plus(values.get("dn", ""))),
        size_bytes=_size_hint(values.get("xl", "")),
        magnet=_SCHEME + "&".join(sent),
    )


def check_text(link: str) -> None:
    """Raise InvalidMagnet for text no link may be: too long, not encodable, or with control characters.

    A line break matters most: nodes take one link a line, so it would smuggle in a second torrent.
    """
    try:
        size_bytes = len(link.encode())
    except UnicodeEncodeError:
        raise InvalidMagnet("The link is not valid Unicode text; copy it again.") from None
    if size_bytes > MAX_LINK_BYTES:
        raise InvalidMagnet("The link is longer than 64 KiB; submit the .torrent file instead.")
    if _CONTROL.search(link):
        raise InvalidMagnet("The link has line breaks or control characters; submit one link at a time.")


def _parameters(uri: str) -> list[tuple[str, str, str]]:
    """(name without case and `.1` suffix, raw value, text as sent) of each parameter that has a value."""
    uri = uri.strip()
    check_text(uri)
    if uri[: len(_SCHEME)].lower() != _SCHEME:
        raise InvalidMagnet("This is not a magnet link; one starts with “magnet:?xt=urn:bt”.")
    parameters = []
    for text in uri[len(_SCHEME) :].split("&"):
        name, equals, value = text.partition("=")
        base, _, number = name.partition(".")
        # Without "=", libtorrent takes the next parameter for part of this one's name: such text is dropped.
        if equals:
            parameters.append(((name if number.strip("0123456789") else base).lower(), value, text))
    return parameters


def _topic(value: str) -> tuple[str, str] | None:
    """("v1" or "v2", hex digest) of an `xt` value; None for other networks' hashes.

    More lenient than libtorrent: "urn:btih:" may be in any case (RFC 8141), since we send our own spelling.
    """
    if _BROKEN_ESCAPE.search(value):
        raise InvalidMagnet("The magnet's hash has a broken %-escape; copy the link again.")
    topic = unquote(value)
    if match := _V2.fullmatch(topic):
        return "v2", match[1].lower()
    if match := _V1.fullmatch(topic):
        digits = match[1]
        # map01: a "1" is read as the letter I, as libtorrent does.
        is_base32 = len(digits) == 32
        return "v1", (base64.b32decode(digits, True, b"I").hex() if is_base32 else digits.lower())
    if topic[:9].lower() in ("urn:btih:", "urn:btmh:"):
        raise InvalidMagnet(
            "The magnet's hash is not 40 hex digits, 32 base32 letters, or 1220 and 64 hex digits; "
            "copy the whole link again."
        )
    return None


def _hashes(v1: str | None, v2: str | None) -> InfoHashes:
    if v1 is None and v2 is None:
        raise InvalidMagnet("The magnet names no BitTorrent hash (xt=urn:btih:…); copy the whole link.")
    # libtorrent parses a hash of zeros but takes it for "no hash" when the torrent is added.
    if not all(digest is None or digest.strip("0") for digest in (v1, v2)):
        raise InvalidMagnet("The magnet's hash is all zeros; copy the link again.")
    return InfoHashes(v1=v1, v2=v2)


def _size_hint(text: str) -> int | None:
    """`xl` in bytes; None where it says nothing usable. A hint only: libtorrent never reads it."""
    if not re.fullmatch(r"[0-9]{1,19}", text):
        return None
    size_bytes = int(text)
    return size_bytes if 0 < size_bytes <= MAX_SIZE_BYTES else None

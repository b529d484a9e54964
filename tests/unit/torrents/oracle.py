"""What libtorrent, the engine of every node, makes of a magnet or .torrent file; and a bencoder for odd ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import libtorrent


@dataclass(frozen=True)
class Reading:
    """libtorrent's verdict: hashes and payload size, or why it refuses."""

    v1: str | None = None
    v2: str | None = None
    size_bytes: int | None = None
    refusal: str | None = None


def reads_file(content: bytes) -> Reading:
    """libtorrent's verdict on a .torrent file; `size_on_disk` is its sum without padding."""
    try:
        info = libtorrent.load_torrent_buffer(content).ti
    except RuntimeError as error:
        return Reading(refusal=str(error))
    if info is None:
        return Reading(refusal="only a magnet in it")
    hashes = info.info_hashes()
    return Reading(
        v1=str(hashes.v1) if hashes.has_v1() else None,
        v2=str(hashes.v2) if hashes.has_v2() else None,
        size_bytes=info.size_on_disk(),
    )


def reads_magnet(uri: str) -> Reading:
    """libtorrent's verdict on a magnet."""
    try:
        hashes = libtorrent.parse_magnet_uri(uri).info_hashes
    except RuntimeError as error:
        return Reading(refusal=str(error))
    return Reading(v1=str(hashes.v1) if hashes.has_v1() else None, v2=str(hashes.v2) if hashes.has_v2() else None)


def bencoded(value: object) -> bytes:
    """Bencoding that keeps the order of keys as given, where BEP 3 wants them sorted."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, Mapping):
        return b"d" + b"".join(bencoded(key) + bencoded(item) for key, item in value.items()) + b"e"
    assert isinstance(value, Sequence)
    return b"l" + b"".join(bencoded(item) for item in value) + b"e"

"""Torrents to submit: made-up ones of any size, and small real ones that a seeder on loopback gives away.

Owns: building .torrent files without hashing data, and one libtorrent session that seeds. The hashes are
computed here from the raw `info` slice; tests hold them to libtorrent's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote

import libtorrent

from tests.rig.processes import free_port, wait_until

Kind = Literal["v1", "v2", "hybrid"]
Bencodable = int | bytes | str | Mapping[str, "Bencodable"] | Mapping[bytes, "Bencodable"]

_BLOCK_BYTES = 2**14
_SMALLEST_PIECE = 2**14
_LARGEST_PIECE = 2**27
_MOST_PIECES = 4096


@dataclass(frozen=True)
class MadeTorrent:
    """A torrent in every form a client may submit it; `hash` is what qBittorrent on libtorrent 2 calls it."""

    name: str
    size_bytes: int
    data: bytes
    v1: str | None
    v2: str | None
    peer: str | None = None

    @property
    def hash(self) -> str:
        return self.v2[:40] if self.v2 else str(self.v1)

    @property
    def magnet(self) -> str:
        topics = [f"xt=urn:btih:{self.v1}"] if self.v1 else []
        topics += [f"xt=urn:btmh:1220{self.v2}"] if self.v2 else []
        peers = [f"x.pe={self.peer}"] if self.peer else []
        return "magnet:?" + "&".join([*topics, f"dn={quote(self.name)}", *peers])


def make_torrent(name: str, size_bytes: int, kind: Kind = "v1", *, private: bool = False) -> MadeTorrent:
    """A valid single-file torrent of that size with random piece hashes, so a new one at each call."""
    piece_bytes = _piece_bytes(size_bytes)
    count = -(-size_bytes // piece_bytes)
    layer = [] if kind == "v1" else [os.urandom(32) for _ in range(count)]
    extra: dict[str, Bencodable] = {"private": 1} if private else {}
    return _assembled(name, size_bytes, kind, piece_bytes, os.urandom(20 * count), layer, extra)


def made_up_magnet(name: str = "made up") -> MadeTorrent:
    """A magnet nobody seeds: its size stays unknown to any node."""
    return MadeTorrent(name, 0, b"", os.urandom(20).hex(), None)


class Seeder:
    """Seeds small real files on loopback until closed; the magnets it hands out name it as a peer."""

    def __init__(self, *, upload_bytes_per_second: int = 0) -> None:
        self.port = free_port()
        self._upload_limit = upload_bytes_per_second
        self._folder = Path(tempfile.mkdtemp(prefix="qbd-seeder-"))
        self._session: libtorrent.session | None = libtorrent.session(
            {
                "listen_interfaces": f"127.0.0.1:{self.port}",
                "outgoing_interfaces": "127.0.0.1",
                "enable_dht": False,
                "enable_lsd": False,
                "enable_upnp": False,
                "enable_natpmp": False,
                "allow_multiple_connections_per_ip": True,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def share(self, name: str, size_bytes: int, kind: Kind = "v1") -> MadeTorrent:
        """Write that many random bytes, seed them, and return the torrent once peers can be served."""
        if self._session is None:
            raise AssertionError("the seeder is closed")
        data = os.urandom(size_bytes)
        (self._folder / name).write_bytes(data)
        made = _torrent_of(name, data, kind, f"127.0.0.1:{self.port}")
        parameters = libtorrent.add_torrent_params()
        parameters.ti = libtorrent.torrent_info(made.data)
        parameters.save_path = str(self._folder)
        # By default a torrent waits, paused, for its turn, and refuses the peers that come meanwhile.
        parameters.flags &= ~(libtorrent.torrent_flags.paused | libtorrent.torrent_flags.auto_managed)
        parameters.flags |= libtorrent.torrent_flags.seed_mode
        parameters.upload_limit = self._upload_limit or -1
        handle = self._session.add_torrent(parameters)
        wait_until(lambda: handle.status().is_seeding, 10, f"{name} to be seeded")
        return made

    def close(self) -> None:
        """End the session and remove the files; once more is harmless."""
        # Dropping the last reference blocks until the session's threads and sockets are gone.
        self._session = None
        shutil.rmtree(self._folder, ignore_errors=True)


def _torrent_of(name: str, data: bytes, kind: Kind, peer: str) -> MadeTorrent:
    """The torrent of real data; with pieces of one block, a v2 piece hash is the hash of the block itself."""
    blocks = [data[start : start + _BLOCK_BYTES] for start in range(0, len(data), _BLOCK_BYTES)]
    pieces = b"".join(hashlib.sha1(block).digest() for block in blocks)
    layer = [hashlib.sha256(block).digest() for block in blocks]
    return _assembled(name, len(data), kind, _BLOCK_BYTES, pieces, layer, {}, peer)


def _assembled(
    name: str,
    size_bytes: int,
    kind: Kind,
    piece_bytes: int,
    pieces: bytes,
    layer: list[bytes],
    extra: dict[str, Bencodable],
    peer: str | None = None,
) -> MadeTorrent:
    info: dict[str, Bencodable] = {"name": name, "piece length": piece_bytes, **extra}
    document: dict[str, Bencodable] = {"info": info}
    if kind != "v2":
        info |= {"length": size_bytes, "pieces": pieces}
    if kind != "v1":
        root = _merkle_root(layer, piece_bytes)
        info |= {"meta version": 2, "file tree": {name: {"": {"length": size_bytes, "pieces root": root}}}}
        layers: dict[bytes, Bencodable] = {root: b"".join(layer)} if len(layer) > 1 else {}
        document["piece layers"] = layers
    raw = _bencode(info)
    v1 = None if kind == "v2" else hashlib.sha1(raw).hexdigest()
    v2 = None if kind == "v1" else hashlib.sha256(raw).hexdigest()
    return MadeTorrent(name, size_bytes, _bencode(document), v1, v2, peer)


def _piece_bytes(size_bytes: int) -> int:
    piece_bytes = _SMALLEST_PIECE
    while piece_bytes < _LARGEST_PIECE and size_bytes > piece_bytes * _MOST_PIECES:
        piece_bytes *= 2
    return piece_bytes


def _merkle_root(layer: list[bytes], piece_bytes: int) -> bytes:
    """The root over one file's piece hashes, padded as BEP 52 says: by the roots of pieces of zero hashes."""
    padding = bytes(32)
    for _ in range((piece_bytes // _BLOCK_BYTES).bit_length() - 1):
        padding = hashlib.sha256(padding + padding).digest()
    while len(layer) > 1:
        if len(layer) % 2:
            layer = [*layer, padding]
        pairs = zip(layer[::2], layer[1::2], strict=True)
        layer = [hashlib.sha256(left + right).digest() for left, right in pairs]
        padding = hashlib.sha256(padding + padding).digest()
    return layer[0]


def _bencode(value: Bencodable) -> bytes:
    match value:
        case int():
            return b"i%de" % value
        case str():
            return _bencode(value.encode())
        case bytes():
            return b"%d:%s" % (len(value), value)
    raw = {key.encode() if isinstance(key, str) else key: held for key, held in value.items()}
    return b"d" + b"".join(_bencode(key) + _bencode(raw[key]) for key in sorted(raw)) + b"e"

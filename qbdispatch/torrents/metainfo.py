""".torrent files: v1 (BEP 3, padding BEP 47), v2 and hybrid (BEP 52).

Owns the hashes and the exact size, and refuses what a node would refuse, by libtorrent 2.1's rules. More
lenient in what changes neither hash nor size and costs much to check: piece layers, and whether the v1 and v2
halves of a hybrid agree on names and padding; a node still refuses those. Stricter: a file that holds only a
`magnet-uri` is refused (libtorrent reads the magnet), and so is a hybrid whose v1 half has no files.
"""

import hashlib
from typing import NamedTuple

from qbdispatch.torrents.bencode import Value, is_canonical, read_from_dict
from qbdispatch.torrents.errors import InvalidTorrentFile
from qbdispatch.torrents.source import InfoHashes, TorrentSource, clean_name

# libtorrent's limits.
_BLOCK = 16 * 1024
_MAX_FILE_BYTES = (2**30 - 1) * _BLOCK - 1
_MAX_TOTAL_BYTES = 2**48 - 1
_MAX_PIECE_LENGTH = (2**15 - 1) * _BLOCK
_MAX_PIECES = 2**21
_MAX_PATH_DEPTH = 100

Dict = dict[bytes, Value]


class _File(NamedTuple):
    size_bytes: int
    is_padding: bool


def parse_torrent_file(content: bytes) -> TorrentSource:
    """The torrent in a .torrent file's bytes. Linear time. Raises InvalidTorrentFile."""
    info, raw = _info(content)
    version = _version(info, raw)
    piece_length = _piece_length(info, version)
    v2_files = _v2_files(info, version)
    v1_files = _v1_files(info, version)
    if v1_files and v2_files and _payload(v1_files) != _payload(v2_files):
        raise _refused("its v1 and v2 file lists differ")
    files = (v1_files if v2_files is None else v2_files) or []
    _check_pieces(info, files, piece_length, aligned=version == 2)
    return TorrentSource(
        hashes=InfoHashes(
            v1=hashlib.sha1(raw, usedforsecurity=False).hexdigest() if v1_files is not None else None,
            v2=hashlib.sha256(raw).hexdigest() if v2_files is not None else None,
        ),
        name=clean_name(_name(info).decode(errors="replace")),
        size_bytes=sum(file.size_bytes for file in files if not file.is_padding),
        content=content,
    )


def _refused(problem: str) -> InvalidTorrentFile:
    return InvalidTorrentFile(f"No BitTorrent client can use this .torrent file: {problem}; get another one.")


def _info(content: bytes) -> tuple[Dict, bytes]:
    """The info dictionary, and its bytes as they stand: the hashes are taken over those, never re-encoded."""
    found = read_from_dict(content, b"info")
    if found is None or not isinstance(found[0], dict):
        raise _refused("it has no info section")
    return found[0], found[1]


def _version(info: Dict, raw: bytes) -> int:
    """1 or 2. Who states a version must also write canonical bencoding; nobody minds in older files."""
    stated = info.get(b"meta version")
    version = stated if isinstance(stated, int) else 0
    if version > 2:
        raise _refused(f"it is of the unknown version {version}")
    if version > 0 and not is_canonical(raw):
        raise _refused("its info section is not in canonical form")
    return max(version, 1)


def _piece_length(info: Dict, version: int) -> int:
    length = info.get(b"piece length")
    if not isinstance(length, int) or not 0 < length <= _MAX_PIECE_LENGTH:
        raise _refused("its piece length is missing or out of range")
    if version == 2 and (length < _BLOCK or length & (length - 1)):
        raise _refused("its piece length is not a power of two of at least 16 KiB")
    return length


def _name(info: Dict) -> bytes:
    for name in (info.get(b"name.utf-8"), info.get(b"name")):
        if isinstance(name, bytes):
            return name
    raise _refused("it has no name")


def _v1_files(info: Dict, version: int) -> list[_File] | None:
    """The v1 file list; None for a v2-only torrent, which has neither `files` nor `length`."""
    entries = info.get(b"files")
    if isinstance(entries, list):
        if not entries:
            raise _refused("it has no files")
        return [_v1_file(entry) for entry in entries]
    if version == 2 and b"length" not in info:
        return None
    # A single file is named by the torrent, so that name must leave something once made safe for a disk.
    if _name(info).translate(None, b"/\\") in (b"", b".", b".."):
        raise _refused("it has no usable name")
    return [_File(_size(info), b"p" in _attributes(info))]


def _v1_file(entry: Value) -> _File:
    if not isinstance(entry, dict):
        raise _refused("its file list is damaged")
    path = entry.get(b"path.utf-8")
    path = path if isinstance(path, list) else entry.get(b"path")
    parts = path if isinstance(path, list) else []
    names = [part for part in parts if isinstance(part, bytes)]
    is_padding = b"p" in _attributes(entry)
    if len(names) != len(parts) or not (names or is_padding) or len(names) > _MAX_PATH_DEPTH:
        raise _refused("a file in it has no usable name")
    # BitComet marked padding by name, before BEP 47 gave it an attribute.
    return _File(_size(entry), is_padding or any(b"_____padding_file_" in name for name in names))


def _v2_files(info: Dict, version: int) -> list[_File] | None:
    """The files of a v2 tree, in its order; None for a v1 torrent."""
    tree = info.get(b"file tree")
    if version != 2 and isinstance(tree, dict):
        raise _refused("it has v2 keys but no meta version")
    if version != 2:
        return None
    if not isinstance(tree, dict):
        raise _refused("it has no file tree")
    files, pending = [], list(reversed(tree.items()))
    while pending:
        name, node = pending.pop()
        if not name or not isinstance(node, dict):
            raise _refused("its file tree is damaged")
        if node.keys() == {b""}:
            files.append(_v2_file(node[b""]))
        else:
            pending.extend(reversed(node.items()))
    return files


def _v2_file(entry: Value) -> _File:
    if not isinstance(entry, dict) or b"p" in _attributes(entry):
        raise _refused("its file tree is damaged")
    size_bytes = _size(entry)
    root = entry.get(b"pieces root")
    if size_bytes and not (isinstance(root, bytes) and len(root) == 32 and any(root)):
        raise _refused("a file in it has no root hash")
    return _File(size_bytes, is_padding=False)


def _attributes(entry: Dict) -> bytes:
    """BEP 47 `attr`: p for padding, l for a symbolic link."""
    attributes = entry.get(b"attr")
    return attributes if isinstance(attributes, bytes) else b""


def _size(entry: Dict) -> int:
    if b"l" in _attributes(entry):  # a link takes no space
        return 0
    length = entry.get(b"length")
    if not isinstance(length, int) or not 0 <= length <= _MAX_FILE_BYTES:
        raise _refused("a file's length is missing or out of range")
    return length


def _payload(files: list[_File]) -> list[int]:
    return [file.size_bytes for file in files if file.size_bytes and not file.is_padding]


def _check_pieces(info: Dict, files: list[_File], piece_length: int, *, aligned: bool) -> None:
    """Sizes and hashes must fit each other. `aligned`: each file starts a piece of its own (v2)."""
    spans = [file.size_bytes for file in files] if aligned else [sum(file.size_bytes for file in files)]
    count = sum(-(-span // piece_length) for span in spans)
    total_bytes = count * piece_length if aligned else spans[0]
    if not 0 < total_bytes <= _MAX_TOTAL_BYTES:
        raise _refused("it has no content, or more than can be")
    if count > _MAX_PIECES:
        raise _refused("it has too many pieces")
    pieces = info.get(b"pieces")
    if not isinstance(pieces, bytes):
        if not aligned:
            raise _refused("it has no piece hashes")
    elif len(pieces) != 20 * count:
        raise _refused("its number of piece hashes does not fit its size")

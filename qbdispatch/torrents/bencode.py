"""A bencoding reader (BEP 3) that keeps what a hash needs: the bytes of a value as they stand in the file.

Accepts what libtorrent's `bdecode` accepts: unsorted and repeated keys (the first counts), leading zeros,
and anything after the top-level dictionary. Work and memory are bounded by the input's length, depth and
item count. Knows nothing of torrents.
"""

import re
from typing import TypeAlias

from qbdispatch.torrents.errors import InvalidTorrentFile

Value: TypeAlias = "int | bytes | list[Value] | dict[bytes, Value]"

MAX_DEPTH = 100  # libtorrent's limit, and qBittorrent's
MAX_ITEMS = 3_000_000  # libtorrent's limit; a torrent of 300,000 files has about that many
# libtorrent's limits on digits. Stricter: an integer beyond 64 bits is refused, where libtorrent reads 0.
_STRING = re.compile(rb"([0-9]{1,16}):")
_INTEGER = re.compile(rb"i(-?[0-9]{1,20})e")
_INT64 = range(-(2**63), 2**63)
_DICT, _LIST, _END, _INT = b"dlei"


def read_from_dict(data: bytes, wanted: bytes) -> tuple[Value, bytes] | None:
    """The value under the top-level key `wanted`, and its raw bytes; None if there is no such key.

    Raises InvalidTorrentFile where any part of the dictionary is malformed.
    """
    reader = _Reader(data, strict=False)
    if data[:1] != b"d":
        raise reader.error("it does not begin like one")
    reader.position = 1
    found = None
    while data[reader.position : reader.position + 1] != b"e":
        key = reader.read_string()
        start = reader.position
        value = reader.read_value(depth=1)
        if key == wanted and found is None:
            found = value, data[start : reader.position]
    return found


def is_canonical(raw: bytes) -> bool:
    """Whether keys are sorted and unique and no number has leading zeros, as v2 torrents must be (BEP 52)."""
    try:
        _Reader(raw, strict=True).read_value(depth=1)
    except InvalidTorrentFile:
        return False
    return True


class _Reader:
    """Reads values one after the other; `position` is where the next one starts."""

    def __init__(self, data: bytes, *, strict: bool) -> None:
        self.position = 0
        self._data = data
        self._strict = strict
        self._items_left = MAX_ITEMS

    def error(self, problem: str) -> InvalidTorrentFile:
        return InvalidTorrentFile(
            f"This is not a valid .torrent file: {problem} (byte {self.position}); download it again."
        )

    def read_value(self, depth: int) -> Value:
        """One value, with a stack of our own instead of recursion; `depth` containers are open around it."""
        open_items: list[list[Value]] = []
        kinds: list[int] = []
        while True:
            self._items_left -= 1
            if self._items_left < 0:
                raise self.error("it has too many items")
            kind = self._data[self.position] if self.position < len(self._data) else None
            if kind in (_DICT, _LIST):
                if depth + len(kinds) + 1 >= MAX_DEPTH:
                    raise self.error("it is nested too deeply")
                self.position += 1
                open_items.append([])
                kinds.append(kind)
                continue
            value: Value
            if kind == _END and kinds:
                items = open_items.pop()
                value = self._as_dict(items) if kinds.pop() == _DICT else items
                self.position += 1
            else:
                value = self._read_integer() if kind == _INT else self.read_string()
            if not kinds:
                return value
            open_items[-1].append(value)

    def read_string(self) -> bytes:
        match = _STRING.match(self._data, self.position)
        if match is None:
            raise self.error("it is cut off or damaged")
        self._check_digits(match[1])
        end = match.end() + int(match[1])
        if end > len(self._data):
            raise self.error("it is cut off")
        self.position = end
        return self._data[match.end() : end]

    def _read_integer(self) -> int:
        match = _INTEGER.match(self._data, self.position)
        if match is None or (number := int(match[1])) not in _INT64:
            raise self.error("it has a damaged number")
        self._check_digits(match[1])
        self.position = match.end()
        return number

    def _check_digits(self, digits: bytes) -> None:
        if self._strict and digits[:1] == b"0" and len(digits) > 1:
            raise self.error("a number has leading zeros")

    def _as_dict(self, items: list[Value]) -> dict[bytes, Value]:
        """Keys and values in turn, as a dictionary. The first of equal keys counts, as in libtorrent."""
        result: dict[bytes, Value] = {}
        last = b""
        if len(items) % 2:
            raise self.error("a key has no value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, bytes):
                raise self.error("a key is not text")
            if self._strict and result and key <= last:
                raise self.error("its keys are not sorted")
            result.setdefault(key, value)
            last = key
        return result

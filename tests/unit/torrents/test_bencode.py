"""The reader: limits, spans, and hostile input in bounded time."""

import time
from collections.abc import Callable

import libtorrent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbdispatch.torrents.bencode import MAX_ITEMS, is_canonical, read_from_dict
from qbdispatch.torrents.errors import InvalidTorrentFile
from tests.unit.torrents.oracle import bencoded

VALUES = st.recursive(
    st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.binary(max_size=3), inner, max_size=3),
)


def refused(data: bytes) -> bool:
    try:
        read_from_dict(data, b"info")
    except InvalidTorrentFile:
        return True
    return False


@given(VALUES, st.binary(max_size=5))
def test_a_value_comes_back_with_exactly_its_own_bytes(value: object, after: bytes) -> None:
    """The hash is taken over those bytes, so not one more or less, wherever they stand."""
    raw = bencoded(value)
    data = b"d1:a" + bencoded([b"i", {b"info": 1}]) + b"4:info" + raw + b"1:zi0ee" + after
    assert read_from_dict(data, b"info") == (value, raw)


@given(VALUES)
def test_sorted_unique_keys_are_canonical_and_any_other_order_is_not(value: object) -> None:
    """libtorrent's own encoder sorts, so what it writes is canonical; the same keys reversed are not."""
    assert is_canonical(libtorrent.bencode(value))  # type: ignore[arg-type]
    assert not is_canonical(bencoded({b"b": value, b"a": value}))
    assert not is_canonical(b"d1:a" + bencoded(value) + b"1:a" + bencoded(value) + b"e")
    assert not is_canonical(b"9:cut off")


@pytest.mark.parametrize("raw", [b"i007e", b"li00ee", b"01:x", b"d02:abi1ee"])
def test_leading_zeros_are_read_but_not_canonical(raw: bytes) -> None:
    """Nobody minds in v1 torrents; v2 ones must not have them."""
    assert not refused(b"d1:a" + raw + b"e")
    assert not is_canonical(raw)


def test_of_equal_keys_the_first_counts_as_in_libtorrent() -> None:
    """Else two readers would see two torrents in one file."""
    assert read_from_dict(b"d4:infoi1e4:infoi2ee", b"info") == (1, b"i1e")
    assert read_from_dict(b"d4:infod1:ai1e1:ai2eee", b"info") == ({b"a": 1}, b"d1:ai1e1:ai2ee")


def test_a_missing_key_is_none() -> None:
    """Only malformed data is an error."""
    assert read_from_dict(b"de", b"info") is None


HOSTILE = [
    b"", b"d", b"l", b"i1e", b"4:info", b"le", b"d4:info", b"d4:infoe", b"d1:a", b"d1:ai1e", b"di1ei2ee", b"dlei1ee",
    b"d3:ab",
    b"d1:ad1:bee", b"d1:ad1:bi1e1:ce", b"d1:ali1e", b"d1:aie", b"d1:ai-ee", b"d1:ai--1ee", b"d1:ai1.5ee", b"d1:ai 1ee",
    b"d1:a-1:xe", b"d1:a1e", b"d1:a99999999999:xe", b"d1:ai1", b"d1:ae", b"d1:axe", b"d1:adi1ei1eee",
]  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE)
def test_damaged_data_is_refused_as_libtorrent_refuses_it(data: bytes) -> None:
    """Cut off, of the wrong shape, or not bencoding at all."""
    with pytest.raises(RuntimeError):
        libtorrent.load_torrent_buffer(data)
    assert refused(data)


def nested(levels: int) -> bytes:
    """`levels` lists inside one another, under a key: levels + 1 containers deep."""
    return b"d1:a" + b"l" * levels + b"e" * levels + b"e"


def as_torrent(filler: bytes) -> bytes:
    """A valid torrent after `filler`, which is a key and a value."""
    info = {b"length": 1, b"name": b"n", b"piece length": 16384, b"pieces": b"p" * 20}
    return b"d" + filler + b"4:info" + bencoded(info) + b"e"


@pytest.mark.parametrize("digits", [1, 15, 16, 17, 20, 21, 5000])
@pytest.mark.parametrize("filler", [b"1:ai%se", b"1:ai-%se", b"%s1:ai0e"])
def test_the_number_of_digits_is_limited_as_in_libtorrent(filler: bytes, digits: int) -> None:
    """With zeros in front, so that the value itself fits."""
    torrent = as_torrent(filler % (b"0" * digits))
    try:
        libtorrent.load_torrent_buffer(torrent)
    except RuntimeError:
        assert refused(torrent)
    else:
        assert not refused(torrent)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**20 - 1])
def test_a_number_beyond_64_bits_is_refused(number: int) -> None:
    """libtorrent would read it as 0, and other readers as something else again."""
    assert refused(b"d1:ai%dee" % number)
    assert not refused(b"d1:ai%dee" % (2**63 - 1))
    assert not refused(b"d1:ai%dee" % -(2**63))


@pytest.mark.parametrize("levels", [97, 98, 99, 100])
def test_the_depth_limit_is_libtorrents(levels: int) -> None:
    """One level more would pass here and fail on every node."""
    torrent = as_torrent(nested(levels)[1:-1])
    try:
        libtorrent.load_torrent_buffer(torrent)
    except RuntimeError:
        assert refused(torrent)
    else:
        assert not refused(torrent)


def test_the_number_of_items_is_limited() -> None:
    """A few megabytes must not become gigabytes of objects."""
    assert refused(b"d1:al" + b"le" * (MAX_ITEMS // 2 + 1) + b"ee")


SIZE = 10_000_000


@pytest.mark.parametrize(
    "build",
    [
        lambda: b"d" * SIZE,
        lambda: b"l" * SIZE,
        lambda: b"d1:a" + b"l" * SIZE,
        lambda: b"d1:ai" + b"9" * SIZE + b"e",
        lambda: b"d" + b"9" * SIZE + b":",
        lambda: b"d1:a" + b"d1:a" * (SIZE // 4),
        lambda: b"d9999999:" + b"x" * (SIZE - 10),
    ],
    ids=["d", "l", "nested l", "digits", "length digits", "nested d", "cut string"],
)  # fmt: skip
def test_ten_hostile_megabytes_are_refused_at_once(build: Callable[[], bytes]) -> None:
    """None of these needs more than a look at its beginning."""
    data = build()
    started = time.process_time()
    assert refused(data)
    assert time.process_time() - started < 1


def test_the_work_grows_in_step_with_the_input() -> None:
    """Eight times the items may not take a hundred times as long, nested as deep as allowed."""

    def seconds(count: int) -> float:
        data = b"d1:al" + (b"d1:x" * 90 + b"le" + b"e" * 90) * count + b"ee"
        started = time.process_time()
        assert not refused(data)
        return time.process_time() - started

    small = min(seconds(150) for _ in range(3))
    assert seconds(1200) < small * 40


@given(st.binary())
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    """No other exception escapes."""
    refused(data)
    refused(b"d" + data)
    is_canonical(data)

""".torrent files, held to libtorrent: same hashes, same size, same refusals."""

import hashlib
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import libtorrent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbdispatch.torrents.errors import InvalidTorrentFile
from qbdispatch.torrents.metainfo import parse_torrent_file
from tests.unit.torrents.oracle import Reading, bencoded, reads_file

# Where we are more lenient than libtorrent: what changes neither hash nor size is left to the node to refuse.
LEFT_TO_THE_NODE = ("piece layer", "v1 and v2 file metadata does not match")

FLAGS = {
    "v1": libtorrent.create_torrent.v1_only,
    "v2": libtorrent.create_torrent.v2_only,
    "hybrid": 0,
}
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=12).filter(
    lambda name: not set(name) & set("/\\") and name not in (".", "..")
)


def ours(content: bytes) -> Reading:
    """Our verdict in the oracle's form."""
    try:
        source = parse_torrent_file(content)
    except InvalidTorrentFile as error:
        return Reading(refusal=str(error))
    assert source.content == content
    return Reading(source.hashes.v1, source.hashes.v2, source.size_bytes)


def assert_agrees(content: bytes) -> None:
    """Same hashes and size as libtorrent, or both refuse; but for what we leave to the node."""
    mine, theirs = ours(content), reads_file(content)
    if mine.refusal is None and theirs.refusal is not None:
        assert any(reason in theirs.refusal for reason in LEFT_TO_THE_NODE), theirs
    elif mine.refusal is None or theirs.refusal is None:
        assert mine == theirs


def created(root: str, files: dict[str, int], kind: str, piece_length: int = 16384) -> bytes:
    """A .torrent as libtorrent creates it from files on disk: path from the torrent's name on → bytes."""
    with tempfile.TemporaryDirectory() as folder:
        for path, size in files.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(random.Random(path).randbytes(size))
        entries = [libtorrent.create_file_entry(path, size) for path, size in files.items()]
        torrent = libtorrent.create_torrent(entries, piece_length, FLAGS[kind])
        libtorrent.set_piece_hashes(torrent, folder)
        torrent.add_tracker("http://tracker.example/announce")
        content: bytes = libtorrent.bencode(torrent.generate())
        return content


@st.composite
def file_lists(draw: st.DrawFn) -> tuple[str, dict[str, int]]:
    """A name and one file of that name, or several below it, at least one of them not empty."""
    root = draw(NAMES)
    sizes = st.sampled_from((0, 1, 100, 16383, 16384, 16385, 50_000))
    if draw(st.booleans()):
        return root, {root: draw(sizes.filter(bool))}
    below = st.lists(NAMES, min_size=2, max_size=2, unique=True).map(lambda parts: "/".join((root, *parts)))
    paths = draw(st.lists(below | NAMES.map(lambda name: f"{root}/{name}"), min_size=1, max_size=5))
    files = {path: draw(sizes) for path in paths}
    files = {path: size for path, size in files.items() if not any(o.startswith(path + "/") for o in files)}
    files[next(iter(files))] = draw(sizes.filter(bool))
    return root, files


@settings(max_examples=60)
@given(file_lists(), st.sampled_from(sorted(FLAGS)), st.sampled_from((16384, 32768)))
def test_torrents_made_by_libtorrent_are_read_as_libtorrent_reads_them(
    case: tuple[str, dict[str, int]], kind: str, piece_length: int
) -> None:
    """Single and many files, empty ones, padding between them; v1, v2 and hybrid."""
    root, files = case
    content = created(root, files, kind, piece_length)
    reading = ours(content)
    assert reading == reads_file(content)
    assert reading.size_bytes == sum(files.values())
    assert (reading.v1 is not None, reading.v2 is not None) == (kind != "v2", kind != "v1")
    assert parse_torrent_file(content).name == root


def shuffled(value: Any, rng: random.Random) -> Any:
    """The same dictionaries with their keys in another order, all the way down."""
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: shuffled(value[key], rng) for key in keys}
    return [shuffled(item, rng) for item in value] if isinstance(value, list) else value


SAMPLES = {
    f"{kind} {len(files)}": created("n", files, kind)
    for kind in FLAGS
    for files in ({"n": 40_000}, {"n/a": 20_000, "n/b/c": 5, "n/d": 0})
}


@given(st.sampled_from(sorted(SAMPLES)), st.randoms(use_true_random=False), st.booleans())
def test_unsorted_keys_are_hashed_as_they_stand(name: str, rng: random.Random, whole: bool) -> None:
    """libtorrent takes any order in v1 and outside info; decoding and encoding again would change the hash."""
    metainfo: Any = libtorrent.bdecode(SAMPLES[name])
    content = bencoded(shuffled(metainfo, rng) if whole else metainfo | {b"info": shuffled(metainfo[b"info"], rng)})
    assert_agrees(content)


@settings(max_examples=400)
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_a_damaged_file_is_read_as_libtorrent_reads_it_or_refused(name: str, data: st.DataObject) -> None:
    """A few bytes changed, cut out or put in, anywhere."""
    content = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content)))
        cut = data.draw(st.integers(0, 2))
        content[at : at + cut] = data.draw(
            st.sampled_from((b"", b"0", b"1", b"9", b"e", b"d", b"i", b":", b"-", b"\xff"))
        )
    assert_agrees(bytes(content))


def odd(*usual: Any) -> st.SearchStrategy[Any]:
    """Mostly a usual value; sometimes one of the wrong type, size or sign."""
    strange: tuple[Any, ...] = (0, -1, 1, 5, 2**44, 2**48, 2**62, b"", b"x", b"p", [], {}, [1], [b"a"])
    return st.sampled_from(usual * 6 + strange)


def tree_leaf(size: Any, root: Any, attr: Any = b"") -> dict[bytes, Any]:
    return {b"": {b"attr": attr, b"length": size, b"pieces root": root}}


ROOT = b"r" * 32
FILE = st.fixed_dictionaries(
    {b"length": odd(100, 20_000), b"path": odd([b"a"], [b"b", b"c"])},
    optional={b"attr": odd(b"", b"x", b"p", b"l"), b"path.utf-8": odd([b"d"], [b"_____padding_file_1_"])},
)
LEAF = st.builds(tree_leaf, odd(100, 16384), odd(ROOT, b"\0" * 32), odd(b"", b"x"))
TREE = st.dictionaries(st.sampled_from((b"a", b"b", b"")), LEAF | odd({b"c": tree_leaf(7, ROOT)}), max_size=3)
INFO = st.fixed_dictionaries(
    {b"piece length": odd(16384, 32768, 16385, 8192), b"name": odd(b"n", b"..", b"/.", b"a/b")},
    optional={
        b"length": odd(100, 16384, 40_000),
        b"files": st.lists(FILE, max_size=3) | odd([]),
        b"file tree": TREE | odd({}),
        b"meta version": odd(2, 2, 1, 3),
        b"pieces": odd(b"p" * 20, b"p" * 40),
        b"name.utf-8": odd(b"u", b""),
        b"private": odd(1),
    },
)


def is_documented_strictness(info: dict[bytes, Any]) -> bool:
    """A v1 half without files is refused here, whatever v2 says."""
    return info.get(b"meta version") == 2 and info.get(b"files") == []


@settings(max_examples=1000)
@given(INFO)
def test_odd_info_sections_are_judged_as_libtorrent_judges_them(info: dict[bytes, Any]) -> None:
    """Keys missing, of the wrong type, out of range, contradicting one another."""
    if not is_documented_strictness(info):
        assert_agrees(bencoded({b"info": dict(sorted(info.items()))}))


V1_INFO = {b"length": 100, b"name": b"n", b"piece length": 16384, b"pieces": b"p" * 20}
V2_INFO = {b"file tree": {b"n": tree_leaf(100, ROOT)}, b"meta version": 2, b"name": b"n", b"piece length": 16384}
HYBRID_INFO = dict(sorted((V1_INFO | V2_INFO).items()))


def torrent(info: dict[bytes, Any], **changes: Any) -> bytes:
    """A .torrent with `info` changed: `piece_length=1` sets it, `pieces=None` takes it away."""
    named = {key.replace("_", " ").encode(): value for key, value in changes.items()}
    merged = {key: value for key, value in (info | named).items() if value is not None}
    return bencoded({b"info": dict(sorted(merged.items()))})


def files(*entries: dict[bytes, Any]) -> dict[str, Any]:
    return {"length": None, "files": list(entries)}


def tree_of(depth: int) -> dict[bytes, Any]:
    tree = tree_leaf(100, ROOT)
    for _ in range(depth):
        tree = {b"a": tree}
    return tree


A, PAD = {b"length": 5, b"path": [b"a"]}, {b"length": 9, b"attr": b"p", b"path": [b".pad", b"9"]}
MAX_FILE = (2**30 - 1) * 16384 - 1  # libtorrent counts a file's 16 KiB blocks in 30 bits
BIG = 32767 * 16384  # its largest piece


@pytest.mark.parametrize(
    ("content", "size_bytes"),
    [
        (torrent(V1_INFO), 100),
        (torrent(V1_INFO) + b"\r\n", 100),
        (torrent(V1_INFO, attr=b"p"), 0),
        (torrent(V1_INFO, piece_length=5, length=5), 5),
        (torrent(V1_INFO, meta_version=1), 100),
        (torrent(V1_INFO, meta_version=0), 100),
        (torrent(V1_INFO, meta_version=-7), 100),
        (torrent(V1_INFO, files={}), 100),
        (torrent(V1_INFO, **files(A, PAD)), 5),
        (torrent(V1_INFO, **files(A, {b"length": 9, b"attr": b"xp"})), 5),
        (torrent(V1_INFO, **files(A, {b"length": 6, b"path": [b"_____padding_file_0_x"]})), 5),
        (torrent(V1_INFO, **files(A, {b"length": 6, b"attr": b"l", b"path": [b"b"]})), 5),
        (torrent(V1_INFO, **files(A, {b"attr": b"l", b"path": [b"b"], b"symlink path": [b"a"]})), 5),
        (torrent(V1_INFO, **files({b"length": 5, b"path.utf-8": [b"a"]})), 5),
        (torrent(V1_INFO, **files({b"length": 5, b"path": [b"a"], b"path.utf-8": 1})), 5),
        (torrent(V1_INFO, name=b"", **files(A)), 5),
        (torrent(V1_INFO, **files({b"length": 5, b"path": [b"a"] * 100})), 5),
        (torrent(V2_INFO), 100),
        (torrent(V2_INFO, file_tree={b"a": {}, b"b": tree_leaf(1, ROOT), b"c": {b"": {b"length": 0}}}), 1),
        (torrent(V2_INFO, file_tree=tree_of(90)), 100),
        (torrent(V2_INFO, file_tree={b"n": tree_leaf(2**21 * 16384, ROOT)}), 2**35),
        (torrent(V2_INFO, piece_length=2**28, file_tree={b"n": tree_leaf(MAX_FILE, ROOT)}), MAX_FILE),
        (torrent(HYBRID_INFO), 100),
        (torrent(HYBRID_INFO, pieces=None), 100),
    ],
)
def test_what_libtorrent_takes_is_taken_with_its_size(content: bytes, size_bytes: int) -> None:
    """Sizes worked out by hand: padding and links take no space."""
    assert ours(content) == reads_file(content)
    assert ours(content).size_bytes == size_bytes


@pytest.mark.parametrize(
    "content",
    [
        b"", b"d", b"de", b"le", b"i1e", b"<!DOCTYPE html>", b"d4:infolee", b"d4:infoi1e4:info" + torrent(V1_INFO)[7:],
        torrent(V1_INFO, name=None), torrent(V1_INFO, name=b""), torrent(V1_INFO, name=b"./."),
        torrent(V1_INFO, name=1),
        torrent(V1_INFO, length=None), torrent(V1_INFO, length=0, pieces=b""), torrent(V1_INFO, length=-1),
        torrent(V1_INFO, length=b"5"), torrent(V1_INFO, length=MAX_FILE + 1, piece_length=BIG),
        torrent(V1_INFO, pieces=None), torrent(V1_INFO, pieces=1), torrent(V1_INFO, pieces=b""),
        torrent(V1_INFO, pieces=b"p" * 21), torrent(V1_INFO, pieces=b"p" * 40), torrent(V1_INFO, length=16385),
        torrent(V1_INFO, piece_length=None), torrent(V1_INFO, piece_length=0), torrent(V1_INFO, piece_length=-16384),
        torrent(V1_INFO, piece_length=BIG + 1), torrent(V1_INFO, meta_version=3), torrent(V1_INFO, file_tree={}),
        torrent(V1_INFO, **files()), torrent(V1_INFO, **files(A, {b"length": 5})), torrent(V1_INFO, files=[1]),
        torrent(V1_INFO, **files({b"length": 5, b"path": []})), torrent(V1_INFO, **files({b"length": 5, b"path": [1]})),
        torrent(V1_INFO, **files({b"path": [b"a"]})), torrent(V1_INFO, **files({b"length": 5, b"path": [b"a", 1]})),
        torrent(V1_INFO, **files({b"length": -5, b"path": [b"a"]}, A)),
        torrent(V1_INFO, **files({b"length": 5, b"path": [b"a"] * 101})),
        torrent(V1_INFO, piece_length=BIG, pieces=b"p" * 20 * (20 * MAX_FILE // BIG + 1),
                **files(*[{b"length": MAX_FILE, b"path": [b"a"]}] * 20)),
        torrent(V1_INFO, length=(2**21 + 1) * 16384, pieces=b"p" * 20 * (2**21 + 1)),
        torrent(V2_INFO, file_tree=None), torrent(V2_INFO, file_tree={}), torrent(V2_INFO, file_tree={b"a": 1}),
        torrent(V2_INFO, file_tree={b"a": {b"": 1}}), torrent(V2_INFO, file_tree=tree_leaf(5, ROOT)),
        torrent(V2_INFO, file_tree={b"a": tree_leaf(5, ROOT, b"p")}),
        torrent(V2_INFO, file_tree={b"a": tree_leaf(5, b"r")}),
        torrent(V2_INFO, file_tree={b"a": tree_leaf(5, b"\0" * 32)}),
        torrent(V2_INFO, file_tree={b"a": tree_leaf(-5, ROOT)}),
        torrent(V2_INFO, file_tree={b"a": {b"": {b"length": 5}}}), torrent(V2_INFO, file_tree=tree_of(99)),
        torrent(V2_INFO, file_tree={b"a": tree_leaf(5, ROOT) | {b"b": tree_leaf(5, ROOT)}}),
        torrent(V2_INFO, file_tree={b"n": tree_leaf(2**21 * 16384 + 1, ROOT)}),
        torrent(V2_INFO, piece_length=2**28, file_tree={b"%02d" % n: tree_leaf(MAX_FILE, ROOT) for n in range(17)}),
        torrent(V2_INFO, file_tree={b"": tree_leaf(5, ROOT), b"a": tree_leaf(5, ROOT)}),
        torrent(V2_INFO, piece_length=2**28, file_tree={b"n": tree_leaf(MAX_FILE + 1, ROOT)}),
        torrent(V2_INFO, piece_length=8192), torrent(V2_INFO, piece_length=16384 * 3),
        torrent(V2_INFO, pieces=b"p" * 40),
        torrent(HYBRID_INFO, length=99), torrent(HYBRID_INFO, meta_version=1), torrent(HYBRID_INFO, file_tree={}),
        b"d4:info" + bencoded(dict(reversed(V2_INFO.items()))) + b"e",
        b"d4:info" + bencoded(V2_INFO)[:-1].replace(b"i2e", b"i02e") + b"ee",
    ],
)  # fmt: skip
def test_what_libtorrent_refuses_is_refused(content: bytes) -> None:
    """No client could use these; better said now than by every node in turn."""
    assert reads_file(content).refusal is not None
    with pytest.raises(InvalidTorrentFile, match=r"\.$"):
        parse_torrent_file(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (torrent(V2_INFO)[:-1] + b"12:piece layersd1:x1:yee", "piece layer"),
        (torrent(HYBRID_INFO, name=b"another"), "does not match"),
    ],
)
def test_what_changes_neither_hash_nor_size_is_left_to_the_node(content: bytes, reason: str) -> None:
    """Checking it would mean building hash trees and sanitising paths as libtorrent does."""
    assert reason in (reads_file(content).refusal or "")
    assert ours(content).refusal is None


@pytest.mark.parametrize(
    "content",
    [bencoded({b"magnet-uri": b"magnet:?xt=urn:btih:" + b"a" * 40}), torrent(HYBRID_INFO, **files())],
)
def test_what_libtorrent_takes_and_we_do_not(content: bytes) -> None:
    """A magnet in a file, which older nodes refuse; and a hybrid whose v1 half is empty."""
    assert reads_file(content).refusal in (None, "only a magnet in it")
    assert ours(content).refusal is not None


def test_hashes_are_over_the_info_bytes_alone() -> None:
    """Worked out by hand: SHA-1 and SHA-256 of the slice; what stands round it does not matter."""
    info = bencoded(HYBRID_INFO)
    for before, after in ((b"", b""), (b"8:announce3:x:y", b"8:url-listle")):
        source = parse_torrent_file(b"d" + before + b"4:info" + info + after + b"e")
        assert source.hashes.v1 == hashlib.sha1(info).hexdigest()
        assert source.hashes.v2 == hashlib.sha256(info).hexdigest()


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ({b"name": b"a"}, "a"),
        ({b"name": b"a", b"name.utf-8": "\u00e4".encode()}, "\u00e4"),
        ({b"name": b"a", b"name.utf-8": 1}, "a"),
        ({b"name": b"a\xffb\n"}, "a\ufffdb"),
        ({b"name": b""}, None),
    ],
)
def test_the_name_is_the_utf8_one_if_there_is_one(names: dict[bytes, Any], name: str | None) -> None:
    """As libtorrent chooses; bytes that are no UTF-8 do no harm."""
    info = {key: value for key, value in V1_INFO.items() if key not in (b"name", b"length")}
    content = bencoded({b"info": info | names | {b"files": [A]}})
    assert reads_file(content).refusal is None
    assert parse_torrent_file(content).name == name


@given(st.binary() | st.binary().map(lambda tail: b"d4:infod" + tail))
def test_random_bytes_raise_nothing_but_our_error(content: bytes) -> None:
    """Whatever is uploaded."""
    ours(content)


@pytest.mark.parametrize(
    "content",
    [
        torrent(V1_INFO, length=None, files=[A] * 40_000)[:-1],
        torrent(V1_INFO, **files(*[{b"length": 0, b"path": [b"a"]}] * 40_000)),
        torrent(V2_INFO, file_tree={b"%06d" % number: tree_of(80) for number in range(500)}),
        b"d4:info" + b"d1:a" * 2_500_000,
        torrent(V1_INFO, name=b"\xff" * 10_000_000),
    ],
    ids=["cut", "many", "deep", "nested", "name"],
)
def test_large_hostile_files_take_bounded_time(content: bytes) -> None:
    """Megabytes at the worst shapes, in seconds at most."""
    started = time.process_time()
    ours(content)
    assert time.process_time() - started < 5

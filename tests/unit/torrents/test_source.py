"""The plain types: identity, ids, names, and what they refuse to be."""

import pytest

from qbdispatch.torrents.source import InfoHashes, TorrentSource, clean_name

V1, V2 = "0123456789abcdef0123456789abcdef01234567", "fedcba98" * 8


def test_the_key_is_v1_when_there_is_one_as_sonarr_and_radarr_compute_it() -> None:
    """A hybrid is keyed by v1, a v2-only torrent by all 64 digits."""
    assert InfoHashes(V1, V2).key == V1
    assert InfoHashes(V1, None).key == V1
    assert InfoHashes(None, V2).key == V2


def test_node_ids_are_all_the_40_digit_ids_a_node_may_use() -> None:
    """A node on libtorrent 2 lists a hybrid under the truncated v2 hash, one on 1.2 under v1."""
    assert InfoHashes(V1, V2).node_ids == (V1, V2[:40])
    assert InfoHashes(V1, None).node_ids == (V1,)
    assert InfoHashes(None, V2).node_ids == (V2[:40],)


@pytest.mark.parametrize(
    ("v1", "v2"),
    [
        (None, None),
        ("", None),
        (V1.upper(), None),
        (V1 + "0", None),
        (V1 + "\n", None),
        (None, V1),
        (V1, "x"),
    ],
)
def test_hashes_are_lower_case_hex_of_the_right_length_or_refused(v1: str | None, v2: str | None) -> None:
    """Whoever builds one from something unchecked finds out at once."""
    with pytest.raises(ValueError, match="hash"):
        InfoHashes(v1, v2)


def test_a_source_is_either_a_magnet_or_a_file() -> None:
    """Neither and both are refused; `is_file` tells which."""
    hashes = InfoHashes(V1)
    assert TorrentSource(hashes, None, None, content=b"d").is_file
    assert not TorrentSource(hashes, None, None, magnet="magnet:?").is_file
    with pytest.raises(ValueError, match="either"):
        TorrentSource(hashes, None, None)
    with pytest.raises(ValueError, match="either"):
        TorrentSource(hashes, None, None, magnet="magnet:?", content=b"d")


def test_a_repr_shows_no_passkey() -> None:
    """Trackers with passkeys stand in both the magnet and the file; a logged repr must not carry them."""
    magnet = TorrentSource(InfoHashes(V1), "n", None, magnet="magnet:?tr=http://t/PASSKEY")
    assert "PASSKEY" not in repr(magnet)
    assert "PASSKEY" not in repr(TorrentSource(InfoHashes(V1), "n", None, content=b"PASSKEY"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Some.Show.S01E01", "Some.Show.S01E01"),
        ("a\x00b\r\nc\x1b[31m", "a b c [31m"),
        ("photo\u202egnp.exe", "photo gnp.exe"),
        ("lone \ud800 surrogate", "lone   surrogate"),
        ("\u65e5\u672c \U0001f389", "\u65e5\u672c \U0001f389"),
        (" \t\n", None),
        ("", None),
        ("x" * 300, "x" * 255),
    ],
)
def test_names_are_fit_for_logs_pages_and_databases(text: str, name: str | None) -> None:
    """Control characters, text-direction marks and lone surrogates go; other scripts stay."""
    assert clean_name(text) == name

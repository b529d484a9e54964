"""Which of the known sizes counts."""

import pytest

from qbdispatch.config.settings import DispatcherSettings
from qbdispatch.dispatch.request import SizeSource, Submission, size_of
from qbdispatch.torrents.source import InfoHashes, TorrentSource
from tests.rig.disks import GIB

HASHES = InfoHashes(v1="a" * 40)
SETTINGS = DispatcherSettings(default_size_gb=7, category_sizes_gb={"tv": 5})


@pytest.mark.parametrize(
    ("is_file", "own", "estimate", "category", "expected"),
    [
        (True, 1, 2 * GIB, "tv", (1, SizeSource.TORRENT)),
        (True, 0, 2 * GIB, "tv", (0, SizeSource.TORRENT)),
        (False, 1, 2 * GIB, "tv", (2 * GIB, SizeSource.ESTIMATE)),
        (False, 1, None, "tv", (1, SizeSource.MAGNET)),
        (False, None, None, "tv", (5 * GIB, SizeSource.CATEGORY)),
        (False, None, None, "tv/hd", (7 * GIB, SizeSource.DEFAULT)),
        (False, None, None, "", (7 * GIB, SizeSource.DEFAULT)),
    ],
)
def test_the_surest_size_that_is_known_counts(
    is_file: bool, own: int | None, estimate: int | None, category: str, expected: tuple[int, SizeSource]
) -> None:
    """The file's own, else the client's estimate, else the magnet's xl, else the category's, else the default."""
    content, magnet = (b"x", None) if is_file else (None, "magnet:?")
    source = TorrentSource(HASHES, None, own, magnet, content)
    submission = Submission(source, size_estimate_bytes=estimate, fields={"category": category} if category else {})
    assert size_of(submission, SETTINGS) == expected


@pytest.mark.parametrize(
    ("given", "own", "title"), [("given", "own", "given"), (None, "own", "own"), ("", None, "a" * 40)]
)
def test_a_torrent_is_called_by_the_best_name_there_is(given: str | None, own: str | None, title: str) -> None:
    """The client's name, else its own, else the hash."""
    assert Submission(TorrentSource(HASHES, own, None, "magnet:?"), name=given).title == title

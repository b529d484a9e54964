"""A submission as the routes hand it to the dispatcher, and the size it is taken to have."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from qbdispatch.config.settings import DispatcherSettings, gib
from qbdispatch.scoring.model import Policy
from qbdispatch.torrents.source import TorrentSource

_CATEGORY = re.compile(r"[^\\/]+(/[^\\/]+)*")


class SizeSource(StrEnum):
    """Where the size of a torrent was taken from; the first that is known, in this order."""

    PRESENT = "its data is there already"
    TORRENT = "torrent file"
    ESTIMATE = "size_estimate_gb"
    MAGNET = "magnet's xl"
    CATEGORY = "category_sizes_gb"
    DEFAULT = "default_size_gb"


@dataclass(frozen=True, slots=True)
class Submission:
    """One torrent to be placed. `fields` are the form fields of qBittorrent's `torrents/add`, as the client sent
    them; `category` is among them where one was given."""

    source: TorrentSource
    name: str | None = None
    size_estimate_bytes: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def category(self) -> str:
        return self.fields.get("category", "")

    @property
    def title(self) -> str:
        """What people know it by: the given name, else the torrent's own, else the hash."""
        return self.name or self.source.name or self.source.hashes.key


def is_category(name: str) -> bool:
    """Whether qBittorrent accepts the name; it drops any other without a word."""
    return _CATEGORY.fullmatch(name) is not None


def size_of(submission: Submission, settings: DispatcherSettings) -> tuple[int, SizeSource]:
    """The bytes to claim, and where that figure comes from."""
    source = submission.source
    if source.is_file and source.size_bytes is not None:
        return source.size_bytes, SizeSource.TORRENT
    if submission.size_estimate_bytes is not None:
        return submission.size_estimate_bytes, SizeSource.ESTIMATE
    if source.size_bytes is not None:
        return source.size_bytes, SizeSource.MAGNET
    if submission.category in settings.category_sizes_gb:
        return gib(settings.category_sizes_gb[submission.category]), SizeSource.CATEGORY
    return gib(settings.default_size_gb), SizeSource.DEFAULT


def policy(settings: DispatcherSettings, stale_after_seconds: float) -> Policy:
    """The user's wishes in scoring's own type."""
    return Policy(
        disk_weight=settings.disk_weight,
        download_weight=settings.download_weight,
        bandwidth_weight=settings.bandwidth_weight,
        min_score=settings.min_score,
        stale_after_seconds=stale_after_seconds,
    )

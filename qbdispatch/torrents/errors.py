"""Why a submission cannot be used. Every message is a sentence for the user and ends in what to do next.

Messages never quote the submitted link: trackers' passkeys live in magnets and URLs.
"""

from qbdispatch.errors import QbdispatchError


class TorrentError(QbdispatchError):
    """The submitted link or file is not a torrent that can be added."""


class InvalidMagnet(TorrentError):
    """The magnet link is damaged, or names no BitTorrent hash."""


class InvalidTorrentFile(TorrentError):
    """The bytes are not a .torrent file that a node would accept."""


class FetchFailed(TorrentError):
    """A URL did not yield a torrent."""

"""From a link that a client sent to a torrent: magnets and hashes as they are, http(s) URLs fetched here.

A node would fetch a URL later by itself, and nobody would learn the hash, the size or the failure.
"""

from qbdispatch.config.settings import FetchSettings
from qbdispatch.torrents.fetch import fetch_torrent
from qbdispatch.torrents.link import FetchableUrl, source_from_link
from qbdispatch.torrents.source import TorrentSource


def read_link(link: str, fetch: FetchSettings, cookie: str | None = None) -> TorrentSource:
    """The torrent behind a link; `cookie` goes to the first host only. Raises `TorrentError`."""
    found = source_from_link(link)
    if not isinstance(found, FetchableUrl):
        return found
    return fetch_torrent(
        found.url,
        cookie=cookie,
        allow_private=fetch.allow_private,
        timeout_seconds=fetch.timeout_s,
        max_bytes=int(fetch.max_mb * 2**20),
    )

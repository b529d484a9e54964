"""Any text a client submits as a torrent: which kind it is, and whether we take that kind.

Nodes would also open file paths on their own disks; those never get past here.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from qbdispatch.torrents.errors import TorrentError
from qbdispatch.torrents.magnet import check_text, parse_magnet
from qbdispatch.torrents.source import TorrentSource

_BARE_V1 = re.compile(r"[0-9A-Fa-f]{40}|[2-7A-Za-z]{32}")  # the bare hashes qBittorrent itself takes
_BARE_V2 = re.compile(r"[0-9A-Fa-f]{64}")


@dataclass(frozen=True, slots=True)
class FetchableUrl:
    """An http(s) URL for `fetch.fetch_torrent`. Not in the repr: its query may hold a passkey."""

    url: str = field(repr=False)


def source_from_link(link: str) -> TorrentSource | FetchableUrl:
    """A magnet or bare hash as a source, an http(s) URL to be fetched. Raises TorrentError for all else."""
    link = link.strip()
    if _BARE_V1.fullmatch(link):
        return parse_magnet(f"magnet:?xt=urn:btih:{link}")
    if _BARE_V2.fullmatch(link):
        return parse_magnet(f"magnet:?xt=urn:btmh:1220{link}")
    scheme = link.partition(":")[0].lower()
    if scheme == "magnet":
        return parse_magnet(link)
    if scheme in ("http", "https"):
        split_http_url(link)
        return FetchableUrl(link)
    raise TorrentError(
        "Only magnet links, info-hashes and http(s) URLs can be submitted; upload a .torrent file instead."
    )


def split_http_url(url: str) -> SplitResult:
    """The parts of an http(s) URL with a host and a usable port. Raises TorrentError."""
    check_text(url)
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and " " not in parts.netloc
        usable = parts.scheme in ("http", "https") and has_host and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not close
        usable = False
    if not usable:
        raise TorrentError("The URL is not a usable http:// or https:// address; check its host and port.")
    return parts

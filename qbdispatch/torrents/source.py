"""The plain types a submission is turned into. Owns identity and display name; reads no format itself."""

import re
from dataclasses import dataclass, field

V2_LENGTH = 64
MAX_SIZE_BYTES = 2**60  # beyond any torrent; a larger figure is a mistake or an attack
_MAX_NAME_LENGTH = 255
_V1_HEX = re.compile(r"[0-9a-f]{40}")
_V2_HEX = re.compile(r"[0-9a-f]{64}")
# Control characters, line separators, lone surrogates, and the marks that reverse the direction of text.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class InfoHashes:
    """The BitTorrent v1 (BEP 3, SHA-1) and v2 (BEP 52, SHA-256) hashes, of which at least one is known.

    Raises ValueError for none at all, or for anything but lower-case hex of the right length.
    """

    v1: str | None = None
    v2: str | None = None

    def __post_init__(self) -> None:
        if self.v1 is None and self.v2 is None:
            raise ValueError("a torrent has a v1 hash, a v2 hash or both")
        if self.v1 is not None and not _V1_HEX.fullmatch(self.v1):
            raise ValueError("a v1 hash is 40 lower-case hex digits")
        if self.v2 is not None and not _V2_HEX.fullmatch(self.v2):
            raise ValueError("a v2 hash is 64 lower-case hex digits")

    @classmethod
    def read(cls, text: str) -> "InfoHashes":
        """From either hash in hex, upper or lower case. Raises ValueError for anything else."""
        lower = text.lower()
        return cls(v2=lower) if len(lower) == V2_LENGTH else cls(v1=lower)

    @property
    def key(self) -> str:
        """The canonical identity: v1, else the full v2 hash, as Sonarr and Radarr compute it."""
        return self.v1 or self.v2 or ""

    @property
    def node_ids(self) -> tuple[str, ...]:
        """Every 40-hex id a node may list the torrent under.

        qBittorrent on libtorrent 2 shows the truncated v2 hash where there is one, on 1.2 always v1.
        """
        return tuple(name for name in (self.v1, self.v2 and self.v2[:40]) if name)


@dataclass(frozen=True, slots=True)
class TorrentSource:
    """One torrent to add. Neither `magnet` nor `content` shows in a repr: both hold passkeys."""

    hashes: InfoHashes
    name: str | None  # for people: cleaned, shortened; None if unknown
    size_bytes: int | None  # a file's sum without padding; a magnet's own claim (`xl`); None if unknown
    magnet: str | None = field(default=None, repr=False)  # what a node is sent, or …
    content: bytes | None = field(default=None, repr=False)  # … the .torrent file; exactly one is set

    def __post_init__(self) -> None:
        if (self.magnet is None) == (self.content is None):
            raise ValueError("a source is either a magnet or a file")

    @property
    def is_file(self) -> bool:
        """True for a .torrent file, False for a magnet."""
        return self.content is not None


def clean_name(text: str) -> str | None:
    """`text` fit for logs, pages and databases, at most 255 characters; None if nothing is left."""
    return _UNPRINTABLE.sub(" ", text).strip()[:_MAX_NAME_LENGTH].rstrip() or None

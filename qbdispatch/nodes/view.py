"""One node's torrents as the leader knows them, kept up by `sync/maindata` increments, and what follows from them.

Owns the arithmetic of disk space on the node's side; does not own when to poll (`dispatch.watcher`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qbdispatch.nodes.dialects import has_settled_size, is_active_download, is_paused_download
from qbdispatch.torrents.source import InfoHashes

FREE_SPACE_RENEWED_SECONDS = 30.0
"""How seldom qBittorrent measures its free space (a timer in its sources); 4.x a poll later still."""

KEEP_FREE_SPACE_SECONDS = 60.0
_MOST = 2**60  # beyond any disk


@dataclass(slots=True)
class Torrent:
    """What we keep of a torrent on a node. Sizes in bytes; `v1` and `v2` are `None` where it has none. `row` is all
    that the node said of it."""

    node_id: str
    name: str = ""
    state: str = "unknown"
    size: int = 0
    amount_left: int = 0
    completed: int = 0
    content_path: str = ""
    infohash_v1: str | None = None
    infohash_v2: str | None = None
    row: dict[str, Any] = field(default_factory=dict)

    @property
    def v1(self) -> str | None:
        """4.3 does not tell the two apart and has v1 only, under `hash`."""
        return self.node_id if self.infohash_v1 is None else self.infohash_v1.lower() or None

    @property
    def v2(self) -> str | None:
        return (self.infohash_v2 or "").lower() or None

    @property
    def has_settled_size(self) -> bool:
        return has_settled_size(self.state, self.size)

    def update(self, row: Mapping[str, Any]) -> None:
        """Take over the fields that a row brings, as far as they have the type that qBittorrent gives them."""
        self.row |= row
        for name in ("name", "state", "content_path", "infohash_v1", "infohash_v2"):
            if isinstance(row.get(name), str):
                setattr(self, name, row[name])
        for name in ("size", "amount_left", "completed"):
            if (figure := _number(row.get(name))) is not None:
                setattr(self, name, max(0, figure))


@dataclass(slots=True)
class Change:
    """What one poll changed: ids with any change, those among them that are new or have new hashes, and ids that are
    gone. `full`: all is listed."""

    full: bool
    changed: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)


class NodeView:
    """The node's torrents and server state after any number of polls."""

    def __init__(self) -> None:
        self.rid = 0
        self.torrents: dict[str, Torrent] = {}
        self.server_state: dict[str, Any] = {}
        self.categories: dict[str, str] = {}  # name to save path
        self.tags: set[str] = set()
        self._free: tuple[int, float] | None = None
        self._left_before: dict[str, int] = {}
        self._left_since: dict[str, int] = {}
        self._since = 0.0

    def apply(self, answer: Mapping[str, Any], *, now: float, interval_seconds: float) -> Change:
        """Take over one answer to `sync/maindata`. `now` is any steady clock, `interval_seconds` the polling pace."""
        change = Change(full=bool(answer.get("full_update")))
        if change.full:
            self.torrents, self.server_state, self.categories, self.tags = {}, {}, {}, set()
        self.rid = _number(answer.get("rid")) or 0
        self.server_state |= _section(answer, "server_state")
        for node_id, row in _section(answer, "torrents").items():
            self._update(node_id, row, change)
        for node_id in _names(answer, "torrents_removed"):
            if self.torrents.pop(node_id, None) is not None:
                change.removed.add(node_id)
        self._apply_labels(answer)
        self._remember_left(now, interval_seconds)
        self._remember_free(now)
        return change

    def _apply_labels(self, answer: Mapping[str, Any]) -> None:
        for name, category in _section(answer, "categories").items():
            self.categories[name] = str(category.get("savePath") or "") if isinstance(category, dict) else ""
        for name in _names(answer, "categories_removed"):
            self.categories.pop(name, None)
        self.tags = (self.tags | set(_names(answer, "tags"))) - set(_names(answer, "tags_removed"))

    def _update(self, node_id: str, row: Any, change: Change) -> None:
        if not isinstance(row, dict):
            return
        change.changed.add(node_id)
        if node_id not in self.torrents or "infohash_v1" in row or "infohash_v2" in row:
            change.listed.add(node_id)
        self.torrents.setdefault(node_id, Torrent(node_id)).update(row)

    def _remember_left(self, now: float, interval_seconds: float) -> None:
        """Keep the highest `amount_left` of each torrent over the time that the free space may be old.

        `amount_left` falls at once while the reported free space is up to half a minute old: subtracting today's from
        yesterday's would count bytes as free that have just been written.
        """
        if now - self._since > FREE_SPACE_RENEWED_SECONDS + 2 * interval_seconds:
            self._left_before, self._left_since, self._since = self._left_since, {}, now
        for torrent in self.torrents.values():
            if torrent.amount_left > self._left_since.get(torrent.node_id, 0):
                self._left_since[torrent.node_id] = torrent.amount_left

    def _remember_free(self, now: float) -> None:
        """0 or less means that the node has not measured yet, as after its start or a new login."""
        reported = _number(self.server_state.get("free_space_on_disk")) or 0
        if reported > 0:
            self._free = (reported, now)
        elif self._free and now - self._free[1] > KEEP_FREE_SPACE_SECONDS:
            self._free = None

    def refresh(self, rows: Mapping[str, Mapping[str, Any]]) -> set[str]:
        """Take over full rows, as `torrents/info` has them; answers the ids of the torrents that are known."""
        known = rows.keys() & self.torrents.keys()
        for node_id in known:
            self.torrents[node_id].update({name: value for name, value in rows[node_id].items() if name != "hash"})
        return known

    def find(self, hashes: InfoHashes) -> Torrent | None:
        """The torrent with any of these hashes, also where the node lists it under a hash we do not know."""
        for node_id in hashes.node_ids:
            if node_id in self.torrents:
                return self.torrents[node_id]
        same = (
            torrent
            for torrent in self.torrents.values()
            if (hashes.v1 and torrent.v1 == hashes.v1) or (hashes.v2 and torrent.v2 == hashes.v2)
        )
        return next(same, None)

    @property
    def free_bytes(self) -> int | None:
        """The node's own figure; `None` where it does not know."""
        return self._free[0] if self._free else None

    @property
    def lacks_disk_space(self) -> bool:
        """Whether the space that it cannot name is none: what it was loading has stopped with an error."""
        failed = any(torrent.state == "error" and torrent.amount_left for torrent in self.torrents.values())
        return failed and self.free_bytes is None

    @property
    def outstanding_bytes(self) -> int:
        """What the unfinished torrents will still write beyond what the free space figure may show."""
        left = (max(self._left_before.get(node_id, 0), self._left_since.get(node_id, 0)) for node_id in self.torrents)
        return min(sum(left), _MOST)

    def figure(self, name: str) -> int:
        """A figure of the server state, 0 where the node does not give it."""
        return _number(self.server_state.get(name)) or 0

    @property
    def active_downloads(self) -> int:
        return sum(is_active_download(torrent.state, torrent.amount_left) for torrent in self.torrents.values())

    @property
    def paused_downloads(self) -> int:
        return sum(is_paused_download(torrent.state) for torrent in self.torrents.values())


def _section(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = answer.get(name)
    return section if isinstance(section, dict) else {}


def _names(answer: Mapping[str, Any], name: str) -> list[str]:
    names = answer.get(name)
    return [one for one in names if isinstance(one, str)] if isinstance(names, list) else []


def _number(value: Any) -> int | None:
    """A figure as a node may give it; `None` for what is no number, or one that no database holds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_MOST <= value <= _MOST:
        return None
    return int(value)

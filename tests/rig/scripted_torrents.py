"""What a scripted node holds: torrents in the words of one qBittorrent version, and its maindata deltas.

Owns: rows, the parsing of what is added, and per-session increments. It knows nothing of HTTP or of faults.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import libtorrent

Row = dict[str, Any]

# As real nodes list a magnet that has just been added; taken from 4.5.2, 5.1.0 and 5.3.0.
_COMMON: Row = {
    "amount_left": 0,
    "auto_tmm": False,
    "availability": 0,
    "category": "",
    "completed": 0,
    "completion_on": -1,
    "content_path": "",
    "dl_limit": 0,
    "dlspeed": 0,
    "download_path": "",
    "downloaded": 0,
    "downloaded_session": 0,
    "eta": 8640000,
    "f_l_piece_prio": False,
    "force_start": False,
    "infohash_v1": "",
    "infohash_v2": "",
    "magnet_uri": "",
    "max_ratio": -1,
    "max_seeding_time": -1,
    "name": "",
    "num_complete": 0,
    "num_incomplete": 0,
    "num_leechs": 0,
    "num_seeds": 0,
    "priority": 1,
    "progress": 0,
    "ratio": 0,
    "ratio_limit": -2,
    "save_path": "",
    "seeding_time": 0,
    "seeding_time_limit": -2,
    "seen_complete": -1,
    "seq_dl": False,
    "size": 0,
    "state": "metaDL",
    "super_seeding": False,
    "tags": "",
    "time_active": 0,
    "total_size": -1,
    "tracker": "",
    "trackers_count": 0,
    "up_limit": 0,
    "uploaded": 0,
    "uploaded_session": 0,
    "upspeed": 0,
}
_SINCE_5_0: Row = {
    "comment": "",
    "has_metadata": False,
    "inactive_seeding_time_limit": -2,
    "max_inactive_seeding_time": -1,
    "popularity": 0,
    "private": None,
    "reannounce": 0,
    "root_path": "",
}
_SINCE_5_2: Row = {
    "connections_count": 0,
    "share_limit_action": "Default",
    "share_limits_mode": "Default",
    "total_wasted": 0,
}
TRANSFER: Row = {
    "connection_status": "connected",
    "dht_nodes": 0,
    "dl_info_data": 0,
    "dl_info_speed": 0,
    "dl_rate_limit": 0,
    "up_info_data": 0,
    "up_info_speed": 0,
    "up_rate_limit": 0,
}
PREFERENCES: Row = {
    "alt_dl_limit": 10240,
    "auto_tmm_enabled": False,
    "dht": False,
    "dl_limit": 0,
    "max_active_downloads": -1,
    "preallocate_all": False,
    "queueing_enabled": False,
    "temp_path": "/downloads/temp",
    "temp_path_enabled": False,
}


@dataclass(frozen=True)
class Parsed:
    """One thing to add, as libtorrent reads it."""

    hash: str
    v1: str
    v2: str
    name: str
    size_bytes: int | None
    magnet: str
    padded_bytes: int = -1
    """All files with their padding, which v2 torrents have; what a node calls total_size."""


def parse_url(text: str) -> Parsed | None:
    """A magnet or a bare hash; None for anything else, such as an http address."""
    uri = text if text.startswith("magnet:") else f"magnet:?xt=urn:btih:{text}"
    try:
        parameters = libtorrent.parse_magnet_uri(uri)
    except RuntimeError:
        return None
    return _parsed(parameters.info_hashes, parameters.name, None, uri)


def parse_file(data: bytes) -> Parsed | None:
    """A .torrent file; None where libtorrent refuses it."""
    try:
        info = libtorrent.torrent_info(data)
    except (RuntimeError, ValueError):
        return None
    magnet = libtorrent.make_magnet_uri(info)
    return _parsed(info.info_hashes(), info.name(), info.size_on_disk(), magnet, info.total_size())


def _parsed(
    hashes: libtorrent.info_hash_t, name: str, size_bytes: int | None, magnet: str, padded_bytes: int = -1
) -> Parsed:
    v1 = str(hashes.v1) if hashes.has_v1() else ""
    v2 = str(hashes.v2) if hashes.has_v2() else ""
    held = (v2 or v1)[:40]
    return Parsed(held, v1, v2, name or held, size_bytes, magnet, padded_bytes)


def new_row(parsed: Parsed, fields: Mapping[str, str], version: tuple[int, ...], save_path: str) -> Row:
    """The row a node of that version shows for what was just added."""
    row = _COMMON | (_SINCE_5_0 if version >= (5, 0) else {}) | (_SINCE_5_2 if version >= (5, 2) else {})
    stopped_field, stopped_state = ("stopped", "stoppedDL") if version >= (5, 0) else ("paused", "pausedDL")
    row |= {
        "added_on": int(time.time()),
        "last_activity": int(time.time()),
        "category": fields.get("category", ""),
        "infohash_v1": parsed.v1,
        "infohash_v2": parsed.v2,
        "magnet_uri": parsed.magnet,
        "name": fields.get("rename") or parsed.name,
        "save_path": fields.get("savepath") or save_path,
        "tags": ", ".join(tag.strip() for tag in fields.get("tags", "").split(",") if tag.strip()),
    }
    if parsed.size_bytes is not None:
        row |= {"size": parsed.size_bytes, "amount_left": parsed.size_bytes, "state": "stalledDL"}
        row |= {"total_size": parsed.padded_bytes}
        row |= {"has_metadata": True, "private": False} if version >= (5, 0) else {}
    if fields.get(stopped_field, "").lower() == "true":
        row["state"] = stopped_state
    return row


@dataclass
class _Sent:
    """What one answer showed: the ground the next delta stands on."""

    rid: int
    view: dict[str, Any]


@dataclass
class MaindataSession:
    """One login's place in the stream of increments."""

    last_rid: int = 0
    sent: _Sent | None = None
    acknowledged: _Sent | None = None
    _sections: tuple[str, ...] = field(default=("torrents", "categories"), repr=False)

    def answer(self, rid: int, view: dict[str, Any]) -> dict[str, Any]:
        """A delta since the answer the client names, or everything where it names none we remember."""
        ground = self._ground(rid)
        self.last_rid = self.last_rid % 1_000_000 + 1
        self.acknowledged = ground
        self.sent = _Sent(self.last_rid, copy.deepcopy(view))
        answer: dict[str, Any] = {"rid": self.last_rid}
        if ground is None:
            full = {key: held for key, held in copy.deepcopy(view).items() if held}
            return answer | {"full_update": True} | full
        old = ground.view["tags"]
        for section in self._sections:
            answer |= _section_delta(section, ground.view[section], view[section])
        for name, change in (("tags", set(view["tags"]) - set(old)), ("tags_removed", set(old) - set(view["tags"]))):
            answer |= {name: sorted(change)} if change else {}
        state = _changed(ground.view["server_state"], view["server_state"])
        return answer | ({"server_state": state} if state else {})

    def _ground(self, rid: int) -> _Sent | None:
        for known in (self.sent, self.acknowledged):
            if known is not None and rid == known.rid:
                return known
        return None


def _section_delta(section: str, old: dict[str, Row], new: dict[str, Row]) -> dict[str, Any]:
    changed = {key: _changed(old.get(key, {}), row) for key, row in new.items() if old.get(key) != row}
    removed = sorted(old.keys() - new.keys())
    return ({section: changed} if changed else {}) | ({f"{section}_removed": removed} if removed else {})


def _changed(old: Row, new: Row) -> Row:
    return {key: copy.deepcopy(value) for key, value in new.items() if key not in old or old[key] != value}

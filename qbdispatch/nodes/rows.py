"""A node's row of a torrent as one of qBittorrent 5.1 would show it, whatever the node's version.

What must be changed on the way out: the hash (the one *arr computes), paths (the node's `path_map`), the names of
states, limits of -2 ("as the node's settings say", which a client would look up in settings that are not that node's),
and, while the node does not answer, a state in which no client imports, moves or deletes anything.
"""

import re
from collections.abc import Mapping
from typing import Any

from qbdispatch.config.settings import NodeSettings
from qbdispatch.nodes.paths import to_client

# fmt: off
FIELDS = (
    "added_on", "amount_left", "auto_tmm", "availability", "category", "comment", "completed", "completion_on",
    "content_path", "dl_limit", "dlspeed", "download_path", "downloaded", "downloaded_session", "eta", "f_l_piece_prio",
    "force_start", "has_metadata", "hash", "inactive_seeding_time_limit", "infohash_v1", "infohash_v2", "last_activity",
    "magnet_uri", "max_inactive_seeding_time", "max_ratio", "max_seeding_time", "name", "num_complete",
    "num_incomplete", "num_leechs", "num_seeds", "popularity", "priority", "private", "progress", "ratio",
    "ratio_limit", "reannounce", "root_path", "save_path", "seeding_time", "seeding_time_limit", "seen_complete",
    "seq_dl", "size", "state", "super_seeding", "tags", "time_active", "total_size", "tracker", "trackers_count",
    "up_limit", "uploaded", "uploaded_session", "upspeed",
)
# fmt: on
"""The fields of a row in Web API 2.11.4."""

_DEFAULTS: dict[str, Any] = dict.fromkeys(FIELDS, 0) | {
    **dict.fromkeys(("auto_tmm", "f_l_piece_prio", "force_start", "seq_dl", "super_seeding", "has_metadata"), False),
    **dict.fromkeys(("category", "comment", "content_path", "download_path", "infohash_v1", "infohash_v2"), ""),
    **dict.fromkeys(("magnet_uri", "name", "root_path", "save_path", "tags", "tracker"), ""),
    **dict.fromkeys(("completion_on", "max_inactive_seeding_time", "max_seeding_time"), -1),
    **dict.fromkeys(("inactive_seeding_time_limit", "seeding_time_limit"), -2),
    **dict.fromkeys(("availability", "popularity", "progress", "ratio"), 0.0),
    "eta": 8640000,
    "has_metadata": False,
    "max_ratio": -1.0,
    "ratio_limit": -2.0,
    "state": "unknown",
    "total_size": -1,
}
_OTHERS = [(name, default) for name, default in _DEFAULTS.items() if name not in ("hash", "private")]
_MOST = 2**63 - 1  # what clients hold in 64 bits
_LIMITS = (
    ("ratio_limit", "max_ratio"),
    ("seeding_time_limit", "max_seeding_time"),
    ("inactive_seeding_time_limit", "max_inactive_seeding_time"),
)
_LIMIT_FIELDS = (
    ("ratio_limit", "ratioLimit"),
    ("seeding_time_limit", "seedingTimeLimit"),
    ("inactive_seeding_time_limit", "inactiveSeedingTimeLimit"),
)
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")
_PATHS = ("save_path", "content_path", "download_path", "root_path")
_STATES = {"pausedDL": "stoppedDL", "pausedUP": "stoppedUP", "allocating": "downloading"}
_AT_REST = frozenset({"stoppedDL", "error", "missingFiles"})
_USE_SETTINGS = -2


def outward_row(raw: Mapping[str, Any], hash_: str, node: NodeSettings, *, away: bool) -> dict[str, Any]:
    """The row as clients are to see it, `hash` first. `away`: the node does not answer, this is what it said last."""
    row = {"hash": hash_} | {name: _typed(raw.get(name), default) for name, default in _OTHERS}
    row["private"] = raw["private"] if isinstance(raw.get("private"), bool) else None
    if "has_metadata" not in raw:
        row["has_metadata"] = row["total_size"] >= 0
    if "infohash_v1" not in raw:  # before 4.4, which knows v1 alone
        row["infohash_v1"] = hash_
    for name in _PATHS:
        row[name] = to_client(row[name], node.path_map)
    for own, effective in _LIMITS:
        if row[own] == _USE_SETTINGS:
            row[own] = row[effective]
    row["state"] = _STATES.get(row["state"], row["state"])
    if away:
        row |= {"state": _harmless(row), "dlspeed": 0, "upspeed": 0, "num_seeds": 0, "num_leechs": 0}
    return row


def _typed(value: Any, default: Any) -> Any:
    """The value if it is of the default's kind: some clients take the whole list for broken over one wrong type."""
    if isinstance(default, str | bool):
        return value if isinstance(value, type(default)) else default
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_MOST <= value <= _MOST:
        return default
    return value if isinstance(default, float) else int(value)


def _harmless(row: Mapping[str, Any]) -> str:
    """Finished ones must not look finished: their files may be out of reach, and *arr would import or move them."""
    if row["state"] in _AT_REST:
        return str(row["state"])
    return "checkingUP" if row["progress"] >= 1 else "queuedDL"


def expected_row(
    fields: Mapping[str, str], *, name: str, size_bytes: int, magnet: str | None, added_on: int
) -> dict[str, Any]:
    """A node's row as it will be in a moment: what is listed of a torrent that the node has just taken."""
    stopped = "true" in (fields.get("stopped", "").lower(), fields.get("paused", "").lower())
    return {
        "added_on": added_on,
        "amount_left": size_bytes,
        "category": fields.get("category", ""),
        "magnet_uri": magnet or "",
        "name": fields.get("rename") or name,
        "save_path": fields.get("savepath", ""),
        "size": size_bytes,
        "state": "stoppedDL" if stopped else "metaDL" if magnet else "queuedDL",
        "tags": ", ".join(tag.strip() for tag in fields.get("tags", "").split(",") if tag.strip()),
        "total_size": size_bytes or -1,
        **{own: float(given) for own, field in _LIMIT_FIELDS if _NUMBER.fullmatch(given := fields.get(field, ""))},
    }

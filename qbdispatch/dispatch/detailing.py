"""What only a torrent's own node knows of it: asked live, kept, and served as last known while the node is away."""

from typing import Any

from qbdispatch.config.settings import NodeSettings
from qbdispatch.dispatch.library import Entry
from qbdispatch.nodes.paths import to_client
from qbdispatch.store import details
from qbdispatch.store.engine import Store

KEPT = frozenset({"properties", "files", "trackers", "webseeds"})
# fmt: off
_FROM_ROW = {
    "addition_date": "added_on", "comment": "comment", "completion_date": "completion_on", "dl_limit": "dl_limit",
    "dl_speed": "dlspeed", "download_path": "download_path", "eta": "eta", "has_metadata": "has_metadata",
    "hash": "hash", "infohash_v1": "infohash_v1", "infohash_v2": "infohash_v2", "is_private": "private",
    "last_seen": "seen_complete", "name": "name", "peers": "num_leechs", "peers_total": "num_incomplete",
    "popularity": "popularity", "private": "private", "progress": "progress", "reannounce": "reannounce",
    "save_path": "save_path", "seeding_time": "seeding_time", "seeds": "num_seeds", "seeds_total": "num_complete",
    "share_ratio": "ratio", "time_elapsed": "time_active", "total_downloaded": "downloaded",
    "total_downloaded_session": "downloaded_session", "total_size": "total_size", "total_uploaded": "uploaded",
    "total_uploaded_session": "uploaded_session", "up_limit": "up_limit", "up_speed": "upspeed",
}
_NOT_IN_ROW = {
    "created_by": "", "creation_date": -1, "dl_speed_avg": 0, "nb_connections": 0, "nb_connections_limit": -1,
    "piece_size": -1, "pieces_have": 0, "pieces_num": -1, "total_wasted": 0, "up_speed_avg": 0,
}
# fmt: on
_ONLY_NEWER = frozenset({"availability"})


def outward_detail(kind: str, document: Any, entry: Entry, node: NodeSettings) -> Any:
    """A node's answer as 5.1 would give it: the hash we list, clients' paths, no field missing or too much."""
    if kind != "properties" or not isinstance(document, dict):
        return document
    shown = {name: value for name, value in document.items() if name not in _ONLY_NEWER}
    for name in ("save_path", "download_path"):
        shown[name] = to_client(str(shown.get(name) or ""), node.path_map)
    return properties_from_row(entry) | shown | {"hash": entry.hash}


def properties_from_row(entry: Entry) -> dict[str, Any]:
    """What the list says of a torrent, in the shape of `torrents/properties`."""
    row = entry.row
    return (
        {name: row[source] for name, source in _FROM_ROW.items()} | _NOT_IN_ROW | {"is_private": bool(row["private"])}
    )


def keep_detail(store: Store, entry: Entry, kind: str, document: Any) -> None:
    """Remember an answer for when the node is away; properties once, as the list has what changes in them."""
    with store.read() as connection:
        known = details.get(connection, entry.hash, kind)
    if known == document or (kind == "properties" and known is not None):
        return
    with store.write() as connection:
        details.keep(connection, entry.hash, kind, document)


def last_known(store: Store, entry: Entry, kind: str) -> Any:
    """The last answer, `None` if there is none; properties follow the list."""
    with store.read() as connection:
        known = details.get(connection, entry.hash, kind)
    if kind != "properties":
        return known
    return properties_from_row(entry) | {name: value for name, value in (known or {}).items() if name in _NOT_IN_ROW}

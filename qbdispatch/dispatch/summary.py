"""The fleet as one server: its transfer figures and its preferences; pure.

Figures add up, except for free space: the sum would promise room that no single node has, so the roomiest node's
counts. Of preferences that nodes set differently, the one counts that keeps clients from harm.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]

# fmt: off
_SUMMED = (
    "alltime_dl", "alltime_ul", "dht_nodes", "dl_info_data", "dl_info_speed", "queued_io_jobs", "total_buffers_size",
    "total_peer_connections", "total_queued_size", "total_wasted_session", "up_info_data", "up_info_speed",
)
_TRANSFER = (
    "connection_status", "dht_nodes", "dl_info_data", "dl_info_speed", "dl_rate_limit", "last_external_address_v4",
    "last_external_address_v6", "up_info_data", "up_info_speed", "up_rate_limit",
)
# fmt: on
_CONSTANT = {
    "average_time_queue": 0,
    "last_external_address_v4": "",
    "last_external_address_v6": "",
    "read_cache_hits": "0",
    "read_cache_overload": "0",
    "refresh_interval": 1500,
    "use_subcategories": False,
    "write_cache_overload": "0",
}
_STATUS = ("disconnected", "firewalled", "connected")
_MOST = 2**62  # so that even a lying node's figure is one
_REMOVING = (1, 3)  # max_ratio_act: remove, remove with files (sharelimits.h)


def server_state(states: Sequence[Document], free_bytes: int) -> dict[str, Any]:
    """`server_state` of `sync/maindata` for the whole fleet. Rate limits: none if any node has none, else the sum."""
    summed = {name: sum(_number(state, name) for state in states) for name in _SUMMED}
    down, up = summed["alltime_dl"], summed["alltime_ul"]
    return dict(
        sorted(
            {
                **_CONSTANT,
                **summed,
                "connection_status": _best_status(states),
                "dl_rate_limit": _limit(states, "dl_rate_limit"),
                "free_space_on_disk": free_bytes,
                "global_ratio": f"{up / down:.2f}" if down else "-",
                "queueing": bool(states) and all(state.get("queueing") for state in states),
                "up_rate_limit": _limit(states, "up_rate_limit"),
                "use_alt_speed_limits": bool(states) and all(state.get("use_alt_speed_limits") for state in states),
            }.items()
        )
    )


def transfer_info(state: Document) -> dict[str, Any]:
    """`transfer/info` for the whole fleet, from its `server_state`."""
    return {name: state[name] for name in _TRANSFER}


def preferences(nodes: Sequence[Document]) -> dict[str, Any]:
    """`app/preferences` for the whole fleet: those of the first node, made safe.

    A limit that removes torrents counts if any node has one, so that Sonarr warns of it; queueing only if all have
    it, since queue positions are per node; DHT only if all have it, since any may get the next magnet.
    """
    if not nodes:
        return {}
    merged = dict(nodes[0])
    removing = [node["max_ratio_act"] for node in nodes if node.get("max_ratio_act") in _REMOVING]
    merged["max_ratio_act"] = max(removing) if removing else merged.get("max_ratio_act", 0)
    for name in ("queueing_enabled", "dht"):
        merged[name] = all(node.get(name) for node in nodes)
    for name in ("max_ratio", "max_seeding_time", "max_inactive_seeding_time"):
        enabled = [node for node in nodes if node.get(f"{name}_enabled")]
        merged[f"{name}_enabled"] = bool(enabled)
        merged[name] = min((limit for node in enabled if isinstance(limit := node.get(name), int | float)), default=-1)
    return merged


def _number(state: Document, name: str) -> int:
    value = state.get(name)
    return int(value) if isinstance(value, int | float) and -_MOST <= value <= _MOST else 0


def _limit(states: Sequence[Document], name: str) -> int:
    limits = [_number(state, name) for state in states]
    return sum(limits) if limits and all(limits) else 0


def _best_status(states: Sequence[Document]) -> str:
    seen = [state.get("connection_status") for state in states]
    return max((status for status in _STATUS if status in seen), key=_STATUS.index, default="disconnected")

"""Gathers the fleet's figures from the store for `dispatch.summary`."""

import time
from dataclasses import dataclass
from typing import Any

from qbdispatch.config.settings import Settings
from qbdispatch.dispatch import summary
from qbdispatch.nodes.endpoints import parse_version
from qbdispatch.nodes.paths import to_client
from qbdispatch.scoring.room import effective_free
from qbdispatch.store import facts, mirror, snapshots
from qbdispatch.store.engine import Store


@dataclass(frozen=True, slots=True)
class Overview:
    """The fleet as one server."""

    server_state: dict[str, Any]
    transfer_info: dict[str, Any]
    preferences: dict[str, Any]


def overview(settings: Settings, store: Store) -> Overview:
    """The fleet's figures now; a node that is away counts as last seen, but without speed."""
    with store.read() as connection:
        figures = mirror.figures(connection)
        latest = snapshots.latest(connection)
        fleet = facts.gather(
            connection, settings.nodes, max_downloads=settings.dispatcher.max_downloads, now=time.time()
        )
    rooms = effective_free(fleet, settings.sync.stale_after_s)
    usable = [room - node.min_free_bytes for node in fleet if (room := rooms[node.name]) is not None]
    states, preferences = [], []
    alike = sorted(zip(fleet, settings.nodes, strict=True), key=lambda pair: _unlike_5_1(latest.get(pair[0].name)))
    for node, known in alike:
        if (figure := figures.get(node.name)) is None:
            continue
        states.append(figure.state | ({"dl_info_speed": 0, "up_info_speed": 0} if node.fault else {}))
        if figure.preferences:
            paths = {
                name: to_client(str(figure.preferences.get(name) or ""), known.path_map)
                for name in ("save_path", "temp_path")
            }
            preferences.append(figure.preferences | paths)
    return Overview(
        server_state=summary.server_state(states, max(0, max(usable, default=0))),
        transfer_info=summary.transfer_info(states),
        preferences=summary.preferences(preferences),
    )


def _unlike_5_1(snapshot: snapshots.Snapshot | None) -> tuple[int, int]:
    """How far a node's version is from the one we pose as: the nearest one's preferences have the right names."""
    major, minor = parse_version(snapshot.version if snapshot else "v0.0")
    return (abs(major - 5), abs(minor - 1))

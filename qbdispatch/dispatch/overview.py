"""The fleet as one server, from what the store has of its nodes, or had when it last answered: gathers for
`dispatch.summary`.
"""

from functools import partial
from typing import Any

from sqlalchemy import Connection

from qbdispatch.config.settings import NodeSettings, Settings
from qbdispatch.dispatch import summary
from qbdispatch.nodes.endpoints import parse_version
from qbdispatch.nodes.paths import to_client
from qbdispatch.scoring.model import NodeFacts
from qbdispatch.scoring.room import effective_free
from qbdispatch.store import facts, mirror, snapshots
from qbdispatch.store.engine import Store

_PATHS = ("save_path", "temp_path")


def server_state(settings: Settings, store: Store) -> dict[str, Any]:
    """`server_state` of `sync/maindata`; a node that is away counts as last seen, but without speed."""
    states, fleet = store.recall("server_state", partial(_figures, settings, store.now()))
    rooms = effective_free(fleet, settings.sync.stale_after_s)
    usable = [room - node.min_free_bytes for node in fleet if (room := rooms[node.name]) is not None]
    silent = {"dl_info_speed": 0, "up_info_speed": 0}
    shown = [states[node.name] | (silent if node.fault else {}) for node in fleet if node.name in states]
    return summary.server_state(shown, max(0, max(usable, default=0)))


def transfer_info(settings: Settings, store: Store) -> dict[str, Any]:
    """`transfer/info`."""
    return summary.transfer_info(server_state(settings, store))


def preferences(settings: Settings, store: Store) -> dict[str, Any]:
    """`app/preferences`, in the names of the node whose version is nearest to the one we pose as."""
    known, versions = store.recall("preferences", _known_preferences)
    nodes = [node for node in settings.nodes if known.get(node.name)]
    nodes.sort(key=lambda node: _unlike_5_1(versions.get(node.name, "")))
    return summary.preferences([_outward(known[node.name], node) for node in nodes])


def _figures(settings: Settings, now: float, connection: Connection) -> tuple[dict[str, Any], list[NodeFacts]]:
    most = settings.dispatcher.max_downloads
    return mirror.server_states(connection), facts.gather(connection, settings.nodes, max_downloads=most, now=now)


def _known_preferences(connection: Connection) -> tuple[dict[str, Any], dict[str, str]]:
    versions = {name: snapshot.version for name, snapshot in snapshots.latest(connection).items()}
    return mirror.preferences(connection), versions


def _outward(known: dict[str, Any], node: NodeSettings) -> dict[str, Any]:
    return known | {name: to_client(str(known.get(name) or ""), node.path_map) for name in _PATHS}


def _unlike_5_1(version: str) -> tuple[int, int]:
    major, minor = parse_version(version)
    return (abs(major - 5), abs(minor - 1))

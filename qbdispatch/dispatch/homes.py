"""Finds the nodes that a submission belongs to by its save path, whatever room others have.

A path inside a `path_map` is a folder of that node alone. And a torrent that is to be seeded without a check, as
cross-seed adds them, belongs where the data is: on a node that has torrents in that very folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from qbdispatch.config.settings import NodeSettings
from qbdispatch.nodes.paths import is_mapped, to_node
from qbdispatch.store import mirror

_UNCHECKED = ("skip_checking", "seedMode")


@dataclass(frozen=True, slots=True)
class Home:
    """The nodes to choose from, none meaning all; `has_data`: what the torrent describes is on their disk already."""

    nodes: frozenset[str] = frozenset()
    has_data: bool = False


def find_home(connection: Connection, fields: Mapping[str, str], nodes: Sequence[NodeSettings]) -> Home:
    """Where a submission with these form fields belongs. Looks through listed torrents only where it is to skip the
    check."""
    path = fields.get("savepath", "")
    if not path:
        return Home()
    mapped = frozenset(node.name for node in nodes if is_mapped(path, node.path_map))
    if not any(fields.get(name, "").lower() == "true" for name in _UNCHECKED):
        return Home(mapped)
    candidates = [node for node in nodes if not mapped or node.name in mapped]
    with_data = frozenset(node.name for node in candidates if _has_torrents_in(connection, node, path))
    return Home(with_data or mapped, has_data=bool(with_data))


def _has_torrents_in(connection: Connection, node: NodeSettings, path: str) -> bool:
    there = to_node(path, node.path_map).rstrip("/")
    return mirror.any_in_folder(connection, node.name, [there, f"{there}/"])

"""Finds nodes whose folders clients cannot tell apart; `clashes` is pure.

*arr know a folder by the host's name and a prefix. All nodes have our name, so two disks need two prefixes.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from qbdispatch.config.settings import NodeSettings
from qbdispatch.nodes.paths import folder_key, to_client
from qbdispatch.store import mirror


def clashes(nodes: Sequence[NodeSettings], save_paths: Mapping[str, str]) -> dict[str, list[str]]:
    """Warnings by node, for those that show clients the save path of a node on another disk. `save_paths`: each
    node's as clients see it, where known. Nodes of one pool are on one disk."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        for other in nodes:
            if node is other or (node.pool is not None and node.pool == other.pool):
                continue
            path, theirs = save_paths.get(node.name), save_paths.get(other.name)
            if path and theirs and folder_key(path) == folder_key(theirs):
                found.setdefault(node.name, []).append(_sentence(path, other.name))
    return found


def known_save_paths(connection: Connection, nodes: Sequence[NodeSettings]) -> dict[str, str]:
    """Each node's default save path as clients see it, for the nodes that have told it."""
    told = mirror.preferences(connection)
    paths = {node: told[node.name].get("save_path") for node in nodes if node.name in told}
    return {node.name: to_client(path, node.path_map) for node, path in paths.items() if isinstance(path, str)}


def _sentence(path: str, other: str) -> str:
    return (
        f"shows clients the save path {path}, as node {other} does for another disk: give each node a prefix of its"
        " own with path_map, or both the same pool if it is one disk"
    )

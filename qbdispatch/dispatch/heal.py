"""Heals a torrent that a time-out of ours put on two nodes: the copy with more data stays, the other goes. So does one
that came of a time-out after it had been deleted.

Files are deleted with the copy only where they cannot be those of the copy that stays: never between nodes of one
pool, nor where both name the same path, as two nodes may have the same folder mounted, under one name of their own or
under one that their `path_map` gives it, nor where a path is not known. Nor are they where any other torrent names that
path, or one within or around it: the same release from two trackers is two torrents with the same files.
"""

import logging
from collections.abc import Collection, Container, Mapping
from typing import Any

from qbdispatch.config.settings import NodeSettings
from qbdispatch.dispatch.access import Fleet
from qbdispatch.dispatch.placed import record
from qbdispatch.dispatch.settle import Twin
from qbdispatch.nodes.paths import folder_key, to_client
from qbdispatch.store import claims, mirror, placements, vanished
from qbdispatch.store.claims import Phase
from qbdispatch.store.engine import Store

log = logging.getLogger(__name__)


def heal(twin: Twin, fleet: Fleet, store: Store) -> None:
    """Delete the lesser copy, or one that nobody wants. Raises `NodeError` where a node does not answer; the next poll
    tries again."""
    if twin.other is None:
        _lay(twin, fleet, store)
        return
    other = fleet.members.get(twin.other)
    if other is None:  # we cannot ask it; the copy here is placed, and is looked at again if that node comes back
        if twin.claim.phase is not Phase.GIVEN_UP:
            with store.write() as connection:
                claims.mark(connection, twin.claim.id, phase=Phase.GIVEN_UP, deadline=store.now())
        return
    row = other.call(lambda cookies: other.client.find(cookies, twin.claim.hashes))
    if row is None:
        return  # the other node's own poll will say so, and this copy then becomes the placement
    keep_here = twin.here.completed > int(row.get("completed") or 0)
    loser_name = twin.other if keep_here else twin.claim.node
    loser = fleet.members[loser_name]
    node_id = str(row["hash"]) if keep_here else twin.here.node_id
    delete_files = _has_its_own_files(loser_name, twin, row, fleet, store)
    began = store.now()
    loser.call(lambda cookies: loser.client.delete(cookies, [node_id], delete_files=delete_files))
    log.warning(
        'healed "%s" (%s): it was on %s and %s after an unanswered add; removed from %s',
        twin.claim.name,
        twin.claim.hashes.key,
        twin.claim.node,
        twin.other,
        loser_name,
    )
    _write_down(twin, fleet, store, loser_name, node_id, began)


def _lay(ghost: Twin, fleet: Fleet, store: Store) -> None:
    """Remove a torrent that was deleted before its unanswered add came to anything. Its files stay: the deletion may
    have left them on purpose, to be used by somebody else."""
    node = fleet.members[ghost.claim.node]
    began = store.now()
    node.call(lambda cookies: node.client.delete(cookies, [ghost.here.node_id], delete_files=False))
    log.warning(
        'removed "%s" (%s) from %s: an unanswered add came to something after the torrent was deleted',
        ghost.claim.name,
        ghost.claim.hashes.key,
        ghost.claim.node,
    )
    _write_down(ghost, fleet, store, ghost.claim.node, ghost.here.node_id, began)


def _has_its_own_files(loser: str, twin: Twin, row: Mapping[str, Any], fleet: Fleet, store: Store) -> bool:
    """Whether no other torrent can have its files where this copy has them, the copy that stays least of all."""
    here, other = fleet.members[twin.claim.node].node, fleet.members[str(twin.other)].node
    path, other_path = twin.here.content_path, str(row.get("content_path") or "")
    if not path or not other_path or (here.pool is not None and here.pool == other.pool):
        return False
    names, other_names = _names(path, here), _names(other_path, other)
    if not names.isdisjoint(other_names):
        return False
    copies = {(here.name, twin.here.node_id), (other.name, str(row["hash"]))}
    return not _is_used(names if loser == here.name else other_names, copies, fleet, store)


def _is_used(names: Collection[str], copies: Container[tuple[str, str]], fleet: Fleet, store: Store) -> bool:
    """Whether any listed torrent beside the copies has its files in a path of these names, or one within or around."""
    nodes = {node.name: node for node in fleet.settings}
    with store.read() as connection:
        listed = list(mirror.content_paths(connection))
    taken = (
        name
        for node, node_id, path in listed
        if path and node in nodes and (node, node_id) not in copies
        for name in _names(path, nodes[node])
    )
    return any(_overlap(name, mine) for name in taken for mine in names)


def _names(path: str, node: NodeSettings) -> set[str]:
    """What the node and clients call it."""
    return {folder_key(path), folder_key(to_client(path, node.path_map))}


def _overlap(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _write_down(twin: Twin, fleet: Fleet, store: Store, loser: str, node_id: str, began: float) -> None:
    with store.write() as connection:
        revision = mirror.next_revision(connection)  # the node may be gone before the next poll could show it
        mirror.remove(connection, loser, [node_id], revision=revision, seen_at=store.now(), touched=True)
        hashes = twin.claim.hashes
        found = placements.find(connection, hashes)
        placements.forget(connection, [one.id for one in found if one.node == loser])
        vanished.withdraw(connection, loser, [node_id], began)
        if loser == twin.claim.node:
            claims.release(connection, [twin.claim.id])
            return
        live = claims.live(connection, hashes)
        if live is not None and live.node == loser:
            claims.release(connection, [live.id])
        record(connection, twin.claim, fleet.members, store.now())

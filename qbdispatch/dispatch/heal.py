"""Heals a torrent that a time-out of ours put on two nodes: the copy with more data stays, the other goes. So does one
that came of a time-out after it had been deleted.

Files are deleted with the copy only where they cannot be those of the copy that stays: never between nodes of one
pool, nor where both name the same path, as two nodes may have the same folder mounted, under one name of their own or
under one that their `path_map` gives it, nor where a path is not known.
"""

import logging

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
    delete_files = not _may_share_files(twin, fleet, str(row.get("content_path") or ""))
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


def _may_share_files(twin: Twin, fleet: Fleet, other_path: str) -> bool:
    here, other = fleet.members[twin.claim.node].node, fleet.members[str(twin.other)].node
    if not twin.here.content_path or not other_path or (here.pool is not None and here.pool == other.pool):
        return True
    ours = {twin.here.content_path, to_client(twin.here.content_path, here.path_map)}
    theirs = {other_path, to_client(other_path, other.path_map)}
    return not {folder_key(path) for path in ours}.isdisjoint(folder_key(path) for path in theirs)


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

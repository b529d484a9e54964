"""Heals a torrent that a time-out of ours put on two nodes: the copy with more data stays, the other goes. So does one
that came of a time-out after it had been deleted.

Files are deleted with the copy only where they cannot be those of the copy that stays: never between nodes of one
pool, nor where both name the same path, as two nodes may have the same folder mounted.
"""

import logging

from qbdispatch.dispatch.access import Fleet
from qbdispatch.dispatch.ledger import record_placed
from qbdispatch.dispatch.settle import Twin
from qbdispatch.store import claims, mirror, placements
from qbdispatch.store.engine import Store

log = logging.getLogger(__name__)


def heal(twin: Twin, fleet: Fleet, store: Store) -> None:
    """Delete the lesser copy, or one that nobody wants. Raises `NodeError` where a node does not answer; the next poll
    tries again."""
    if twin.other is None:
        _lay(twin, fleet, store)
        return
    other = fleet.members.get(twin.other)
    if other is None:
        return
    row = other.call(lambda cookies: other.client.find(cookies, twin.claim.hashes))
    if row is None:
        return  # the other node's own poll will say so, and this copy then becomes the placement
    keep_here = twin.here.completed > int(row.get("completed") or 0)
    loser_name = twin.other if keep_here else twin.claim.node
    loser = fleet.members[loser_name]
    node_id = str(row["hash"]) if keep_here else twin.here.node_id
    delete_files = not _may_share_files(twin, fleet, str(row.get("content_path") or ""))
    loser.call(lambda cookies: loser.client.delete(cookies, [node_id], delete_files=delete_files))
    log.warning(
        'healed "%s" (%s): it was on %s and %s after an unanswered add; removed from %s',
        twin.claim.name,
        twin.claim.hashes.key,
        twin.claim.node,
        twin.other,
        loser_name,
    )
    _write_down(twin, store, loser_name, node_id)


def _lay(ghost: Twin, fleet: Fleet, store: Store) -> None:
    """Remove a torrent that was deleted before its unanswered add came to anything. Its files stay: the deletion may
    have left them on purpose, to be used by somebody else."""
    node = fleet.members[ghost.claim.node]
    node.call(lambda cookies: node.client.delete(cookies, [ghost.here.node_id], delete_files=False))
    log.warning(
        'removed "%s" (%s) from %s: an unanswered add came to something after the torrent was deleted',
        ghost.claim.name,
        ghost.claim.hashes.key,
        ghost.claim.node,
    )
    _write_down(ghost, store, ghost.claim.node, ghost.here.node_id)


def _may_share_files(twin: Twin, fleet: Fleet, other_path: str) -> bool:
    here, other = fleet.members[twin.claim.node].node, fleet.members[str(twin.other)].node
    return (here.pool is not None and here.pool == other.pool) or twin.here.content_path == other_path


def _write_down(twin: Twin, store: Store, loser: str, node_id: str) -> None:
    with store.write() as connection:
        revision = mirror.next_revision(connection)  # the node may be gone before the next poll could show it
        mirror.remove(connection, loser, [node_id], revision=revision, seen_at=store.now(), touched=True)
        hashes = twin.claim.hashes
        placements.forget(
            connection, [found.id for found in placements.find(connection, hashes) if found.node == loser]
        )
        if loser == twin.claim.node:
            claims.release(connection, [twin.claim.id])
            return
        live = claims.live(connection, hashes)
        if live is not None and live.node == loser:
            claims.release(connection, [live.id])
        record_placed(connection, twin.claim, store.now())

"""Writes down that a node has taken a torrent or lost it by a deletion: the placement, and what becomes of claims."""

from collections.abc import Container, Mapping

from sqlalchemy import Connection

from qbdispatch.store import claims, mirror, placements, vanished
from qbdispatch.store.claims import Claim, Phase
from qbdispatch.torrents.source import InfoHashes

APPEAR_WITHIN_SECONDS = 10.0
"""A node that took a torrent lists it within this time: qBittorrent adds asynchronously, but in well under a second."""


def record(connection: Connection, claim: Claim, nodes: Container[str], now: float) -> None:
    """Record the placement; the claim counts until the node shows the size.

    An earlier add that was given up on may have come to something on another of the `nodes` meanwhile. Then the claim
    is in doubt, by which the leader knows that there are two copies to heal. Where the worker was stopped for long, its
    claim may have ended as if nothing had come of it: it counts again.
    """
    found = placements.find(connection, claim.hashes)
    elsewhere = any(one.node != claim.node and one.node in nodes for one in found)
    seen = any(one.node == claim.node and one.decision_id == claim.decision_id for one in found)
    state = {"phase": Phase.DOUBT if elsewhere else Phase.ADDED, "deadline": now + APPEAR_WITHIN_SECONDS}
    if seen:  # a poll was faster, and may have ended the claim
        claims.mark(connection, claim.id, **state)
    else:
        claims.renew(connection, claim, **state)
    placements.record(
        connection,
        claim.node,
        claim.hashes,
        name=claim.name,
        placed_at=now,
        decision_id=claim.decision_id,
    )


def forget(connection: Connection, node: str, deleted: Mapping[str, InfoHashes], began: float, now: float) -> None:
    """These torrents, by the node's ids, were deleted there through us, at `began` at the earliest."""
    revision = mirror.next_revision(connection)
    mirror.remove(connection, node, deleted, revision=revision, seen_at=now, touched=True)
    placements.forget(connection, [found.id for found in placements.concerning(connection, node, deleted)])
    vanished.withdraw(connection, node, deleted, began)
    for hashes in deleted.values():
        live = claims.live(connection, hashes)
        if live is not None and live.node == node:
            claims.release(connection, [live.id])
        claims.give_up_doubts(connection, hashes)

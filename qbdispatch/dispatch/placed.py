"""Writes down that a node has taken a torrent: the placement, and what becomes of the claim."""

from collections.abc import Container
from dataclasses import dataclass

from sqlalchemy import Connection

from qbdispatch.store import claims, placements
from qbdispatch.store.claims import Claim, Phase
from qbdispatch.torrents.source import InfoHashes

APPEAR_WITHIN_SECONDS = 10.0
"""A node that took a torrent lists it within this time: qBittorrent adds asynchronously, but in well under a second."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A torrent that its node has, and the claim under which it came there."""

    claim_id: int
    node: str
    hashes: InfoHashes
    name: str
    decision_id: str


def record(connection: Connection, placed: Placed, nodes: Container[str], now: float) -> None:
    """Record the placement; the claim counts until the node shows the size.

    An earlier add that was given up on may have come to something on another of the `nodes` meanwhile. Then the claim
    is in doubt, by which the leader knows that there are two copies to heal.
    """
    others = {found.node for found in placements.find(connection, placed.hashes)} - {placed.node}
    phase = Phase.DOUBT if any(node in nodes for node in others) else Phase.ADDED
    claims.mark(connection, placed.claim_id, phase=phase, deadline=now + APPEAR_WITHIN_SECONDS)
    placements.record(
        connection,
        placed.node,
        placed.hashes,
        name=placed.name,
        placed_at=now,
        decision_id=placed.decision_id,
    )


def record_claim(connection: Connection, claim: Claim, nodes: Container[str], now: float) -> None:
    """The same for a claim whose worker does not tell any more."""
    record(connection, Placed(claim.id, claim.node, claim.hashes, claim.name, claim.decision_id), nodes, now)

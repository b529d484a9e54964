"""Turns what a poll of a node showed into the store's truth: placements, and the end of claims.

All of it happens in the transaction that keeps the snapshot, so that bytes move from "claimed" to "still to be
written by the node" at one moment and are never counted twice or not at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from qbdispatch.dispatch.ledger import record_placed
from qbdispatch.nodes.view import Change, NodeView, Torrent
from qbdispatch.store import claims, placements
from qbdispatch.store.claims import Claim, Phase

DOUBT_SECONDS = 60.0
"""How long a node must have answered before a doubt is dropped: a request that waited in the socket of a hung node
is carried out within moments of its return."""


@dataclass(frozen=True, slots=True)
class Poll:
    """One successful poll of `node`, begun at `polled_at`; the node has answered without fault since `up_since`."""

    node: str
    polled_at: float
    up_since: float
    view: NodeView
    change: Change


@dataclass(frozen=True, slots=True)
class Twin:
    """A torrent that our doubtful add left on `claim.node` while it was placed on `other` as well."""

    claim: Claim
    here: Torrent
    other: str


def settle(connection: Connection, poll: Poll) -> list[Twin]:
    """Write down what the poll showed; answers the torrents that ended up on two nodes."""
    _follow_placements(connection, poll)
    twins = []
    for claim in claims.on_node(connection, poll.node):
        torrent = poll.view.find(claim.hashes)
        if torrent is None:
            _end_if_over(connection, claim, poll)
            continue
        other = _placed_elsewhere(connection, claim) if claim.phase is Phase.DOUBT else None
        if other is not None:
            twins.append(Twin(claim, torrent, other))
        else:
            _listed(connection, claim, torrent, poll.polled_at)
    return twins


def _listed(connection: Connection, claim: Claim, torrent: Torrent, now: float) -> None:
    """The node lists the torrent: it is placed there, and the claim ends once the node knows its size."""
    if claim.phase is not Phase.ADDED:
        record_placed(connection, claim, now)
    if torrent.has_settled_size:
        claims.release(connection, [claim.id])
    elif not claim.shown:
        claims.mark(connection, claim.id, shown=True)


def _end_if_over(connection: Connection, claim: Claim, poll: Poll) -> None:
    """The node does not list the torrent. Past its deadline a claim ends: the add never came to anything, or the
    torrent was removed before its size was known."""
    deadline = max(claim.deadline, poll.up_since) + DOUBT_SECONDS if claim.phase is Phase.DOUBT else claim.deadline
    if poll.polled_at <= deadline:
        return
    placed = [found.id for found in placements.find(connection, claim.hashes) if found.node == claim.node]
    if claim.shown and placed:  # the node did list it: gone when its placement is (`NodeMirror.confirm_missing`)
        return
    claims.release(connection, [claim.id])
    placements.forget(connection, placed)
    poll.change.removed.update(claim.hashes.node_ids)  # it may have been listed while it was expected to appear


def _placed_elsewhere(connection: Connection, claim: Claim) -> str | None:
    found = placements.find(connection, claim.hashes)
    return next((placement.node for placement in found if placement.node != claim.node), None)


def _follow_placements(connection: Connection, poll: Poll) -> None:
    """Record torrents that were found, follow those that are listed under a new hash, forget those that are gone."""
    change, view = poll.change, poll.view
    listed = [view.torrents[node_id] for node_id in change.listed if node_id in view.torrents]
    if not listed and not change.removed:
        return
    recorded = _recorded(connection, poll, listed)
    by_hash = {hash_: found for found in recorded for hash_ in (found.node_id, found.v1, found.v2) if hash_}
    matched = _match(connection, poll, listed, by_hash)
    gone = (found.id for found in recorded if found.id not in matched and found.node_id in change.removed)
    placements.forget(connection, gone)


def _recorded(connection: Connection, poll: Poll, listed: Iterable[Torrent]) -> list[placements.Placement]:
    """The records that the change is about; a full list is about all of the node's."""
    if poll.change.full:
        return placements.on_node(connection, poll.node)
    hashes = {hash_ for torrent in listed for hash_ in (torrent.v1, torrent.v2, torrent.node_id) if hash_}
    return placements.concerning(connection, poll.node, hashes | poll.change.removed)


def _match(
    connection: Connection, poll: Poll, listed: Iterable[Torrent], by_hash: dict[str, placements.Placement]
) -> set[int]:
    """Pair torrents with records; answers the ids of records that were met."""
    matched: set[int] = set()
    found_rows: list[dict[str, Any]] = []
    for torrent in listed:
        # By its id first: a hybrid's v1 and v2 halves are two records, of which the node keeps the one under that id.
        known_as = (torrent.node_id, torrent.v1, torrent.v2)
        record = next((by_hash[hash_] for hash_ in known_as if hash_ in by_hash), None)
        if record is None:
            row = {
                "node": poll.node,
                "node_id": torrent.node_id,
                "v1": torrent.v1,
                "v2": torrent.v2,
                "decision_id": None,
            }
            found_rows.append({**row, "name": torrent.name, "placed_at": poll.polled_at})
            continue
        matched.add(record.id)
        known = (torrent.node_id, torrent.v1 or record.v1, torrent.v2 or record.v2)
        if known != (record.node_id, record.v1, record.v2):
            placements.change(connection, record.id, node_id=known[0], v1=known[1], v2=known[2])
    placements.add_many(connection, found_rows)
    return matched

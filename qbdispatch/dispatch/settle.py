"""Turns what a poll of a node showed into the store's truth: placements, and the end of claims.

All of it happens in the transaction that keeps the snapshot, so that bytes move from "claimed" to "still to be
written by the node" at one moment and are never counted twice or not at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from qbdispatch.dispatch.placed import record
from qbdispatch.nodes.view import Change, NodeView, Torrent
from qbdispatch.store import claims, mirror, placements, vanished
from qbdispatch.store.claims import Claim, Phase
from qbdispatch.store.placements import Placement

DOUBT_SECONDS = 60.0
"""How long a node must have answered before a doubt is dropped: a request that waited in the socket of a hung node
is carried out within moments of its return."""


@dataclass(frozen=True, slots=True)
class Poll:
    """One successful poll of `node`, begun at `polled_at`; the node has answered without fault since `up_since`.
    `unconfirmed` are the node's ids of what is missing from its list, but may yet be loaded."""

    node: str
    polled_at: float
    up_since: float
    view: NodeView
    change: Change
    unconfirmed: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Twin:
    """A torrent that our doubtful add left on `claim.node` while it was placed on `other` as well; `None` where it has
    been deleted since, so that nobody wants it any more."""

    claim: Claim
    here: Torrent
    other: str | None


@dataclass(frozen=True, slots=True)
class Findings:
    """What is to be seen to after a poll: torrents that ended up on two nodes, and placements that ended although
    nobody removed the torrent through us."""

    twins: list[Twin]
    vanished: list[Placement]


def settle(connection: Connection, poll: Poll) -> Findings:
    """Write down what the poll showed."""
    gone = _follow_placements(connection, poll)
    twins = []
    for claim in claims.on_node(connection, poll.node):
        torrent = poll.view.find(claim.hashes)
        if torrent is None:
            gone += _end_if_over(connection, claim, poll)
            continue
        other = _placed_elsewhere(connection, claim) if claim.phase is not Phase.ADDED else None
        if other is not None and claim.phase is Phase.ADDING and poll.polled_at <= claim.deadline:
            continue  # its worker is about to write down what came of it
        if other is not None or _is_ghost(connection, claim):
            twins.append(Twin(claim, torrent, other))
        else:
            _listed(connection, claim, torrent, poll.polled_at)
    gone = [one for one in gone if not _left_by_us(one, poll.polled_at)]
    vanished.record(connection, gone, poll.polled_at)
    return Findings(twins, gone)


def _left_by_us(placement: Placement, now: float) -> bool:
    """Whether it went by a deletion of ours whose end nobody has written down."""
    return placement.leaving_until is not None and now <= placement.leaving_until + DOUBT_SECONDS


def _is_ghost(connection: Connection, claim: Claim) -> bool:
    """Whether it came of an add that nobody waits for: its torrent was deleted, and has not been added again since."""
    return claim.phase is Phase.UNWANTED and claims.live(connection, claim.hashes) is None


def _listed(connection: Connection, claim: Claim, torrent: Torrent, now: float) -> None:
    """The node lists the torrent: it is placed there, and the claim ends once the node knows its size."""
    if claim.phase is not Phase.ADDED:
        record(connection, claim, (), now)
    if torrent.has_settled_size:
        claims.release(connection, [claim.id])
    elif not claim.shown:
        claims.mark(connection, claim.id, shown=True)


def _end_if_over(connection: Connection, claim: Claim, poll: Poll) -> list[Placement]:
    """The node does not list the torrent. Past its deadline a claim ends: the add never came to anything, or the
    torrent was removed before its size was known. What may still wait in the node's socket
    gets longer. Answers the placements that end with it."""
    if poll.polled_at <= unlisted_until(claim, poll.up_since) or not poll.unconfirmed.isdisjoint(claim.hashes.node_ids):
        return []
    claims.release(connection, [claim.id])
    gone = [found for found in placements.find(connection, claim.hashes) if found.node == claim.node]
    placements.forget(connection, [found.id for found in gone])
    poll.change.removed.update(claim.hashes.node_ids)  # it may have been listed while it was expected to appear
    return gone


def unlisted_until(claim: Claim, up_since: float) -> float:
    """The time until which a node that answers may list the torrent yet. One that was away since the claim may still
    have to carry out what waited in its socket, or to load its list."""
    if claim.phase is not Phase.ADDED or up_since > claim.claimed_at:
        return max(claim.deadline, up_since) + DOUBT_SECONDS
    return claim.deadline


def _placed_elsewhere(connection: Connection, claim: Claim) -> str | None:
    """Another node on which we have placed the torrent; one that was found there is not ours to remove. Nor is one
    that another decision placed there after this claim's torrent had come here: it was wanted there as well."""
    found = placements.find(connection, claim.hashes)  # oldest first
    own = next((one for one in found if one.node == claim.node and one.decision_id == claim.decision_id), None)
    if own is not None:
        found = [one for one in found if one.id < own.id or one.decision_id == own.decision_id]
    return next((one.node for one in found if one.node != claim.node and one.decision_id is not None), None)


def _follow_placements(connection: Connection, poll: Poll) -> list[Placement]:
    """Record torrents that were found, follow those that are listed under a new hash, forget those that are gone;
    answers these, but for halves of a hybrid that the node lists as one."""
    change, view = poll.change, poll.view
    deleted = mirror.removed_after(connection, poll.node, list(change.listed), poll.polled_at)
    listed = [view.torrents[node_id] for node_id in change.listed - deleted if node_id in view.torrents]
    if not listed and not change.removed:
        return []
    recorded = _recorded(connection, poll, listed)
    by_hash = {hash_: found for found in recorded for hash_ in (found.node_id, found.v1, found.v2) if hash_}
    matched = _match(connection, poll, listed, by_hash)
    gone = [found for found in recorded if found.id not in matched and found.node_id in change.removed]
    placements.forget(connection, [found.id for found in gone])
    return gone and _unlisted(gone, view)


def _unlisted(gone: Iterable[Placement], view: NodeView) -> list[Placement]:
    listed = {hash_ for one in view.torrents.values() for hash_ in (one.node_id, one.v1, one.v2)}
    return [one for one in gone if listed.isdisjoint({one.node_id, one.v1, one.v2} - {None})]


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

"""Ends what no poll can end: claims on nodes that are away for long or not configured; and follows the configuration.

Everything here works on the store alone. What a poll shows is `dispatch.settle`'s.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection

from qbdispatch.dispatch.documents import gigabytes, rfc3339
from qbdispatch.dispatch.settle import unlisted_until
from qbdispatch.store import claims, health, mirror, placements
from qbdispatch.store.claims import Claim, Phase
from qbdispatch.store.health import NodeState

AWAY_SECONDS = 86_400.0
"""How long a node must have been away before what it was promised counts no more."""

REMEMBER_SECONDS = 30 * 86_400.0
"""How long it is remembered that a node may have a torrent, so that a copy that comes back is healed."""


def reconcile_configuration(connection: Connection, names: Collection[str], now: float) -> None:
    """A worker begins with these nodes. The torrents of those that left or came back are to be shown differently, so
    they get a new revision; `mirror.fleet_revision` tells workers with the nodes of before that they are outdated."""
    before = health.configured(connection)
    health.register(connection, names, now)
    changed = before ^ set(names)
    if changed:
        health.set_configured(connection, names, now)
        revision = mirror.next_revision(connection)
        mirror.set_fleet_revision(connection, revision)
        for name in changed:
            mirror.renew(connection, name, revision=revision)
    reconcile_claims(connection, now)


def reconcile_claims(connection: Connection, now: float) -> None:
    """Settle the claims that no poll will: on nodes that do not answer, or are not configured. Others are left to the
    next poll."""
    states = health.states(connection)
    for claim in claims.every(connection):
        state = _state(states, claim)
        if claim.phase in (Phase.GIVEN_UP, Phase.UNWANTED):
            if now > claim.deadline + REMEMBER_SECONDS:
                claims.release(connection, [claim.id])
        elif claim.phase is Phase.ADDING and now <= claim.deadline:
            continue  # its worker may be at it
        elif state.removed_at is not None or (state.fault is not None and now > _given_up_at(claim, state)):
            claims.mark(connection, claim.id, phase=Phase.GIVEN_UP, deadline=now)
        elif claim.phase is Phase.ADDING and state.fault is not None:
            claims.mark(connection, claim.id, phase=Phase.DOUBT)  # its worker is gone, and the node cannot be asked


def _state(states: Mapping[str, NodeState], claim: Claim) -> NodeState:
    """A store that was rebuilt may lack the node's row."""
    return states.get(claim.node, NodeState(claim.node, removed_at=0.0))


def _given_up_at(claim: Claim, state: NodeState) -> float:
    return max(claim.deadline, state.seen_at or 0.0) + AWAY_SECONDS


def claim_documents(connection: Connection, now: float) -> list[dict[str, Any]]:
    """The claims that count, oldest first, for `/claims`."""
    states = health.states(connection)
    return [
        {
            "node": claim.node,
            "hash": claim.hashes.key,
            "name": claim.name,
            "size_gb": gigabytes(claim.bytes),
            "phase": claim.phase.value,
            "age_s": round(now - claim.claimed_at, 1),
            "ends": _ends(claim, _state(states, claim), now),
            "decision_id": claim.decision_id,
        }
        for claim in claims.every(connection)
        if claim.phase is not Phase.GIVEN_UP
    ]


def _ends(claim: Claim, state: NodeState, now: float) -> str:
    """When, or on what condition, a claim ends."""
    if claim.phase is Phase.ADDING and now <= claim.deadline:
        return f"when the add is answered, or after {rfc3339(claim.deadline)}"
    if state.removed_at is not None:
        return "in a moment, as the node is not configured any more"
    if state.fault is not None:
        return f"when the node answers again, or after {rfc3339(_given_up_at(claim, state))}"
    if claim.shown:
        return "when the node knows the torrent's size"
    return f"when the node lists the torrent, or after {rfc3339(unlisted_until(claim, state.up_since or now))}"


def removed_documents(connection: Connection) -> list[dict[str, Any]]:
    """The nodes that are no longer configured, and what is known to be on them, for `/nodes/removed`."""
    return [
        {"name": name, "torrents": placements.count(connection, name), "since": rfc3339(state.removed_at)}
        for name, state in sorted(health.states(connection).items())
        if state.removed_at is not None
    ]

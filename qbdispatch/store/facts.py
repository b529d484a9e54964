"""Gathers what scoring may know of the fleet, in three queries whatever the number of torrents."""

from collections.abc import Sequence

from sqlalchemy import Connection

from qbdispatch.config.settings import NodeSettings
from qbdispatch.scoring.model import NodeFacts
from qbdispatch.store import claims, health, snapshots

BITS_PER_MEGABIT = 1_000_000


def gather(connection: Connection, nodes: Sequence[NodeSettings], *, max_downloads: int, now: float) -> list[NodeFacts]:
    """The facts of each configured node at `now`; `max_downloads` holds for nodes without their own."""
    states = health.states(connection)
    latest = snapshots.latest(connection)
    totals = claims.totals(connection)
    return [
        _facts(
            node,
            states.get(node.name, health.NodeState(node.name)),
            latest.get(node.name),
            totals.get(node.name, claims.Total(0, 0, None)),
            max_downloads if node.max_downloads is None else node.max_downloads,
            now,
        )
        for node in nodes
    ]


def _facts(
    node: NodeSettings,
    state: health.NodeState,
    snapshot: snapshots.Snapshot | None,
    claimed: claims.Total,
    max_downloads: int,
    now: float,
) -> NodeFacts:
    return NodeFacts(
        name=node.name,
        weight=node.weight,
        min_free_bytes=node.min_free_bytes,
        max_downloads=max_downloads,
        pool=node.pool,
        categories=None if node.categories is None else frozenset(node.categories),
        bandwidth_bytes_per_second=int(node.bandwidth_mbps * BITS_PER_MEGABIT / 8) if node.bandwidth_mbps else None,
        draining=state.draining,
        fault=state.fault,
        fault_detail=state.fault_detail,
        age_seconds=None if snapshot is None or state.seen_at is None else max(0.0, now - state.seen_at),
        free_bytes=snapshot.free_bytes if snapshot else None,
        outstanding_bytes=snapshot.outstanding_bytes if snapshot else 0,
        active_downloads=snapshot.active_downloads if snapshot else 0,
        download_speed=snapshot.download_speed if snapshot else 0,
        download_limit=snapshot.download_limit if snapshot else None,
        claimed_bytes=claimed.bytes,
        claimed_downloads=claimed.unlisted,
        waiting_seconds=now - claimed.adding_since if claimed.adding_since is not None else 0.0,
    )

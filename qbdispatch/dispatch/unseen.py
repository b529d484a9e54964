"""A new store does not know yet what its nodes have: nothing is placed until each has been seen once."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from qbdispatch.scoring.model import Reason
from qbdispatch.store import health, snapshots


def awaited(connection: Connection, nodes: Iterable[str], now: float, stale_after_seconds: float) -> str:
    """The reason why nothing is placed yet, empty where that is not so. A node that does not answer keeps the others
    waiting only until it counts as stale, one that refuses the login not at all."""
    if not 0 <= now - health.begun_at(connection) < stale_after_seconds:
        return ""
    locked = {name for name, state in health.states(connection).items() if state.fault is Reason.AUTH_FAILED}
    unseen = ", ".join(sorted(set(nodes) - snapshots.latest(connection).keys() - locked))
    if not unseen:
        return ""
    return f"the store is new, and what is on {unseen} already is not known yet; ask again in some seconds"


def not_seen_yet(
    connection: Connection, document: dict[str, Any], nodes: Iterable[str], now: float, stale_after_seconds: float
) -> bool:
    """Whether this very torrent might be on a node that the store has not seen; the document then says so."""
    reason = awaited(connection, nodes, now, stale_after_seconds)
    if reason:
        document |= {"status": "rejected", "selected_node": None, "reason": reason}
    return bool(reason)

"""What all workers know of a node besides its snapshot: faults, when it was last heard of, and drain."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from qbdispatch.scoring.model import Reason
from qbdispatch.store import mirror
from qbdispatch.store.tables import counters, node_states

BEGUN = "begun"
"""The counter that has the second in which a store was made that knows nothing of any node."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """One row of `node_states`; see `tables` for units."""

    node: str
    draining: bool = False
    fault: Reason | None = None
    fault_detail: str = ""
    up_since: float | None = None
    seen_at: float | None = None
    cause: str | None = None
    failures: int = 0
    retry_at: float | None = None
    latency_ms: float | None = None
    removed_at: float | None = None


def states(connection: Connection) -> dict[str, NodeState]:
    """The state of every node known to the store."""
    rows = [dict(row) for row in connection.execute(select(node_states)).mappings()]
    return {row["node"]: NodeState(**row | {"fault": row["fault"] and Reason(row["fault"])}) for row in rows}


def register(connection: Connection, names: Iterable[str], now: float = 0.0) -> None:
    """Make sure that every configured node has a row. The first ever tell that the store begins `now`."""
    known = states(connection).keys()
    if not known:
        _begin(connection, int(now))
    for name in set(names) - known:
        connection.execute(insert(node_states).values(node=name, draining=False, fault_detail="", failures=0))


def configured(connection: Connection) -> set[str]:
    """The nodes of the configuration that the worker had which began last."""
    query = select(node_states.c.node).where(node_states.c.removed_at.is_(None))
    return set(connection.execute(query).scalars())


def set_configured(connection: Connection, names: Iterable[str], now: float) -> None:
    """These nodes are configured from now on; what is known of others stays."""
    mine = node_states.c.node.in_(list(names))
    left = node_states.c.removed_at.is_(None) & ~mine
    connection.execute(update(node_states).where(mine).values(removed_at=None))
    connection.execute(update(node_states).where(left).values(removed_at=now))


def _begin(connection: Connection, now: int) -> None:
    """A store that was rebuilt from next to nothing tells it already."""
    if not connection.execute(update(counters).where(counters.c.name == BEGUN).values(value=now)).rowcount:
        connection.execute(insert(counters).values(name=BEGUN, value=now))


def begun_at(connection: Connection) -> float:
    """When the store began, or began anew after a damage; long ago for one that does not tell."""
    return float(connection.execute(select(counters.c.value).where(counters.c.name == BEGUN)).scalar() or 0)


def end_beginning(connection: Connection) -> None:
    """All first nodes are known, or were waited for: one that is added from now on keeps nobody waiting."""
    begun = (counters.c.name == BEGUN) & (counters.c.value > 0)
    connection.execute(update(counters).where(begun).values(value=0))


def set_draining(connection: Connection, node: str, draining: bool) -> None:
    """Keep new torrents off a node, or let them come again."""
    connection.execute(update(node_states).where(node_states.c.node == node).values(draining=draining))


def record_fault(
    connection: Connection,
    node: str,
    fault: Reason,
    detail: str,
    *,
    cause: str | None = None,
    failures: int = 0,
    retry_at: float | None = None,
) -> None:
    """The node failed; no torrents go there until it answers again, and its torrents are shown as last seen.
    `retry_at` is when its watcher tries it again, `None` from whoever is not its watcher."""
    mine = node_states.c.node == node
    fallen = update(node_states).where(mine, node_states.c.up_since.is_not(None)).values(up_since=None)
    _note_turn(connection, node, connection.execute(fallen).rowcount)
    connection.execute(update(node_states).where(mine).values(fault=fault, fault_detail=detail, cause=cause))
    if retry_at is not None:
        connection.execute(update(node_states).where(mine).values(failures=failures, retry_at=retry_at))


def record_answer(connection: Connection, node: str, now: float, *, latency_ms: float | None = None) -> None:
    """The node answered as it should; `latency_ms` where that was a cheap call. What is known to be odd stays."""
    mine = node_states.c.node == node
    risen = update(node_states).where(mine, node_states.c.up_since.is_(None)).values(up_since=now)
    _note_turn(connection, node, connection.execute(risen).rowcount)
    failed = mine & node_states.c.fault.is_not(None)
    connection.execute(update(node_states).where(failed).values(fault=None, fault_detail="", cause=None))
    values: dict[str, Any] = {"seen_at": now, "failures": 0, "retry_at": None}
    if latency_ms is not None:
        values["latency_ms"] = latency_ms
    connection.execute(update(node_states).where(mine).values(values))


def record_oddity(connection: Connection, node: str, cause: str | None, detail: str) -> None:
    """The node answers, but something is odd about what its last list says; `None`: nothing is."""
    mine = (node_states.c.node == node) & node_states.c.fault.is_(None)
    connection.execute(update(node_states).where(mine).values(cause=cause, fault_detail=detail))


def _note_turn(connection: Connection, node: str, turned: int) -> None:
    """Torrents of a node that went away or came back are to be shown differently."""
    if turned:
        mirror.renew(connection, node, revision=mirror.next_revision(connection))

"""Says what a node no longer lists although nobody removed it through us. It is never added again by itself: whoever
took it away may have meant it.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from qbdispatch.dispatch.documents import rfc3339
from qbdispatch.store import placements, vanished
from qbdispatch.store.engine import Store
from qbdispatch.store.placements import Placement
from qbdispatch.store.vanished import Vanished

MANY = 10
NAMED = 3


def told(store: Store, gone: Sequence[Placement]) -> str:
    """What has vanished from one node, as the end of a sentence about it. Where that is most of what it had, it may
    be another installation under the same name; what that one brought itself does not count."""
    if len(gone) >= MANY:
        newest = max(one.placed_at for one in gone)
        with store.read() as connection:
            left = sum(one.placed_at <= newest for one in placements.on_node(connection, gone[0].node))
        if left < len(gone):
            which = f"none of its {len(gone)}" if not left else f"only {left} of its {len(gone) + left}"
            return f"lists {which} torrents: was it replaced, or its list lost? GET /vanished names them"
    named = ", ".join(f'"{one.name}"' for one in gone[:NAMED]) + (", ..." if len(gone) > NAMED else "")
    return f"no longer lists {len(gone)} of its torrents, removed by others: {named}; GET /vanished has them"


def vanished_documents(connection: Connection, earliest: float) -> list[dict[str, Any]]:
    """What has vanished from that time on, newest first, for `/vanished`."""
    return [
        {"node": one.node, "hash": one.node_id, "name": one.name, "decision_id": one.decision_id}
        | {"vanished_at": rfc3339(one.vanished_at)}
        for one in vanished.since(connection, earliest)
    ]


def with_vanished(connection: Connection, documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Decisions, where what came of them has vanished with `vanished_at` and `vanished_from`."""
    found = vanished.of_decisions(connection, [document["decision_id"] for document in documents])
    return [document | _trace(found.get(document["decision_id"])) for document in documents]


def _trace(one: Vanished | None) -> dict[str, str]:
    return {"vanished_at": rfc3339(one.vanished_at), "vanished_from": one.node} if one else {}

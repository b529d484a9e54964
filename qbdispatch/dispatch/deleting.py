"""Deletes torrents from one node.

It is announced first: who dies over a deletion, or never hears what came of it, leaves word of it, and whoever is
asked for such a torrent again finds out whether it is there (`dispatch.joining`).
"""

import time
from collections.abc import Collection, Mapping

from qbdispatch.dispatch.access import NodeAccess
from qbdispatch.dispatch.placed import forget
from qbdispatch.nodes.client import Cookies
from qbdispatch.nodes.errors import Cause, NodeError, NodeOutcomeUnknown, NodeUnreachable
from qbdispatch.store import placements
from qbdispatch.store.engine import Store
from qbdispatch.torrents.source import InfoHashes

SEND_WITHIN_SECONDS = 5.0
"""A deletion that could not be sent so long after it was announced is given up, so that the announcement has an end."""


def delete_from_node(
    access: NodeAccess, store: Store, deleted: Mapping[str, InfoHashes], *, delete_files: bool
) -> None:
    """Delete these torrents, by the node's ids. Raises `NodeError`."""
    node = access.node
    began, send_by = store.now(), time.monotonic() + SEND_WITHIN_SECONDS

    def send(cookies: Cookies) -> None:
        if time.monotonic() > send_by:
            raise NodeUnreachable("it took too long to get a session; nothing was deleted", Cause.TIMEOUT)
        access.client.delete(cookies, list(deleted), delete_files=delete_files)

    _announce(store, node.name, deleted, began + SEND_WITHIN_SECONDS + node.timeout_s)
    try:
        access.call(send)
    except NodeOutcomeUnknown:
        raise
    except NodeError:
        _announce(store, node.name, deleted, None)
        raise
    with store.write() as connection:
        forget(connection, node.name, deleted, began, store.now())


def _announce(store: Store, node: str, node_ids: Collection[str], until: float | None) -> None:
    with store.write() as connection:
        found = placements.concerning(connection, node, node_ids)
        placements.leave(connection, [one.id for one in found], until)

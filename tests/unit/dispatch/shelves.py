"""Mirror rows written without any node, and the lists that workers make of them."""

from __future__ import annotations

from typing import Any

from qbdispatch.config.settings import NodeSettings
from qbdispatch.dispatch.access import Fleet, NodeAccess
from qbdispatch.dispatch.library import Entry, Library
from qbdispatch.nodes.rows import outward_row
from qbdispatch.store import health, mirror
from qbdispatch.store.engine import Store

V1, V2 = "a1" * 20, "b2" * 32
OTHER = "c3" * 20


def library_over(store: Store, *nodes: str) -> Library:
    """One worker's list of these nodes, a and b if none is named."""
    settings = [NodeSettings(name=name, url=f"http://127.0.0.1:1/{name}") for name in nodes or ("a", "b")]
    with store.write() as connection:
        health.register(connection, [node.name for node in settings])
    return Library(store, Fleet({node.name: NodeAccess(node, store) for node in settings}))


def write(store: Store, node: str, node_id: str, hash_: str | None = None, **row: Any) -> int:
    """One row, with a revision of its own, which is answered."""
    with store.write() as connection:
        revision = mirror.next_revision(connection)
        listed = mirror.Listed(node_id, hash_ or node_id, row)
        mirror.put(connection, node, [listed], revision=revision, seen_at=1.0)
    return revision


def drop(store: Store, node: str, *node_ids: str) -> int:
    with store.write() as connection:
        revision = mirror.next_revision(connection)
        mirror.remove(connection, node, node_ids, revision=revision, seen_at=2.0)
    return revision


def purge(store: Store) -> None:
    with store.write() as connection:
        mirror.purge(connection)


def entry(number: int, **raw: Any) -> Entry:
    """A listed torrent as the list has it, with a hash of that number."""
    hash_ = f"{number:040x}"
    node = NodeSettings(name="a", url="http://a")
    row = outward_row(raw, hash_, node, away=False)
    return Entry("a", hash_, hash_, 1, row["category"], row, "", away=False)

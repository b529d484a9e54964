"""Rows as the dispatcher would write them, and a store that several workers open."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from qbdispatch.store import claims
from qbdispatch.store.engine import Store
from qbdispatch.store.snapshots import Snapshot
from qbdispatch.torrents.source import InfoHashes


def v1(number: int) -> str:
    return f"{number:040x}"


def v2(number: int) -> str:
    return f"{number:064x}"


def hybrid(number: int) -> InfoHashes:
    """Both hashes; no part of the one is found in the other."""
    return InfoHashes(v1(number), f"f{number:031x}" + "0" * 32)


def claim(connection: Connection, hashes: InfoHashes, node: str = "a", **changes: Any) -> int:
    values: dict[str, Any] = {
        "node": node,
        "bytes": 10,
        "claimed_at": 1000.0,
        "deadline": 1020.0,
        "decision_id": "d",
        "name": "",
        "category": "",
    }
    return claims.open_claim(connection, hashes, **(values | changes)).id


def snapshot(node: str = "a", **changes: Any) -> Snapshot:
    values: dict[str, Any] = {
        "taken_at": 1000.0,
        "free_bytes": 2**40,
        "outstanding_bytes": 2**35,
        "active_downloads": 3,
        "paused_downloads": 4,
        "torrents": 5,
        "download_speed": 2**33,
        "upload_speed": 7,
        "download_limit": None,
        "version": "v5.1.0",
    }
    return Snapshot(node, **(values | changes))


@contextmanager
def opened(url: str) -> Iterator[Store]:
    """One more worker's handle."""
    store = Store(url)
    try:
        yield store
    finally:
        store.close()

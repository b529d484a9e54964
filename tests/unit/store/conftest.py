"""Stores that several workers share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from qbdispatch.store.engine import Store
from tests.unit.store.builders import opened


@pytest.fixture
def connection(store: Store) -> Iterator[Connection]:
    """One write transaction on an empty store."""
    with store.write() as opened_connection:
        yield opened_connection


@pytest.fixture
def second(store: Store, tmp_path: Path) -> Iterator[Store]:
    """Another worker's handle on the same file as `store`."""
    with opened(tmp_path / "store.sqlite3") as other:
        yield other

"""Stores that several workers share."""

from collections.abc import Iterator

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
def second(store: Store, store_url: str) -> Iterator[Store]:
    """Another worker's handle on the same database as `store`."""
    with opened(store_url) as other:
        yield other

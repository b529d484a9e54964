"""Samples: kept in order, thinned to a bounded number, forgotten after a week."""

import pytest
from sqlalchemy import Connection

from qbdispatch.store import samples
from qbdispatch.store.samples import Sample

pytestmark = pytest.mark.both_stores


def _sample(at: float, node: str = "a") -> Sample:
    return Sample(node, at, 2**40, None, 3, 4)


def _times(connection: Connection, node: str = "a") -> list[float]:
    return [sample.at for sample in samples.since(connection, 0, [node])[node]]


def test_samples_come_back_by_node_and_in_order(connection: Connection) -> None:
    """From a time on, that time included; a node without any has an empty list, one not asked for none."""
    taken = [_sample(20), _sample(10), _sample(15, "b")]
    samples.add(connection, taken)
    samples.add(connection, [])
    assert samples.since(connection, 20, ["a", "c"]) == {"a": [_sample(20)], "c": []}
    assert samples.since(connection, 0, ["a"])["a"] == [_sample(10), _sample(20)]


def test_old_samples_are_thinned_to_one_a_slot(connection: Connection) -> None:
    """Each node's first in every quarter of an hour; newer ones stay, and thinning twice changes nothing."""
    samples.add(connection, [_sample(60.0 * minute, node) for minute in range(60) for node in ("a", "b")])
    for _ in range(2):
        samples.thin(connection, before=2700, every_seconds=900)
        kept = [0.0, 900.0, 1800.0, *(60.0 * minute for minute in range(45, 60))]
        assert (_times(connection), _times(connection, "b")) == (kept, kept)


def test_purged_samples_are_gone(connection: Connection) -> None:
    """Those before the time, and no others."""
    samples.add(connection, [_sample(1), _sample(2), _sample(3)])
    samples.purge(connection, before=2)
    assert _times(connection) == [2, 3]

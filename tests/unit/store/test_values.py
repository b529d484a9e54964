"""Whatever a node or a client sends, no write fails because of it, on either database."""

import math
from typing import Any

import pytest
from sqlalchemy import Connection

from qbdispatch.scoring.model import Reason
from qbdispatch.store import claims, decisions, details, health, labels, mirror, placements, snapshots
from qbdispatch.store.labels import Kind
from tests.unit.store.builders import claim, hybrid, snapshot

pytestmark = pytest.mark.both_stores
NUL, HALF_PAIR = "a\0b", "a\ud800b"


@pytest.mark.parametrize(
    ("given", "kept"), [(NUL, "a\ufffdb"), (HALF_PAIR, "a?b"), ("ä\U0001f600'\"\\", "ä\U0001f600'\"\\")]
)
def test_text_that_a_database_refuses_is_kept_without_what_it_refuses(
    connection: Connection, given: str, kept: str
) -> None:
    """Names, categories, save paths, faults."""
    claim(connection, hybrid(1), name=given, category=given)
    placements.record(connection, "a", hybrid(1), name=given, placed_at=1.0, decision_id=None)
    labels.define(connection, Kind.CATEGORY, {given: given}, revision=1)
    health.register(connection, ["a"])
    health.record_fault(connection, "a", Reason.UNREACHABLE, given)
    (found,) = claims.on_node(connection, "a")
    assert (found.name, found.category) == (kept, kept)
    assert [placed.name for placed in placements.find(connection, hybrid(1))] == [kept]
    assert labels.defined(connection, Kind.CATEGORY) == {kept: kept}
    assert health.states(connection)["a"].fault_detail == kept


def test_a_label_is_found_again_by_the_name_it_was_given(connection: Connection) -> None:
    """What is compared is treated like what is stored: a second time changes it, and it can be dropped."""
    for path in ("/a", "/b"):
        labels.define(connection, Kind.TAG, {NUL: path}, revision=1)
    assert list(labels.defined(connection, Kind.TAG).values()) == ["/b"]
    labels.drop(connection, Kind.TAG, [NUL], revision=2)
    assert labels.defined(connection, Kind.TAG) == {}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (NUL, "a\ufffdb"),
        (HALF_PAIR, "a?b"),
        (10**30, 10**30),
        (math.inf, None),
        ([1.5, {"x": -math.inf}], [1.5, {"x": None}]),
        ({NUL: {"deep": [None, True, NUL]}}, {"a\ufffdb": {"deep": [None, True, "a\ufffdb"]}}),
    ],
)
def test_documents_keep_all_that_every_database_can_look_into(connection: Connection, given: Any, kept: Any) -> None:
    """Rows of nodes, their details and decisions."""
    mirror.put(connection, "a", [mirror.Listed("x", "x", {"v": given})], revision=1, seen_at=1.0)
    details.keep(connection, "x", "files", [given])
    document = {"status": "accepted", "selected_node": None, "hash": "x", "v": given}
    decisions.keep(connection, "d", document, decided_at=1.0)
    assert mirror.node_rows(connection, "a")["x"].row == {"v": kept}
    assert details.get(connection, "x", "files") == [kept]
    assert (decisions.get(connection, "d") or {})["v"] == kept


def test_nan_becomes_null(connection: Connection) -> None:
    """It is equal to nothing, so it has a test of its own."""
    details.keep(connection, "x", "files", {"v": math.nan})
    assert details.get(connection, "x", "files") == {"v": None}


def test_text_that_is_longer_than_its_column_is_cut(connection: Connection) -> None:
    """A node may call itself what it likes, and a client may ask for any hash."""
    long = "x" * 5000
    snapshots.keep(connection, snapshot("a", version=long))
    labels.define(connection, Kind.CATEGORY, {long: long}, revision=1)
    assert snapshots.latest(connection)["a"].version == "x" * 32
    assert labels.defined(connection, Kind.CATEGORY) == {"x" * 255: long}
    assert details.get(connection, long, NUL) is None


def test_the_biggest_sizes_are_kept_and_their_sum_is_right(connection: Connection) -> None:
    """Two claims of 2^62 bytes: the sum is beyond 63 bits."""
    for number in (1, 2):
        claim(connection, hybrid(number), bytes=2**62 - 1)
    assert claims.totals(connection)["a"].bytes == 2**63 - 2

"""The three weighers: values from 0 to 1, checked against arithmetic done by hand."""

from typing import Any

import pytest

from qbdispatch.scoring.decide import decide
from qbdispatch.scoring.model import NodeFacts, Policy
from tests.unit.scoring.builders import GIB, node, request, values

MBIT = 125_000  # bytes a second


def weighed(weigher: str, *fleet: NodeFacts, gib: float = 10.0) -> dict[str, float]:
    return values(decide(list(fleet), request(gib), Policy()), weigher)


def test_free_space_is_a_proportion_of_the_roomiest_node() -> None:
    """After 20 GiB, 100 and 50 become 80 and 30: 1 and 3/8, not 1 and 0."""
    assert weighed("free_space", node("a", 100), node("b", 50), gib=20) == {"a": 1.0, "b": 0.375}


def test_free_space_counts_after_what_is_claimed_and_still_to_be_written() -> None:
    """500 GiB free with 390 of them spoken for is 100 after this torrent, half of the other node's 200."""
    busy = node("a", 500, outstanding_bytes=300 * GIB, claimed_bytes=90 * GIB)
    assert weighed("free_space", busy, node("b", 210)) == {"a": 0.5, "b": 1.0}


def test_free_space_is_0_where_the_torrent_fills_every_disk() -> None:
    """No division by the nothing that is left."""
    assert weighed("free_space", node("a", 10), node("b", 10)) == {"a": 0.0, "b": 0.0}


def test_nodes_that_are_out_are_no_measure() -> None:
    """A drained giant, with the fastest line, does not make the others look small."""
    giant = node("z", 9000, draining=True, download_limit=1000 * MBIT)
    fleet = (node("a", 110, download_speed=50 * MBIT), node("b", 60, download_speed=25 * MBIT), giant)
    assert weighed("free_space", *fleet) == {"a": 1.0, "b": 0.5}
    assert weighed("bandwidth", *fleet) == {"a": 0.0, "b": 0.5}


@pytest.mark.parametrize(
    ("active", "claimed", "most", "value"), [(0, 0, 50, 1.0), (10, 0, 50, 0.8), (5, 5, 50, 0.8), (3, 0, 4, 0.25)]
)
def test_downloads_fall_from_1_towards_the_limit(active: int, claimed: int, most: int, value: float) -> None:
    """1 - active/max, and what was just placed is active already."""
    facts = node(active_downloads=active, claimed_downloads=claimed, max_downloads=most)
    assert weighed("downloads", facts)["a"] == pytest.approx(value)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"download_limit": 100, "download_speed": 25}, {}, {"a": 0.75, "b": 1.0}),
        ({"download_limit": 50, "bandwidth_bytes_per_second": 100, "download_speed": 25}, {}, {"a": 0.5, "b": 1.0}),
        ({"bandwidth_bytes_per_second": 100, "download_speed": 25}, {}, {"a": 0.75, "b": 1.0}),
        ({"download_limit": 100}, {"download_speed": 60}, {"a": 1.0, "b": 0.4}),
        ({"download_limit": 100, "download_speed": 400}, {}, {"a": 0.0, "b": 1.0}),
        ({"download_speed": 80}, {"download_speed": 20}, {"a": 0.0, "b": 0.75}),
        ({"download_limit": 40, "download_speed": 10}, {"download_speed": 80}, {"a": 0.75, "b": 0.0}),
        ({}, {}, {"a": 1.0, "b": 1.0}),
    ],
    ids=[
        "own limit",
        "own limit over configured",
        "configured",
        "the fastest limit for who has none",
        "faster than its limit",
        "no limit known: the highest speed",
        "a limit known: speeds are no limit",
        "all idle",
    ],
)
def test_bandwidth_is_the_unused_part_of_the_line(
    first: dict[str, Any], second: dict[str, Any], expected: dict[str, float]
) -> None:
    """1 - speed/limit; the limit is the node's own, else its configuration's, else the fastest node's."""
    assert weighed("bandwidth", node("a", **first), node("b", **second)) == pytest.approx(expected)

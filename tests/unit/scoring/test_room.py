"""The space formula, for a disk of one node and for a disk that a pool shares."""

from typing import Any

import pytest

from qbdispatch.scoring.model import NodeFacts
from qbdispatch.scoring.room import effective_free
from tests.unit.scoring.builders import GIB, node

STALE_AFTER = 30.0


def rooms(*fleet: NodeFacts) -> dict[str, float | None]:
    """Effective free space in GiB."""
    found = effective_free(fleet, STALE_AFTER)
    return {name: None if room is None else room / GIB for name, room in found.items()}


def member(name: str, free_gib: float | None, **changes: Any) -> NodeFacts:
    return node(name, free_gib, pool="disk", **changes)


def test_room_is_free_space_less_what_is_to_come() -> None:
    """Reported free, less outstanding, less claimed; one node's promises are not another's."""
    busy = node("a", 100, outstanding_bytes=30 * GIB, claimed_bytes=25 * GIB)
    assert rooms(busy, node("b", 80)) == {"a": 45, "b": 80}


def test_room_may_be_negative() -> None:
    """More promised than there is shows as such: it is not cut off at 0."""
    assert rooms(node("a", 10, claimed_bytes=15 * GIB)) == {"a": -5}


@pytest.mark.parametrize("free", [None, 0, -1])
def test_no_figure_is_unknown_and_not_full(free: int | None) -> None:
    """A reported free space of 0 or less means that the node does not know."""
    assert rooms(node("a", free)) == {"a": None}


def test_a_pool_has_the_smallest_figure_less_the_sums() -> None:
    """Every member's writing and claims weigh on all of them; a node beside the pool is not touched."""
    fleet = (
        member("a", 100, outstanding_bytes=10 * GIB, claimed_bytes=1 * GIB),
        member("b", 90, outstanding_bytes=20 * GIB, claimed_bytes=2 * GIB),
        node("c", 50),
    )
    assert rooms(*fleet) == {"a": 57, "b": 57, "c": 50}


def test_pools_do_not_mix() -> None:
    """Two pools are two disks, and a node may be named like a pool."""
    fleet = (node("a", 10, pool="x"), node("b", 20, pool="y"), node("x", 30), node("c", 5, pool="x"))
    assert rooms(*fleet) == {"a": 5, "b": 20, "x": 30, "c": 5}


@pytest.mark.parametrize("age", [None, 30.1])
def test_a_stale_figure_does_not_count_beside_a_fresh_one(age: float | None) -> None:
    """The stale member's 10 GiB are old news, but what it writes and what it was promised still counts."""
    stale = member("b", 10, age_seconds=age, outstanding_bytes=20 * GIB, claimed_bytes=5 * GIB)
    assert rooms(member("a", 100, age_seconds=30.0), stale) == {"a": 75, "b": 75}


def test_stale_figures_count_where_there_is_no_fresh_one() -> None:
    """Then the smallest of them counts; a stale node is out anyway, but its room can still be shown."""
    fleet = (member("a", 100, age_seconds=99.0), member("b", 40, age_seconds=None))
    assert rooms(*fleet) == {"a": 40, "b": 40}


def test_a_member_that_does_not_know_leaves_it_to_the_others() -> None:
    """Unknown is not the smallest figure; its claims count all the same."""
    assert rooms(member("a", 100), member("b", None, claimed_bytes=30 * GIB)) == {"a": 70, "b": 70}

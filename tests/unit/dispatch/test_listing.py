"""Filters, order and cuts over the merged list: trap 6 of the wire contract."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbdispatch.dispatch.listing import InvalidSort, Query, select
from tests.unit.dispatch.shelves import entry

# As torrentimpl.cpp of 5.1 answers isDownloading(), isActive() and so on for each state.
# fmt: off
STATES = [
    "downloading", "metaDL", "forcedMetaDL", "stalledDL", "checkingDL", "stoppedDL", "queuedDL", "forcedDL",
    "uploading", "stalledUP", "checkingUP", "queuedUP", "forcedUP", "stoppedUP",
    "checkingResumeData", "moving", "error", "missingFiles", "unknown",
]
# fmt: on
DOWN, SEEDING = set(STATES[:8]), set(STATES[8:13])
STOPPED = {"stoppedDL", "stoppedUP"}
ACTIVE = {"downloading", "metaDL", "forcedMetaDL", "forcedDL", "uploading", "forcedUP", "moving"}
FILTERS: dict[str, set[str]] = {
    "": set(STATES),
    "all": set(STATES),
    "no such": set(STATES),
    "downloading": DOWN,
    "seeding": SEEDING,
    "completed": SEEDING | {"stoppedUP"},
    "stopped": STOPPED,
    "paused": STOPPED,
    "running": set(STATES) - STOPPED,
    "resumed": set(STATES) - STOPPED,
    "active": ACTIVE,
    "inactive": set(STATES) - ACTIVE,
    "stalled": {"stalledUP", "stalledDL"},
    "stalled_uploading": {"stalledUP"},
    "stalled_downloading": {"stalledDL"},
    "checking": {"checkingUP", "checkingDL", "checkingResumeData"},
    "moving": {"moving"},
    "errored": {"error", "missingFiles"},
}


def _found(rows: list[dict[str, Any]], field: str, **query: Any) -> list[Any]:
    return [one.row[field] for one in select([entry(n, **row) for n, row in enumerate(rows)], Query(**query))]


@pytest.mark.parametrize(("name", "states"), FILTERS.items())
def test_a_filter_lists_the_states_that_it_stands_for(name: str, states: set[str]) -> None:
    """In old and new names (go-qbittorrent always sends the old ones); an unknown one lists all."""
    assert set(_found([{"state": state} for state in STATES], "state", filter=name)) == states


def test_a_stalled_download_that_gives_is_active() -> None:
    """As in qBittorrent, where uploading counts."""
    rows = [{"state": "stalledDL", "upspeed": speed} for speed in (0, 5)]
    assert (_found(rows, "upspeed", filter="active"), _found(rows, "upspeed", filter="inactive")) == ([5], [0])


@pytest.mark.parametrize(
    ("asked", "found"), [(None, ["tv", "", "tv/x", "TV"]), ("tv", ["tv"]), ("", [""]), ("none", [])]
)
def test_a_category_is_exactly_that(asked: str | None, found: list[str]) -> None:
    """Trap 18: not those below it, whichever node; none asked for is any, an empty one is uncategorised."""
    assert _found([{"category": one} for one in ("tv", "", "tv/x", "TV")], "category", category=asked) == found


@pytest.mark.parametrize(
    ("asked", "found"), [(None, ["a, b", "", "ab"]), ("a", ["a, b"]), ("b", ["a, b"]), ("", [""]), ("c", [])]
)
def test_a_tag_is_one_of_several(asked: str | None, found: list[str]) -> None:
    """Whole tags only."""
    assert _found([{"tags": one} for one in ("a, b", "", "ab")], "tags", tag=asked) == found


@pytest.mark.parametrize(("asked", "found"), [(None, [True, False, None]), (True, [True]), (False, [False, None])])
def test_what_is_not_known_to_be_private_is_public(asked: bool | None, found: list[bool | None]) -> None:
    """As qBittorrent takes a torrent without metadata."""
    assert _found([{"private": one} for one in (True, False, None)], "private", private=asked) == found


@pytest.mark.parametrize(
    ("limit", "offset", "found"),
    [
        (0, 0, [0, 1, 2, 3, 4]),
        (-1, 0, [0, 1, 2, 3, 4]),
        (2, 0, [0, 1]),
        (2, 3, [3, 4]),
        (9, 3, [3, 4]),
        (2, -3, [2, 3]),
        (0, -1, [4]),
        (0, 5, [0, 1, 2, 3, 4]),
        (0, -6, [0, 1, 2, 3, 4]),
        (2, 99, [0, 1]),
    ],
)
def test_limit_and_offset_cut_as_qbittorrent_does(limit: int, offset: int, found: list[int]) -> None:
    """A negative offset counts from the end; one beyond the list counts as none."""
    rows = [{"size": number} for number in range(5)]
    assert _found(rows, "size", limit=limit, offset=offset) == found
    assert _found([], "size", limit=limit, offset=offset) == []


def test_numbers_sort_by_value_and_texts_as_qt_does() -> None:
    """A negative one first; by UTF-16 units, so that an emoji comes before the last of the basic plane."""
    assert _found([{"ratio": one} for one in (2, -1, 10, 0.5)], "ratio", sort="ratio") == [-1, 0.5, 2, 10]
    names = ["b", "\uffee", "B", "\U0001f600", "a"]
    assert _found([{"name": one} for one in names], "name", sort="name") == ["B", "a", "b", "\U0001f600", "\uffee"]


def test_what_has_no_order_sorts_first_and_does_no_harm() -> None:
    """`private` may be null."""
    rows = [{"private": one} for one in (True, None, False)]
    assert _found(rows, "private", sort="private") == [None, False, True]


def test_an_unknown_field_cannot_be_sorted_by() -> None:
    """But for an empty list, which is sorted by anything."""
    with pytest.raises(InvalidSort):
        select([entry(1)], Query(sort="no such"))
    assert select([], Query(sort="no such")) == []


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(STATES)), max_size=8), st.booleans(), st.integers(0, 4))
def test_filter_then_sort_then_cut(rows: list[tuple[int, str]], reverse: bool, limit: int) -> None:
    """The order of the steps is what makes a page of a sorted, filtered list."""
    listed = [{"size": size, "state": state} for size, state in rows]
    wanted = sorted((size for size, state in rows if state in STOPPED), reverse=reverse)
    expected = wanted[1 : 1 + limit] if limit else wanted[1:]
    if len(wanted) < 2:
        expected = wanted[:limit] if limit else wanted
    found = _found(listed, "size", filter="stopped", sort="size", reverse=reverse, limit=limit, offset=1)
    assert found == expected

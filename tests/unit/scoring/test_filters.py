"""Each filter on its own: what takes a node out, under which code, and the last value that does not."""

from typing import Any

import pytest

from qbdispatch.scoring.decide import decide
from qbdispatch.scoring.model import Policy, Reason
from tests.unit.scoring.builders import GIB, codes, node, request

TV = frozenset({"tv", "movies"})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, []),
        ({"fault": Reason.UNREACHABLE}, ["unreachable"]),
        ({"fault": Reason.AUTH_FAILED}, ["auth_failed"]),
        ({"age_seconds": None}, ["stale"]),
        ({"age_seconds": 30.0}, []),
        ({"age_seconds": 30.1}, ["stale"]),
        ({"draining": True}, ["draining"]),
        ({"weight": 0}, ["draining"]),
        ({"draining": True, "weight": 0}, ["draining"]),
        ({"free_bytes": None}, ["missing_free_space"]),
        ({"free_bytes": 0}, ["missing_free_space"]),
        ({"free_bytes": -1}, ["missing_free_space"]),
        ({"free_bytes": 10 * GIB}, []),
        ({"free_bytes": 10 * GIB - 1}, ["insufficient_space"]),
        ({"min_free_bytes": 90 * GIB}, []),
        ({"min_free_bytes": 90 * GIB + 1}, ["insufficient_space"]),
        ({"min_free_bytes": 100 * GIB}, ["insufficient_space"]),
        ({"min_free_bytes": 100 * GIB + 1}, ["below_min_free_space"]),
        ({"outstanding_bytes": 50 * GIB, "claimed_bytes": 40 * GIB}, []),
        ({"outstanding_bytes": 50 * GIB, "claimed_bytes": 40 * GIB + 1}, ["insufficient_space"]),
        ({"claimed_bytes": 101 * GIB}, ["below_min_free_space"]),
        ({"max_downloads": 0}, ["too_many_downloads"]),
    ],
)
def test_a_node_is_out_for_this_reason_only(facts: dict[str, Any], expected: list[str]) -> None:
    """10 GiB on a node with 100: each filter has its own code, and the boundary value itself still passes."""
    assert codes(decide([node(**facts)], request(), Policy())) == expected


@pytest.mark.parametrize(
    ("active", "claimed", "admitted"), [(2, 0, True), (3, 0, False), (0, 2, True), (1, 2, False), (4, 0, False)]
)
def test_max_downloads_3_admits_the_third_and_refuses_the_fourth(active: int, claimed: int, admitted: bool) -> None:
    """What was just placed counts like what the node already lists."""
    facts = node(max_downloads=3, active_downloads=active, claimed_downloads=claimed)
    assert codes(decide([facts], request(), Policy())) == ([] if admitted else ["too_many_downloads"])


@pytest.mark.parametrize(
    ("accepted", "category", "admitted"),
    [
        (None, "tv", True),
        (None, "", True),
        (TV, "tv", True),
        (TV, "tv/anime", True),
        (TV, "tv/anime/old", True),
        (TV, "tvshows", False),
        (TV, "TV", False),
        (TV, "music", False),
        (TV, "music/tv", False),
        (TV, "", False),
        (frozenset({""}), "", True),
        (frozenset({""}), "tv", False),
        (frozenset[str](), "tv", False),
    ],
)
def test_a_category_covers_its_subcategories_and_nothing_else(
    accepted: frozenset[str] | None, category: str, admitted: bool
) -> None:
    """`tv` covers `tv/anime`, not `tvshows`; a node without a list takes everything."""
    decision = decide([node(categories=accepted)], request(category=category), Policy())
    assert codes(decision) == ([] if admitted else ["category_not_accepted"])


def test_a_node_that_failed_for_this_submission_is_not_tried_again() -> None:
    """Only the named node is out, and the explanation repeats what went wrong."""
    decision = decide([node("a"), node("b")], request(tried={"a": "dropped the connection"}), Policy())
    assert (codes(decision, "a"), codes(decision, "b")) == (["already_tried"], [])
    assert decision.verdicts[1].rejections[0].detail == "dropped the connection"


def test_a_failure_without_words_counts_as_tried_too() -> None:
    """An empty detail is still a failure."""
    assert codes(decide([node("a")], request(tried={"a": ""}), Policy())) == ["already_tried"]


def test_an_explanation_is_complete() -> None:
    """A node that is out for several reasons shows all of them, in the documented order."""
    wreck = node(
        free_gib=None,
        fault=Reason.UNREACHABLE,
        age_seconds=99.0,
        draining=True,
        categories=TV,
        max_downloads=1,
        active_downloads=1,
    )
    assert codes(decide([wreck], request(tried={"a": "x"}), Policy())) == [
        "unreachable",
        "stale",
        "draining",
        "already_tried",
        "category_not_accepted",
        "too_many_downloads",
        "missing_free_space",
    ]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"fault": Reason.UNREACHABLE, "fault_detail": "refuses connections"}, ["refuses connections"]),
        ({"age_seconds": 42.0}, ["42 s", "30 s"]),
        ({"age_seconds": None}, ["not been polled"]),
        ({"draining": True}, ["resume"]),
        ({"weight": 0}, ["weight is 0"]),
        ({"categories": TV}, ['"music"', "movies, tv"]),
        ({"active_downloads": 50}, ["50 active downloads of at most 50"]),
        ({"free_bytes": 5 * GIB}, ["10.0 GB", "5.0 GB effectively free"]),
        ({"min_free_bytes": 200 * GIB}, ["100.0 GB", "200.0 GB"]),
    ],
)
def test_a_rejection_tells_people_the_figures(facts: dict[str, Any], words: list[str]) -> None:
    """The sentence beside the code holds what a user needs to mend it."""
    (rejection,) = decide([node(**facts)], request(category="music"), Policy()).verdicts[0].rejections
    assert [word for word in words if word not in rejection.detail] == []


def test_torrents_without_a_category_are_named_so() -> None:
    """An explanation does not show an empty pair of quotes."""
    (rejection,) = decide([node(categories=TV)], request(), Policy()).verdicts[0].rejections
    assert "torrents without category" in rejection.detail

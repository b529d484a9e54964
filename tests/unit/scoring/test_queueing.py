"""Who goes first among held torrents, and that a stream of small ones never starves a big one."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from qbdispatch.scoring.decide import decide
from qbdispatch.scoring.model import NodeFacts, Policy, Reason, Request
from qbdispatch.scoring.queueing import first_that_fits, keep_room, may_ever_fit
from tests.unit.scoring.builders import GIB, codes, node, request, winner, with_claim

POLICY = Policy()


def test_the_oldest_that_fits_is_the_first() -> None:
    """With room for both, the older one goes; with room for none, nobody."""
    fleet = [node("a", 50)]
    assert first_that_fits(fleet, [request(40), request(10)], POLICY) == 0
    assert first_that_fits(fleet, [request(90), request(80)], POLICY) is None
    assert first_that_fits(fleet, [], POLICY) is None


def test_a_later_one_overtakes_only_where_the_oldest_does_not_wait() -> None:
    """The oldest waits for the disk that lacks least; the small one may go to the other node, never to that one."""
    fleet = [node("a", 80), node("b", 20)]
    rest = keep_room(fleet, request(90), POLICY)
    decision = decide(rest, request(5), POLICY)
    assert winner(decision) == "b"
    assert codes(decision, "a") == ["reserved"]
    assert first_that_fits(fleet, [request(90), request(30), request(5)], POLICY) == 2
    assert first_that_fits([node("a", 80)], [request(90), request(5)], POLICY) is None


def test_the_whole_disk_of_a_pool_is_kept() -> None:
    """Its other nodes write to the same disk."""
    fleet = [node("a", 80, pool="nas"), node("b", 80, pool="nas"), node("c", 20)]
    decision = decide(keep_room(fleet, request(90), POLICY), request(5), POLICY)
    assert [codes(decision, name) for name in "abc"] == [["reserved"], ["reserved"], []]


def test_a_free_download_is_kept_like_room() -> None:
    """Where the oldest waits for a download to end, a small one does not get the place."""
    fleet = [node("a", 80, max_downloads=3, active_downloads=3), node("b", 5)]
    assert codes(decide(keep_room(fleet, request(50), POLICY), request(1), POLICY), "a")[-1] == "reserved"


def test_nothing_is_kept_on_a_node_that_lacks_more_than_room() -> None:
    """One that is down, drained, or refuses the category may not come back for it: others go on."""
    down = node("a", 80, fault=Reason.UNREACHABLE)
    for lost in (down, node("a", 80, draining=True), node("a", 80, categories=frozenset({"tv"}))):
        assert keep_room([lost], request(90), POLICY) == [lost]
    rest = keep_room([down, node("b", 20)], request(90), POLICY)
    assert [one.name for one in rest if one.reserved] == ["b"]


def test_what_the_oldest_will_get_in_a_moment_counts_as_promised() -> None:
    """It fits: others see its bytes and its download as taken, and may have the rest."""
    rest = keep_room([node("a", 100)], request(70), POLICY)
    assert winner(decide(rest, request(30), POLICY)) == "a"
    assert winner(decide(rest, request(31), POLICY)) is None


def test_only_a_category_that_no_node_accepts_can_never_fit() -> None:
    """All other reasons may pass, that of a size too: how big a disk is altogether is not known."""
    tv = node("a", categories=frozenset({"tv"}))
    assert not may_ever_fit(decide([tv], request(1, "movies"), POLICY))
    assert not may_ever_fit(decide([replace(tv, fault=Reason.UNREACHABLE)], request(1, "movies"), POLICY))
    assert may_ever_fit(decide([tv, node("b", 0)], request(1, "movies"), POLICY))
    assert may_ever_fit(decide([node("a", 1)], request(10**6), POLICY))


def _room(one: NodeFacts) -> int:
    return (one.free_bytes or 0) - one.outstanding_bytes - one.claimed_bytes - one.min_free_bytes


@given(seed=st.integers(0, 2**32), nodes=st.integers(1, 4), big_gib=st.integers(50, 300))
def test_a_stream_of_small_ones_never_takes_what_a_big_one_waits_for(seed: int, nodes: int, big_gib: int) -> None:
    """Whatever comes and goes, the least that any node lacks for the oldest never grows by a placement of ours, and
    nothing is promised beyond a disk."""
    random = Random(seed)
    fleet = [node(f"n{number}", random.randint(1, 120), min_free_bytes=random.randint(0, 5)) for number in range(nodes)]
    big = Request(big_gib * GIB)
    for _ in range(30):
        if decide(fleet, big, POLICY).winner is not None:
            break
        lacked = min(big.size_bytes - _room(one) for one in fleet)
        small = Request(random.randint(1, 20) * GIB)
        index = first_that_fits(fleet, [big, small], POLICY)
        if index is not None:
            assert index == 1
            chosen = decide(keep_room(fleet, big, POLICY), small, POLICY).winner
            assert chosen is not None
            fleet = with_claim(fleet, chosen.name, small.size_bytes)
        assert min(big.size_bytes - _room(one) for one in fleet) == lacked
        assert all(_room(one) >= 0 for one in fleet)
        lucky = random.randrange(nodes)  # something is deleted somewhere
        freed = random.randint(0, 10) * GIB
        fleet = [
            replace(one, free_bytes=(one.free_bytes or 0) + freed) if place == lucky else one
            for place, one in enumerate(fleet)
        ]


@given(seed=st.integers(0, 2**32), count=st.integers(1, 8))
def test_skipping_what_cannot_fit_finds_the_same_as_asking_for_each(seed: int, count: int) -> None:
    """Each torrent asked for by itself, in order, gives the same first one."""
    random = Random(seed)
    fleet = [
        node("a", random.randint(0, 40), categories=frozenset({"tv"})),
        node("b", random.randint(0, 40), max_downloads=random.randint(0, 2), active_downloads=1),
        node("c", random.randint(0, 40), draining=random.random() < 0.5),
    ]
    waiting = [Request(random.randint(1, 50) * GIB, random.choice(["tv", "movies"])) for _ in range(count)]
    rest = keep_room(fleet, waiting[0], POLICY)
    seen = [decide(fleet if place == 0 else rest, one, POLICY).winner for place, one in enumerate(waiting)]
    expected = next((place for place, found in enumerate(seen) if found is not None), None)
    assert first_that_fits(fleet, waiting, POLICY) == expected

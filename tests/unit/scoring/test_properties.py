"""What holds for any facts at all; the arithmetic is written anew here, without the package's own."""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from qbdispatch.scoring.decide import decide
from qbdispatch.scoring.model import NodeFacts, Policy, Reason, Request
from tests.unit.scoring.builders import GIB, order, with_claim

NAMES = ("a", "b", "c", "d", "e")
counts = st.integers(0, 60)
sizes = st.one_of(st.integers(0, 200 * GIB), st.integers(0, 2**60))
speeds = st.one_of(st.none(), st.integers(0, 10**9))
weights = st.one_of(st.sampled_from([0.0, 0.1, 1.0, 2.0]), st.floats(0, 1e9))
ages = st.one_of(st.none(), st.sampled_from([0.0, 30.0, 30.5]), st.floats(0, 1e9))


def facts_of(name: str, pools: st.SearchStrategy[str | None]) -> st.SearchStrategy[NodeFacts]:
    return st.builds(
        NodeFacts,
        name=st.just(name),
        weight=weights,
        min_free_bytes=st.one_of(st.just(0), sizes),
        max_downloads=counts,
        pool=pools,
        categories=st.one_of(st.none(), st.frozensets(st.sampled_from(["tv", "movies", ""]))),
        bandwidth_bytes_per_second=speeds,
        draining=st.sampled_from([False, False, False, True]),
        fault=st.sampled_from([None, None, None, Reason.UNREACHABLE, Reason.AUTH_FAILED]),
        age_seconds=ages,
        free_bytes=st.one_of(st.none(), st.integers(-1, 0), sizes),
        outstanding_bytes=sizes,
        active_downloads=counts,
        download_speed=st.integers(0, 10**9),
        download_limit=speeds,
        claimed_bytes=sizes,
        claimed_downloads=counts,
        waiting_seconds=st.floats(0, 100),
    )


def fleets(pools: st.SearchStrategy[str | None], *, all_well: bool = False) -> st.SearchStrategy[list[NodeFacts]]:
    """Up to five nodes; `all_well` leaves space and download limits as the only grounds for a refusal."""
    whole = st.tuples(*(facts_of(name, pools) for name in NAMES))
    well: dict[str, Any] = {"weight": 1.0, "categories": None, "draining": False, "fault": None, "age_seconds": 1.0}

    def cut(fleet: tuple[NodeFacts, ...], length: int) -> list[NodeFacts]:
        return [replace(one, **well) if all_well else one for one in fleet[:length]]

    return st.builds(cut, whole, st.integers(0, len(NAMES)))


no_pools = fleets(st.none())
pooled = fleets(st.sampled_from([None, None, "disk", "a"]))
well_pooled = fleets(st.sampled_from([None, "disk"]), all_well=True)
requests = st.builds(
    Request,
    size_bytes=sizes,
    category=st.sampled_from(["", "tv", "tv/anime", "music"]),
    already_tried=st.dictionaries(st.sampled_from(NAMES), st.just("failed"), max_size=2),
)
policies = st.builds(
    Policy,
    disk_weight=weights,
    download_weight=weights,
    bandwidth_weight=weights,
    min_score=st.sampled_from([-1.0, 0.0, 0.5]),
)
scoring = settings(deadline=None, max_examples=60)


def same_disk(one: NodeFacts, fleet: list[NodeFacts]) -> list[NodeFacts]:
    return [other for other in fleet if other is one or (one.pool is not None and other.pool == one.pool)]


def room_of(one: NodeFacts, fleet: list[NodeFacts], stale_after: float) -> int | None:
    """The design's formula once more: smallest fresh figure, less all that is owed to the disk."""
    disk = same_disk(one, fleet)
    figures = [other for other in disk if (other.free_bytes or 0) > 0]
    fresh = [other for other in figures if other.age_seconds is not None and other.age_seconds <= stale_after]
    reported = [other.free_bytes for other in (fresh or figures) if other.free_bytes is not None]
    if not reported:
        return None
    return min(reported) - sum(other.outstanding_bytes for other in disk) - sum(other.claimed_bytes for other in disk)


@scoring
@given(pooled, requests, policies)
def test_a_decision_is_sound_for_any_facts(fleet: list[NodeFacts], request: Request, policy: Policy) -> None:
    """It never raises, names every node once, gives no eligible node without room, and no score out of bounds."""
    decision = decide(fleet, request, policy)
    assert sorted(order(decision)) == sorted(one.name for one in fleet)
    assert [verdict.excluded for verdict in decision.verdicts] == sorted(
        verdict.excluded for verdict in decision.verdicts
    )
    for verdict in decision.verdicts:
        facts = verdict.facts
        room = room_of(facts, fleet, policy.stale_after_seconds)
        assert verdict.effective_free_bytes == room
        if verdict.score is not None:
            assert 0 <= verdict.score <= facts.weight
            assert all(0 <= part.value <= 1 for part in verdict.contributions)
        if verdict.excluded:
            continue
        assert room is not None
        assert room - request.size_bytes >= facts.min_free_bytes
        assert facts.active_downloads + facts.claimed_downloads + 1 <= facts.max_downloads
        assert facts.weight > 0
        assert not facts.draining
        assert facts.fault is None
        assert facts.age_seconds is not None
        assert facts.age_seconds <= policy.stale_after_seconds
        assert facts.name not in request.already_tried
        assert verdict.score is not None
        assert verdict.score >= policy.min_score


@scoring
@given(pooled, requests, policies)
def test_no_node_is_refused_that_nothing_speaks_against(
    fleet: list[NodeFacts], request: Request, policy: Policy
) -> None:
    """There is a winner if and only if some node passes every rule of the design, as restated here."""
    free_to_take = [
        one.name
        for one in fleet
        if one.fault is None
        and not one.draining
        and one.weight > 0
        and one.age_seconds is not None
        and one.age_seconds <= policy.stale_after_seconds
        and one.name not in request.already_tried
        and (one.categories is None or request.category in one.categories or request.category == "tv/anime")
        and (one.categories is None or request.category != "tv/anime" or "tv" in one.categories)
        and one.active_downloads + one.claimed_downloads < one.max_downloads
        and (room := room_of(one, fleet, policy.stale_after_seconds)) is not None
        and room - request.size_bytes >= one.min_free_bytes
    ]
    decision = decide(fleet, request, replace(policy, min_score=-1.0))
    assert sorted(verdict.name for verdict in decision.verdicts if not verdict.excluded) == sorted(free_to_take)
    assert (decision.winner is not None) == bool(free_to_take)


@scoring
@given(pooled, requests, policies, st.randoms(use_true_random=False))
def test_the_order_of_the_configuration_does_not_matter(
    fleet: list[NodeFacts], request: Request, policy: Policy, random: Random
) -> None:
    """The same facts in any order give the same decision, to the last value."""
    shuffled = list(fleet)
    random.shuffle(shuffled)
    assert decide(shuffled, request, policy) == decide(fleet, request, policy)


@scoring
@given(no_pools, requests, policies, st.sampled_from(NAMES), sizes)
def test_a_claim_never_raises_a_nodes_rank(
    fleet: list[NodeFacts], request: Request, policy: Policy, name: str, size: int
) -> None:
    """What is promised to a node only speaks against it. (In a pool the same bytes weigh on its neighbours, too,
    and `min_score` compares with a number instead of with the others: both are left out here.)"""
    policy = replace(policy, min_score=-1.0)
    if name not in [one.name for one in fleet]:
        return
    before = order(decide(fleet, request, policy)).index(name)
    assert order(decide(with_claim(fleet, name, size), request, policy)).index(name) >= before


@scoring
@given(well_pooled, st.lists(st.integers(0, 80 * GIB), min_size=1, max_size=30))
def test_a_burst_never_promises_more_than_a_disk_has_above_the_floor(fleet: list[NodeFacts], burst: list[int]) -> None:
    """A ledger kept here by hand agrees after every claim; and a refusal means that it fits nowhere."""
    left = {one.name: room_of(one, fleet, 30.0) for one in fleet}
    slots = {one.name: one.max_downloads - one.active_downloads - one.claimed_downloads for one in fleet}
    now = fleet
    for size in burst:
        chosen = decide(now, Request(size), Policy()).winner
        fits = {
            one.name
            for one in fleet
            if slots[one.name] > 0 and (room := left[one.name]) is not None and room - size >= one.min_free_bytes
        }
        assert (chosen.name in fits) if chosen else not fits
        if chosen is None:
            continue
        slots[chosen.name] -= 1
        for other in same_disk(chosen.facts, now):
            left[other.name] = (left[other.name] or 0) - size
        now = with_claim(now, chosen.name, size)

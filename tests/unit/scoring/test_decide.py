"""Ranking: how values and weights become one order, and who wins."""

from itertools import permutations
from typing import Any

import pytest

from qbdispatch.scoring.decide import decide
from qbdispatch.scoring.model import NodeFacts, Policy
from tests.unit.scoring.builders import GIB, codes, node, order, request, winner, with_claim


def score_of(facts: NodeFacts, policy: Policy, *others: NodeFacts) -> float | None:
    verdicts = decide([facts, *others], request(), policy).verdicts
    return next(verdict.score for verdict in verdicts if verdict.name == facts.name)


def test_the_score_is_the_weighted_mean_times_the_nodes_weight() -> None:
    """(1*0.5 + 2*0.8 + 0.1*0.75) / 3.1, doubled by the node's weight of 2."""
    facts = node("a", 60, weight=2.0, active_downloads=10, download_limit=100, download_speed=25)
    assert score_of(facts, Policy(), node("b", 110)) == pytest.approx(2 * 2.175 / 3.1)


@pytest.mark.parametrize(("disk_weight", "choice"), [(1.0, "idle"), (5.0, "roomy")])
def test_a_heavier_disk_weight_moves_the_choice(disk_weight: float, choice: str) -> None:
    """Half as busy against 2.5 times the room: by hand 0.67 to 0.80 at weight 1, 0.86 to 0.57 at weight 5."""
    fleet = [node("roomy", 1010, active_downloads=25), node("idle", 410)]
    policy = Policy(disk_weight=disk_weight, download_weight=2.0, bandwidth_weight=0.0)
    assert winner(decide(fleet, request(), policy)) == choice


@pytest.mark.parametrize(
    ("policy", "choice"),
    [
        (Policy(1.0, 0.0, 0.0), "roomy"),
        (Policy(0.0, 1.0, 0.0), "idle"),
        (Policy(0.0, 0.0, 1.0), "quiet"),
    ],
)
def test_each_weight_is_its_own_weighers(policy: Policy, choice: str) -> None:
    """With one weight alone, the node that is best by that weigher wins."""
    line: dict[str, Any] = {"download_limit": 100}
    fleet = [
        node("idle", 100, active_downloads=0, download_speed=50, **line),
        node("quiet", 200, active_downloads=9, download_speed=0, **line),
        node("roomy", 300, active_downloads=9, download_speed=50, **line),
    ]
    assert winner(decide(fleet, request(), policy)) == choice


def test_with_all_weights_0_only_the_nodes_own_weight_counts() -> None:
    """Nothing is divided by 0: every node scores its own weight."""
    fleet = [node("a", 900), node("b", 20, weight=2.0), node("c", 900, weight=1.5)]
    decision = decide(fleet, request(), Policy(0, 0, 0))
    assert order(decision) == ["b", "c", "a"]
    assert [verdict.score for verdict in decision.verdicts] == [2.0, 1.5, 1.0]


def test_ties_break_by_name_in_whatever_order_the_nodes_come() -> None:
    """The same decision for every order of the configuration."""
    fleet = [node("b"), node("a"), node("c")]
    assert {tuple(order(decide(way, request(), Policy()))) for way in permutations(fleet)} == {("a", "b", "c")}


def test_a_node_that_owes_an_answer_is_taken_last() -> None:
    """Owing an answer for more than a second puts the best node behind every other eligible one, not further."""
    fleet = [node("best", 900, waiting_seconds=1.01), node("small", 20), node("full", 1)]
    assert order(decide(fleet, request(), Policy())) == ["small", "best", "full"]


def test_a_node_that_owes_an_answer_is_taken_where_no_other_is_eligible() -> None:
    """It is not refused: it may just be slow."""
    decision = decide([node("best", 900, waiting_seconds=60.0), node("full", 1)], request(), Policy())
    assert (winner(decision), codes(decision, "best")) == ("best", [])


def test_an_add_of_up_to_a_second_is_not_held_against_a_node() -> None:
    """The limit itself still counts as prompt."""
    assert winner(decide([node("best", 900, waiting_seconds=1.0), node("small", 20)], request(), Policy())) == "best"


def test_min_score_takes_out_who_scores_less() -> None:
    """Exactly the minimum is enough; who is out keeps score and values for the explanation."""
    policy = Policy(0, 0, 0, min_score=0.5)
    decision = decide([node("just", weight=0.5), node("less", 900, weight=0.49)], request(), policy)
    assert (order(decision), codes(decision, "just"), codes(decision, "less")) == (
        ["just", "less"],
        [],
        ["score_below_minimum"],
    )
    low = decision.verdicts[1]
    assert (low.score, len(low.contributions)) == (0.49, 3)
    assert [word for word in ("0.490", "0.5") if word not in low.rejections[0].detail] == []


def test_those_taken_out_follow_by_name() -> None:
    """Neither a score nor an answer owed plays a part among them, as the decision's type promises."""
    fleet = [
        node("d", 900),
        node("c", 1, weight=9.0),
        node("b", 100, weight=0.1),
        node("a", 1, waiting_seconds=5.0),
        node("e", 100, weight=0.2),
    ]
    assert order(decide(fleet, request(), Policy(min_score=0.5))) == ["d", "a", "b", "c", "e"]


def test_a_node_that_a_filter_took_out_is_not_weighed() -> None:
    """No score is `None`, not 0."""
    (verdict,) = decide([node("a", 1)], request(), Policy()).verdicts
    assert (verdict.score, verdict.contributions, verdict.effective_free_bytes) == (None, (), GIB)


def test_no_nodes_give_no_winner() -> None:
    """An empty fleet is an answer, too."""
    decision = decide([], request(), Policy())
    assert (decision.verdicts, decision.winner) == ((), None)


@pytest.mark.parametrize(
    ("fleet", "size_gib", "tries", "accepted"),
    [
        ([node("a", 101), node("b", 121), node("c", 141)], 40, 60, {"a": 2, "b": 3, "c": 3}),
        ([node("a", 101, pool="disk"), node("b", 101, pool="disk")], 40, 10, {"a": 1, "b": 1}),
        ([node("a", 1000, max_downloads=3), node("b", 1000, max_downloads=2)], 1, 9, {"a": 3, "b": 2}),
        ([node("a", 1000), node("b", 1000), node("c", 1000)], 1, 30, {"a": 10, "b": 10, "c": 10}),
    ],
    ids=["three disks", "one disk for two", "download limits", "spread"],
)
def test_a_burst_takes_what_fits_and_spreads(
    fleet: list[NodeFacts], size_gib: float, tries: int, accepted: dict[str, int]
) -> None:
    """Each decision counts what the ones before it promised, without a poll in between; figures by hand."""
    counts = dict.fromkeys((one.name for one in fleet), 0)
    for _ in range(tries):
        chosen = winner(decide(fleet, request(size_gib), Policy()))
        if chosen:
            counts[chosen] += 1
            fleet = with_claim(fleet, chosen, int(size_gib * GIB))
    assert counts == accepted

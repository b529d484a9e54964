"""Decide: filters say who may, weighers say who should.

The file to read first. A decision is a pure function of facts, request and policy: the preview, the submission and
the tests call the same one.
"""

from collections.abc import Mapping, Sequence

from qbdispatch.scoring import weighers
from qbdispatch.scoring.filters import rejections
from qbdispatch.scoring.model import (
    Contribution,
    Decision,
    NodeFacts,
    Policy,
    Reason,
    Rejection,
    Request,
    Verdict,
)
from qbdispatch.scoring.room import effective_free

UNANSWERED_AFTER_SECONDS = 1.0
"""An add takes milliseconds. A node that owes an answer for longer is taken only when no other node is eligible,
so that one hung node cannot collect a burst while its fault is not known yet."""


def decide(fleet: Sequence[NodeFacts], request: Request, policy: Policy) -> Decision:
    """Rank the fleet for one request. Never raises for any combination of facts."""
    rooms = effective_free(fleet, policy.stale_after_seconds)
    refused = {node.name: rejections(node, request, policy, rooms) for node in fleet}
    eligible = [node for node in fleet if not refused[node.name]]
    contributions = _weigh(eligible, request, policy, rooms)
    verdicts = [
        _verdict(node, rooms[node.name], refused[node.name], contributions.get(node.name, ()), policy) for node in fleet
    ]
    return Decision(request, tuple(sorted(verdicts, key=_rank)))


def _weigh(
    eligible: Sequence[NodeFacts], request: Request, policy: Policy, rooms: Mapping[str, int | None]
) -> dict[str, tuple[Contribution, ...]]:
    weighed = (
        ("free_space", weighers.free_space(eligible, request, rooms), policy.disk_weight),
        ("downloads", weighers.downloads(eligible), policy.download_weight),
        ("bandwidth", weighers.bandwidth(eligible), policy.bandwidth_weight),
    )
    return {
        node.name: tuple(Contribution(weigher, values[node.name], weight) for weigher, values, weight in weighed)
        for node in eligible
    }


def _verdict(
    node: NodeFacts,
    room: int | None,
    refused: tuple[Rejection, ...],
    contributions: tuple[Contribution, ...],
    policy: Policy,
) -> Verdict:
    if refused:
        return Verdict(node, room, refused)
    score = node.weight * _mean(contributions)
    if score < policy.min_score:
        low = Rejection(Reason.SCORE_BELOW_MINIMUM, f"score {score:.3f} is below min_score {policy.min_score:g}")
        return Verdict(node, room, (low,), contributions, score)
    return Verdict(node, room, (), contributions, score)


def _mean(contributions: tuple[Contribution, ...]) -> float:
    """The weighted mean of the values; 1 where all weights are 0, so that only the node's own weight counts."""
    total = sum(part.weight for part in contributions)
    return sum(part.value * part.weight for part in contributions) / total if total else 1.0


def _rank(verdict: Verdict) -> tuple[bool, bool, float, str]:
    if verdict.excluded:
        return (True, False, 0.0, verdict.name)
    unanswered = verdict.facts.waiting_seconds > UNANSWERED_AFTER_SECONDS
    return (False, unanswered, -(verdict.score or 0.0), verdict.name)

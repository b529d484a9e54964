"""Which held torrent may be placed, and what room is kept for the first of them: pure.

The rule, so that a stream of small torrents never starves a big one:

- The oldest held torrent goes first, as soon as any node may take it. Until it has, its bytes and its download count
  as promised on the node that it will get.
- While no node may take it, one disk is kept for it: of the nodes that lack nothing but room or a free download, that
  which lacks the fewest bytes, then the fewest downloads, then the first by name. No other torrent goes to a node on
  that disk, not even a small one, as each byte there would make the oldest one wait longer.
- Everything else, held or new, may go to all other nodes meanwhile.

What the best node still lacks for the oldest torrent therefore never grows by our doing. A node that is down, drained
or refuses the category is not waited for, so nothing is kept there. How big the disks are altogether is not known: a
torrent that is bigger than any of them keeps one for itself until its user deletes it.
"""

from collections.abc import Sequence
from dataclasses import replace

from qbdispatch.scoring.decide import decide
from qbdispatch.scoring.model import Decision, NodeFacts, Policy, Reason, Request, Verdict

_NEVER = frozenset({Reason.CATEGORY_NOT_ACCEPTED, Reason.PATH_ELSEWHERE})
_LACKS_ROOM = frozenset({Reason.BELOW_MIN_FREE_SPACE, Reason.INSUFFICIENT_SPACE, Reason.TOO_MANY_DOWNLOADS})


def may_ever_fit(decision: Decision) -> bool:
    """Whether waiting may help: some node that it may go to accepts the category. All other reasons may pass."""
    return any(_NEVER.isdisjoint(_codes(verdict)) for verdict in decision.verdicts)


def keep_room(fleet: Sequence[NodeFacts], oldest: Request, policy: Policy) -> list[NodeFacts]:
    """The fleet as all others than the oldest held torrent are to see it."""
    decision = decide(fleet, oldest, policy)
    if decision.winner is not None:
        return [_promised(node, oldest) if node.name == decision.winner.name else node for node in fleet]
    candidates = [verdict for verdict in decision.verdicts if _codes(verdict) <= _LACKS_ROOM]
    if not candidates:
        return list(fleet)
    soonest = min(candidates, key=lambda verdict: lacks(verdict, oldest)).facts
    return [replace(node, reserved=True) if _same_disk(node, soonest) else node for node in fleet]


def first_that_fits(fleet: Sequence[NodeFacts], waiting: Sequence[Request], policy: Policy) -> int | None:
    """Which of these, oldest first, may be placed now; `None` if none may."""
    if not waiting or decide(fleet, waiting[0], policy).winner is not None:
        return 0 if waiting else None
    rest = keep_room(fleet, waiting[0], policy)
    too_big: dict[tuple[str, frozenset[str]], int] = {}  # by category and homes: from this size on none fits
    for index, request in enumerate(waiting[1:], 1):
        kind = (request.category, request.homes)
        if request.size_bytes >= too_big.get(kind, request.size_bytes + 1):
            continue
        decision = decide(rest, request, policy)
        if decision.winner is not None:
            return index
        if all(Reason.SCORE_BELOW_MINIMUM not in _codes(verdict) for verdict in decision.verdicts):
            too_big[kind] = request.size_bytes
    return None


def lacks(verdict: Verdict, request: Request) -> tuple[int, int, str]:
    """What a node lacks for a torrent: bytes, downloads, and its name to settle ties."""
    node, room = verdict.facts, verdict.effective_free_bytes or 0
    missing_bytes = request.size_bytes + node.min_free_bytes - room
    return (max(0, missing_bytes), max(0, node.downloads + 1 - node.max_downloads), node.name)


def _promised(node: NodeFacts, request: Request) -> NodeFacts:
    return replace(
        node,
        claimed_bytes=node.claimed_bytes + request.size_bytes,
        claimed_downloads=node.claimed_downloads + 1,
    )


def _same_disk(node: NodeFacts, other: NodeFacts) -> bool:
    return node.name == other.name or (node.pool is not None and node.pool == other.pool)


def _codes(verdict: Verdict) -> set[Reason]:
    return {part.code for part in verdict.rejections}

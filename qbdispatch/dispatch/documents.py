"""Decisions as data for people: the one shape that the store keeps and that log and API show."""

from datetime import UTC, datetime
from typing import Any

from qbdispatch.dispatch.request import SizeSource, Submission
from qbdispatch.scoring.model import Decision, Verdict

GIB = 2**30


def gigabytes(size: int | None) -> float | None:
    """GiB with one decimal, as everywhere in the API; unknown stays `None`."""
    return None if size is None else round(size / GIB, 1)


def rfc3339(seconds: float) -> str:
    """A time in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """What a decision says of one node: every reason, every value, and the figures they rest on."""
    facts = verdict.facts
    return {
        "name": facts.name,
        "score": None if verdict.score is None else round(verdict.score, 4),
        "excluded": verdict.excluded,
        "reasons": [{"code": part.code.value, "detail": part.detail} for part in verdict.rejections],
        "contributions": [
            {"weigher": part.weigher, "value": round(part.value, 4), "weight": part.weight}
            for part in verdict.contributions
        ],
        "free_gb": gigabytes(facts.free_bytes),
        "effective_free_gb": gigabytes(verdict.effective_free_bytes),
        "claimed_gb": gigabytes(facts.claimed_bytes),
        "min_free_gb": gigabytes(facts.min_free_bytes),
        "active_downloads": facts.downloads,
        "max_downloads": facts.max_downloads,
    }


def decision_document(
    decision_id: str, submission: Submission, decision: Decision, size_source: SizeSource, decided_at: float
) -> dict[str, Any]:
    """A decision in full. `status` and `reason` are what is known when it is made; `attempts` grows with each add."""
    winner = decision.winner
    return {
        "decision_id": decision_id,
        "decided_at": rfc3339(decided_at),
        "name": submission.title,
        "hash": submission.source.hashes.key,
        "category": submission.category,
        "size_gb": gigabytes(decision.request.size_bytes),
        "size_source": size_source.value,
        "status": "placing" if winner else "rejected",
        "selected_node": winner.name if winner else None,
        "reason": explain(decision),
        "attempts": [],
        "attempted_nodes": [verdict_document(verdict) for verdict in decision.verdicts],
    }


def held_document(document: dict[str, Any]) -> dict[str, Any]:
    """The decision on a torrent that waits from now on."""
    reason = f"held until a node has room; {document['reason']}"
    return document | {"status": "held", "selected_node": None, "reason": reason}


def unheld_document(document: dict[str, Any], refusal: str) -> dict[str, Any]:
    """The decision on a torrent that is not held; `refusal` says why, "" where holding is not wanted at all."""
    return document | {"reason": f"{document['reason']}; {refusal}"} if refusal else document


def explain(decision: Decision) -> str:
    """The decision in one sentence."""
    winner = decision.winner
    if winner is not None:
        return (
            f"best score {winner.score or 0:.3f}" if len(_eligible(decision)) > 1 else "the only node that may take it"
        )
    refusals = ", ".join(
        f"{verdict.name}: {'+'.join(part.code.value for part in verdict.rejections)}" for verdict in decision.verdicts
    )
    return f"no node may take it ({refusals})"


def _eligible(decision: Decision) -> list[Verdict]:
    return [verdict for verdict in decision.verdicts if not verdict.excluded]

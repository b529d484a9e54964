"""Facts of nodes that are well unless a test says otherwise, and short ways to read a decision."""

from dataclasses import replace
from typing import Any

from qbdispatch.scoring.model import Decision, NodeFacts, Request

GIB = 2**30


def node(name: str = "a", free_gib: float | None = 100.0, **changes: Any) -> NodeFacts:
    """A healthy node that was heard of a second ago."""
    free = None if free_gib is None else int(free_gib * GIB)
    return replace(NodeFacts(name, age_seconds=1.0, free_bytes=free), **changes)


def request(gib: float = 10.0, category: str = "", tried: dict[str, str] | None = None) -> Request:
    return Request(int(gib * GIB), category, tried or {})


def codes(decision: Decision, name: str = "a") -> list[str]:
    """The reason codes that a decision gives for one node."""
    verdict = next(verdict for verdict in decision.verdicts if verdict.name == name)
    return [rejection.code.value for rejection in verdict.rejections]


def order(decision: Decision) -> list[str]:
    return [verdict.name for verdict in decision.verdicts]


def winner(decision: Decision) -> str | None:
    return decision.winner.name if decision.winner else None


def values(decision: Decision, weigher: str) -> dict[str, float]:
    """What one weigher gave to each node that was weighed."""
    return {
        verdict.name: part.value
        for verdict in decision.verdicts
        for part in verdict.contributions
        if part.weigher == weigher
    }


def with_claim(fleet: list[NodeFacts], name: str, size_bytes: int) -> list[NodeFacts]:
    """The fleet after bytes were promised on one node, as the store would tell it."""
    return [
        replace(one, claimed_bytes=one.claimed_bytes + size_bytes, claimed_downloads=one.claimed_downloads + 1)
        if one.name == name
        else one
        for one in fleet
    ]

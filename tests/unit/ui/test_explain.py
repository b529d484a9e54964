"""A decision in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from qbdispatch.ui.explain import explain


def _node(name: str, score: float) -> dict[str, Any]:
    return {
        "name": name,
        "score": score,
        "excluded": False,
        "reasons": [],
        "contributions": [{"weigher": "free_space", "value": score, "weight": 1.0}],
        "effective_free_gb": 100.0,
        "active_downloads": 3,
    }


def _decision(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"status": "accepted", "selected_node": "a", "reason": "", "attempted_nodes": list(nodes)}


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (0.5, "a scored 0.80, ahead of b with 0.50, most of all for free space."),
        (0.7981, "a scored 0.8000, ahead of b with 0.7981."),
        (0.8, "a scored 0.80 as b did, and comes first by name."),
    ],
)
def test_two_nodes_are_compared_by_figures_that_differ(other: float, says: str) -> None:
    """With as many decimals as that takes; of equal ones the name decides."""
    assert explain(_decision(_node("a", 0.8), _node("b", other))).why == says


def test_a_decision_from_before_it_kept_the_limits_is_explained_without() -> None:
    """Neither the most downloads nor the floor."""
    (row,) = explain(_decision(_node("a", 1.0))).rows
    assert {"3 downloading", "100 GB effectively free"} <= set(row.passed)

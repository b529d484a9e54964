"""The one word that stands for why a submission was not placed."""

from __future__ import annotations

from typing import Any

import pytest

from qbdispatch.dispatch.account import main_reason


def _rejected(*nodes: list[str]) -> dict[str, Any]:
    return {"status": "rejected", "attempted_nodes": [{"reasons": [{"code": code} for code in one]} for one in nodes]}


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([["stale"], ["insufficient_space"], ["insufficient_space"]], "insufficient_space"),
        ([["insufficient_space"], ["draining", "insufficient_space"]], "insufficient_space"),
        ([["too_many_downloads"], ["unreachable"]], "unreachable"),
        ([], "no_nodes"),
    ],
)
def test_the_reason_that_took_out_most_nodes_counts(nodes: list[list[str]], reason: str) -> None:
    """Of those that took out equally many, the first in the order in which they are documented."""
    assert main_reason(_rejected(*nodes)) == reason


def test_of_what_nodes_failed_to_take_the_last_failure_counts() -> None:
    """Whatever filters said of other nodes."""
    attempts = [{"outcome": "not added"}, {"outcome": "doubtful"}]
    assert main_reason(_rejected(["stale"]) | {"status": "failed", "attempts": attempts}) == "doubtful"


def test_what_was_placed_needs_no_reason() -> None:
    """Though some nodes may have been taken out."""
    assert main_reason(_rejected(["stale"]) | {"status": "accepted"}) == ""

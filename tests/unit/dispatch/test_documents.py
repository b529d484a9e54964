"""Decisions as people see them."""

import json
from typing import Any

import pytest

from qbdispatch.dispatch.documents import decision_document, gigabytes, rfc3339, verdict_document
from qbdispatch.dispatch.request import SizeSource, Submission
from qbdispatch.scoring.decide import decide
from qbdispatch.scoring.model import NodeFacts, Policy, Request
from qbdispatch.torrents.magnet import parse_magnet
from tests.rig.disks import GIB

MAGNET = "magnet:?xt=urn:btih:" + "ab" * 20


def _document(*fleet: NodeFacts, size_gib: float = 50) -> dict[str, Any]:
    decision = decide(fleet, Request(int(size_gib * GIB), "tv"), Policy())
    submission = Submission(parse_magnet(MAGNET), "A name", fields={"category": "tv"})
    return decision_document("id", submission, decision, SizeSource.DEFAULT, 0.0)


@pytest.mark.parametrize(
    ("size", "shown"), [(None, None), (0, 0.0), (GIB, 1.0), (GIB + GIB // 4, 1.2), (-2 * GIB, -2.0), (2**20, 0.0)]
)
def test_sizes_are_shown_in_gib_with_one_decimal(size: int | None, shown: float | None) -> None:
    """Unknown stays unknown."""
    assert gigabytes(size) == shown


def test_times_are_rfc3339_in_utc() -> None:
    """The epoch and a known moment (`date -u -d @1700000000`), to the millisecond."""
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1_700_000_000.25) == "2023-11-14T22:13:20.250Z"


def test_a_decision_says_what_was_asked_who_won_and_why() -> None:
    """Figures by hand: of 90 and 40 GB left, the second has 4/9 of the best; both are idle."""
    fleet = [NodeFacts(name, free_bytes=free * GIB, age_seconds=1.0) for name, free in (("big", 140), ("small", 90))]
    document = json.loads(json.dumps(_document(*fleet)))
    asked = {name: document[name] for name in ("decision_id", "decided_at", "name", "hash", "category")}
    assert asked == {
        "decision_id": "id",
        "decided_at": "1970-01-01T00:00:00.000Z",
        "name": "A name",
        "hash": "ab" * 20,
        "category": "tv",
    }
    assert (document["size_gb"], document["size_source"]) == (50.0, "default_size_gb")
    assert (document["status"], document["selected_node"], document["attempts"]) == ("placing", "big", [])
    assert document["reason"] == "best score 1.000"
    small = document["attempted_nodes"][1]
    values = {part["weigher"]: (part["value"], part["weight"]) for part in small["contributions"]}
    assert values == {"free_space": (0.4444, 1.0), "downloads": (1.0, 2.0), "bandwidth": (1.0, 0.1)}
    assert (small["name"], small["excluded"], small["reasons"]) == ("small", False, [])
    assert small["score"] == pytest.approx((4 / 9 + 2.1) / 3.1, abs=1e-4)


def test_a_lone_candidate_is_not_called_the_best() -> None:
    """With one node eligible there was no choice."""
    fleet = [NodeFacts("one", free_bytes=100 * GIB, age_seconds=1.0), NodeFacts("out", draining=True)]
    assert _document(*fleet)["reason"] == "the only node that may take it"


def test_a_refusal_names_every_node_with_all_its_reasons() -> None:
    """Nobody has to look further to know what to change."""
    never_seen = NodeFacts("b", draining=True)
    full = NodeFacts("a", free_bytes=10 * GIB, age_seconds=1.0, claimed_bytes=2 * GIB, claimed_downloads=3)
    document = _document(never_seen, full)
    assert (document["status"], document["selected_node"]) == ("rejected", None)
    assert document["reason"] == ("no node may take it (a: insufficient_space, b: stale+draining+missing_free_space)")
    shown = document["attempted_nodes"][0]
    assert (shown["free_gb"], shown["effective_free_gb"], shown["claimed_gb"]) == (10.0, 8.0, 2.0)
    assert (shown["active_downloads"], shown["score"], shown["excluded"]) == (3, None, True)


def test_a_node_whose_space_is_unknown_says_so() -> None:
    """Null, not 0."""
    verdict = decide([NodeFacts("a")], Request(0), Policy()).verdicts[0]
    assert (verdict_document(verdict)["free_gb"], verdict_document(verdict)["effective_free_gb"]) == (None, None)

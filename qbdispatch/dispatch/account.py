"""What is written down of a finished submission: a count and notices with its decision, and one line in the log."""

import logging
from collections import Counter
from typing import Any

from sqlalchemy import Connection

from qbdispatch.dispatch.outbox import Outbox
from qbdispatch.logs import fields
from qbdispatch.scoring.model import Reason
from qbdispatch.store import tallies

log = logging.getLogger(__name__)
SUBMISSIONS = "submissions"
_ORDER = {code.value: place for place, code in enumerate(Reason)}
_ENDS = frozenset(
    ["accepted/", "duplicate/", "held/already_held"]
    + [f"failed/{how}" for how in ("not_added", "doubtful", "still_adding", "still_deleting")]
    + [f"{outcome}/{code}" for outcome in ("rejected", "held") for code in Reason]
)


def conclude(connection: Connection, outbox: Outbox, document: dict[str, Any], now: float) -> None:
    """In the transaction that keeps the decision's final state, so that counts and notices agree with decisions."""
    count(connection, document["status"], main_reason(document))
    outbox.decided(connection, document, now)


def count(connection: Connection, outcome: str, reason: str = "") -> None:
    """One more submission that ended so."""
    tallies.count(connection, SUBMISSIONS, f"{outcome}/{reason}")


def count_known(connection: Connection, *, is_held: bool) -> None:
    """One more submission of what is placed or held already."""
    if is_held:
        count(connection, "held", "already_held")
    else:
        count(connection, "duplicate")


def counted(connection: Connection) -> dict[tuple[str, str], int]:
    """How many submissions ended how, by outcome and main reason; 0 for what has not come to pass yet, as Prometheus
    sees no growth in what begins with its first count."""
    totals = tallies.totals(connection, SUBMISSIONS)
    return {(label.partition("/")[0], label.partition("/")[2]): totals.get(label, 0) for label in _ENDS | totals.keys()}


def main_reason(document: dict[str, Any]) -> str:
    """One word for why nothing was placed: the code that took out most nodes, the first in order if several did, or
    how the last add ended; empty for what was placed."""
    if document["status"] == "accepted":
        return ""
    if document["status"] == "failed" and document["attempts"]:
        return str(document["attempts"][-1]["outcome"]).replace(" ", "_")
    codes = Counter(reason["code"] for node in document["attempted_nodes"] for reason in node["reasons"])
    return min(codes, key=lambda code: (-codes[code], _ORDER.get(code, len(_ORDER))), default="no_nodes")


def log_submission(summary: dict[str, Any]) -> None:
    """The one line; `summary` has `status` and what else is worth knowing."""
    log.info("submission %s", summary["status"], extra=fields(**summary))

"""The way of one submission: known? decide and claim, add, and on failure the next node.

Nothing accepted is lost and nothing is placed twice, because the claim is written before the node is called and the
answer is given only after the placement is written.
"""

import logging
import time
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from qbdispatch.config.settings import Settings
from qbdispatch.dispatch.access import Fleet
from qbdispatch.dispatch.adding import Fate, add_to_node, has_torrent
from qbdispatch.dispatch.ledger import Known, Ledger, Rejected
from qbdispatch.dispatch.request import Submission
from qbdispatch.store.claims import Phase
from qbdispatch.store.engine import Store

log = logging.getLogger(__name__)
RETRY_AFTER_SECONDS = 60
POLL_SECONDS = 0.05


class Status(StrEnum):
    """How a submission ended."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"  # no node may take it
    FAILED = "failed"  # nodes were tried, and none took it


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a submission. `nodes` are the verdicts on all nodes, as `documents.verdict_document` shows them."""

    status: Status
    hash: str
    reason: str
    node: str | None = None
    decision_id: str | None = None
    nodes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_placed(self) -> bool:
        """Whether the torrent is on a node now."""
        return self.status in (Status.ACCEPTED, Status.DUPLICATE)


class Dispatcher:
    """Places torrents. Safe for threads and for any number of processes over one store."""

    def __init__(self, settings: Settings, store: Store, fleet: Fleet) -> None:
        self._ledger = Ledger(store, settings)
        self._fleet = fleet
        self._now = store.now
        self._max_retries = settings.dispatcher.submission.max_retries
        self._default_save_path = settings.dispatcher.submission.save_path

    def submit(self, submission: Submission) -> Result:
        """Place one torrent. Raises `StoreUnavailable` only."""
        result = self._submit(self._with_defaults(submission))
        log.info(
            'submission "%s" (%s): %s on %s: %s [decision %s]',
            submission.title,
            result.hash,
            result.status,
            result.node or "no node",
            result.reason,
            result.decision_id,
        )
        return result

    def preview(self, submission: Submission) -> Result:
        """What `submit` would answer now; nothing is claimed or sent."""
        step = self._ledger.preview(self._with_defaults(submission))
        hash_ = submission.source.hashes.key
        if isinstance(step, Known):
            return _duplicate(step, hash_)
        if isinstance(step, Rejected):
            return _unplaced(Status.REJECTED, step.document)
        return Result(Status.ACCEPTED, hash_, step["reason"], step["selected_node"], None, step["attempted_nodes"])

    def _submit(self, submission: Submission) -> Result:
        decision_id = uuid.uuid4().hex
        hashes = submission.source.hashes
        tried: dict[str, str] = {}
        attempts: list[dict[str, Any]] = []
        while True:
            step = self._ledger.claim(submission, decision_id, tried, attempts)
            if isinstance(step, Known):
                answer = self._join(step, submission)
                if answer is not None:
                    return answer
                continue
            if isinstance(step, Rejected):
                return self._give_up(step.document, tried)
            outcome = add_to_node(self._fleet.members[step.node], submission, step.send_by)
            attempts.append({"node": step.node, "outcome": outcome.fate.value, "detail": outcome.detail})
            if outcome.fate is Fate.ADDED:
                document = step.document | {"status": Status.ACCEPTED.value, "attempts": attempts}
                self._ledger.confirm(step, submission, document)
                return Result(
                    Status.ACCEPTED,
                    hashes.key,
                    document["reason"],
                    step.node,
                    decision_id,
                    document["attempted_nodes"],
                )
            doubtful = outcome.fate is Fate.DOUBTFUL
            self._ledger.withdraw(step.claim_id, step.node, doubtful=doubtful, fault=outcome.fault)
            log.warning("add of %s to node %s: %s: %s", hashes.key, step.node, outcome.fate.value, outcome.detail)
            tried[step.node] = outcome.detail
            if len(tried) > self._max_retries:
                return self._give_up(step.document, tried)

    def _join(self, known: Known, submission: Submission) -> Result | None:
        """Somebody has placed this torrent, or is doing so: answer what comes of that.

        `None` means that nothing came of it and the caller may go on by itself.
        """
        hashes = submission.source.hashes
        if known.claim is None or known.claim.phase is Phase.ADDED:
            return _duplicate(known, hashes.key)
        access = self._fleet.members[known.node]
        give_up = time.monotonic() + access.node.timeout_s
        while time.monotonic() < give_up and self._now() < known.claim.deadline:
            time.sleep(POLL_SECONDS)
            now_known = self._ledger.known(hashes)
            if now_known is None or now_known.claim is None or now_known.claim.id != known.claim.id:
                return _duplicate(now_known, hashes.key) if now_known and now_known.claim is None else None
        if self._now() < known.claim.deadline:
            reason = f"another request is still adding this torrent to {known.node}; ask again"
            return Result(Status.FAILED, hashes.key, reason, None, known.decision_id)
        return self._take_over(known, hashes.key)

    def _take_over(self, known: Known, hash_: str) -> Result | None:
        """The worker that was adding the torrent is gone: ask the node what came of it."""
        assert known.claim is not None
        claim = known.claim
        found = has_torrent(self._fleet.members[known.node], claim.hashes)
        if found:
            self._ledger.adopt(claim)
            return _duplicate(known, hash_)
        self._ledger.withdraw(claim.id, claim.node, doubtful=found is None, fault=None)
        return None

    def _give_up(self, document: dict[str, Any], tried: dict[str, str]) -> Result:
        if not tried:
            return _unplaced(Status.REJECTED, document)
        failures = "; ".join(f"{node}: {detail}" for node, detail in tried.items())
        document = document | {
            "status": Status.FAILED.value,
            "selected_node": None,
            "reason": f"no node took it ({failures})",
        }
        self._ledger.close(document)
        return _unplaced(Status.FAILED, document)

    def _with_defaults(self, submission: Submission) -> Submission:
        if self._default_save_path is None or submission.fields.get("savepath"):
            return submission
        fields = {**submission.fields, "savepath": self._default_save_path}
        return Submission(submission.source, submission.name, submission.size_estimate_bytes, fields)


def _duplicate(known: Known, hash_: str) -> Result:
    return Result(Status.DUPLICATE, hash_, f"already on {known.node}", known.node, known.decision_id)


def _unplaced(status: Status, document: dict[str, Any]) -> Result:
    nodes = document["attempted_nodes"]
    return Result(status, document["hash"], document["reason"], None, document["decision_id"] or None, nodes)

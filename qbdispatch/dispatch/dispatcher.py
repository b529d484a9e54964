"""The way of one submission: known? decide and claim, add, and on failure the next node; held, if none takes it.

Nothing accepted is lost and nothing is placed twice, because the claim is written before the node is called and the
answer is given only after the placement is written.
"""

import logging
import time
import uuid
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from qbdispatch import meters
from qbdispatch.config.settings import Settings
from qbdispatch.dispatch.access import Fleet
from qbdispatch.dispatch.account import log_submission
from qbdispatch.dispatch.adding import Fate, add_to_node, has_torrent
from qbdispatch.dispatch.documents import gigabytes
from qbdispatch.dispatch.joining import Joining
from qbdispatch.dispatch.ledger import Ledger
from qbdispatch.dispatch.request import Submission, size_of
from qbdispatch.dispatch.steps import Claimed, HeldNoLonger, Known, Rejected, Waiting
from qbdispatch.dispatch.waitlist import Waitlist
from qbdispatch.store.engine import Store, StoreUnavailable
from qbdispatch.store.held import Held
from qbdispatch.torrents.source import InfoHashes

log = logging.getLogger(__name__)
RETRY_AFTER_SECONDS = 60
HELD_RETRY_SECONDS = 60.0


class Status(StrEnum):
    """How a submission ended."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"  # no node may take it
    FAILED = "failed"  # nodes were tried, and none took it
    HELD = "held"  # it waits in the store until a node has room


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a submission. `nodes` are the verdicts on all nodes, as `documents.verdict_document` shows them."""

    status: Status
    hash: str
    reason: str
    node: str | None = None
    decision_id: str | None = None
    nodes: list[dict[str, Any]] = field(default_factory=list)
    attempts: int = 0  # adds that were sent

    @property
    def is_taken(self) -> bool:
        """Whether the client may rely on it: the torrent is on a node now, or will be."""
        return self.status in (Status.ACCEPTED, Status.DUPLICATE, Status.HELD)


@dataclass(frozen=True, slots=True)
class Trial:
    """What has been tried for one submission: the failure of each node, and every attempt as it is shown."""

    tried: dict[str, str] = field(default_factory=dict)
    attempts: list[dict[str, Any]] = field(default_factory=list)


class Dispatcher:
    """Places torrents. Safe for threads and for any number of processes over one store."""

    def __init__(self, settings: Settings, store: Store, fleet: Fleet) -> None:
        self._ledger = Ledger(store, settings)
        self._waitlist = Waitlist(store, settings, self._ledger)
        self._joining = Joining(self._ledger, fleet, store.now)
        self._fleet = fleet
        self._settings = settings.dispatcher
        self._max_retries = settings.dispatcher.submission.max_retries
        self._default_save_path = settings.dispatcher.submission.save_path

    def submit(self, submission: Submission) -> Result:
        """Place one torrent. Raises `StoreUnavailable` only."""
        started = time.monotonic()
        result = self._submit(self._with_defaults(submission))
        log_submission(self._summary(submission, result) | {"ms": round((time.monotonic() - started) * 1000, 1)})
        return result

    def preview(self, submission: Submission) -> Result:
        """What `submit` would answer now; nothing is claimed or sent."""
        step = self._ledger.preview(self._with_defaults(submission))
        hash_ = submission.source.hashes.key
        if isinstance(step, Known):
            return _duplicate(step, hash_)
        if isinstance(step, Rejected | Waiting):
            return _unplaced(Status.HELD if isinstance(step, Waiting) else Status.REJECTED, step.document)
        return Result(Status.ACCEPTED, hash_, step["reason"], step["selected_node"], None, step["attempted_nodes"])

    def place_next(self, leave_out: set[int]) -> bool:
        """Place the held torrent whose turn it is; whether there was one. Those in `leave_out`, by their ids, are
        passed over, and one that could not be placed is added to them. Raises `StoreUnavailable` only."""
        one = self._waitlist.next_to_place(leave_out)
        if one is None:
            return False
        submission = self._waitlist.submission(one)
        if submission is None or not self._place_held(one, submission):
            leave_out.add(one.id)
        return True

    def settle_held(self) -> None:
        """Hold no longer what is on a node already."""
        for one in self._waitlist.placed_already():
            submission = self._waitlist.submission(one)
            if submission is not None:
                self._waitlist.settle(one, submission)

    def try_now(self, hashes: InfoHashes) -> bool:
        """End the pause of a held torrent that nodes have failed to take; whether it is held."""
        return self._waitlist.try_now(hashes)

    def _place_held(self, one: Held, submission: Submission) -> bool:
        """Whether it is on a node now. It stays held until that is written down, whatever happens before."""
        for doubt in self._waitlist.doubts(one.hashes):
            if has_torrent(self._fleet.members[doubt.node], doubt.hashes):
                self._ledger.adopt(doubt)
                self._waitlist.settle(one, submission)
                return True
        trial = Trial()
        while True:
            step = self._ledger.claim_held(one, submission, trial.tried, trial.attempts)
            if isinstance(step, HeldNoLonger):
                return False
            if isinstance(step, Known):
                return self._found_placed(one, step, submission)
            if isinstance(step, Claimed) and self._try(step, submission, trial):
                log_submission(_placed_summary(one, step.claim.node, len(trial.attempts)))
                return True
            if isinstance(step, Rejected) or len(trial.tried) > self._max_retries:
                if trial.tried:
                    document = _failed(step.document, trial.tried)
                    self._waitlist.put_off(one, document, HELD_RETRY_SECONDS)
                return False

    def _found_placed(self, one: Held, known: Known, submission: Submission) -> bool:
        """Somebody has placed it, is doing so or deleting it, or died over that."""
        if not known.is_settled and not isinstance(self._joining.settled(known), Known):
            return False
        self._waitlist.settle(one, submission)
        return True

    def _submit(self, submission: Submission) -> Result:
        decision_id = uuid.uuid4().hex
        trial = Trial()
        while True:
            started = time.monotonic()
            step = self._ledger.claim(submission, decision_id, trial.tried, trial.attempts)
            meters.decision_took(time.monotonic() - started)
            if isinstance(step, Known):
                answer = self._join(step, submission)
                if answer is not None:
                    return answer
                continue
            if isinstance(step, Waiting):
                return _unplaced(Status.HELD, step.document)
            if isinstance(step, Rejected):
                return self._give_up(step.document, trial.tried)
            document = self._try(step, submission, trial)
            if document is not None:
                hash_, verdicts = submission.source.hashes.key, document["attempted_nodes"]
                reason, attempts = document["reason"], len(trial.attempts)
                return Result(Status.ACCEPTED, hash_, reason, step.claim.node, decision_id, verdicts, attempts)
            if len(trial.tried) > self._max_retries:
                return self._hold_or_give_up(submission, step.document, trial.tried)

    def _try(self, step: Claimed, submission: Submission, trial: Trial) -> dict[str, Any] | None:
        """Add it to the node that it is claimed on, and write down what came of that; the decision if it was taken."""
        node = step.claim.node
        outcome = add_to_node(self._fleet.members[node], submission, step.send_by)
        trial.attempts.append({"node": node, "outcome": outcome.fate.value, "detail": outcome.detail})
        if outcome.fate is Fate.ADDED:
            document = step.document | {"status": Status.ACCEPTED.value, "attempts": trial.attempts}
            self._ledger.confirm(step, submission, document)
            return document
        doubtful = outcome.fate is Fate.DOUBTFUL
        self._ledger.withdraw(step.claim, doubtful=doubtful, fault=outcome.fault)
        hash_ = submission.source.hashes.key
        log.warning("add of %s to node %s: %s: %s", hash_, node, outcome.fate.value, outcome.detail)
        trial.tried[node] = outcome.detail
        return None

    def _join(self, known: Known, submission: Submission) -> Result | None:
        """Somebody has this torrent in hand: answer what comes of that.

        `None` means that nothing came of it and the caller may go on by itself.
        """
        hash_ = submission.source.hashes.key
        if known.is_settled:
            return _duplicate(known, hash_)  # the ledger has counted it
        outcome = self._joining.outcome(known, submission.source.hashes)
        if outcome is None:
            return None
        if isinstance(outcome, Known):
            self._count(Status.DUPLICATE)
            return _duplicate(outcome, hash_)
        self._count(Status.FAILED, outcome.code)
        return Result(Status.FAILED, hash_, outcome.reason, None, known.decision_id)

    def _count(self, status: Status, reason: str = "") -> None:
        try:
            self._ledger.count(status.value, reason)
        except StoreUnavailable as error:  # what came of the submission stands
            log.warning("a submission could not be counted: %s", error)

    def _summary(self, submission: Submission, result: Result) -> dict[str, Any]:
        size, _ = size_of(submission, self._settings)
        return {
            "status": result.status.value,
            "node": result.node,
            "hash": result.hash,
            "name": submission.title,
            "size_gb": gigabytes(size),
            "reason": result.reason,
            "attempts": result.attempts,
            "decision": result.decision_id,
        }

    def _hold_or_give_up(self, submission: Submission, document: dict[str, Any], tried: dict[str, str]) -> Result:
        """As many nodes as are wanted have failed to take it."""
        failed = _failed(document, tried)
        step = self._ledger.hold(submission, failed)
        if isinstance(step, Known):  # another request is adding it, or has
            return self._join(step, submission) or _unplaced(Status.FAILED, failed)
        return _unplaced(Status.HELD if isinstance(step, Waiting) else Status.FAILED, step.document)

    def _give_up(self, document: dict[str, Any], tried: dict[str, str]) -> Result:
        if not tried:
            return _unplaced(Status.REJECTED, document)
        document = _failed(document, tried)
        self._ledger.close(document)
        return replace(_unplaced(Status.FAILED, document), attempts=len(tried))

    def _with_defaults(self, submission: Submission) -> Submission:
        if self._default_save_path is None or submission.fields.get("savepath"):
            return submission
        fields = {**submission.fields, "savepath": self._default_save_path}
        return Submission(submission.source, submission.name, submission.size_estimate_bytes, fields)


def _placed_summary(one: Held, node: str, attempts: int) -> dict[str, Any]:
    return {
        "status": Status.ACCEPTED.value,
        "node": node,
        "hash": one.hashes.key,
        "name": one.title,
        "size_gb": gigabytes(one.size),
        "reason": "it was held and has found room",
        "attempts": attempts,
        "decision": one.decision_id,
    }


def _failed(document: dict[str, Any], tried: dict[str, str]) -> dict[str, Any]:
    failures = "; ".join(f"{node}: {detail}" for node, detail in tried.items())
    reason = f"no node took it ({failures})"
    return document | {"status": Status.FAILED.value, "selected_node": None, "reason": reason}


def _duplicate(known: Known, hash_: str) -> Result:
    return Result(Status.DUPLICATE, hash_, f"already on {known.node}", known.node, known.decision_id)


def _unplaced(status: Status, document: dict[str, Any]) -> Result:
    nodes = document["attempted_nodes"]
    return Result(status, document["hash"], document["reason"], None, document["decision_id"] or None, nodes)

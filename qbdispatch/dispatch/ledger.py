"""The book of promises: decide and claim in one transaction, then confirm, release or keep in doubt.

Each method is one short write transaction; no network call happens inside. What it writes is idempotent: confirming
or releasing twice changes nothing.
"""

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from qbdispatch.config.settings import Settings
from qbdispatch.dispatch import account
from qbdispatch.dispatch.documents import decision_document, held_document, rfc3339, unheld_document
from qbdispatch.dispatch.expecting import list_expected
from qbdispatch.dispatch.holding import hold, let_go, refusal_to_hold, request_of
from qbdispatch.dispatch.homes import find_home
from qbdispatch.dispatch.labelling import define_new
from qbdispatch.dispatch.outbox import Outbox
from qbdispatch.dispatch.placed import forget, record
from qbdispatch.dispatch.request import SizeSource, Submission, policy, size_of
from qbdispatch.dispatch.steps import Claimed, HeldNoLonger, Known, Rejected, Waiting
from qbdispatch.dispatch.unseen import not_seen_yet
from qbdispatch.nodes.errors import NodeError
from qbdispatch.scoring.decide import decide
from qbdispatch.scoring.model import Decision, Request
from qbdispatch.scoring.queueing import keep_room
from qbdispatch.store import claims, decisions, facts, health, held, placements
from qbdispatch.store.engine import Store
from qbdispatch.torrents.source import InfoHashes

SEND_WITHIN_SECONDS = 5.0
"""An add that could not be sent this long after its claim is given up, so that claims of dead workers can end."""

SETTLE_SECONDS = 5.0
"""For connecting, asking and writing on top of the time that the node gets for its answer."""


class Ledger:
    """Safe for threads; all its state is in the store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._outbox = Outbox(settings.notifications)
        self._nodes = {node.name: node for node in settings.nodes}
        self._add_seconds = {node.name: node.timeout_s for node in settings.nodes}
        self._policy = policy(settings.dispatcher, settings.sync.stale_after_s)

    def claim(
        self,
        submission: Submission,
        decision_id: str,
        tried: Mapping[str, str],
        attempts: list[dict[str, Any]],
    ) -> Known | Claimed | Rejected | Waiting:
        """Decide where the torrent goes and promise its bytes there, unless it is known already. What fits nowhere
        now is held, where that is wanted."""
        with self._store.write() as connection:
            known = self._known_or_held(connection, submission)
            if known is not None:
                if isinstance(known, Waiting) or known.is_settled:
                    account.count_known(connection, is_held=isinstance(known, Waiting))
                return known
            now = self._store.now()
            decision, document = self._decide(connection, submission, decision_id, tried, now)
            document["attempts"] = attempts
            if not_seen_yet(connection, document, self._nodes, now, self._policy.stale_after_seconds):
                decisions.keep(connection, decision_id, document, decided_at=now)
                account.conclude(connection, self._outbox, document, now)
                return Rejected(document)
            health.end_beginning(connection)
            if decision.winner is None:
                return self._hold_or_reject(connection, submission, document, decision, now)
            decisions.keep(connection, decision_id, document, decided_at=now)
            return self._promise(connection, submission, decision, document, now)

    def claim_held(
        self, one: held.Held, submission: Submission, tried: Mapping[str, str], attempts: list[dict[str, Any]]
    ) -> Known | Claimed | Rejected | HeldNoLonger:
        """The same for a held torrent, which stays held until `confirm`."""
        with self._store.write() as connection:
            if held.get(connection, one.id) != one:
                return HeldNoLonger()
            known = self.find(connection, submission.source.hashes)
            if known is not None:
                return known
            now = self._store.now()
            decision, document = self._decide(connection, submission, one.decision_id, tried, now, one)
            document["attempts"] = attempts
            unseen = not_seen_yet(connection, document, self._nodes, now, self._policy.stale_after_seconds)
            if unseen or decision.winner is None:
                return Rejected(document)
            decisions.keep(connection, one.decision_id, document, decided_at=now)
            return self._promise(connection, submission, decision, document, now)

    def _promise(
        self, connection: Connection, submission: Submission, decision: Decision, document: dict[str, Any], now: float
    ) -> Claimed:
        winner = decision.winner
        assert winner is not None
        define_new(connection, submission.category, submission.fields.get("tags", ""))
        claim = claims.open_claim(
            connection,
            submission.source.hashes,
            node=winner.name,
            bytes=decision.request.size_bytes,
            claimed_at=now,
            deadline=now + SEND_WITHIN_SECONDS + self._add_seconds[winner.name] + SETTLE_SECONDS,
            decision_id=document["decision_id"],
            name=submission.title,
            category=submission.category,
        )
        return Claimed(claim, time.monotonic() + SEND_WITHIN_SECONDS, document)

    def hold(self, submission: Submission, document: dict[str, Any]) -> Known | Rejected | Waiting:
        """Hold what nodes have failed to take; `document` is the decision as it stands."""
        with self._store.write() as connection:
            found = self._known_or_held(connection, submission)
            return found or self._hold_or_reject(connection, submission, document, None, self._store.now())

    def preview(self, submission: Submission) -> Known | Rejected | Waiting | dict[str, Any]:
        """What `claim` would do now; changes nothing."""
        with self._store.read() as connection:
            known = self._known_or_held(connection, submission)
            if known is not None:
                return known
            now = self._store.now()
            decision, document = self._decide(connection, submission, "", {}, now)
            if not_seen_yet(connection, document, self._nodes, now, self._policy.stale_after_seconds):
                return Rejected(document)
            if decision.winner is not None:
                return document
            refusal = refusal_to_hold(connection, self._settings.hold, decision)
        return Waiting(held_document(document)) if refusal is None else Rejected(unheld_document(document, refusal))

    def known(self, hashes: InfoHashes) -> Known | None:
        """Where the torrent is, or is being added."""
        with self._store.read() as connection:
            return self.find(connection, hashes)

    def confirm(self, claimed: Claimed, submission: Submission, document: dict[str, Any]) -> None:
        """The node has taken the torrent: record the placement and list it; the claim counts until the node shows
        the size."""
        now = self._store.now()
        with self._store.write() as connection:
            list_expected(connection, self._nodes[claimed.claim.node], submission, now)
            record(connection, claimed.claim, self._nodes, now)
            decisions.keep(connection, document["decision_id"], document, decided_at=now)
            account.conclude(connection, self._outbox, document, now)
            let_go(connection, submission.source.hashes, now)  # so that it is in every list at every moment

    def adopt(self, claim: claims.Claim) -> None:
        """A claim whose worker is gone turned out well: the node has the torrent."""
        with self._store.write() as connection:
            record(connection, claim, self._nodes, self._store.now())

    def departed(self, leaving: placements.Placement, *, gone: bool) -> None:
        """Whoever was deleting a torrent is gone; the node has told whether it has it."""
        with self._store.write() as connection:
            if gone:
                now, deleted = self._store.now(), {leaving.node_id: leaving.hashes}
                forget(connection, leaving.node, deleted, now, now)
            else:
                placements.leave(connection, [leaving.id], None)

    def withdraw(self, claim: claims.Claim, *, doubtful: bool, fault: NodeError | None) -> None:
        """The add failed: end the claim, or keep it in doubt where the node may have taken the torrent all the same.
        A `fault` that concerns the node itself keeps further torrents away until it answers again."""
        with self._store.write() as connection:
            if doubtful:
                claims.renew(connection, claim, phase=claims.Phase.DOUBT, deadline=self._store.now())
            else:
                claims.release(connection, [claim.id])
            if fault is not None:
                health.record_fault(connection, claim.node, fault.reason, str(fault), cause=fault.cause)

    def close(self, document: dict[str, Any]) -> None:
        """Keep the final state of a decision that placed nothing."""
        now = self._store.now()
        with self._store.write() as connection:
            decisions.keep(connection, document["decision_id"], document, decided_at=now)
            account.conclude(connection, self._outbox, document, now)

    def count(self, outcome: str, reason: str) -> None:
        """Count a submission that ended without a decision of its own."""
        with self._store.write() as connection:
            account.count(connection, outcome, reason)

    def find(self, connection: Connection, hashes: InfoHashes) -> Known | None:
        """Where the torrent is, or is being added, as a transaction sees it. A record on a node that is no longer
        configured does not count: the torrent can be placed anew."""
        found = [one for one in placements.find(connection, hashes) if one.node in self._add_seconds]
        for placement in sorted(found, key=lambda one: one.leaving_until is not None):
            leaving = placement if placement.leaving_until is not None else None
            return Known(placement.node, placement.decision_id, leaving=leaving)
        claim = claims.live(connection, hashes)
        return Known(claim.node, claim.decision_id, claim) if claim and claim.node in self._add_seconds else None

    def _known_or_held(self, connection: Connection, submission: Submission) -> Known | Waiting | None:
        hashes = submission.source.hashes
        known = self.find(connection, hashes)
        if known is not None:
            return known
        found = held.find(connection, hashes)
        if found is None:
            return None
        document = decisions.get(connection, found.decision_id) or {"attempted_nodes": [], "reason": "held"}
        reason = f"held since {rfc3339(found.held_at)}; {document['reason']}"
        return Waiting(document | {"reason": reason, "hash": hashes.key, "decision_id": found.decision_id})

    def _hold_or_reject(
        self,
        connection: Connection,
        submission: Submission,
        document: dict[str, Any],
        decision: Decision | None,
        now: float,
    ) -> Waiting | Rejected:
        """Keep the decision either way. `decision` is `None` where nodes were eligible but failed."""
        refusal = refusal_to_hold(connection, self._settings.hold, decision)
        document = held_document(document) if refusal is None else unheld_document(document, refusal)
        decisions.keep(connection, document["decision_id"], document, decided_at=now)
        if refusal is None or decision is None or not document["attempts"]:  # else `close` tells what came of it
            account.conclude(connection, self._outbox, document, now)
        if refusal is not None:
            return Rejected(document)
        size, _ = size_of(submission, self._settings.dispatcher)
        define_new(connection, submission.category, submission.fields.get("tags", ""))
        hold(connection, submission, document, size, now)
        return Waiting(document)

    def _decide(
        self,
        connection: Connection,
        submission: Submission,
        decision_id: str,
        tried: Mapping[str, str],
        now: float,
        one: held.Held | None = None,
    ) -> tuple[Decision, dict[str, Any]]:
        settings = self._settings
        fleet = facts.gather(connection, settings.nodes, max_downloads=settings.dispatcher.max_downloads, now=now)
        oldest = held.foremost(connection, now)
        if oldest is not None and (one is None or oldest.id != one.id):
            fleet = keep_room(fleet, request_of(connection, oldest, settings.nodes), self._policy)
        home = find_home(connection, submission.fields, settings.nodes)
        size, size_source = size_of(submission, settings.dispatcher)
        if home.has_data:
            size, size_source = 0, SizeSource.PRESENT
        elif one is not None:
            size = one.size  # what others made room for
        decision = decide(fleet, Request(size, submission.category, tried, home.nodes), self._policy)
        return decision, decision_document(decision_id, submission, decision, size_source, now)

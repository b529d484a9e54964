"""The held torrents as the store has them: who may be placed next, and what becomes of one that was tried.

Each method is one short transaction. The claim for a held torrent is the ledger's.
"""

from typing import Any

from qbdispatch.config.settings import Settings
from qbdispatch.dispatch import holding
from qbdispatch.dispatch.documents import held_document
from qbdispatch.dispatch.expecting import list_expected
from qbdispatch.dispatch.ledger import Ledger
from qbdispatch.dispatch.request import Submission, policy
from qbdispatch.scoring.queueing import first_that_fits
from qbdispatch.store import claims, decisions, facts, held
from qbdispatch.store.engine import Store
from qbdispatch.torrents.source import InfoHashes


class Waitlist:
    """Safe for threads; all its state is in the store."""

    def __init__(self, store: Store, settings: Settings, ledger: Ledger) -> None:
        self._store = store
        self._settings = settings
        self._ledger = ledger
        self._nodes = {node.name: node for node in settings.nodes}
        self._policy = policy(settings.dispatcher, settings.sync.stale_after_s)

    def placed_already(self) -> list[held.Held]:
        """Those that are on a node, say because who placed them died before it could write that down."""
        with self._store.read() as connection:
            return held.placed(connection) if held.count(connection) else []

    def next_to_place(self, leave_out: set[int]) -> held.Held | None:
        """The oldest that may be placed and that has room now; see `scoring.queueing`."""
        now = self._store.now()
        with self._store.read() as connection:
            due = [one for one in held.due(connection, now) if one.id not in leave_out]
            if not due:
                return None
            nodes = self._settings.nodes
            fleet = facts.gather(connection, nodes, max_downloads=self._settings.dispatcher.max_downloads, now=now)
            requests = [holding.request_of(connection, one, nodes) for one in due]
        found = first_that_fits(fleet, requests, self._policy)
        return None if found is None else due[found]

    def submission(self, one: held.Held) -> Submission | None:
        """What is to be placed; `None` if it is held no longer."""
        with self._store.read() as connection:
            return holding.submission_of(connection, one)

    def doubts(self, hashes: InfoHashes) -> list[claims.Claim]:
        """The adds of this torrent that a node may have carried out without saying so."""
        with self._store.read() as connection:
            return [one for one in claims.doubts(connection, hashes) if one.node in self._nodes]

    def put_off(self, one: held.Held, document: dict[str, Any], seconds: float) -> None:
        """Nodes have failed to take it: it is tried again in so many seconds, and reserves nothing until then."""
        now = self._store.now()
        with self._store.write() as connection:
            decisions.keep(connection, one.decision_id, held_document(document), decided_at=now)
            held.change(connection, one.id, next_at=now + seconds)

    def try_now(self, hashes: InfoHashes) -> bool:
        """End the pause after a failure; whether the torrent is held."""
        with self._store.write() as connection:
            one = held.find(connection, hashes)
            if one is not None:
                held.change(connection, one.id, next_at=0.0)
        return one is not None

    def settle(self, one: held.Held, submission: Submission) -> None:
        """If it is on a node: list it there and hold it no longer, at one moment."""
        now = self._store.now()
        with self._store.write() as connection:
            known = self._ledger.find(connection, one.hashes)
            if known is None or (known.claim and known.claim.phase is claims.Phase.ADDING):
                return
            list_expected(connection, self._nodes[known.node], submission, now)
            holding.let_go(connection, one.hashes, now)

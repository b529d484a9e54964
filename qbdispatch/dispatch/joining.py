"""What comes of a torrent that somebody else is adding or deleting at this moment, or has died over.

Neither is known to have happened until it is written down; where nobody is left to do that, the node is asked.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from qbdispatch.dispatch.access import Fleet
from qbdispatch.dispatch.adding import has_torrent
from qbdispatch.dispatch.ledger import Ledger
from qbdispatch.dispatch.steps import Known
from qbdispatch.torrents.source import InfoHashes

POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Undecided:
    """It has not come out yet; `code` counts it, `reason` tells it."""

    code: str
    reason: str


class Joining:
    """Safe for threads."""

    def __init__(self, ledger: Ledger, fleet: Fleet, now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._fleet = fleet
        self._now = now

    def outcome(self, known: Known, hashes: InfoHashes) -> Known | Undecided | None:
        """Where the torrent is, once that is known, waited for as long as its node may take to answer. `None`: nowhere
        that is known, so the caller may place it."""
        give_up = time.monotonic() + self._fleet.members[known.node].node.timeout_s
        while time.monotonic() < give_up and self._now() < known.open_until:
            time.sleep(POLL_SECONDS)
            now_known = self._ledger.known(hashes)
            if now_known is None or now_known.undone != known.undone:
                return now_known if now_known and now_known.undone is None else None
        return self.settled(known)

    def settled(self, known: Known) -> Known | Undecided | None:
        """The same without waiting for whoever is at it."""
        if self._now() < known.open_until:
            return _undecided(known, "another request is still")
        found = has_torrent(self._fleet.members[known.node], known.hashes)
        if known.leaving is None:
            return self._added(known, found)
        if found is None:
            return _undecided(known, "the node does not say what came of")
        self._ledger.departed(known.leaving, gone=not found)
        return Known(known.node, known.decision_id) if found else None

    def _added(self, known: Known, found: bool | None) -> Known | None:
        """The worker that was adding the torrent is gone."""
        assert known.claim is not None
        if found:
            self._ledger.adopt(known.claim)
            return known
        self._ledger.withdraw(known.claim, doubtful=found is None, fault=None)
        return None


def _undecided(known: Known, who: str) -> Undecided:
    if known.leaving is None:
        return Undecided("still_adding", f"{who} adding this torrent to {known.node}; ask again")
    return Undecided("still_deleting", f"{who} deleting this torrent from {known.node}; ask again")

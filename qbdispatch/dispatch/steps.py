"""What the ledger answers to one step of a submission."""

from dataclasses import dataclass
from typing import Any

from qbdispatch.store import claims, placements
from qbdispatch.torrents.source import InfoHashes


@dataclass(frozen=True, slots=True)
class Known:
    """The torrent is on a node already. `claim` is set while its add has not been settled, `leaving` where somebody
    began to delete it."""

    node: str
    decision_id: str | None
    claim: claims.Claim | None = None
    leaving: placements.Placement | None = None

    @property
    def is_settled(self) -> bool:
        """Whether a node has it; otherwise it is being added or deleted."""
        return self.leaving is None and (self.claim is None or self.claim.phase is claims.Phase.ADDED)

    @property
    def undone(self) -> tuple[str, int] | None:
        """What has not been settled."""
        if self.leaving is not None:
            return "deletion", self.leaving.id
        return ("add", self.claim.id) if self.claim is not None else None

    @property
    def hashes(self) -> InfoHashes:
        one = self.leaving or self.claim
        assert one is not None
        return one.hashes

    @property
    def open_until(self) -> float:
        """Until then whoever is at it may be."""
        if self.leaving is not None:
            return self.leaving.leaving_until or 0.0
        return self.claim.deadline if self.claim is not None else 0.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """Bytes are promised on a node; the add is to be sent before `send_by` (seconds of the steady clock)."""

    claim: claims.Claim
    send_by: float
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rejected:
    """No node may take it."""

    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """It is held: from now on, or since an earlier submission."""

    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class HeldNoLonger:
    """What was to be placed has been placed by another, changed or deleted."""

"""Claims: bytes promised to a node for a torrent that it does not list yet, or lists without its size.

A claim is opened in the transaction that decided on its node. It ends when the node shows the torrent with its own
size, when the add failed for certain, or when the leader finds that nothing came of it. Where the node is away for
long it is given up: nothing is promised any more, but it is remembered what the node may have when it comes back.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, case, delete, func, insert, or_, select, update

from qbdispatch.store.tables import claims
from qbdispatch.torrents.source import InfoHashes


class Phase(StrEnum):
    """How far a claim has come."""

    ADDING = "adding"  # the add is under way; nobody was told yes
    ADDED = "added"  # the node took it; there is a placement
    DOUBT = "doubt"  # sent, but never answered: the node may have it
    UNWANTED = "unwanted"  # in doubt, and deleted since: what the node may still take is to go again
    GIVEN_UP = "given_up"  # no bytes count; the node has been away for long, and may have it


UNSURE = frozenset({Phase.DOUBT, Phase.UNWANTED, Phase.GIVEN_UP})
"""The torrent may be placed elsewhere meanwhile."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of `claims`; see `tables` for units."""

    id: int
    v1: str | None
    v2: str | None
    node: str
    bytes: int
    phase: Phase
    shown: bool
    claimed_at: float
    deadline: float
    decision_id: str
    name: str
    category: str

    @property
    def hashes(self) -> InfoHashes:
        return InfoHashes(self.v1, self.v2)

    @property
    def is_unsure(self) -> bool:
        """Nobody was told yes on the strength of it, and the node may or may not have the torrent."""
        return self.phase in UNSURE


@dataclass(frozen=True, slots=True)
class Total:
    """What is claimed on one node: bytes, torrents not listed yet, and since when an add has been unanswered."""

    bytes: int
    unlisted: int
    adding_since: float | None


def same_torrent(table: Table, hashes: InfoHashes) -> ColumnElement[bool]:
    """The condition that a row is about this torrent, in any of its spellings."""
    columns = ((table.c.v1, hashes.v1), (table.c.v2, hashes.v2))
    return or_(*(column == value for column, value in columns if value is not None))


def open_claim(connection: Connection, hashes: InfoHashes, **values: Any) -> Claim:
    """Promise `bytes` on `node`. Call it inside the deciding transaction only."""
    row = {"v1": hashes.v1, "v2": hashes.v2, "phase": Phase.ADDING, "shown": False, **values}
    key = connection.execute(insert(claims).values(row)).inserted_primary_key
    return Claim(id=int(key[0]) if key else 0, **row)


def live(connection: Connection, hashes: InfoHashes) -> Claim | None:
    """The claim under which this torrent is being, or has just been, added; doubts do not count."""
    query = select(claims).where(same_torrent(claims, hashes), claims.c.phase.not_in(UNSURE))
    return next(iter(_load(connection, query)), None)


def doubts(connection: Connection, hashes: InfoHashes) -> list[Claim]:
    """The adds of this torrent that were never answered."""
    asked = UNSURE - {Phase.UNWANTED}
    return _load(connection, select(claims).where(same_torrent(claims, hashes), claims.c.phase.in_(asked)))


def on_node(connection: Connection, node: str) -> list[Claim]:
    """All claims on a node, oldest first."""
    return _load(connection, select(claims).where(claims.c.node == node).order_by(claims.c.id))


def every(connection: Connection) -> list[Claim]:
    """All claims, those that were given up included, oldest first."""
    return _load(connection, select(claims).order_by(claims.c.id))


def totals(connection: Connection) -> dict[str, Total]:
    """What is claimed, by node."""
    unlisted = case((claims.c.shown.is_(False) & claims.c.phase.not_in(UNSURE), 1), else_=0)
    adding_since = case((claims.c.phase == Phase.ADDING, claims.c.claimed_at))
    figures = (func.sum(claims.c.bytes), func.sum(unlisted), func.min(adding_since))
    counted = claims.c.phase != Phase.GIVEN_UP
    query = select(claims.c.node, *figures).where(counted).group_by(claims.c.node)
    return {node: Total(int(size), int(count), since) for node, size, count, since in connection.execute(query)}


def by_phase(connection: Connection) -> dict[Phase, tuple[int, int]]:
    """How many claims there are, and their bytes."""
    query = select(claims.c.phase, func.count(), func.sum(claims.c.bytes)).group_by(claims.c.phase)
    return {Phase(phase): (int(number), int(size)) for phase, number, size in connection.execute(query)}


def mark(connection: Connection, claim_id: int, **values: Any) -> bool:
    """Change a claim; `False` if it is gone."""
    return connection.execute(update(claims).where(claims.c.id == claim_id).values(values)).rowcount > 0


def renew(connection: Connection, claim: Claim, **values: Any) -> None:
    """Change a claim, and open it again where it has ended meanwhile."""
    if not mark(connection, claim.id, **values):
        row = {name: value for name, value in asdict(claim).items() if name != "id"}
        connection.execute(insert(claims).values(row | values))


def give_up_doubts(connection: Connection, hashes: InfoHashes) -> None:
    """The torrent was deleted: nodes that may still take it from an unanswered add are not to keep it."""
    doubts = same_torrent(claims, hashes) & (claims.c.phase == Phase.DOUBT)
    connection.execute(update(claims).where(doubts).values(phase=Phase.UNWANTED))


def release(connection: Connection, claim_ids: Sequence[int]) -> None:
    """End claims. One that is gone already is no error."""
    if claim_ids:
        connection.execute(delete(claims).where(claims.c.id.in_(claim_ids)))


def _load(connection: Connection, query: Any) -> list[Claim]:
    return [Claim(**{**row, "phase": Phase(row["phase"])}) for row in map(dict, connection.execute(query).mappings())]

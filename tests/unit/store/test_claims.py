"""Claims: what is promised, to whom, for which torrent, and until when it counts."""

import pytest
from sqlalchemy import Connection

from qbdispatch.store import claims
from qbdispatch.store.claims import Phase, Total
from qbdispatch.torrents.source import InfoHashes
from tests.unit.store.builders import claim, hybrid, v1, v2

pytestmark = pytest.mark.both_stores

BOTH = hybrid(0xABC)


def test_an_open_claim_keeps_what_was_promised(connection: Connection) -> None:
    """It begins as an add under way that no node shows, under the hashes it was made for."""
    claim_id = claim(connection, BOTH, bytes=2**50, name="näme", category="tv", decision_id="d1")
    (found,) = claims.on_node(connection, "a")
    assert found == claims.Claim(
        claim_id, BOTH.v1, BOTH.v2, "a", 2**50, Phase.ADDING, False, 1000.0, 1020.0, "d1", "näme", "tv"
    )
    assert found.hashes == BOTH


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        (BOTH, True),
        (InfoHashes(v1=BOTH.v1), True),
        (InfoHashes(v2=BOTH.v2), True),
        (InfoHashes(v1=BOTH.v1, v2=v2(9)), True),
        (InfoHashes(v1=v1(9), v2=BOTH.v2), True),
        (InfoHashes(v1=v1(9)), False),
        (InfoHashes(v2=v2(9)), False),
        (hybrid(9), False),
    ],
)
def test_a_torrent_is_the_same_by_either_hash(connection: Connection, asked: InfoHashes, known: bool) -> None:
    """v1, v2 or both find the claim; a missing hash matches nothing."""
    claim(connection, InfoHashes(v1=v1(1)))
    claim(connection, InfoHashes(v2=v2(2)))
    wanted = claim(connection, BOTH)
    found = claims.live(connection, asked)
    assert (found and found.id) == (wanted if known else None)


@pytest.mark.parametrize(("phase", "lives"), [(Phase.ADDING, True), (Phase.ADDED, True), (Phase.DOUBT, False)])
def test_doubts_are_not_live(connection: Connection, phase: Phase, lives: bool) -> None:
    """A torrent in doubt may be placed anew; one that is being or has been added may not."""
    claims.mark(connection, claim(connection, BOTH), phase=phase)
    assert (claims.live(connection, BOTH) is not None) == lives


def test_no_claim_gets_the_id_of_one_that_has_ended(connection: Connection) -> None:
    """A worker that was slow may still hold that id, and must not end or change the claim of another torrent."""
    ended = claim(connection, hybrid(1))
    claims.release(connection, [ended])
    assert claim(connection, hybrid(2)) > ended


def test_a_live_claim_is_found_beside_a_doubt(connection: Connection) -> None:
    """The second attempt counts, whatever came of the first."""
    claims.mark(connection, claim(connection, BOTH, "a"), phase=Phase.DOUBT)
    claim(connection, BOTH, "b")
    found = claims.live(connection, BOTH)
    assert found is not None
    assert found.node == "b"


def test_totals_are_by_node(connection: Connection) -> None:
    """Bytes of every claim; downloads of those not listed and not in doubt; the oldest add under way."""
    claim(connection, hybrid(1), "a", bytes=1, claimed_at=1005.0)
    claim(connection, hybrid(2), "a", bytes=2, claimed_at=1003.0)
    claims.mark(connection, claim(connection, hybrid(3), "a", bytes=4, claimed_at=1001.0), phase=Phase.ADDED)
    shown = claim(connection, hybrid(4), "a", bytes=8, claimed_at=1001.0)
    claims.mark(connection, shown, phase=Phase.ADDED, shown=True)
    claims.mark(connection, claim(connection, hybrid(5), "a", bytes=16, claimed_at=1000.0), phase=Phase.DOUBT)
    claims.mark(connection, claim(connection, hybrid(6), "b", bytes=2**50), phase=Phase.ADDED)
    assert claims.totals(connection) == {"a": Total(31, 3, 1003.0), "b": Total(2**50, 1, None)}


def test_nothing_claimed_has_no_totals(connection: Connection) -> None:
    """An empty table is an empty answer."""
    assert claims.totals(connection) == {}


def test_claims_on_a_node_come_oldest_first(connection: Connection) -> None:
    """And only that node's."""
    ids = [claim(connection, hybrid(number), node) for number, node in enumerate("abaa")]
    assert [found.id for found in claims.on_node(connection, "a")] == [ids[0], ids[2], ids[3]]


def test_released_claims_are_gone_and_releasing_twice_is_harmless(connection: Connection) -> None:
    """The others stay; releasing none is no error; changing one that is gone says so."""
    first, second = (claim(connection, hybrid(number)) for number in (1, 2))
    for ids in ([first], [first], []):
        claims.release(connection, ids)
    assert [found.id for found in claims.on_node(connection, "a")] == [second]
    assert (claims.mark(connection, first, shown=True), claims.mark(connection, second, shown=True)) == (False, True)

"""Placements: one record for each torrent on each node, found under any of its hashes."""

import pytest
from sqlalchemy import Connection

from qbdispatch.store import placements
from qbdispatch.torrents.source import InfoHashes
from tests.unit.store.builders import hybrid, v1, v2

pytestmark = pytest.mark.both_stores

BOTH = hybrid(0xABC)


def record(connection: Connection, hashes: InfoHashes, node: str = "a", decision_id: str | None = "d") -> None:
    placements.record(connection, node, hashes, name=f"on {node}", placed_at=1000.0, decision_id=decision_id)


@pytest.mark.parametrize(
    ("hashes", "node_id"),
    [
        (InfoHashes(v1=v1(7)), v1(7)),
        (InfoHashes(v2="7" * 64), "7" * 40),
        (InfoHashes(v1(7), "7" * 64), "7" * 40),
    ],
)
def test_a_record_is_kept_under_the_nodes_own_id(connection: Connection, hashes: InfoHashes, node_id: str) -> None:
    """v1, or the first 40 digits of v2 where there is one, as qBittorrent on libtorrent 2 lists it."""
    record(connection, hashes)
    (found,) = placements.find(connection, hashes)
    expected = ("a", node_id, hashes, "on a", 1000.0, "d")
    assert (found.node, found.node_id, found.hashes, found.name, found.placed_at, found.decision_id) == expected


@pytest.mark.parametrize("again", [BOTH, InfoHashes(v1=BOTH.v1), InfoHashes(v2=BOTH.v2)])
def test_recording_again_changes_nothing(connection: Connection, again: InfoHashes) -> None:
    """Whichever spelling comes second; another node has a record of its own."""
    record(connection, BOTH)
    before = placements.find(connection, BOTH)
    record(connection, again, decision_id="another")
    assert placements.find(connection, BOTH) == before
    record(connection, again, "b")
    assert [found.node for found in placements.find(connection, BOTH)] == ["a", "b"]


def test_a_torrent_found_before_its_add_was_answered_learns_its_decision(connection: Connection) -> None:
    """A poll may be quicker than the answer; what it found is not recorded twice."""
    record(connection, BOTH, decision_id=None)
    record(connection, BOTH, decision_id="late")
    assert [found.decision_id for found in placements.find(connection, BOTH)] == ["late"]


def test_concerning_finds_any_number_by_any_hash_on_one_node(connection: Connection) -> None:
    """900 records asked for by the node's id, by v1 and by v2, more than one statement takes; each once."""
    wanted = [hybrid(number) for number in range(1, 901)]
    for hashes in wanted:
        record(connection, hashes)
    record(connection, hybrid(1000))
    record(connection, wanted[0], "b")
    asked = [hashes.node_ids[-1] for hashes in wanted[:400]]
    asked += [str(hashes.v1) for hashes in wanted[350:700]] + [str(hashes.v2) for hashes in wanted[650:]]
    found = placements.concerning(connection, "a", asked)
    assert sorted(str(one.v1) for one in found) == sorted(str(hashes.v1) for hashes in wanted)
    assert {one.node for one in found} == {"a"}
    assert placements.concerning(connection, "a", []) == []


def test_records_are_changed_and_forgotten_by_id(connection: Connection) -> None:
    """A node may list a hybrid under another hash later; hundreds can go at once; none is no error."""
    rows = [
        {"node": "a", "node_id": v1(number), "v1": v1(number), "v2": None, "name": "", "placed_at": 1.0}
        | {"decision_id": None}
        for number in range(1, 702)
    ]
    placements.add_many(connection, rows)
    placements.add_many(connection, [])
    ids = [found.id for found in placements.on_node(connection, "a")]
    placements.change(connection, ids[0], node_id=v2(2**250)[:40], v2=v2(2**250))
    placements.forget(connection, ids[1:])
    placements.forget(connection, [*ids[1:], 99_999])
    (left,) = placements.on_node(connection, "a")
    assert (left.id, left.v1, left.v2, left.node_id) == (ids[0], v1(1), v2(2**250), v2(2**250)[:40])
    assert placements.on_node(connection, "b") == []

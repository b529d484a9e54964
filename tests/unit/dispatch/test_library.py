"""One list of all nodes' torrents: traps 5 and 24 of the wire contract, and how a worker keeps up with the store."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import delete, text, update

from qbdispatch.dispatch.library import Library, Shelf
from qbdispatch.scoring.model import Reason
from qbdispatch.store import health, mirror, tables
from qbdispatch.store.engine import Store, StoreUnavailable
from tests.unit.dispatch.shelves import OTHER, V1, V2, drop, library_over, purge, write

pytestmark = pytest.mark.both_stores


@pytest.fixture
def library(store: Store) -> Library:
    return library_over(store)


def _listed(shelf: Shelf) -> dict[str, str]:
    """Node by hash."""
    return {hash_: found.node for hash_, found in shelf.by_hash.items()}


def _turn(store: Store, node: str, fault: Reason | None) -> None:
    with store.write() as connection:
        if fault is None:
            health.record_answer(connection, node, 1.0)
        else:
            health.record_fault(connection, node, fault, "x")


@pytest.mark.parametrize("asked", [V1, V1.upper(), V2, V2.upper(), V2[:40], V2[:40].upper()])
def test_a_hybrid_is_found_by_each_form_of_its_hash(store: Store, library: Library, asked: str) -> None:
    """Trap 24: listed by v1, held by the node under the truncated v2."""
    write(store, "a", V2[:40], V1, infohash_v1=V1, infohash_v2=V2)
    found = library.shelf().find(asked)
    assert found is not None
    assert (found.hash, found.node_id, found.row["hash"]) == (V1, V2[:40], V1)


@pytest.mark.parametrize("asked", ["", OTHER, "all", V1[:39], V1 + "0"])
def test_what_is_not_there_is_not_found(store: Store, library: Library, asked: str) -> None:
    """Nor is anything found by an empty hash, though a torrent without v2 has an empty one."""
    write(store, "a", V1, infohash_v1=V1, infohash_v2="")
    assert library.shelf().find(asked) is None


def test_a_copy_that_knows_more_hashes_makes_the_torrent_found_by_them(store: Store, library: Library) -> None:
    """A node on libtorrent 1.2 knows v1 alone: its copy may be the one that is listed."""
    write(store, "a", V1, V1, infohash_v1=V1, infohash_v2="", progress=1)
    write(store, "b", V2[:40], V1, infohash_v1=V1, infohash_v2=V2, progress=0)
    found = library.shelf().find(V2)
    assert (found and found.node, len(library.shelf().by_hash)) == ("a", 1)


@pytest.mark.parametrize(
    ("progress", "away", "winner"),
    [
        ({"a": 0.2, "b": 0.9}, [], "b"),
        ({"a": 0.9, "b": 0.2}, [], "a"),
        ({"a": 0.2, "b": 0.9}, ["b"], "a"),
        ({"a": 0.9, "b": 0.2}, ["a"], "b"),
        ({"a": 0.9, "b": 0.2}, ["a", "b"], "a"),
    ],
)
def test_of_two_copies_the_one_that_can_be_reached_and_then_the_more_complete_one_is_listed(
    store: Store, library: Library, progress: dict[str, float], away: list[str], winner: str
) -> None:
    """Trap 5: *arr see one row per DownloadId, and both copies are known for what acts on them."""
    for node, share in progress.items():
        _turn(store, node, None)
        write(store, node, V1, progress=share)
    for node in away:
        _turn(store, node, Reason.UNREACHABLE)
    shelf = library.shelf()
    assert _listed(shelf) == {V1: winner}
    assert {copy.node for copy in shelf.copies(shelf.by_hash[V1])} == {"a", "b"}


def test_the_other_copy_takes_over_as_a_change_and_its_end_is_the_torrents_end(store: Store, library: Library) -> None:
    """Who knows the revision before learns that the row is another one, though that row itself is older."""
    older = write(store, "b", V1, progress=0.2)
    newer = write(store, "a", V1, progress=0.9)
    assert (_listed(library.shelf()), older < newer) == ({V1: "a"}, True)
    gone_on_a = drop(store, "a", V1)
    shelf = library.shelf()
    assert (_listed(shelf), shelf.by_hash[V1].revision, dict(shelf.gone)) == ({V1: "b"}, gone_on_a, {})
    gone_on_b = drop(store, "b", V1)
    assert (library.shelf().by_hash, library.shelf().gone) == ({}, {V1: gone_on_b})


@pytest.mark.parametrize("first", ["a", "b"])
def test_a_new_worker_knows_when_a_torrent_went_from_its_last_node(store: Store, first: str) -> None:
    """It reads all removals at once, in any order."""
    second = "b" if first == "a" else "a"
    for node in (first, second):
        write(store, node, V1)
    drop(store, first, V1)
    last = drop(store, second, V1)
    assert library_over(store).shelf().gone == {V1: last}


def test_a_new_worker_lists_what_an_old_one_lists(store: Store, library: Library) -> None:
    """With the same revisions, hence the same increments: after adds, changes, removals and returns."""
    for node, node_id in (("a", V1), ("b", V1), ("a", OTHER), ("b", V2[:40])):
        write(store, node, node_id)
        library.shelf()
    drop(store, "a", OTHER)
    library.shelf()
    drop(store, "b", V2[:40])
    write(store, "b", V2[:40], progress=1)
    old, new = library.shelf(), library_over(store).shelf()
    assert (old.by_hash, old.gone, old.revision) == (new.by_hash, new.gone, new.revision)
    assert _listed(old) == {V1: "b", V2[:40]: "b"}


def test_a_worker_that_slept_over_two_purges_does_not_list_what_went_meanwhile(store: Store, library: Library) -> None:
    """The store has forgotten the removal: the worker begins anew."""
    write(store, "a", V1)
    write(store, "a", OTHER)
    assert len(library.shelf().by_hash) == 2
    drop(store, "a", V1)
    purge(store)
    purge(store)
    assert _listed(library.shelf()) == {OTHER: "a"}


def test_a_worker_lists_what_a_restored_backup_has(store: Store, library: Library) -> None:
    """Its revision is older than the one that the worker knows."""
    write(store, "a", V1)
    write(store, "a", OTHER)
    assert len(library.shelf().by_hash) == 2
    with store.write() as connection:
        connection.execute(delete(tables.mirror).where(tables.mirror.c.node_id == OTHER))
        connection.execute(update(tables.counters).values(value=1))
    assert _listed(library.shelf()) == {V1: "a"}


def test_while_the_store_is_away_the_list_is_as_it_was_last(store: Store, library: Library) -> None:
    """A worker that never saw it says that it cannot tell, for an empty list would say that all is gone."""
    write(store, "a", V1)
    new, before = library_over(store), library.shelf()
    with store.write() as connection:
        connection.execute(text("ALTER TABLE mirror RENAME TO away"))
        connection.execute(text("ALTER TABLE counters RENAME TO away_too"))
    assert library.shelf() is before
    with pytest.raises(StoreUnavailable):
        new.shelf()


def test_removals_that_no_client_can_ask_for_any_more_are_forgotten(store: Store, library: Library) -> None:
    """They would pile up in a worker that runs for months."""
    for node_id in (V1, OTHER):
        write(store, "a", node_id)
        drop(store, "a", node_id)
        library.shelf()
        purge(store)
    write(store, "a", V2[:40])
    assert set(library.shelf().gone) == {OTHER}


def test_nothing_new_means_the_very_same_list(store: Store, library: Library) -> None:
    """No work where nothing happened; a list that somebody holds never changes."""
    write(store, "a", V1)
    before = library.shelf()
    assert library.shelf() is before
    write(store, "a", OTHER)
    assert (set(before.by_hash), set(library.shelf().by_hash)) == ({V1}, {V1, OTHER})


def test_a_node_that_goes_away_and_comes_back_is_shown_so_at_once(store: Store, library: Library) -> None:
    """Trap 3, also where none of its rows has changed."""
    _turn(store, "a", None)
    write(store, "a", V1, state="stalledUP", progress=1, dlspeed=9)
    states = []
    for fault in (None, Reason.UNREACHABLE, Reason.AUTH_FAILED, None):
        _turn(store, "a", fault)
        row = library.shelf().by_hash[V1].row
        states.append((row["state"], row["dlspeed"]))
    away = ("checkingUP", 0)
    assert states == [("stalledUP", 9), away, away, ("stalledUP", 9)]


def test_nodes_that_are_no_longer_configured_are_not_listed(store: Store) -> None:
    """Their rows stay in the store."""
    write(store, "a", V1)
    write(store, "old", OTHER)
    assert _listed(library_over(store, "a").shelf()) == {V1: "a"}
    with store.read() as connection:
        assert len(mirror.changed_since(connection, 0)) == 2


@pytest.mark.parametrize("hash_", [V1, 'quo"te\\', "ä"])
def test_the_text_of_a_row_is_the_row(store: Store, library: Library, hash_: str) -> None:
    """With the hash in a list, without it where the hash is the key."""
    write(store, "a", hash_, name='a "name"')
    found = library.shelf().by_hash[hash_]
    assert json.loads(found.text) == found.row
    assert {"hash": hash_} | json.loads(found.text_without_hash) == found.row
    assert "hash" not in json.loads(found.text_without_hash)

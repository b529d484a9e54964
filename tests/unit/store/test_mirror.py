"""The mirror: who knows a revision learns what came after it, and an older look never undoes a newer action."""

from typing import Any

import pytest
from sqlalchemy import Connection

from qbdispatch.store import details, mirror
from qbdispatch.store.engine import Store
from qbdispatch.store.mirror import Listed
from tests.unit.store.builders import v1

pytestmark = pytest.mark.both_stores

A, B, C = v1(1), v1(2), v1(3)


def _put(connection: Connection, *node_ids: str, node: str = "a", at: float = 10.0, **more: Any) -> set[str]:
    """Write rows whose `seen` tells when they were seen."""
    touched = more.pop("touched", False)
    rows = [Listed(node_id, node_id, {"seen": at} | more) for node_id in node_ids]
    revision = mirror.next_revision(connection)
    return mirror.put(connection, node, rows, revision=revision, seen_at=at, touched=touched)


def _remove(connection: Connection, *node_ids: str, at: float = 20.0, touched: bool = False) -> None:
    revision = mirror.next_revision(connection)
    mirror.remove(connection, "a", node_ids, revision=revision, seen_at=at, touched=touched)


def _news(connection: Connection, known: int) -> dict[str, bool]:
    """What is newer than a revision, and whether it is gone."""
    return {row.node_id: row.gone for row in mirror.changed_since(connection, known)}


def _seen(connection: Connection) -> dict[str, Any]:
    return {node_id: row.row["seen"] for node_id, row in mirror.node_rows(connection, "a").items()}


def test_each_revision_brings_what_changed_after_it_and_nothing_else(connection: Connection) -> None:
    """New rows, changed rows and removals; the newest revision brings nothing. It is read as it was written."""
    assert (mirror.revision(connection), _news(connection, 0)) == (0, {})
    _put(connection, A, B)
    _put(connection, B, C, at=11.0)
    _remove(connection, A)
    assert mirror.revision(connection) == 3
    assert [_news(connection, known) for known in range(4)] == [
        {A: True, B: False, C: False},
        {A: True, B: False, C: False},
        {A: True},
        {},
    ]
    assert _seen(connection) == {B: 11.0, C: 11.0}


def test_workers_share_rows_and_revisions(store: Store, second: Store) -> None:
    """What one writes the other reads, every field of the row with its type, on the node it is on alone."""
    row: dict[str, Any] = {"name": "ä \U0001f3ac", "ratio": 0.5, "private": None, "seq_dl": True, "size": 2**40}
    with store.write() as connection:
        _put(connection, A, **row)
        _put(connection, A, node="b")
    with second.read() as connection:
        assert mirror.revision(connection) == 2
        assert mirror.node_rows(connection, "a")[A].row == row | {"seen": 10.0}
        assert [found.node for found in mirror.named(connection, "b", [A, B])] == ["b"]


@pytest.mark.parametrize(("polled_at", "left_alone"), [(49.0, {A}), (50.0, {A}), (50.5, set())])
def test_a_poll_begun_before_an_action_does_not_undo_it(
    connection: Connection, polled_at: float, left_alone: set[str]
) -> None:
    """The row that the action read back stays until a poll that began later; other rows are written."""
    _put(connection, A, B)
    _put(connection, A, at=50.0, touched=True)
    assert _put(connection, A, B, at=polled_at) == left_alone
    assert _seen(connection) == {A: 50.0 if left_alone else polled_at, B: polled_at}


@pytest.mark.parametrize(("polled_at", "listed"), [(49.0, False), (51.0, True)])
def test_a_poll_begun_before_a_deletion_does_not_bring_the_torrent_back(
    connection: Connection, polled_at: float, listed: bool
) -> None:
    """Only a poll that began later does: then it was added again."""
    _put(connection, A)
    _remove(connection, A, at=50.0, touched=True)
    _put(connection, A, at=polled_at)
    assert (A in _seen(connection)) is listed


@pytest.mark.parametrize(("polled_at", "listed"), [(49.0, True), (51.0, False)])
def test_a_poll_begun_before_an_add_does_not_remove_what_was_added(
    connection: Connection, polled_at: float, listed: bool
) -> None:
    """A torrent that an add of ours has listed is not in an older list of the node."""
    _put(connection, A, at=50.0, touched=True)
    _remove(connection, A, at=polled_at)
    assert (A in _seen(connection)) is listed


def test_what_is_removed_twice_went_once(connection: Connection) -> None:
    """The second time is no news."""
    _put(connection, A)
    _remove(connection, A)
    _remove(connection, A)
    assert (_news(connection, 1), _news(connection, 2)) == ({A: True}, {})


def test_a_renewed_node_is_news_as_far_as_it_is_listed(connection: Connection) -> None:
    """All its torrents are to be looked at anew; not those of others, nor those that are gone."""
    _put(connection, A, B)
    _put(connection, C, node="b")
    _remove(connection, A)
    mirror.renew(connection, "a", revision=mirror.next_revision(connection))
    assert _news(connection, 3) == {B: False}


def test_a_purge_forgets_only_what_went_before_the_last_one(connection: Connection) -> None:
    """Who knew the list at the last purge can still catch up; who knew less is told so by the floor."""
    _put(connection, A, B, C)
    _remove(connection, A)
    mirror.purge(connection)
    assert (mirror.floor(connection), _news(connection, 1)) == (0, {A: True})
    at_last_purge = mirror.revision(connection)
    _remove(connection, B)
    mirror.purge(connection)
    assert mirror.floor(connection) == at_last_purge
    assert _news(connection, 0) == {B: True, C: False}
    assert _news(connection, at_last_purge) == {B: True}
    mirror.purge(connection)
    assert _news(connection, 0) == {C: False}


def test_more_rows_than_one_statement_takes_are_all_written_and_removed(connection: Connection) -> None:
    """Nine hundred and one: SQLite's old limit is 999 values."""
    many = [v1(number) for number in range(901)]
    _put(connection, *many)
    _put(connection, many[-1], at=50.0, touched=True)
    assert _put(connection, *many, at=49.0) == {many[-1]}
    assert len(mirror.named(connection, "a", many)) == 901
    _remove(connection, *many, at=60.0)
    assert _seen(connection) == {}


def test_state_and_preferences_of_a_node_are_kept_each_by_itself(connection: Connection) -> None:
    """Preferences are asked for more seldom: a poll without them leaves what was set through us in between."""
    mirror.keep_state(connection, "a", {"dht_nodes": 1})
    mirror.keep_preferences(connection, "a", {"dht": True, "queueing_enabled": False})
    mirror.keep_preferences(connection, "b", {"dht": False})
    mirror.keep_state(connection, "a", {"dht_nodes": 2, "dl_rate_limit": 0})
    mirror.change_state(connection, "a", {"dl_rate_limit": 5})
    assert mirror.server_states(connection) == {"a": {"dht_nodes": 2, "dl_rate_limit": 5}, "b": {}}
    known = {"a": {"dht": True, "queueing_enabled": False}, "b": {"dht": False}}
    assert mirror.preferences(connection) == known


def test_details_are_kept_as_long_as_the_mirror_remembers_the_torrent(connection: Connection) -> None:
    """The newest answer of each kind; a torrent that has just gone may still come back."""
    _put(connection, A, B)
    for hash_, kind, document in ((A, "files", [1]), (A, "files", [2]), (A, "trackers", [3]), (B, "files", [4])):
        details.keep(connection, hash_, kind, document)
    _remove(connection, A)
    for kept in ([2], [2], None):
        assert details.get(connection, A, "files") == kept
        mirror.purge(connection)
        details.purge(connection)
    assert (details.get(connection, A, "trackers"), details.get(connection, B, "files")) == (None, [4])


@pytest.mark.parametrize("odd", ["\0", "\ud800", "\udc00\ud800", "\\u0000\0"])
def test_a_row_with_text_that_databases_refuse_does_not_hide_the_others(connection: Connection, odd: str) -> None:
    """PostgreSQL would take it and then fail to look into any row of that node: no add by path would go through."""
    rows = [
        mirror.Listed("1" * 40, "1" * 40, {"save_path": f"/a{odd}", "name": "\U0001f3ac \\u0000", odd: [odd, 1]}),
        mirror.Listed("2" * 40, "2" * 40, {"save_path": "/b"}),
    ]
    mirror.put(connection, "a", rows, revision=1, seen_at=1.0)
    found = {path: mirror.any_in_folder(connection, "a", [path]) for path in (f"/a{odd}", "/b", "/c")}
    assert found == {f"/a{odd}": True, "/b": True, "/c": False}
    assert mirror.node_rows(connection, "a")["1" * 40].row["name"] == "\U0001f3ac \\u0000"

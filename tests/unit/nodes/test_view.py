"""A node's torrents, kept up by the increments of `sync/maindata`, and the space they will still take."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbdispatch.nodes.view import Change, NodeView
from qbdispatch.torrents.source import InfoHashes

V1, V2, OTHER = "a1" * 20, "b2" * 32, "c3" * 20
BOTH = InfoHashes(V1, V2)
INTERVAL = 2.0
START = 10_000.0


def poll(view: NodeView, at: float = 0.0, **answer: Any) -> Change:
    """One answer of the node, `at` seconds after the start."""
    return view.apply(answer, now=START + at, interval_seconds=INTERVAL)


def full(view: NodeView, torrents: dict[str, Any], at: float = 0.0, **more: Any) -> Change:
    return poll(view, at, full_update=True, rid=1, torrents=torrents, **more)


def free(view: NodeView, reported: Any, at: float) -> int | None:
    """What is known after the node reported this figure."""
    poll(view, at, server_state={"free_space_on_disk": reported})
    return view.free_bytes


def test_a_full_answer_replaces_everything() -> None:
    """What it does not list is gone, the server state too; the next poll asks from its rid on."""
    view = NodeView()
    full(view, {V1: {"name": "old"}}, server_state={"dl_info_speed": 7})
    change = poll(view, full_update=True, rid=9, torrents={OTHER: {"name": "new"}})
    assert change == Change(full=True, changed={OTHER}, listed={OTHER})
    assert ({node_id: torrent.name for node_id, torrent in view.torrents.items()}, view.rid) == ({OTHER: "new"}, 9)
    assert view.figure("dl_info_speed") == 0


def test_an_increment_changes_only_what_it_names() -> None:
    """Fields, torrents and figures it does not mention stay; only a new torrent is news to the records."""
    view = NodeView()
    full(view, {V1: {"name": "one", "size": 9, "state": "downloading"}}, server_state={"a": 1, "b": 2})
    change = poll(view, rid=2, torrents={V1: {"size": 10}, OTHER: {"name": "two"}}, server_state={"b": 3})
    assert change == Change(full=False, changed={V1, OTHER}, listed={OTHER})
    one = view.torrents[V1]
    assert (one.name, one.size, one.state, view.torrents[OTHER].name) == ("one", 10, "downloading", "two")
    assert (view.figure("a"), view.figure("b"), view.rid) == (1, 3, 2)


def test_a_removed_torrent_is_gone() -> None:
    """It is reported once, with what it would still have written; one that was never listed is not reported."""
    view = NodeView()
    full(view, {V1: {"amount_left": 5}, OTHER: {"amount_left": 7}})
    assert poll(view, torrents_removed=[V1, "never"]) == Change(full=False, removed={V1})
    assert (set(view.torrents), view.outstanding_bytes) == ({OTHER}, 7)


def test_a_hybrid_is_followed_to_its_new_id() -> None:
    """A node lists it under v1 until it has the metadata, then under v2: one gone, one listed, found by either."""
    view = NodeView()
    full(view, {V1: {"infohash_v1": V1, "infohash_v2": ""}})
    row = {"infohash_v1": V1, "infohash_v2": V2}
    assert poll(view, torrents={V2[:40]: row}, torrents_removed=[V1]) == Change(False, {V2[:40]}, {V2[:40]}, {V1})
    (torrent,) = view.torrents.values()
    assert (torrent.v1, torrent.v2) == (V1, V2)
    assert all(view.find(hashes) is torrent for hashes in (InfoHashes(v1=V1), InfoHashes(v2=V2), BOTH))


def test_new_hashes_are_news_under_the_same_id() -> None:
    """The records learn the other hash of a torrent that is listed already."""
    view = NodeView()
    full(view, {V1: {"infohash_v1": V1}})
    assert poll(view, torrents={V1: {"infohash_v2": V2}}).listed == {V1}
    assert poll(view, torrents={V1: {"name": "n"}}).listed == set()


@pytest.mark.parametrize(
    ("row", "hashes"),
    [
        ({}, (V1, None)),
        ({"infohash_v1": V1.upper(), "infohash_v2": ""}, (V1, None)),
        ({"infohash_v1": "", "infohash_v2": V2.upper()}, (None, V2)),
        ({"infohash_v1": V1, "infohash_v2": V2}, (V1, V2)),
    ],
    ids=["4.3, which has v1 only", "v1", "v2", "hybrid"],
)
def test_a_torrents_hashes_are_told_by_its_row(row: dict[str, str], hashes: tuple[str | None, str | None]) -> None:
    """Lower case, and none where the node says none."""
    view = NodeView()
    full(view, {V1: row})
    assert (view.torrents[V1].v1, view.torrents[V1].v2) == hashes


def test_a_torrent_is_found_by_any_hash_it_has_and_by_no_other() -> None:
    """By the node's id, by the truncated v2, or by a hash the row tells; a missing hash matches no missing hash."""
    view = NodeView()
    full(view, {OTHER: {"infohash_v1": V1, "infohash_v2": ""}, V2[:40]: {"infohash_v1": "", "infohash_v2": V2}})
    asked = [InfoHashes(v1=V1), InfoHashes(v2=V2), InfoHashes("d4" * 20, V2), InfoHashes(v1="d4" * 20)]
    assert [found and found.node_id for found in map(view.find, [*asked, InfoHashes(v2="d4" * 32)])] == [
        OTHER,
        V2[:40],
        V2[:40],
        None,
        None,
    ]


def test_downloads_are_counted_by_state() -> None:
    """Queued and stalled ones count, stopped, seeding and broken ones do not."""
    view = NodeView()
    states = ["downloading", "stalledDL", "queuedDL", "metaDL", "stoppedDL", "pausedDL", "uploading", "error", "moving"]
    full(view, {f"{number:040x}": {"state": state, "amount_left": 1} for number, state in enumerate(states)})
    full_count = (view.active_downloads, view.paused_downloads)
    poll(view, torrents={f"{8:040x}": {"amount_left": 0}})
    assert (full_count, view.active_downloads) == ((5, 2), 4)


@pytest.mark.parametrize("nothing", [0, -1, None, "100", True])
def test_free_space_is_remembered_for_a_minute(nothing: Any) -> None:
    """After a restart or a login a node says 0 for a while: that is unknown, not full; later it is unknown to us."""
    view = NodeView()
    assert [free(view, nothing, 0), free(view, 100, 1)] == [None, 100]
    assert [free(view, nothing, 61), free(view, nothing, 61.1), free(view, 50, 62)] == [100, None, 50]


def test_free_space_that_did_not_change_does_not_grow_old() -> None:
    """Increments leave out what is as before."""
    view = NodeView()
    assert free(view, 100, 0) == 100
    poll(view, 500.0, rid=3)
    assert free(view, 0, 559) == 100


def test_bytes_written_lately_still_count() -> None:
    """The free space may be 30 s old: what was written meanwhile is not free space gained. Later it is settled."""
    view = NodeView()
    full(view, {V1: {"amount_left": 100}})
    poll(view, 2, torrents={V1: {"amount_left": 40}})
    outstanding = {}
    for at in range(4, 80, 2):
        poll(view, at)
        outstanding[at] = view.outstanding_bytes
    assert {outstanding[at] for at in range(4, 34, 2)} == {100}
    assert outstanding[78] == 40


def test_a_size_that_becomes_known_counts_at_once() -> None:
    """A magnet's metadata arrives: what is left jumps up, and so does what is outstanding."""
    view = NodeView()
    full(view, {V1: {"amount_left": 0}})
    poll(view, 1, torrents={V1: {"amount_left": 500}})
    assert view.outstanding_bytes == 500


def test_a_sum_of_lies_still_fits_the_store() -> None:
    """Each figure is as large as we believe one to be; the column holds 63 bits."""
    view = NodeView()
    full(view, {f"{number:040x}": {"amount_left": 2**60} for number in range(20)})
    assert 2**60 <= view.outstanding_bytes < 2**63


lefts = st.dictionaries(st.sampled_from("abc"), st.integers(0, 100), max_size=3)
histories = st.lists(st.tuples(st.floats(0.1, 20), st.booleans(), lefts, st.sets(st.sampled_from("abc"))), max_size=40)


@settings(deadline=None, max_examples=100)
@given(histories)
def test_outstanding_never_falls_short_of_the_last_half_minute(
    history: list[tuple[float, bool, dict[str, int], set[str]]],
) -> None:
    """For each listed torrent at least the most it had left in the last 30 s, and no more than it ever had."""
    view, now, seen = NodeView(), START, []
    current: dict[str, int] = {}
    for pause, is_full, left, removed in history:
        now += pause
        rows = {node_id: {"amount_left": amount} for node_id, amount in left.items()}
        gone = [] if is_full else sorted(removed)
        answer = {"full_update": is_full, "torrents": rows, "torrents_removed": gone}
        view.apply(answer, now=now, interval_seconds=INTERVAL)
        current = {key: amount for key, amount in ({} if is_full else current | left).items() if key not in gone}
        current |= left if is_full else {}
        seen.append((now, dict(current)))
        assert set(view.torrents) == set(current)
        least = sum(max(past.get(key, 0) for at, past in seen if at >= now - 30) for key in current)
        most = sum(max(past.get(key, 0) for _, past in seen) for key in current)
        assert max(least, sum(current.values())) <= view.outstanding_bytes <= most


junk = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just(10**400)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from([V1, "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
fields = ["name", "state", "content_path", "infohash_v1", "infohash_v2", "size", "amount_left", "completed"]
junk_rows = st.dictionaries(st.sampled_from([V1, OTHER]), st.dictionaries(st.sampled_from(fields), junk, max_size=4))
junk_state = st.dictionaries(st.sampled_from(["free_space_on_disk", "dl_info_speed"]), junk)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "rid": junk,
                "full_update": junk,
                "torrents": st.one_of(junk, junk_rows),
                "torrents_removed": junk,
                "server_state": st.one_of(junk, junk_state),
            },
        ),
        max_size=4,
    )
)
def test_junk_harms_nobody(answers: list[dict[str, Any]]) -> None:
    """Fields of the wrong type are ignored; every figure stays a number that a database can hold."""
    view = NodeView()
    for answer in answers:
        view.apply(answer, now=START, interval_seconds=INTERVAL)
    view.find(BOTH)
    torrents = list(view.torrents.values())
    figures = [view.outstanding_bytes, view.figure("dl_info_speed"), view.free_bytes or 0, view.rid]
    figures += [figure for one in torrents for figure in (one.size, one.amount_left, one.completed)]
    assert [figure for figure in figures if type(figure) is not int or not -(2**62) <= figure <= 2**62] == []
    texts = [text for one in torrents for text in (one.name, one.state, one.content_path)]
    assert [text for text in texts if not isinstance(text, str)] == []
    assert [count for count in (view.active_downloads, view.paused_downloads) if count > len(torrents)] == []

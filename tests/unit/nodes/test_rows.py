"""Rows as clients are to see them: traps 3, 15, 16 and 19 of the wire contract, and one wrong type harms nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbdispatch.config.settings import NodeSettings, PathRule
from qbdispatch.nodes.rows import FIELDS, expected_row, outward_row
from tests.rig.scripted_torrents import new_row, parse_file, parse_url
from tests.rig.swarm import made_up_magnet, make_torrent

NODE = NodeSettings(name="a", url="http://a")
MAPPED = NodeSettings(
    name="a", url="http://a", path_map=(PathRule(from_="/d", to="/mnt/a"), PathRule(from_="E:\\dl", to="/mnt/win"))
)
FINISHED = ["uploading", "stalledUP", "forcedUP", "queuedUP", "checkingUP", "stoppedUP", "pausedUP"]
UNFINISHED = ["downloading", "stalledDL", "forcedDL", "metaDL", "forcedMetaDL", "queuedDL", "checkingDL", "moving"]
# The states in which *arr imports, moves or removes a download (QBittorrent.cs:268-340).
HARMFUL = {"uploading", "stalledUP", "forcedUP", "queuedUP", "stoppedUP", "pausedUP"}
VERSIONS = [(4, 5, 2), (5, 1, 0), (5, 3, 0)]


def _shown(**raw: Any) -> dict[str, Any]:
    """The row with `node` and `away` taken out of what is given."""
    node, away = raw.pop("node", NODE), raw.pop("away", False)
    return outward_row(raw, "a" * 40, node, away=away)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_shows_the_fields_of_5_1(version: tuple[int, ...]) -> None:
    """Trap 15: no more and no fewer than Web API 2.11.4, the hash first, whichever the node."""
    parsed = parse_file(make_torrent("t", 10).data)
    assert parsed is not None
    row = outward_row(new_row(parsed, {}, version, "/d"), parsed.hash, NODE, away=False)
    assert (next(iter(row)), sorted(row)) == ("hash", list(FIELDS))
    assert (row["hash"], row["name"], row["has_metadata"], row["infohash_v1"]) == (parsed.hash, "t", True, parsed.v1)


def test_a_magnet_without_metadata_says_so_on_versions_that_have_no_field_for_it() -> None:
    """`has_metadata` came with 5.0; before, the total size of -1 tells."""
    parsed = parse_url(made_up_magnet().magnet)
    assert parsed is not None
    assert outward_row(new_row(parsed, {}, (4, 5, 2), "/d"), "h", NODE, away=False)["has_metadata"] is False


def test_4_3_which_tells_no_infohash_has_v1_alone() -> None:
    """So the hash is the v1 hash; a v2 torrent of a later version has none."""
    assert _shown()["infohash_v1"] == "a" * 40
    assert _shown(infohash_v1="", infohash_v2="b" * 64)["infohash_v1"] == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [("pausedDL", "stoppedDL"), ("pausedUP", "stoppedUP"), ("allocating", "downloading"), ("stalledUP", "stalledUP")],
)
def test_states_have_the_names_of_5_0(old: str, new: str) -> None:
    """Trap 15: *arr that were told API 2.11.4 know no other."""
    assert _shown(state=old)["state"] == new


@pytest.mark.parametrize(
    ("own", "effective"),
    [
        ("ratio_limit", "max_ratio"),
        ("seeding_time_limit", "max_seeding_time"),
        ("inactive_seeding_time_limit", "max_inactive_seeding_time"),
    ],
)
def test_a_limit_left_to_the_node_becomes_what_it_amounts_to_there(own: str, effective: str) -> None:
    """Trap 16: -2 would be read by the fleet's preferences, which are not that node's; -1 and numbers stay."""
    shown = [_shown(**{own: limit, effective: 7})[own] for limit in (-2, -1, 0, 3)]
    assert shown == [7, -1, 0, 3]
    assert _shown(**{own: -2})[own] == -1
    assert -2 not in [_shown()[name] for name in ("ratio_limit", "seeding_time_limit", "inactive_seeding_time_limit")]


@pytest.mark.parametrize("field", ["save_path", "content_path", "download_path", "root_path"])
@pytest.mark.parametrize(
    ("path", "shown"),
    [("/d/tv/x", "/mnt/a/tv/x"), ("E:\\dl\\tv\\x", "/mnt/win/tv/x"), ("E:/dl/x", "/mnt/win/x"), ("/data", "/data")],
)
def test_every_path_is_the_clients(field: str, path: str, shown: str) -> None:
    """Trap 19: by the node's `path_map`, Windows paths too; a folder that only begins alike is left alone."""
    assert _shown(node=MAPPED, **{field: path})[field] == shown


def test_a_mapping_keeps_a_torrents_content_apart_from_its_save_path() -> None:
    """Trap 19: where the two are equal *arr never import."""
    row = _shown(node=MAPPED, save_path="/d", content_path="/d/x")
    assert (row["save_path"], row["content_path"]) == ("/mnt/a", "/mnt/a/x")


@pytest.mark.parametrize("state", FINISHED + UNFINISHED)
@pytest.mark.parametrize("progress", [0, 0.5, 1])
def test_what_cannot_be_reached_is_shown_in_a_state_that_does_no_harm(state: str, progress: float) -> None:
    """Trap 3: nothing looks finished that could be imported, moved or deleted, nothing seems to run."""
    row = _shown(away=True, state=state, progress=progress, dlspeed=5, upspeed=6, num_seeds=7, num_leechs=8)
    assert row["state"] == ("checkingUP" if progress == 1 else "queuedDL")
    assert row["state"] not in HARMFUL
    assert [row[name] for name in ("dlspeed", "upspeed", "num_seeds", "num_leechs")] == [0, 0, 0, 0]


@pytest.mark.parametrize("state", ["pausedDL", "stoppedDL", "error", "missingFiles"])
def test_what_rests_without_being_finished_stays_as_it_is(state: str) -> None:
    """A client that stopped it must not see it start."""
    assert _shown(away=True, state=state)["state"] == state.replace("paused", "stopped")


# fmt: off
_WHOLE = {
    "added_on", "amount_left", "completed", "completion_on", "dl_limit", "dlspeed", "downloaded", "downloaded_session",
    "eta", "inactive_seeding_time_limit", "last_activity", "max_inactive_seeding_time", "max_seeding_time",
    "num_complete", "num_incomplete", "num_leechs", "num_seeds", "priority", "reannounce", "seeding_time",
    "seeding_time_limit", "seen_complete", "size", "time_active", "total_size", "trackers_count", "up_limit",
    "uploaded", "uploaded_session", "upspeed",
}
_REAL = {"availability", "max_ratio", "popularity", "progress", "ratio", "ratio_limit"}
_TRUTH = {"auto_tmm", "f_l_piece_prio", "force_start", "has_metadata", "seq_dl", "super_seeding"}
# fmt: on
_anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just(10**400), st.just([1])
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from(FIELDS), _anything), st.booleans())
def test_a_lying_node_cannot_break_the_list(raw: dict[str, Any], away: bool) -> None:
    """Go's decoder takes the whole list for broken over one wrong type: every field has the type that 5.1 gives it,
    and the row is JSON."""
    row = outward_row(raw, "a" * 40, MAPPED, away=away)
    json.dumps(row, allow_nan=False)
    assert [name for name in _WHOLE if type(row[name]) is not int] == []
    assert [name for name in _REAL if type(row[name]) not in (int, float)] == []
    assert [name for name in _TRUTH if type(row[name]) is not bool] == []
    texts = set(FIELDS) - _WHOLE - _REAL - _TRUTH - {"private"}
    assert [name for name in texts if not isinstance(row[name], str)] == []
    assert row["private"] in (None, True, False)
    assert row["hash"] == "a" * 40


@pytest.mark.parametrize(
    ("fields", "magnet", "state"),
    [
        ({}, "magnet:?", "metaDL"),
        ({}, None, "queuedDL"),
        ({"stopped": "True"}, "magnet:?", "stoppedDL"),
        ({"paused": "true"}, None, "stoppedDL"),
        ({"stopped": "False"}, None, "queuedDL"),
    ],
)
def test_what_has_just_been_added_is_listed_as_it_will_be(
    fields: dict[str, str], magnet: str | None, state: str
) -> None:
    """Trap 10: the client asks for it at once, before any poll."""
    given_fields = fields | {"category": "tv", "tags": "a,b", "savepath": "/mnt/a/tv", "rename": "r"}
    row = _shown(**expected_row(given_fields, name="n", size_bytes=0 if magnet else 5, magnet=magnet, added_on=9))
    assert (row["state"], row["category"], row["tags"], row["name"]) == (state, "tv", "a, b", "r")
    assert (row["save_path"], row["added_on"], row["progress"]) == ("/mnt/a/tv", 9, 0)
    sizes = (0, 0, -1) if magnet else (5, 5, 5)
    assert (row["size"], row["amount_left"], row["total_size"]) == sizes

"""What only a torrent's own node knows, kept for when it is away: traps 1, 7, 15 and 19 of the wire contract."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qbdispatch.config.settings import NodeSettings, PathRule
from qbdispatch.dispatch.detailing import keep_detail, last_known, outward_detail
from qbdispatch.store.engine import Store
from tests.unit.dispatch.shelves import entry

NODE = NodeSettings(name="a", url="http://a", path_map=(PathRule(from_="/d", to="/mnt/a"),))
ENTRY = entry(1, name="n", save_path="/mnt/a/tv", progress=0.5, total_size=9, private=True, ratio=2, added_on=5)
# What 5.1.0 answers to torrents/properties (torrentscontroller.cpp at its release).
# fmt: off
PROPERTIES = {
    "addition_date", "comment", "completion_date", "created_by", "creation_date", "dl_limit", "dl_speed",
    "dl_speed_avg", "download_path", "eta", "has_metadata", "hash", "infohash_v1", "infohash_v2", "is_private",
    "last_seen", "name", "nb_connections", "nb_connections_limit", "peers", "peers_total", "piece_size",
    "pieces_have", "pieces_num", "popularity", "private", "progress", "reannounce", "save_path", "seeding_time",
    "seeds", "seeds_total", "share_ratio", "time_elapsed", "total_downloaded", "total_downloaded_session",
    "total_size", "total_uploaded", "total_uploaded_session", "total_wasted", "up_limit", "up_speed",
    "up_speed_avg",
}
# fmt: on


@pytest.mark.parametrize("document", [{}, {"save_path": "/d/tv", "availability": 1.5}, {"download_path": None}])
def test_properties_have_the_fields_of_5_1(document: dict[str, Any]) -> None:
    """Trap 15: an older node's gaps are filled from the list, a newer one's addition is left out."""
    assert set(outward_detail("properties", document, ENTRY, NODE)) == PROPERTIES


def test_properties_are_the_nodes_with_the_hash_and_the_paths_that_clients_know() -> None:
    """Trap 19, both paths; and the hash of the list, whatever the node calls it."""
    document = {"hash": "f" * 40, "save_path": "/d/tv", "download_path": "/d/tmp", "progress": 0.75, "pieces_num": 3}
    shown = outward_detail("properties", document, ENTRY, NODE)
    assert (shown["hash"], shown["save_path"], shown["download_path"]) == (ENTRY.hash, "/mnt/a/tv", "/mnt/a/tmp")
    assert (shown["progress"], shown["pieces_num"], shown["name"]) == (0.75, 3, "n")


@pytest.mark.parametrize("kind", ["files", "trackers", "webseeds", "pieceStates"])
def test_other_details_are_passed_on_as_they_are(kind: str) -> None:
    """Files are named within the torrent: no path of the node is in them."""
    assert outward_detail(kind, [{"name": "/d/x"}], ENTRY, NODE) == [{"name": "/d/x"}]


@pytest.mark.parametrize("kind", ["files", "trackers", "webseeds"])
def test_the_last_answer_is_known_and_before_it_nothing(store: Store, kind: str) -> None:
    """Trap 1: nothing known is not the same as an empty list. Torrents are told apart."""
    assert last_known(store, ENTRY, kind) is None
    for document in ([1], [2], [2]):
        keep_detail(store, ENTRY, kind, document)
    assert (last_known(store, ENTRY, kind), last_known(store, entry(2), kind)) == ([2], None)


def test_properties_are_always_known_as_far_as_the_list_tells(store: Store) -> None:
    """They follow the list as it changes; only what it does not have is as it was."""
    shown = last_known(store, ENTRY, "properties")
    assert set(shown) == PROPERTIES
    assert (shown["progress"], shown["is_private"], shown["pieces_num"], shown["addition_date"]) == (0.5, True, -1, 5)
    keep_detail(store, ENTRY, "properties", shown | {"pieces_num": 7, "progress": 0.1})
    later = replace(ENTRY, row=ENTRY.row | {"progress": 0.9})
    shown = last_known(store, later, "properties")
    assert (shown["progress"], shown["pieces_num"]) == (0.9, 7)

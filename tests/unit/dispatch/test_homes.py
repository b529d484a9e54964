"""Some torrents belong to a certain node: by their save path, or because the data to seed is there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from qbdispatch.dispatch.dispatcher import Status
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet, make_torrent
from tests.unit.dispatch.bench import Bench, codes, put
from tests.unit.dispatch.conftest import BenchMaker


@pytest.fixture
def small(scripted: Callable[..., ScriptedNode]) -> ScriptedNode:
    return scripted(free_gib=100, name="small")


@pytest.fixture
def bench(make_bench: BenchMaker, scripted: Callable[..., ScriptedNode], small: ScriptedNode) -> Bench:
    """Two nodes that both save to /downloads; clients know the folders as /mnt/small and /mnt/large."""
    put(small, make_torrent("A film", 5 * GIB), save_path="/downloads/films", amount_left=0)
    maps = {name: {"path_map": [{"from": "/downloads", "to": f"/mnt/{name}"}]} for name in ("small", "large")}
    return make_bench(small, scripted(free_gib=900, name="large"), changes=maps)


def test_a_save_path_inside_a_path_map_goes_to_that_node(bench: Bench) -> None:
    """Anywhere else the path would be another folder, however much room there is."""
    result = bench.submit(made_up_magnet("x").magnet, savepath="/mnt/small/tv")
    assert (result.status, result.node) == (Status.ACCEPTED, "small")
    assert codes(result)["large"] == ["path_elsewhere"]
    assert bench.submit(made_up_magnet("y").magnet, savepath="/mnt/smaller/tv").node == "large"


def test_what_does_not_fit_where_it_belongs_is_refused_and_says_where_that_is(bench: Bench) -> None:
    """It does not go to the roomier node."""
    result = bench.submit(make_torrent("Too big", 200 * GIB), savepath="/mnt/small/tv")
    assert result.status is Status.REJECTED
    assert codes(result) == {"small": ["insufficient_space"], "large": ["path_elsewhere"]}


@pytest.mark.parametrize("field", ["skip_checking", "seedMode"])
def test_what_is_seeded_without_a_check_goes_to_its_data_and_claims_no_room(bench: Bench, field: str) -> None:
    """As cross-seed adds it: the torrent is larger than what the node has free, but all of it is there."""
    again = make_torrent("A film again", 200 * GIB)
    result = bench.submit(again, savepath="/mnt/small/films", **{field: "true"})
    assert (result.status, result.node) == (Status.ACCEPTED, "small")
    assert bench.room_gib("small") == 100
    assert bench.decision(result.decision_id)["size_source"] == "its data is there already"


def test_without_a_map_the_folder_of_listed_torrents_tells(
    make_bench: BenchMaker, scripted: Callable[..., ScriptedNode], small: ScriptedNode
) -> None:
    """Both nodes may have /downloads/films; the data is where torrents are listed in it. Others claim as ever."""
    put(small, make_torrent("A film", 5 * GIB), save_path="/downloads/films/")
    bench = make_bench(small, scripted(free_gib=900, name="large"))
    there = bench.submit(make_torrent("There", GIB), savepath="/downloads/films", skip_checking="true")
    nowhere = bench.submit(make_torrent("Nowhere", GIB), savepath="/downloads/music", skip_checking="true")
    checked = bench.submit(make_torrent("Checked", GIB), savepath="/downloads/films", skip_checking="false")
    assert (there.node, nowhere.node, checked.node) == ("small", "large", "large")
    assert bench.room_gib("large") == 898

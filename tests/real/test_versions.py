"""Each version of qBittorrent in one fleet, each spoken to in its own dialect."""

import pytest
import requests

from tests.real.conftest import VERSIONS, StartDispatcher, StartNode, fleet_of, submit
from tests.rig.processes import wait_until
from tests.rig.swarm import Seeder, made_up_magnet, make_torrent

pytestmark = pytest.mark.real
FIELDS = {"tags": "one,two", "sequentialDownload": "True", "upLimit": "1024", "rename": "renamed", "paused": "True"}


@pytest.mark.parametrize("version", VERSIONS)
def test_magnets_and_files_with_all_their_fields_arrive(
    version: str, start_node: StartNode, start_dispatcher: StartDispatcher
) -> None:
    """By /submit and by /api/v2, as magnet and as file of v1, v2 and hybrid: listed with category and fields."""
    node = start_node("node", version)
    dispatcher = start_dispatcher([node], workers=2)
    magnet, hybrid_magnet = made_up_magnet("by magnet"), make_torrent("hybrid magnet", 2**30, "hybrid")
    for made in (magnet, hybrid_magnet):
        assert submit(dispatcher, magnet=made.magnet, category="tv", size_estimate_gb=1).json()["status"] == "accepted"
    files = [make_torrent(f"file {kind}", 2**30, kind) for kind in ("v1", "v2", "hybrid")]
    for made in files:
        answer = requests.post(
            f"{dispatcher.url}/api/v2/torrents/add",
            data={"category": "movies", **FIELDS},
            files={"torrents": (f"{made.name}.torrent", made.data)},
            timeout=60,
        )
        assert (answer.status_code, answer.text) == (200, "Ok.")

    listed = {row["hash"]: row for row in node.session().torrents()}
    assert listed.keys() == {made.hash for made in (magnet, hybrid_magnet, *files)}
    assert listed[magnet.hash]["category"] == "tv"
    for made in files:
        row = listed[made.hash]
        assert (row["category"], row["name"], row["up_limit"], row["seq_dl"]) == ("movies", "renamed", 1024, True)
        assert {tag.strip() for tag in row["tags"].split(",")} == {"one", "two"}
    stopped = "pausedDL" if version.startswith("4") else "stoppedDL"
    wait_until(
        lambda: {row["state"] for row in node.session().torrents(category="movies")} == {stopped},
        10,
        "stopped torrents",
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_claim_gives_way_to_the_nodes_own_figures(
    version: str, start_node: StartNode, start_dispatcher: StartDispatcher
) -> None:
    """A magnet claims its estimate; once the node has the metadata from the swarm, its true size counts instead."""
    node = start_node("node", version)
    dispatcher = start_dispatcher([node], workers=2)
    with Seeder(upload_bytes_per_second=512 * 1024) as seeder:
        made = seeder.share("real.bin", 64 * 2**20)
        assert submit(dispatcher, magnet=made.magnet, size_estimate_gb=30).ok
        assert fleet_of(dispatcher)["node"]["claimed_gb"] == 30.0
        wait_until(lambda: fleet_of(dispatcher)["node"]["claimed_gb"] == 0, 30, "the claim to end")
        row = fleet_of(dispatcher)["node"]
        assert row["outstanding_gb"] == 0.1
        assert row["active_downloads"] == 1

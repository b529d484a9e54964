"""The main job on three real nodes of unlike disks: the best node, once, explained."""

import base64

import pytest

from tests.real.conftest import StartDispatcher, StartNode, copies, fleet_of, submit
from tests.rig.swarm import made_up_magnet

pytestmark = pytest.mark.real


def test_a_torrent_goes_to_the_roomiest_node_and_stays_the_only_copy(
    start_node: StartNode, start_dispatcher: StartDispatcher
) -> None:
    """50 GB goes to the 900 GB node, counts at once, is a duplicate in any spelling; 5000 GB fits nowhere."""
    nodes = [start_node("a", size_gib=100), start_node("b", size_gib=900), start_node("c", size_gib=300)]
    dispatcher = start_dispatcher(nodes)
    before = fleet_of(dispatcher)["b"]["effective_free_gb"]
    made = made_up_magnet("first")
    assert made.v1 is not None

    answer = submit(dispatcher, name="first", magnet=made.magnet, size_estimate_gb=50)
    assert (answer.status_code, answer.json()["status"], answer.json()["selected_node"]) == (200, "accepted", "b")
    assert fleet_of(dispatcher)["b"]["effective_free_gb"] == pytest.approx(before - 50, abs=0.11)

    base32 = base64.b32encode(bytes.fromhex(made.v1)).decode()
    for spelling in (made.v1.upper(), base32, base32.lower()):
        again = submit(dispatcher, magnet=f"magnet:?xt=urn:btih:{spelling}").json()
        assert (again["status"], again["selected_node"], again["hash"]) == ("duplicate", "b", made.v1)

    refused = submit(dispatcher, magnet=made_up_magnet("huge").magnet, size_estimate_gb=5000)
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    reasons = {row["name"]: [part["code"] for part in row["reasons"]] for row in refused.json()["attempted_nodes"]}
    assert reasons == {name: ["insufficient_space"] for name in "abc"}
    assert copies(nodes) == {made.v1: ["b"]}

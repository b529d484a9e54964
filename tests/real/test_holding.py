"""Held torrents on real nodes: placed once there is room, in order, and never lost, whoever is killed meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.real.conftest import StartDispatcher, StartNode, copies, submit
from tests.rig.disks import GIB
from tests.rig.dispatcher import Dispatcher
from tests.rig.processes import wait_until
from tests.rig.swarm import made_up_magnet, make_torrent

pytestmark = pytest.mark.real
HOLDING = {"hold": {"enabled": True}}
ROOM_SEEN_SECONDS = 75
"""A node measures its free space anew every 30 s, 4.x a poll later."""


def listed(dispatcher: Dispatcher) -> dict[str, str]:
    """The state of each torrent as a client sees it."""
    rows = requests.get(f"{dispatcher.url}/api/v2/torrents/info", timeout=30).json()
    return {row["hash"]: row["state"] for row in rows}


def held(dispatcher: Dispatcher) -> list[str]:
    rows: list[dict[str, Any]] = requests.get(f"{dispatcher.url}/held", timeout=30).json()
    return [row["hash"] for row in rows]


def test_held_torrents_outlive_kill_9_of_everything_and_are_placed_when_a_disk_grows(
    start_node: StartNode, start_dispatcher: StartDispatcher
) -> None:
    """A magnet and a .torrent of 50 GB fit on no disk of 5 GB: they are held, through a kill of all three workers.
    Then one disk grows: each is on exactly one node, and no listing was ever without them."""
    nodes = [start_node(name, size_gib=5) for name in "ab"]
    dispatcher = start_dispatcher(nodes, workers=3, **HOLDING)
    magnet, file = made_up_magnet("held magnet"), make_torrent("held file", 50 * GIB)
    first = submit(dispatcher, magnet=magnet.magnet, size_estimate_gb=50)
    second = requests.post(f"{dispatcher.url}/submit", files={"torrent": file.data}, timeout=60)
    assert [(answer.status_code, answer.json()["status"]) for answer in (first, second)] == [(202, "held")] * 2

    dispatcher.kill_all()
    dispatcher.start()
    wanted = [magnet.hash, file.hash]
    assert held(dispatcher) == wanted
    assert listed(dispatcher) == dict.fromkeys(wanted, "queuedDL")

    disk = nodes[1].disk
    disk.resize(200)

    def placed() -> bool:
        assert set(listed(dispatcher)) == set(wanted), "a torrent was missing from the list"
        return not held(dispatcher)

    wait_until(placed, ROOM_SEEN_SECONDS, "both to be placed")
    assert copies(nodes) == {hash_: ["b"] for hash_ in wanted}
    assert set(listed(dispatcher)) == set(wanted)


def test_the_oldest_gets_the_room_and_small_ones_cannot_starve_a_big_one(
    start_node: StartNode, start_dispatcher: StartDispatcher
) -> None:
    """A disk of 101 GB holds one of 60. One of 90 is held, and then a stream of small ones that would fit: they wait
    behind it. When the first is deleted, the big one is the first to be placed, and small ones get what is left."""
    node = start_node("a", "5.1.0", size_gib=101)
    dispatcher = start_dispatcher([node], workers=3, **HOLDING)
    there, big = made_up_magnet("there"), made_up_magnet("big")
    small = [made_up_magnet(f"small {number}") for number in range(4)]
    assert submit(dispatcher, magnet=there.magnet, size_estimate_gb=60).status_code == 200
    assert submit(dispatcher, magnet=big.magnet, size_estimate_gb=90).status_code == 202
    answers = [submit(dispatcher, magnet=made.magnet, size_estimate_gb=5) for made in small]
    assert {answer.status_code for answer in answers} == {202}
    assert held(dispatcher) == [big.hash, *(made.hash for made in small)]

    node.session().delete(there.hash)
    wait_until(lambda: big.hash not in held(dispatcher), 60, "the big one to be placed")
    wait_until(lambda: len(held(dispatcher)) == 2, 20, "small ones to get what is left")
    assert held(dispatcher) == [made.hash for made in small[2:]]
    assert copies([node]) == {made.hash: ["a"] for made in (big, *small[:2])}

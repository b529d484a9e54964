"""No disk is promised twice: bursts from many callers over several workers, counted on the real nodes."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.real.conftest import StartDispatcher, StartNode, copies, fleet_of, submit
from tests.rig.disks import Disk
from tests.rig.dispatcher import Dispatcher
from tests.rig.processes import wait_until
from tests.rig.qbittorrent import RealNode
from tests.rig.swarm import made_up_magnet

pytestmark = pytest.mark.real
ROUNDS = int(os.environ.get("QBDISPATCH_ROUNDS", "2"))


def burst(dispatcher: Dispatcher, count: int, threads: int) -> list[int]:
    """Submit so many torrents of 40 GB at once; answers the status codes."""
    magnets = [made_up_magnet(f"burst {number}").magnet for number in range(count)]
    with ThreadPoolExecutor(threads) as pool:
        answers = pool.map(lambda magnet: submit(dispatcher, magnet=magnet, size_estimate_gb=40).status_code, magnets)
        return list(answers)


def empty(dispatcher: Dispatcher, nodes: list[RealNode]) -> None:
    """Remove all torrents and wait until the dispatcher has noticed: no claim is left."""
    for node in nodes:
        node.session().delete(*node.session().hashes())

    def all_free() -> bool:
        return all(row["claimed_gb"] == 0 and row["torrents"] == 0 for row in fleet_of(dispatcher).values())

    wait_until(all_free, 40, "the claims of removed torrents to end")


def test_a_burst_fills_each_disk_and_no_more(start_node: StartNode, start_dispatcher: StartDispatcher) -> None:
    """60 submissions of 40 GB on disks of 101, 121 and 141 GB: exactly 2, 3 and 3 find room, 52 are refused."""
    sizes = {"a": 101, "b": 121, "c": 141}
    nodes = [start_node(name, size_gib=size) for name, size in sizes.items()]
    dispatcher = start_dispatcher(nodes)
    for number in range(ROUNDS):
        codes = Counter(burst(dispatcher, 60, 20))
        placed = copies(nodes)
        assert codes == {200: 8, 503: 52}, f"round {number}"
        assert Counter(name for names in placed.values() for name in names) == {"a": 2, "b": 3, "c": 3}
        assert len(placed) == 8
        empty(dispatcher, nodes)


def test_nodes_of_one_pool_share_one_disk(
    start_node: StartNode, start_dispatcher: StartDispatcher, stack: ExitStack, tmp_path: Path
) -> None:
    """Two nodes on one disk of 101 GB: 2 of 10 torrents of 40 GB are accepted, never 4."""
    disk = Disk(tmp_path / "shared", 101)
    stack.callback(disk.close)
    nodes = [start_node(name, disk=disk) for name in ("left", "right")]
    dispatcher = start_dispatcher(nodes, changes={"pool": "nas"})
    for number in range(ROUNDS):
        codes = Counter(burst(dispatcher, 10, 10))
        assert codes == {200: 2, 503: 8}, f"round {number}"
        assert sum(len(names) for names in copies(nodes).values()) == 2
        empty(dispatcher, nodes)

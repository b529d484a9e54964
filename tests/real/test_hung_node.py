"""A node that hangs costs the others nothing, and what was sent to it heals when it comes back."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.real.conftest import StartDispatcher, StartNode, copies, fleet_of, submit
from tests.rig.processes import wait_until
from tests.rig.swarm import made_up_magnet

pytestmark = [pytest.mark.real, pytest.mark.alone]
TIMEOUT_S = 4


def test_a_hung_node_holds_up_nobody_and_leaves_no_second_copy(
    start_node: StartNode, start_dispatcher: StartDispatcher
) -> None:
    """With the best node stopped: 50 submissions, median below 0.5 s, the slowest below the add's time limit plus one
    second, all accepted; after it goes on, each torrent is on exactly one node."""
    hung = start_node("hung", size_gib=900)
    nodes = [hung, start_node("left", size_gib=700), start_node("right", size_gib=700)]
    dispatcher = start_dispatcher(nodes, changes={"timeout_s": TIMEOUT_S})
    magnets = [made_up_magnet(f"torrent {number}") for number in range(50)]

    def timed(magnet: str) -> tuple[float, int]:
        began = time.monotonic()
        status = submit(dispatcher, magnet=magnet, size_estimate_gb=5).status_code
        return time.monotonic() - began, status

    hung.pause()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(timed, [made.magnet for made in magnets]))
    took = [seconds for seconds, _ in results]
    assert {status for _, status in results} == {200}
    assert statistics.median(took) < 0.5
    assert max(took) < TIMEOUT_S + 1
    print(f"hung node: median {statistics.median(took):.3f} s, slowest {max(took):.2f} s")

    hung.resume()
    wanted = {made.v1: 1 for made in magnets}
    wait_until(lambda: fleet_of(dispatcher)["hung"]["excluded"] is False, 30, "the hung node to be taken again")
    wait_until(
        lambda: {hash_: len(names) for hash_, names in copies(nodes).items()} == wanted, 60, "one copy of each torrent"
    )

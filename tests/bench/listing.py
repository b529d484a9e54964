"""What listing costs: all torrents of several nodes from us, against one node listing its own, in turn in one run.

    python -m tests.bench.listing [VERSION] [NODES] [TORRENTS_PER_NODE]

Prints medians in milliseconds, and the share of a node's time that our polling takes (CPU time of its process with
the dispatcher running, less that without).
"""

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import requests

from tests.conftest import node_entry
from tests.rig.availability import Version
from tests.rig.dispatcher import Dispatcher
from tests.rig.processes import wait_until
from tests.rig.qbittorrent import RealNode
from tests.rig.swarm import made_up_magnet

TURNS = 15
IN_CATEGORY = 200
OBSERVED_SECONDS = 30.0


def main(version: Version, nodes: int, torrents: int) -> None:
    with ExitStack() as stack:
        fleet = [stack.enter_context(RealNode(version, name=f"node-{number}")) for number in range(nodes)]
        for node in fleet:
            _fill(node, torrents)
        idle = _cpu_share(fleet[0])
        dispatcher = stack.enter_context(Dispatcher({"nodes": [node_entry(node) for node in fleet]}, workers=2))
        session = stack.enter_context(requests.Session())
        url = f"{dispatcher.url}/api/v2"
        wait_until(lambda: len(session.get(f"{url}/torrents/info").json()) == nodes * torrents, 120, "all torrents")
        small = f"{url}/torrents/info?category=small"
        rid = session.get(f"{url}/sync/maindata").json()["rid"]
        timed = {
            f"one node, its {torrents}": lambda: fleet[0].session()._get("torrents/info"),
            f"ours, all {nodes * torrents}": lambda: session.get(f"{url}/torrents/info"),
            f"ours, a category of {IN_CATEGORY}": lambda: session.get(small),
            "ours, sync/maindata with nothing changed": lambda: session.get(f"{url}/sync/maindata?rid={rid}"),
        }
        assert len(session.get(small).json()) == IN_CATEGORY
        for name, seconds in _in_turn(timed).items():
            print(f"{name:50} {1000 * statistics.median(seconds):8.1f} ms  (min {1000 * min(seconds):.1f})")
        busy = _cpu_share(fleet[0])
        print(f"polled node's time taken by us: {100 * (busy - idle):.1f} % (idle {100 * idle:.1f} %)")


def _fill(node: RealNode, torrents: int) -> None:
    for number in range(torrents):
        fields: dict[str, Any] = {"category": "small" if number < IN_CATEGORY and node.name == "node-0" else "large"}
        node.session().add(urls=made_up_magnet(f"torrent {number}").magnet, stopped="true", paused="true", **fields)


def _in_turn(timed: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Each call once in every turn, so that a noisy moment meets all of them."""
    took: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(TURNS):
        for name, call in timed.items():
            began = time.perf_counter()
            call()
            took[name].append(time.perf_counter() - began)
    return took


def _cpu_share(node: RealNode) -> float:
    before, began = _cpu_seconds(node), time.monotonic()
    time.sleep(OBSERVED_SECONDS)
    return (_cpu_seconds(node) - before) / (time.monotonic() - began)


def _cpu_seconds(node: RealNode) -> float:
    fields = Path(f"/proc/{node.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100  # clock ticks of user and system time


if __name__ == "__main__":
    given = [*sys.argv[1:], *("5.1.0", "4", "1500")[len(sys.argv) - 1 :]]
    main(cast(Version, given[0]), int(given[1]), int(given[2]))

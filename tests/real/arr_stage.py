"""What the tests that play Sonarr and Radarr share: a fleet of all versions, and grabs that can be downloaded."""

from collections.abc import Sequence

from tests.real.conftest import VERSIONS, StartNode, copies
from tests.rig.arr_client import NO_LIMITS, ArrClient, SeedLimits
from tests.rig.availability import MAY_BE_MISSING, versions_available
from tests.rig.processes import wait_until
from tests.rig.qbittorrent import RealNode
from tests.rig.swarm import MadeTorrent

TRACKER = "&tr=http%3A%2F%2F127.0.0.1%3A9%2Fannounce"
"""Nobody is there; but while DHT is off, *arr takes no magnet without a tracker."""


def fleet(start_node: StartNode) -> list[RealNode]:
    """A node of each version that this machine has, named after it; only the newest may be missing."""
    found = [name for name in VERSIONS if name != MAY_BE_MISSING or versions_available()[MAY_BE_MISSING] is None]
    return [start_node(f"node-{name}", name) for name in found]


def grab(arr: ArrClient, made: MadeTorrent, limits: SeedLimits = NO_LIMITS, *, trackers: int = 1) -> str:
    """By magnet; with some ten trackers it is longer than 1024 bytes. Answers the DownloadId."""
    return arr.grab_magnet(made.magnet + TRACKER * trackers, limits, _tags(arr))


def grab_file(arr: ArrClient, made: MadeTorrent, nodes: Sequence[RealNode], limits: SeedLimits = NO_LIMITS) -> str:
    """By .torrent file, which has no tracker, so that the node is told of the peer that a magnet names itself."""
    download_id = arr.grab_file(made.name, made.data, limits, _tags(arr))
    (name,) = wait_until(lambda: copies(nodes).get(made.hash, []), 10, f"{made.name} to be on a node")
    assert made.peer is not None
    next(node for node in nodes if node.name == name).session().add_peer(made.hash, made.peer)
    return download_id


def _tags(arr: ArrClient) -> list[str]:
    """Only Sonarr gives a torrent its series' tags."""
    return ["series", "4k"] if arr.kind == "sonarr" else []

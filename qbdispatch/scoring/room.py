"""How much of each node's disk is really free: the one place for the space formula.

effective free = reported free - what unfinished torrents will still write - what is claimed.
Nodes of one pool stand on one disk: the smallest figure that any of them reports counts, and what is left to write
and what is claimed is summed over all of them, including those that do not answer now, since they will write on.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from qbdispatch.scoring.model import NodeFacts


def effective_free(fleet: Iterable[NodeFacts], stale_after_seconds: float) -> Mapping[str, int | None]:
    """Bytes still to be promised per node name; `None` where no current free space is known."""
    disks: defaultdict[tuple[str, str], list[NodeFacts]] = defaultdict(list)
    for node in fleet:
        disks[("pool", node.pool) if node.pool else ("node", node.name)].append(node)
    rooms = {disk: _room(nodes, stale_after_seconds) for disk, nodes in disks.items()}
    return {node.name: rooms[disk] for disk, nodes in disks.items() for node in nodes}


def _room(nodes: list[NodeFacts], stale_after_seconds: float) -> int | None:
    """The room on one disk. Figures older than `stale_after_seconds` count only where there are no fresh ones."""
    known = [node for node in nodes if node.free_bytes is not None and node.free_bytes > 0]
    if not known:
        return None
    fresh = [node for node in known if node.age_seconds is not None and node.age_seconds <= stale_after_seconds]
    reported = min(node.free_bytes or 0 for node in fresh or known)
    return reported - sum(node.outstanding_bytes + node.claimed_bytes for node in nodes)

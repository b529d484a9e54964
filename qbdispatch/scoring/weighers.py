"""The weighers: each gives every eligible node a value from 0 (worst) to 1 (best).

Values are proportions of the best node or of a limit, never stretched between the worst and the best, so that a
small difference stays small.
"""

from collections.abc import Mapping, Sequence

from qbdispatch.scoring.model import NodeFacts, Request


def free_space(eligible: Sequence[NodeFacts], request: Request, rooms: Mapping[str, int | None]) -> dict[str, float]:
    """Effective free space after this torrent, as a proportion of the roomiest node's."""
    left = {node.name: max(0, (rooms[node.name] or 0) - request.size_bytes) for node in eligible}
    best = max(left.values(), default=0)
    return {name: value / best if best else 0.0 for name, value in left.items()}


def downloads(eligible: Sequence[NodeFacts]) -> dict[str, float]:
    """1 for an idle node, falling to 0 at its `max_downloads`."""
    return {node.name: max(0.0, 1 - node.downloads / node.max_downloads) for node in eligible}


def bandwidth(eligible: Sequence[NodeFacts]) -> dict[str, float]:
    """The part of the line that is not in use.

    The line is the node's own rate limit, else its configured bandwidth, else that of the fastest node: the highest
    limit known of any, else the highest speed seen.
    """
    lines = {node.name: node.download_limit or node.bandwidth_bytes_per_second for node in eligible}
    fastest = max((line for line in lines.values() if line), default=0)
    fallback = fastest or max((node.download_speed for node in eligible), default=0)
    return {node.name: _unused(node.download_speed, lines[node.name] or fallback) for node in eligible}


def _unused(speed: int, line: int) -> float:
    return min(1.0, max(0.0, 1 - speed / line)) if line else 1.0

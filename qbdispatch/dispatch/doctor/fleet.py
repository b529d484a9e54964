"""Compares nodes with each other: one disk counted twice, and folders that clients would mix up. Pure."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from qbdispatch.dispatch.doctor.finding import Finding, error, warning
from qbdispatch.dispatch.doctor.nodes import Checkup
from qbdispatch.nodes.paths import folder_key

NEARLY_BYTES = 2**30
"""What one disk's figure may change by between two nodes' looks at it, which are up to 30 s apart."""


def compare(checkups: Sequence[Checkup]) -> list[Finding]:
    """Each pair of nodes that are not said to share a disk (`pool`)."""
    found: list[Finding] = []
    for one, other in combinations(checkups, 2):
        if one.node.pool is not None and one.node.pool == other.node.pool:
            continue
        found += _one_disk(one, other)
        found += _one_prefix(one, other)
    return found + [finding for checkup in checkups for finding in _foreign_names(checkup, checkups)]


def _names(one: Checkup, other: Checkup) -> str:
    return f"nodes {one.node.name} and {other.node.name}"


def _one_disk(one: Checkup, other: Checkup) -> list[Finding]:
    if not one.free_bytes or not other.free_bytes:  # two full disks are alike, and that says nothing
        return []
    same_figure = one.free_bytes == other.free_bytes
    same_place = _host(one) == _host(other) and _same(one.save_path, other.save_path)
    near = abs(one.free_bytes - other.free_bytes) <= NEARLY_BYTES
    if not (same_figure or (same_place and near)):
        return []
    seen, sure = [], "possibly"
    if same_figure:
        seen.append(f"both have {one.free_bytes} bytes free, the same to the byte")
        sure = "probably"
    if same_place:
        seen.append(f"both are on {_host(one)} and save to {one.save_path}")
        sure = "almost certainly" if same_figure else sure
    remedy = (
        f"if it is one disk, give both the same `pool` ({sure} it is): else its room is promised twice."
        " If it is not, two disks happened to be alike and there is nothing to do"
    )
    return [warning("one_disk_without_pool", _names(one, other), f"{'; '.join(seen)}: {sure} one disk", remedy)]


def _host(checkup: Checkup) -> str:
    return urlsplit(checkup.node.url).hostname or ""


def _same(path: str | None, other: str | None) -> bool:
    return path is not None and other is not None and folder_key(path) == folder_key(other)


def _one_prefix(one: Checkup, other: Checkup) -> list[Finding]:
    """Clients know a folder by its path alone, so two disks need two. What *arr would import is on the other one."""
    shared = sorted(_outward(one).keys() & _outward(other).keys())
    if not shared:
        return []
    seen = f"both show clients the folder {_outward(one)[shared[0]]}, though they are on different disks"
    remedy = (
        "give each node's path_map a `to` of its own, the folder where Sonarr and Radarr see that node's disk; or the"
        " same pool, if it is one disk"
    )
    return [error("same_outward_path", _names(one, other), seen, remedy)]


def _outward(checkup: Checkup) -> dict[str, str]:
    """The folders that a node shows to clients, by their one spelling."""
    paths = [rule.to for rule in checkup.node.path_map] + [checkup.outward_save_path or ""]
    return {folder_key(path): path for path in paths if path}


def _foreign_names(checkup: Checkup, checkups: Sequence[Checkup]) -> Iterator[Finding]:
    """A rule that leads into a folder named after another node: the sign of two mappings that were swapped."""
    others = {other.node.name for other in checkups} - {checkup.node.name}
    for rule in checkup.node.path_map:
        parts = set(PurePosixPath(rule.to.replace("\\", "/")).parts)
        named = sorted(parts & others)
        if named and checkup.node.name not in parts:
            seen = f"its path_map leads to {rule.to}, a folder named after node {named[0]}"
            remedy = (
                f"check whether the path_map entries of {checkup.node.name} and {named[0]} are swapped: `to` must be"
                f" where Sonarr and Radarr see the disk of {checkup.node.name}"
            )
            yield warning("paths_swapped", f"node {checkup.node.name}", seen, remedy)

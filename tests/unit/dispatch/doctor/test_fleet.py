"""What comparing nodes tells: a disk that counts twice, and folders that clients would mix up."""

from __future__ import annotations

from typing import Any

import pytest

from qbdispatch.config.settings import NodeSettings, PathRule
from qbdispatch.dispatch.doctor.finding import Finding, Severity
from qbdispatch.dispatch.doctor.fleet import compare
from qbdispatch.dispatch.doctor.nodes import Checkup

GIB = 2**30


def _checkup(name: str, host: str, save_path: str | None, free: int | None, **more: Any) -> Checkup:
    return Checkup(NodeSettings(name, f"http://{host}:8080", **more), (), save_path, free)


def _codes(*checkups: Checkup) -> list[str]:
    return [finding.code for finding in compare(checkups)]


@pytest.mark.parametrize(
    ("one", "other", "sure"),
    [
        (("h1", "/a", 100 * GIB + 7), ("h2", "/b", 100 * GIB + 7), "probably"),
        (("h", "/a", 100 * GIB), ("h", "/a/", 100 * GIB), "almost certainly"),
        (("h", "/a", 100 * GIB), ("h", "/a", 100 * GIB + 5), "possibly"),
        (("h", "/a", 100 * GIB), ("h", "/a", 200 * GIB), None),
        (("h1", "/a", 100 * GIB), ("h2", "/b", 100 * GIB + 1), None),
        (("h1", "/a", None), ("h2", "/b", None), None),
        (("h1", "/a", 0), ("h2", "/b", 0), None),
    ],
)
def test_one_disk_is_told_by_its_figure_and_its_place(
    one: tuple[str, str, int | None], other: tuple[str, str, int | None], sure: str | None
) -> None:
    """With how sure that is; a common pool ends it."""
    found = [finding for finding in _pair(one, other) if finding.code == "one_disk_without_pool"]
    assert [finding.seen.split(": ")[-1] for finding in found] == ([f"{sure} one disk"] if sure else [])
    assert all(finding.about == "nodes a and b" and "pool" in finding.remedy for finding in found)
    assert _pair(one, other, pool="disk") == []


def _pair(one: tuple[Any, ...], other: tuple[Any, ...], **more: Any) -> list[Finding]:
    return compare([_checkup("a", *one, **more), _checkup("b", *other, **more)])


def test_two_disks_that_clients_see_at_one_path_are_an_error() -> None:
    """By their save paths, or by where their rules lead."""
    both = [_checkup("a", "h1", "/downloads", 5 * GIB), _checkup("b", "h2", "/downloads", 9 * GIB)]
    assert _codes(*both) == ["same_outward_path"]
    rule = (PathRule("/downloads", "/mnt/one"),)
    mapped = [_checkup(name, name, "/downloads", None, path_map=rule) for name in "ab"]
    assert _codes(*mapped) == ["same_outward_path"]


def test_prefixes_of_their_own_are_fine() -> None:
    """Though both nodes call their folder the same."""
    rules = {name: (PathRule("/downloads", f"/mnt/{name}"),) for name in ("east", "west")}
    pair = [_checkup(name, name, "/downloads", None, path_map=rules[name]) for name in rules]
    assert compare(pair) == []


def test_rules_that_lead_into_each_others_folders_look_swapped() -> None:
    """Each is named; a folder that holds both names says nothing."""
    rules = {"east": (PathRule("/downloads", "/mnt/west"),), "west": (PathRule("/downloads", "/mnt/east/"),)}
    found = compare([_checkup(name, name, "/downloads", None, path_map=rules[name]) for name in rules])
    assert [(one.code, one.about) for one in found] == [("paths_swapped", "node east"), ("paths_swapped", "node west")]
    assert {one.severity for one in found} == {Severity.WARNING}
    both = {"east": (PathRule("/d", "/mnt/west/east"),), "west": (PathRule("/d", "/mnt/west"),)}
    assert compare([_checkup(name, name, "/d", None, path_map=both[name]) for name in both]) == []

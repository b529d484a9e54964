"""Which real qBittorrent versions this machine can run, and the reason for each it cannot.

Owns: where each version is installed, and when a test may be skipped for want of one. scripts/setup installs
them: one from the host's own packages, the others in a folder tree of their own entered by chroot.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.rig.disks import why_no_mounts
from tests.rig.postgres import binaries

Version = Literal["4.5.2", "5.1.0", "5.3.0"]
VERSIONS: tuple[Version, ...] = ("4.5.2", "5.1.0", "5.3.0")
MAY_BE_MISSING: Version = "5.3.0"
"""Debian unstable may be broken on the day; the other versions may not be missing where CI=true."""


@dataclass(frozen=True)
class _Home:
    """Where a version lives, and the range of versions that speak its dialect: Debian moves on."""

    tree: str | None
    at_least: tuple[int, int]
    below: tuple[int, int]


_HOMES: dict[Version, _Home] = {
    "4.5.2": _Home(None, (4, 5), (5, 0)),
    "5.1.0": _Home("trixie", (5, 0), (5, 2)),
    "5.3.0": _Home("sid", (5, 2), (6, 0)),
}


def nodes_folder() -> Path:
    """The folder with the trees that scripts/setup makes."""
    return Path(os.environ.get("QBDISPATCH_NODES", "/var/cache/qbdispatch-nodes"))


def tree_of(version: Version) -> Path | None:
    """The tree to chroot into for a version; None for the one installed on the host itself."""
    name = _HOMES[version].tree
    return None if name is None else nodes_folder() / name


@functools.cache
def versions_available() -> dict[Version, str | None]:
    """For every version: None where it can be started, otherwise the reason why not."""
    refused = why_no_mounts()
    return {version: refused or _why_missing(version) for version in VERSIONS}


def require(version: Version) -> None:
    """Skip the test, with the reason, where `version` cannot be had; with CI=true fail it instead."""
    reason = versions_available()[version]
    if reason is None:
        return
    message = f"qBittorrent {version}: {reason}"
    if os.environ.get("CI") == "true" and version != MAY_BE_MISSING:
        pytest.fail(f"{message} (CI=true: run scripts/setup as root)")
    print(message)
    pytest.skip(message)


def require_postgres() -> None:
    """Skip the test where no PostgreSQL server is installed; with CI=true fail it instead."""
    if binaries() is not None:
        return
    message = "no PostgreSQL server is installed; run scripts/setup as root"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def _why_missing(version: Version) -> str | None:
    home, tree = _HOMES[version], tree_of(version)
    if tree is None:
        if shutil.which("qbittorrent-nox") is None:
            return "qbittorrent-nox is not installed; run scripts/setup as root"
    elif not (tree / "usr/bin/qbittorrent-nox").exists():
        failure = nodes_folder() / f"{tree.name}.failed"
        reason = f": {failure.read_text().strip()}" if failure.exists() else "; run scripts/setup as root"
        return f"{tree} is not there{reason}"
    says = _says_of_itself(tree)
    found = re.search(r"v(\d+)\.(\d+)", says)
    if found is None:
        return f"qbittorrent-nox --version answered {says!r}"
    if not home.at_least <= (int(found[1]), int(found[2])) < home.below:
        return f"what is installed in its place is {found[0]}"
    return None


def _says_of_itself(tree: Path | None) -> str:
    prefix = [] if tree is None else ["chroot", str(tree)]
    # It writes an empty configuration into its home even for this; the home is a folder we remove.
    home = Path(tempfile.mkdtemp(prefix="qbd-version-", dir="/tmp" if tree is None else tree / "tmp"))
    inside = home if tree is None else Path("/") / home.relative_to(tree)
    try:
        done = subprocess.run(
            [*prefix, "qbittorrent-nox", "--version"],
            env={"HOME": str(inside), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return (done.stdout + done.stderr).strip()

"""Disks of any size for tests: tmpfs mounts, which claim no memory until something is written.

Owns: mounting, resizing, binding and unmounting below folders given by the caller; needs root.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.rig.processes import wait_until

GIB = 2**30


class Disk:
    """A tmpfs of `size_gib`, mounted at `path` on construction; `close()` leaves neither mount nor folder."""

    def __init__(self, path: Path, size_gib: float) -> None:
        self.path = path
        self.size_gib = size_gib
        self._made_folder = not path.exists()
        path.mkdir(parents=True, exist_ok=True)
        try:
            _run("mount", "-t", "tmpfs", "-o", f"size={_bytes(size_gib)},mode=0777", "qbdispatch", str(path))
        except MountError:
            self._remove_folder()
            raise

    def resize(self, size_gib: float) -> None:
        """Change the size in place; what is stored stays."""
        _run("mount", "-o", f"remount,size={_bytes(size_gib)}", str(self.path))
        self.size_gib = size_gib

    @property
    def free_bytes(self) -> int:
        """What `df` calls available."""
        return shutil.disk_usage(self.path).free

    def close(self) -> None:
        """Unmount and remove the folder; once more is harmless."""
        unmount(self.path)
        self._remove_folder()

    def _remove_folder(self) -> None:
        if self._made_folder and self.path.exists():
            self.path.rmdir()


class MountError(RuntimeError):
    """A mount command failed; the message is the command's own."""


def bind(source: Path, target: Path) -> None:
    """Show `source` at `target`, which is made when it is missing."""
    target.mkdir(parents=True, exist_ok=True)
    _run("mount", "--bind", str(source), str(target))


def unmount(path: Path) -> None:
    """Unmount what is mounted at `path`, if anything; lazily when something keeps it busy for long."""
    if not path.is_mount():
        return
    try:
        wait_until(lambda: _tried("umount", str(path)), 3, f"{path} to be unmounted")
    except AssertionError:
        _run("umount", "--lazy", str(path))


def mounts_below(folder: Path) -> list[Path]:
    """Every mount point at or below `folder`, deepest first."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    points = [Path(line.split()[1].replace("\\040", " ")) for line in lines]
    return sorted((point for point in points if point.is_relative_to(folder)), reverse=True)


@functools.cache
def why_no_mounts() -> str | None:
    """None where this process can mount; otherwise the reason, in words for a skipped test."""
    if os.geteuid() != 0:
        return "mounting a disk of a given size needs root"
    folder = Path(tempfile.mkdtemp(prefix="qbd-mount-"))
    try:
        Disk(folder / "disk", 1).close()
    except MountError as error:
        return f"this machine refuses to mount: {error}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


def _bytes(size_gib: float) -> int:
    return int(size_gib * GIB)


def _tried(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MountError(f"{' '.join(argv)}: {done.stderr.strip()}")

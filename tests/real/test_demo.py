"""The demo, as whoever has just cloned the repository meets it."""

import subprocess
import sys

from tests.rig.availability import require
from tests.rig.dispatcher import REPOSITORY


def test_the_demo_places_three_torrents_and_ends() -> None:
    """It fails by itself where an answer is wrong or a torrent is not on the one node that was named."""
    require("4.5.2")
    command = [sys.executable, "-m", "qbdispatch", "demo", "--once"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.count("  accepted: ") == 3
    assert done.stdout.endswith("Everything is cleaned up.\n")

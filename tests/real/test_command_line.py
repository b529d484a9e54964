"""The command line beside a running service: same store, same sessions, and the service does not notice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.real.conftest import StartDispatcher, StartNode, copies
from tests.rig.dispatcher import REPOSITORY, Dispatcher
from tests.rig.processes import wait_until
from tests.rig.swarm import made_up_magnet


def _call(dispatcher: Dispatcher, *arguments: str) -> Any:
    command = [sys.executable, "-m", "qbdispatch", "--config", str(dispatcher.config_path), *arguments, "--json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QBDISPATCH")}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.real
def test_commands_work_beside_a_running_service(start_node: StartNode, start_dispatcher: StartDispatcher) -> None:
    """A torrent is placed where the service would place it, is listed once the service has seen it, and the same
    worker leads as before."""
    nodes = [start_node("small", "4.5.2", size_gib=100), start_node("large", "5.1.0", size_gib=900)]
    dispatcher = start_dispatcher(nodes, workers=2)
    leader = dispatcher.leader_pid()
    assert [(one["name"], one["reachable"]) for one in _call(dispatcher, "nodes")] == [("small", True), ("large", True)]
    made = made_up_magnet("film")
    placed = _call(dispatcher, "submit", made.magnet, "--size-gb", "5", "--category", "movies")
    assert (placed["status"], placed["selected_node"]) == ("accepted", "large")
    assert copies(nodes) == {made.hash: ["large"]}
    (listed,) = wait_until(lambda: _call(dispatcher, "torrents", made.hash), 30, "the torrent to be listed")
    assert (listed["node"], listed["category"]) == ("large", "movies")
    assert _call(dispatcher, "decisions", placed["decision_id"])["selected_node"] == "large"
    assert _call(dispatcher, "check") == {"findings": []}
    assert dispatcher.leader_pid() == leader

"""`qbdispatch check` against a rig with ten planted faults, and against one with none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import node_entry
from tests.real.conftest import StartNode
from tests.rig.ailing import AilingNode, swallowing_address
from tests.rig.disks import GIB, Disk
from tests.rig.dispatcher import REPOSITORY
from tests.rig.processes import free_port
from tests.rig.scripted_arr import ScriptedArr

URL = "http://127.0.0.1:8000"


def _check(folder: Path, config: dict[str, Any]) -> tuple[int, dict[tuple[str, str], dict[str, str]]]:
    """Run it as a user would, in a process of its own; answers the exit code and the findings."""
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "qbdispatch", "--config", str(path), "check", "--json", "--url", URL]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QBDISPATCH")}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)["findings"]
    return done.returncode, {(finding["code"], finding["about"]): finding for finding in found}


def _arr_entry(arr: ScriptedArr, **changes: Any) -> dict[str, Any]:
    return {"name": arr.kind, "type": arr.kind, "url": arr.url, "api_key": arr.api_key} | changes


@pytest.mark.real
def test_ten_planted_faults_are_all_named_with_their_remedies(
    start_node: StartNode, stack: ExitStack, tmp_path: Path
) -> None:
    """Four on real nodes, the others where no real one can be made to have them. Nothing else is said, and a second
    look logs in to none of those that refused the first."""
    locked = start_node("locked", "4.5.2", size_gib=101)
    full = start_node("full", "5.1.0", disk=stack.enter_context(_SharedDisk(tmp_path / "full", filled=True)))
    one_disk = stack.enter_context(_SharedDisk(tmp_path / "disk"))
    twins = [start_node("twin-1", "4.5.2", disk=one_disk), start_node("twin-2", "5.1.0", disk=one_disk)]
    banned, old, early, east, west = (
        stack.enter_context(AilingNode(name=name, free_gib=200 + number))
        for number, name in enumerate(["banned", "old", "early", "east", "west"])
    )
    banned.failed_logins = 5
    old.told_version = "v4.1.9"
    early.clock_ahead_seconds = 3600
    radarr = stack.enter_context(ScriptedArr("radarr"))
    wrong_port = f"http://127.0.0.1:{free_port()}"
    swallowing = stack.enter_context(swallowing_address())
    config = {
        "nodes": [
            node_entry(locked, password="not-this-one"),
            node_entry(locked, name="wrong-port", url=wrong_port),
            node_entry(locked, name="away", url=swallowing),
            node_entry(banned),
            node_entry(east, path_map=[{"from": "/data", "to": "/mnt/west"}]),
            node_entry(west, path_map=[{"from": "/data", "to": "/mnt/east"}]),
            node_entry(old),
            node_entry(full),
            node_entry(early),
            *(node_entry(twin) for twin in twins),
        ],
        "arr_instances": [_arr_entry(radarr, api_key="wrong-key")],
    }
    expected = {
        ("login_refused", "node locked"): "username and password",
        ("connection_refused", "node wrong-port"): "correct the port",
        ("unreachable", "node away"): "firewall",
        ("banned", "node banned"): "wait for the ban to end",
        ("paths_swapped", "node east"): "swapped",
        ("paths_swapped", "node west"): "swapped",
        ("arr_key_refused", "radarr radarr"): "Settings, General",
        ("version_too_old", "node old"): "upgrade that qBittorrent to 4.3",
        ("disk_full", "node full"): "free space on its disk",
        ("clock_skew", "node early"): "NTP",
        ("one_disk_without_pool", "nodes twin-1 and twin-2"): "same `pool`",
    }
    status, found = _check(tmp_path, config)
    assert found.keys() == expected.keys()
    assert {key: remedy in found[key]["remedy"] for key, remedy in expected.items()} == dict.fromkeys(expected, True)
    assert status == 1
    assert "not-this-one" not in str(found)
    assert "wrong-key" not in str(found)

    logins = banned.calls["auth/login"]
    assert _check(tmp_path, config)[1].keys() == expected.keys()
    assert (logins, banned.calls["auth/login"]) == (1, 1)


@pytest.mark.real
def test_a_clean_rig_is_passed_over_in_silence(start_node: StartNode, stack: ExitStack, tmp_path: Path) -> None:
    """Real nodes of both versions, of which two share a pool, and both kinds of *arr."""
    one_disk = stack.enter_context(_SharedDisk(tmp_path / "disk"))
    nodes = [start_node("alone", "4.5.2", size_gib=101), start_node("other", "5.1.0", size_gib=102)]
    twins = [start_node("twin-1", "4.5.2", disk=one_disk), start_node("twin-2", "5.1.0", disk=one_disk)]
    arrs = [stack.enter_context(ScriptedArr("sonarr")), stack.enter_context(ScriptedArr("radarr"))]
    for arr in arrs:
        arr.entry("qbdispatch", host="127.0.0.1", port=8000)
        arr.folders = {node.save_path for node in [*nodes, *twins]}
    config = {
        "nodes": [node_entry(node) for node in nodes] + [node_entry(twin, pool="disk") for twin in twins],
        "arr_instances": [_arr_entry(arr) for arr in arrs],
    }
    assert _check(tmp_path, config) == (0, {})


class _SharedDisk:
    """A disk for two nodes, or one that is `filled` to its last byte before any node looks at it."""

    def __init__(self, path: Path, *, filled: bool = False) -> None:
        self._disk = Disk(path, 2**20 / GIB if filled else 103)
        if filled:
            (path / "ballast").write_bytes(b"x" * 2**20)

    def __enter__(self) -> Disk:
        return self._disk

    def __exit__(self, *_: object) -> None:
        self._disk.close()

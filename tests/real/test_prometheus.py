"""Prometheus scrapes two replicas over one store, and the alerts that we ship fire when they should."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import node_entry
from tests.rig.disks import GIB
from tests.rig.dispatcher import Dispatcher
from tests.rig.processes import wait_until
from tests.rig.prometheus import Prometheus
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet

KEY = "the-admin-key"
HEADERS = {"X-API-Key": KEY}


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The folder for temporary files of what the test starts."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


@pytest.fixture
def replica(tmp_path: Path, temporary: Path) -> Iterator[Callable[..., Dispatcher]]:
    """Starts dispatchers over one store, each with gunicorn of its own."""
    store = tmp_path / "shared.sqlite3"
    with ExitStack() as stack:

        def start(*nodes: ScriptedNode, workers: int = 2, **env: str) -> Dispatcher:
            config = {
                "database_url": f"sqlite:///{store}",
                "nodes": [node_entry(node, min_free_gb=10) for node in nodes],
                "dispatcher": {"admin_api_key": KEY},
                "sync": {"interval_s": 0.5, "stale_after_s": 5},
            }
            env = {"TMPDIR": str(temporary)} | env
            return stack.enter_context(Dispatcher(config, workers=workers, env=env))

        yield start


def _submit(dispatcher: Dispatcher, **more: Any) -> str:
    body = {"magnet": made_up_magnet().magnet, "size_estimate_gb": 1} | more
    answer = requests.post(f"{dispatcher.url}/submit", json=body, headers=HEADERS, timeout=30)
    return str(answer.json()["status"])


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is missing; scripts/setup has it")
def test_alerts_fire_when_a_node_dies_and_when_room_gets_low(
    replica: Callable[..., Dispatcher], scripted: Callable[..., ScriptedNode]
) -> None:
    """Seen through both replicas, with the admin key; each alert once, and none before there is a cause. What is
    counted in the store is counted once, though both tell it. A replica that goes is told by the other's figures."""
    well, ill = scripted(name="well", free_gib=100), scripted(name="ill", free_gib=100)
    replicas = [replica(well, ill), replica(well, ill)]
    with Prometheus([one.url.removeprefix("http://") for one in replicas], key=KEY) as prometheus:
        wait_until(lambda: sum(prometheus.value("up").values()) == 2, 20, "both replicas to be scraped")
        assert [_submit(one) for one in replicas for _ in range(3)] == ["accepted"] * 6
        submissions = 'qbdispatch:submissions_total:max{outcome="accepted"}'
        wait_until(lambda: list(prometheus.value(submissions).values()) == [6], 10, "all six to be counted once")
        assert list(prometheus.value("max without (instance) (qbdispatch_leader)").values()) == [1]
        assert prometheus.firing() == set()
        ill.garbage = "html"
        wait_until(lambda: prometheus.firing() == {("QbdispatchNodeDown", "ill")}, 15, "the dead node to be told")
        well.free_bytes = 9 * GIB
        low = {("QbdispatchNodeDown", "ill"), ("QbdispatchSpaceBelowFloor", "well")}
        wait_until(lambda: prometheus.firing() == low, 20, "the lack of room to be told")
        ill.garbage, well.free_bytes = None, 100 * GIB
        wait_until(lambda: prometheus.firing() == set(), 20, "both to be over")
        for _ in range(6):
            _submit(replicas[0], size_estimate_gb=9999)
        refused = {("QbdispatchRefusals", "")}
        wait_until(lambda: prometheus.firing() == refused, 15, "the first refusals ever to be told")
        replicas[1].stop()
        gone = refused | {("QbdispatchReplicaDown", "")}
        wait_until(lambda: prometheus.firing() == gone, 15, "the replica that is gone to be told")


def _count(dispatcher: Dispatcher, sample: str) -> float:
    """One sample of /metrics; 0 if it is not there."""
    text = requests.get(f"{dispatcher.url}/metrics", headers=HEADERS, timeout=10).text
    return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{sample} ")), 0.0)


def test_workers_figures_are_added_up_and_their_folder_goes_with_the_master(
    replica: Callable[..., Dispatcher], scripted: Callable[..., ScriptedNode], temporary: Path
) -> None:
    """Whichever worker is asked, and also after each was killed, whose files then go; a folder that a killed master
    left goes with the next start, one that is in use does not."""
    node = scripted(name="a")
    abandoned = Path(tempfile.mkdtemp(prefix="qbdispatch-metrics-1-", dir=temporary))
    (abandoned / "lock").touch()
    dispatcher = replica(node, workers=3)
    [folder] = temporary.glob("qbdispatch-metrics-*")
    assert folder != abandoned
    sample = 'qbdispatch_http_requests_total{route="admin.alive",status="2xx"}'
    before = _count(dispatcher, sample)
    for _ in range(60):
        requests.get(f"{dispatcher.url}/healthz", headers={"Connection": "close"}, timeout=10)
    assert {_count(dispatcher, sample) - before for _ in range(10)} == {60}
    assert len(list(folder.glob("counter_*.db"))) > 1, "only one worker has answered"
    for victim in dispatcher.worker_pids():
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in dispatcher.worker_pids(), 10, "the worker to be gone")  # noqa: B023
        wait_until(lambda: len(dispatcher.worker_pids()) == 3, 10, "another to take its place")
        assert {_count(dispatcher, sample) - before for _ in range(5)} == {60}
        assert list(folder.glob(f"*_{victim}.db")) == []
    assert {file.name for file in folder.glob("*_gone.db")} == {"counter_gone.db", "histogram_gone.db"}
    other = replica(node, workers=1)
    assert folder.is_dir()
    assert len(list(temporary.glob("qbdispatch-metrics-*"))) == 2
    for one in (dispatcher, other):
        one.stop()
    assert list(temporary.glob("qbdispatch-metrics-*")) == []


def test_every_line_of_the_log_is_json_where_that_is_wished(
    replica: Callable[..., Dispatcher], scripted: Callable[..., ScriptedNode]
) -> None:
    """gunicorn's own lines too. A submission has one line, with the id of its request; that doors stand open is said
    once, not by each worker."""
    dispatcher = replica(scripted(name="a"), workers=3, QBDISPATCH_LOG_FORMAT="json")
    wait_until(lambda: "auth is not configured" in dispatcher.log_text(), 10, "the leader to warn")
    body = {"magnet": made_up_magnet().magnet, "name": "a title"}
    requests.post(f"{dispatcher.url}/submit", json=body, headers=HEADERS | {"X-Request-ID": "mine"}, timeout=30)
    lines = [json.loads(line) for line in dispatcher.log_text().splitlines()]
    [told] = [line for line in lines if line["event"] == "submission accepted"]
    assert (told["request_id"], told["name"], told["node"], told["attempts"]) == ("mine", "a title", "a", 1)
    assert all({"ts", "level", "logger", "event"} <= line.keys() for line in lines)
    assert any(line["logger"] == "gunicorn.error" for line in lines)
    assert len([line for line in lines if "auth is not configured" in line["event"]]) == 1

"""One of two nodes is dead for a while: what Sonarr and Radarr see of it, and what they can do.

QBDISPATCH_OUTAGE_SECONDS says for how long.
"""

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.real.arr_stage import grab
from tests.real.conftest import StartDispatcher, StartNode, copies
from tests.rig.arr_client import ArrClient, ArrFailure, SeedLimits
from tests.rig.arr_rules import Item
from tests.rig.processes import wait_until
from tests.rig.qbittorrent import RealNode
from tests.rig.swarm import Seeder, made_up_magnet

OUTAGE_SECONDS = float(os.environ.get("QBDISPATCH_OUTAGE_SECONDS", "30"))
pytestmark = [pytest.mark.real, pytest.mark.timeout(240 + OUTAGE_SECONDS)]
INTERVAL_SECONDS = 2.0
SLOWEST_POLL_SECONDS = 1.0
DETAILS = ("properties", "files", "trackers")
LIMIT_REACHED = SeedLimits(ratio=0)


def fill(url: str, node: RealNode, seeder: Seeder) -> dict[str, str]:
    """A seeding one, one that is stopped at its limit, and one that waits for its metadata; role to DownloadId."""
    arr = ArrClient(url, "radarr", category=node.name)
    seeding, done = (seeder.share(f"{role} on {node.name}.bin", 100_000) for role in ("seeding", "done"))
    ids = {
        "seeding": grab(arr, seeding),
        "done": grab(arr, done, LIMIT_REACHED),
        "waiting": grab(arr, made_up_magnet(f"waiting on {node.name}")),
    }
    wait_until(lambda: all(arr.poll()[ids[role]].is_importable for role in ("seeding", "done")), 40, "downloads")
    stop = {"hashes": ids["done"].lower()}
    requests.post(f"{url}/api/v2/torrents/stop", data=stop, timeout=30).raise_for_status()
    wait_until(lambda: arr.poll()[ids["done"]].can_be_removed, 20, "a torrent to have reached its limit")
    return ids


def details(url: str, download_id: str) -> dict[str, object]:
    """What is known of a torrent beyond its row, answered in time."""
    found: dict[str, object] = {}
    for kind in DETAILS:
        answer = requests.get(f"{url}/api/v2/torrents/{kind}?hash={download_id.lower()}", timeout=SLOWEST_POLL_SECONDS)
        answer.raise_for_status()
        found[kind] = answer.json()
    return found


def failure(action: Callable[[str], None], download_id: str) -> int:
    with pytest.raises(ArrFailure) as failed:
        action(download_id)
    return failed.value.status or 0


def assert_harmless(queue: Mapping[str, Item], lost: Mapping[str, str], there: Mapping[str, str]) -> None:
    """All are listed; what is on the dead node is left alone, the rest is as ever."""
    assert queue.keys() == {*lost.values(), *there.values()}
    assert [role for role, download_id in lost.items() if not queue[download_id].is_left_alone] == []
    assert queue[there["seeding"]].is_importable
    assert queue[there["done"]].can_be_removed


def test_a_dead_nodes_torrents_stay_listed_and_are_left_alone_until_it_is_back(
    start_node: StartNode, start_dispatcher: StartDispatcher
) -> None:
    """Every poll lists all, in under a second, restarts of the dispatcher included; nothing on the dead node looks as
    if it could be imported, moved or removed; its files, trackers and properties are as last known; removals there
    fail so that they are tried again, and work once the node is back."""
    dead, _ = nodes = [start_node("dead", "5.1.0"), start_node("alive")]
    own = {node.name: {"categories": [node.name]} for node in nodes}
    dispatcher = start_dispatcher(nodes, workers=3, own=own, sync={"interval_s": INTERVAL_SECONDS})
    arr = ArrClient(dispatcher.url, "sonarr", category="", imported_category="done")
    arr.test()
    slowest = 0.0

    def poll() -> dict[str, Item]:
        nonlocal slowest
        began = time.monotonic()
        queue = arr.poll()
        slowest = max(slowest, time.monotonic() - began)
        return queue

    with Seeder() as seeder, ThreadPoolExecutor(2) as pool:
        lost, there = pool.map(lambda node: fill(dispatcher.url, node, seeder), nodes)
    known = {download_id: details(dispatcher.url, download_id) for download_id in lost.values()}
    dead.kill()
    died_at = time.monotonic()
    wait_until(
        lambda: all(poll()[one].is_left_alone for one in lost.values()), 2 * INTERVAL_SECONDS, "the death to show"
    )
    noticed = time.monotonic() - died_at

    def crash() -> None:
        dispatcher.kill_all()
        dispatcher.start()

    restarts = [(0.3, dispatcher.restart), (0.6, crash)]
    polls = 0
    while time.monotonic() - died_at < OUTAGE_SECONDS:
        if restarts and time.monotonic() - died_at > restarts[0][0] * OUTAGE_SECONDS:
            restarts.pop(0)[1]()
        assert_harmless(poll(), lost, there)
        polls += 1
        for download_id, before in known.items():
            now = details(dispatcher.url, download_id)
            assert (now["files"], now["trackers"]) == (before["files"], before["trackers"])
            assert isinstance(now["properties"], dict)
            assert now["properties"].keys() == before["properties"].keys()  # type: ignore[attr-defined]
        time.sleep(0.25)
    assert restarts == []
    assert failure(arr.remove, lost["done"]) >= 500
    assert failure(arr.mark_imported, lost["seeding"]) >= 500
    assert_harmless(poll(), lost, there)
    assert slowest < SLOWEST_POLL_SECONDS
    print(f"{polls} polls, the slowest {slowest:.3f} s; the death showed after {noticed:.1f} s")

    dead.start()
    wait_until(lambda: poll()[lost["done"]].can_be_removed, 30, "the node to be taken for alive")
    for download_id in lost.values():
        arr.remove(download_id)
        assert download_id not in poll()
    wait_until(lambda: not list(dead.disk.path.rglob("*.bin")), 10, "the files to be deleted")
    assert copies(nodes).keys() == {download_id.lower() for download_id in there.values()}

"""How soon a change shows: at once in any worker if it was made through us, else within two polls."""

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import requests

from tests.real.arr_stage import fleet, grab
from tests.real.conftest import StartDispatcher, StartNode
from tests.rig.arr_client import ArrClient, SeedLimits
from tests.rig.dispatcher import Dispatcher
from tests.rig.processes import process_state, wait_until
from tests.rig.qbittorrent import RealNode
from tests.rig.swarm import made_up_magnet, make_torrent

pytestmark = [pytest.mark.real, pytest.mark.alone]
INTERVAL_SECONDS = 2.0
SLACK_SECONDS = 0.5
WORKERS = 3
LIMITS = SeedLimits(ratio=1.5, minutes=30_000)


def each_worker(dispatcher: Dispatcher) -> Iterator[int]:
    """Let one worker after the other be the only one that can answer."""
    workers = dispatcher.worker_pids()
    assert len(workers) == WORKERS
    for worker in workers:
        others = [pid for pid in workers if pid != worker]
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        try:
            wait_until(partial(are_stopped, others), 5, "the others to stop")
            yield worker
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)


def are_stopped(pids: list[int]) -> bool:
    return {process_state(pid) for pid in pids} == {"T"}


def is_at_the_front(arr: ArrClient, download_id: str) -> bool:
    return bool(arr.poll()[download_id].row["priority"] == 1)


def increment(url: str, rid: int) -> dict[str, Any]:
    answer = requests.get(
        f"{url}/api/v2/sync/maindata", params={"rid": rid}, headers={"Connection": "close"}, timeout=30
    )
    found: dict[str, Any] = answer.json()
    return found


def categories(url: str) -> set[str]:
    return set(requests.get(f"{url}/api/v2/torrents/categories", timeout=30).json())


def test_what_is_changed_through_us_shows_in_the_very_next_call_to_any_worker(
    start_node: StartNode, start_dispatcher: StartDispatcher
) -> None:
    """Added by magnet and file (v1 and hybrid), recategorised, deleted: each worker's next list, and its next increment
    since before the change, has it. A new place in the queue shows as soon as the node itself says so."""
    nodes = fleet(start_node)
    for node in nodes:
        node.session().set_preferences('{"queueing_enabled": true}')
    dispatcher = start_dispatcher(nodes, workers=WORKERS, sync={"interval_s": INTERVAL_SECONDS})
    url = dispatcher.url
    arr = ArrClient(url, category="tv", imported_category="done")
    done, whole = ArrClient(url, category="done"), ArrClient(url, category="")
    arr.test()
    made = [made_up_magnet(f"magnet {number}") for number in range(4)]
    files = [make_torrent(f"file {number}", 2**20, "v1" if number % 2 else "hybrid") for number in range(4)]
    added: list[str] = []
    for one in itertools.chain.from_iterable(zip(made, files, strict=True)):
        rid = increment(url, 0)["rid"]
        id_ = arr.grab_file(one.name, one.data, LIMITS) if one.data else grab(arr, one, LIMITS)
        for _ in each_worker(dispatcher):
            row = arr.poll()[id_].row
            assert (row["category"], row["ratio_limit"], row["seeding_time_limit"]) == ("tv", 1.5, 30_000)
            assert increment(url, rid)["torrents"][id_.lower()]["name"] == one.name
        rid = increment(url, 0)["rid"]
        arr.mark_imported(id_)
        for _ in each_worker(dispatcher):
            assert id_ not in arr.poll()
            assert done.poll()[id_].row["category"] == "done"
            assert increment(url, rid)["torrents"][id_.lower()]["category"] == "done"
        added.append(id_)
    for id_ in added[:2]:
        requests.post(f"{url}/api/v2/torrents/topPrio", data={"hashes": id_}, timeout=30).raise_for_status()
        wait_until(partial(is_at_the_front, done, id_), 5, "the first place in its node's queue")
    for id_ in added:
        rid = increment(url, 0)["rid"]
        arr.remove(id_)
        for _ in each_worker(dispatcher):
            assert id_ not in whole.poll()
            assert id_.lower() in increment(url, rid)["torrents_removed"]
    assert whole.poll() == {}


def test_what_is_changed_behind_our_back_shows_within_two_polls(
    start_node: StartNode, start_dispatcher: StartDispatcher
) -> None:
    """On each version, a torrent that is added, recategorised and deleted on the node itself."""
    nodes = fleet(start_node)
    dispatcher = start_dispatcher(nodes, workers=WORKERS, sync={"interval_s": INTERVAL_SECONDS})

    def shown(change: Callable[[], object], is_there: Callable[[], bool]) -> float:
        change()
        began = time.monotonic()
        wait_until(is_there, 2 * INTERVAL_SECONDS + SLACK_SECONDS, "a change on the node to show")
        return time.monotonic() - began

    def play(node: RealNode) -> float:
        session, made = node.session(), made_up_magnet(f"on {node.name}")
        whole, mine = ArrClient(dispatcher.url, category=""), ArrClient(dispatcher.url, category=node.name)
        id_, moved = made.hash.upper(), {"hashes": made.hash, "category": node.name}
        return max(
            shown(lambda: session.add(urls=made.magnet), lambda: id_ in whole.poll()),
            shown(lambda: session.post("torrents/setCategory", **moved), lambda: id_ in mine.poll()),
            shown(lambda: session.delete(made.hash), lambda: id_ not in whole.poll()),
        )

    for node in nodes:
        node.session().post("torrents/createCategory", category=node.name)
    # The first poll includes the login, and the pace follows the cost: begin when the polls are regular.
    names = {node.name for node in nodes}
    wait_until(lambda: names <= categories(dispatcher.url), 20, "the categories to show")
    with ThreadPoolExecutor(len(nodes)) as pool:
        slowest = max(pool.map(play, nodes))
    print(f"the slowest change showed after {slowest:.2f} s")

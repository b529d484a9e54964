"""Processes are killed at any moment: another worker leads, and nothing accepted is lost or doubled."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
import requests

from tests.real.conftest import StartDispatcher, StartNode, copies, fleet_of, submit
from tests.rig.dispatcher import Dispatcher
from tests.rig.processes import wait_until
from tests.rig.swarm import made_up_magnet

pytestmark = pytest.mark.real


def test_another_worker_leads_within_10_seconds_of_the_leaders_death(
    start_node: StartNode, start_dispatcher: StartDispatcher
) -> None:
    """kill -9 of the leading worker: snapshots taken after the kill appear within 10 s."""
    dispatcher = start_dispatcher([start_node("a"), start_node("b")])
    leader = dispatcher.leader_pid()
    assert leader in dispatcher.worker_pids()
    killed_at = time.time()
    os.kill(int(leader or 0), signal.SIGKILL)

    def fresh() -> bool:
        rows = fleet_of(dispatcher).values()
        return all(datetime.fromisoformat(row["snapshot_at"]).timestamp() > killed_at for row in rows)

    wait_until(fresh, 10, "fresh snapshots from a new leader")
    print(f"new leader: snapshots fresh {time.time() - killed_at:.1f} s after the kill")
    assert dispatcher.leader_pid() != leader


def test_a_burst_cut_off_by_kill_9_of_everything_loses_and_doubles_nothing(
    start_node: StartNode, start_dispatcher: StartDispatcher
) -> None:
    """Everything is killed in the middle of a burst and started again: each hash that was accepted is on exactly one
    node, then and after all of the burst has been submitted again."""
    nodes = [start_node(name, size_gib=900) for name in "abc"]
    dispatcher = start_dispatcher(nodes, changes={"timeout_s": 2})
    magnets = [made_up_magnet(f"torrent {number}") for number in range(150)]
    accepted: list[str] = []
    enough = threading.Event()

    def place(number: int) -> None:
        try:
            if submit(dispatcher, magnet=magnets[number].magnet, size_estimate_gb=1).ok:
                accepted.append(str(magnets[number].v1))
        except requests.RequestException:
            return
        if len(accepted) >= 40:
            enough.set()

    with ThreadPoolExecutor(16) as pool:
        running = [pool.submit(place, number) for number in range(len(magnets))]
        assert enough.wait(60)
        dispatcher.kill_all()
        for future in running:
            future.result()
    assert 40 <= len(accepted) < len(magnets), "the kill was to come in the middle of the burst"

    dispatcher.start()
    assert {hash_: len(copies(nodes).get(hash_, [])) for hash_ in accepted} == dict.fromkeys(accepted, 1)
    _submit_all_again(dispatcher, [made.magnet for made in magnets])
    found = copies(nodes)
    assert {hash_: len(names) for hash_, names in found.items()} == {str(made.v1): 1 for made in magnets}


def _submit_all_again(dispatcher: Dispatcher, magnets: list[str]) -> None:
    """Until each is told yes: an add whose worker died is answered 503 until it is settled."""
    left = list(magnets)

    def all_told_yes() -> bool:
        left[:] = [magnet for magnet in left if not submit(dispatcher, magnet=magnet, size_estimate_gb=1).ok]
        return not left

    wait_until(all_told_yes, 60, "a yes for each torrent")
